"""Lists, adapter against sandbox: who of a list is taken, what is told of them, what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from adapter_harness import http_server, run
from sandbox_harness import sandbox
from sms_gateway_servers import CALLBACK_TOKEN, letters, sandbox_gateways
from test_wire_pairs import Ours

from channels.contract import Accepted, ErrorKind, Event, Outgoing, Receipt, SendError
from channels.esms_sms import EsmsSms
from channels.speedsms_sms import SpeedSms
from channels.vnpt_sms import VnptSms
from outreach.dispatch.accounts_file import load_accounts
from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.credentials import SpeedSmsAccount
from outreach.local.up import SandboxPart, sandbox_accounts

VINAPHONE = [f"+849123400{place:02d}" for place in range(40)]
Results = Sequence[Accepted | SendError] | SendError


def sent(
    data: Path,
    account: str,
    outgoings: Sequence[Outgoing],
    *,
    receipts: int = 0,
    speedsms: SpeedSmsAccount | None = None,
) -> tuple[Results, list[Event]]:
    """What a list comes to at the sandbox, and the receipts that follow."""
    ours = Ours()

    async def story() -> tuple[Results, list[Event]]:
        async with http_server(ours.answer) as port:
            hook = f"http://127.0.0.1:{port}/webhooks/{account}"
            webhooks = {"speedsms": f"{hook}?t={CALLBACK_TOKEN}"}
            known = {"webhooks": webhooks, "speedsms": speedsms or SpeedSmsAccount()}
            async with sandbox(data / "sandbox", **known) as ports:
                part = SandboxPart(data / "sandbox", ports.http_port, ports.smtp_port)
                file = data / "accounts.toml"
                file.write_text(sandbox_accounts(part, rate=1000) + sandbox_gateways(part.url), encoding="utf-8")
                adapter = load_accounts(file, timeout=0.5).makers[account]()
                assert isinstance(adapter, SpeedSms | VnptSms | EsmsSms)
                ours.adapter = adapter
                called = [Outgoing(**{**vars_of(one), "callback_url": f"{hook}?d={one.key}"}) for one in outgoings]
                try:
                    results: Results = await adapter.send_many(called)
                except SendError as error:
                    results = error
                finally:
                    events = await ours.until(receipts)
                    await adapter.aclose()
                return results, list(events)

    return run(story())


def vars_of(outgoing: Outgoing) -> dict[str, object]:
    return {name: getattr(outgoing, name) for name in outgoing.__slots__}


def told(events: list[Event]) -> list[tuple[str, str]]:
    return sorted((one.provider_id, str(one.state)) for one in events if isinstance(one, Receipt))


def test_speedsms_takes_a_list_but_for_its_invalid_numbers_and_reports_each(tmp_path: Path) -> None:
    numbers = [VINAPHONE[0], "+84999999901", VINAPHONE[1], "+84999999903"]
    results, events = sent(tmp_path, "sms-speedsms-sandbox", letters(numbers), receipts=3)
    assert not isinstance(results, SendError)
    first, invalid, second, failing = results
    assert isinstance(invalid, SendError)
    assert invalid.kind is ErrorKind.REJECTED
    assert isinstance(first, Accepted) and isinstance(second, Accepted) and isinstance(failing, Accepted)
    assert told(events) == sorted(
        [(first.provider_id, "delivered"), (second.provider_id, "delivered"), (failing.provider_id, "failed")]
    )
    logged = {one.to: one.outcome for one in read_log(tmp_path / "sandbox")}
    assert logged == {number: Outcome.REFUSED if number == "+84999999901" else Outcome.ACCEPTED for number in numbers}


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+84999999904", ErrorKind.TRANSIENT),
        ("+84999999905", ErrorKind.UNCERTAIN),
        ("+84999999906", ErrorKind.UNCERTAIN),
        ("+84999999907", ErrorKind.THROTTLED),
        ("+84999999908", ErrorKind.UNCERTAIN),
        ("+84999999909", ErrorKind.UNCERTAIN),
        ("+84999999913", ErrorKind.REJECTED),
        ("+84999999918", ErrorKind.MISCONFIGURED),
    ],
)
def test_what_befalls_one_request_befalls_all_of_its_list(tmp_path: Path, number: str, kind: ErrorKind) -> None:
    error, _ = sent(tmp_path, "sms-speedsms-sandbox", letters([VINAPHONE[0], number]))
    assert isinstance(error, SendError)
    assert error.kind is kind
    assert len(list(read_log(tmp_path / "sandbox"))) == 2


def test_speedsmss_limit_of_requests_is_understood_with_its_wait(tmp_path: Path) -> None:
    async def story() -> SendError:
        async with sandbox(tmp_path / "sandbox", speedsms=SpeedSmsAccount(per_minute=1)) as ports:
            file = tmp_path / "accounts.toml"
            file.write_text(sandbox_gateways(f"http://127.0.0.1:{ports.http_port}"), encoding="utf-8")
            adapter = load_accounts(file, timeout=0.5).makers["sms-speedsms-sandbox"]()
            try:
                for one in letters(VINAPHONE[:3]):  # the minute may turn once on the way
                    await adapter.send(one)
            except SendError as error:
                return error
            finally:
                await adapter.aclose()
            raise AssertionError("it was never throttled")

    error = run(story())
    assert error.kind is ErrorKind.THROTTLED
    assert error.retry_after is not None
    assert 1 <= error.retry_after <= 60


def test_vnpt_takes_a_list_of_one_network(tmp_path: Path) -> None:
    results, _ = sent(tmp_path, "sms-vnpt-sandbox", letters(VINAPHONE[:3]))
    assert not isinstance(results, SendError)
    taken = [one.provider_id for one in results if isinstance(one, Accepted)]
    assert [one.provider_id for one in read_log(tmp_path / "sandbox")] == taken
    assert [one.to for one in read_log(tmp_path / "sandbox")] == VINAPHONE[:3]


def test_vnpt_takes_nothing_of_a_list_of_two_networks(tmp_path: Path) -> None:
    error, _ = sent(tmp_path, "sms-vnpt-sandbox", letters([VINAPHONE[0], "+84972345678"]))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, "23")
    assert {one.outcome for one in read_log(tmp_path / "sandbox")} == {Outcome.REFUSED}


def test_esms_takes_advertising_for_thirty_and_tells_of_all_of_them(tmp_path: Path) -> None:
    results, events = sent(tmp_path, "sms-esms-sandbox", letters(VINAPHONE[:30], advertising=True), receipts=90)
    assert not isinstance(results, SendError)
    ids = [one.provider_id for one in results if isinstance(one, Accepted)]
    assert [one.provider_id for one in read_log(tmp_path / "sandbox")] == ids
    assert [one for one in told(events) if one[1] == "delivered"] == sorted((one, "delivered") for one in ids)


def test_who_of_a_list_missed_it_esms_does_not_say(tmp_path: Path) -> None:
    numbers = [*VINAPHONE[:29], "+84999999903"]
    results, events = sent(tmp_path, "sms-esms-sandbox", letters(numbers, advertising=True), receipts=60)
    assert not isinstance(results, SendError)
    assert {state for _, state in told(events)} == {"accepted"}


def test_a_list_esms_has_already_is_not_taken_twice(tmp_path: Path) -> None:
    advertising = letters(VINAPHONE[:30], advertising=True)
    first, _ = sent(tmp_path, "sms-esms-sandbox", advertising)
    again, _ = sent(tmp_path, "sms-esms-sandbox", advertising)
    assert not isinstance(first, SendError)
    assert isinstance(again, SendError)
    assert (again.kind, again.code) == (ErrorKind.UNCERTAIN, "124")
    assert sum(one.outcome is Outcome.ACCEPTED for one in read_log(tmp_path / "sandbox")) == 30
