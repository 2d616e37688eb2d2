"""The sandbox speaks eSMS: its codes, a RequestId taken once a day, unsigned callbacks by GET, states and balance."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from adapter_harness import http_server, run
from sandbox_client import ESMS, PHONE, Client, Listener, client

from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import ESMS_NUMBERS, MAGIC_PREFIX, Fate
from outreach.local.sandbox.credentials import EsmsAccount


def test_an_sms_is_taken_and_written_down(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as esms:
            return await esms.sms()

    answer = run(story())
    (entry,) = read_log(tmp_path)
    assert (answer["CodeResult"], answer["CountRegenerate"]) == ("100", 0)
    assert (entry.channel, entry.to, entry.key, entry.provider_id, entry.sender) == (
        "sms", "+84912345678", "7.42.0", answer["SMSID"], ESMS.brandname,
    )  # fmt: skip


@pytest.mark.parametrize("phone", ["0912345678", "84912345678", "+84912345678"])
def test_numbers_are_taken_in_three_forms_and_logged_in_one(tmp_path: Path, phone: str) -> None:
    async def story() -> str:
        async with client(tmp_path) as esms:
            return str((await esms.sms(phone))["CodeResult"])

    assert run(story()) == "100"
    assert [one.to for one in read_log(tmp_path)] == ["+84912345678"]


def test_a_request_id_is_taken_once_a_day_also_over_a_restart(tmp_path: Path) -> None:
    async def story() -> list[str]:
        codes = []
        async with client(tmp_path) as esms:
            codes += [(await esms.sms())["CodeResult"], (await esms.sms())["CodeResult"]]
        async with client(tmp_path) as esms:
            codes += [(await esms.sms())["CodeResult"], (await esms.sms(RequestId="7.42.1"))["CodeResult"]]
        return codes

    assert run(story()) == ["100", "124", "124", "100"]
    assert sum(one.outcome is Outcome.ACCEPTED for one in read_log(tmp_path)) == 2


def test_a_request_id_that_was_refused_may_come_again(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with client(tmp_path) as esms:
            return [(await esms.sms(Brandname="AI"))["CodeResult"], (await esms.sms())["CodeResult"]]

    assert run(story()) == ["104", "100"]


@pytest.mark.parametrize(
    ("changes", "code", "noted"),
    [
        ({"ApiKey": "wrong"}, "101", Outcome.UNAUTHORISED),
        ({"SecretKey": "wrong"}, "101", Outcome.UNAUTHORISED),
        ({"Phone": "19001096"}, "108", Outcome.REFUSED),
        ({"SmsType": "9"}, "118", Outcome.REFUSED),
        ({"Content": " "}, "110", Outcome.REFUSED),
        ({"RequestId": "7" * 51}, "110", Outcome.REFUSED),
    ],
)
def test_a_wrong_request_has_its_code(tmp_path: Path, changes: dict[str, str], code: str, noted: Outcome) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as esms:
            return await esms.sms(**changes) if "Phone" not in changes else await esms.sms(changes["Phone"])

    assert run(story())["CodeResult"] == code
    assert [one.outcome for one in read_log(tmp_path)] == [noted]


CODES = {
    Fate.INVALID: "108", Fate.OPTED_OUT: "99", Fate.CONTENT: "146", Fate.BALANCE: "103", Fate.FAILED: "100",
    Fate.NO_RECEIPT: "100", Fate.TWICE: "100",
}  # fmt: skip
NO_CODE = {Fate.BROKEN, Fate.FLAKY, Fate.THROTTLED, Fate.SILENT, Fate.RESET, Fate.GARBLED, Fate.DROPPED}
"""Tried with the adapter in test_wire_pairs."""


def test_every_magic_number_is_tried() -> None:
    assert set(CODES) | NO_CODE == set(ESMS_NUMBERS.values())


@pytest.mark.parametrize("what", CODES)
def test_a_magic_number_has_its_code(tmp_path: Path, what: Fate) -> None:
    number = next(one for one, fate in ESMS_NUMBERS.items() if fate is what)

    async def story() -> dict[str, Any]:
        async with client(tmp_path) as esms:
            return await esms.sms(number)

    assert run(story())["CodeResult"] == CODES[what]


def told(data: Path, phone: str, count: int, listener: Listener, **changes: Any) -> list[dict[str, str]]:
    async def story() -> list[dict[str, str]]:
        async with http_server(listener.answer) as port, client(data, **changes) as esms:
            await esms.sms(phone, CallbackUrl=f"http://127.0.0.1:{port}/webhooks/sms?d=7.42.0&t=abc")
            calls = await listener.until(count)
            assert {call.method for call in calls} == {"GET"}
            return [{name: one[0] for name, one in parse_qs(urlsplit(call.url).query).items()} for call in calls]

    return run(story())


def test_the_callback_is_a_get_that_keeps_our_address_and_says_what_became_of_it(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PHONE, 1, Listener(), statuses=("delivered",))
    (entry,) = read_log(tmp_path)
    assert (said["d"], said["t"]) == ("7.42.0", "abc")
    assert (said["SMSID"], said["RequestId"], said["phonenumber"]) == (entry.provider_id, "7.42.0", "0912345678")
    assert (said["SendStatus"], said["SendSuccess"], said["SendFailed"]) == ("5", "1", "0")


def test_on_its_way_it_waits_and_is_handed_on(tmp_path: Path) -> None:
    assert [said["SendStatus"] for said in told(tmp_path, PHONE, 3, Listener())] == ["2", "7", "5"]


def test_a_failing_number_says_so_in_its_callback(tmp_path: Path) -> None:
    (said,) = told(tmp_path, MAGIC_PREFIX + "03", 1, Listener(), statuses=("delivered",))
    assert (said["SendStatus"], said["SendSuccess"], said["SendFailed"]) == ("5", "0", "1")


def test_a_callback_is_offered_again(tmp_path: Path) -> None:
    first, second = told(tmp_path, PHONE, 2, Listener(failures=1), statuses=("delivered",))
    assert first == second


def test_what_became_of_a_message_can_be_asked(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        async with client(tmp_path) as esms:
            good, bad = await esms.sms(), await esms.sms(MAGIC_PREFIX + "03", RequestId="7.43.0")
            return [await asked(esms, one) for one in (good["SMSID"], bad["SMSID"], "nobody")]

    good, bad, unknown = run(story())
    assert good["ReceiverList"] == [
        {"IsSent": True, "NetworkName": "Viettel", "Phone": "0912345678", "Retry": 0, "SentResult": True}
    ]
    assert bad["ReceiverList"][0]["SentResult"] is False
    assert unknown["CodeResult"] == "105"


async def asked(esms: Client, number: str) -> dict[str, Any]:
    query = {"ApiKey": ESMS.api_key, "SecretKey": ESMS.secret_key, "RefId": number}
    return await esms.get("/esms/MainService.svc/json/GetSmsReceiverStatus_get", **query)


def test_the_balance_falls_by_what_is_sent_and_ends(tmp_path: Path) -> None:
    account = EsmsAccount(balance=1000, price=350)

    async def story() -> tuple[list[str], dict[str, Any]]:
        async with client(tmp_path, esms=account) as esms:
            codes = [(await esms.sms(RequestId=f"1.{n}.0"))["CodeResult"] for n in range(3)]
            keys = {"ApiKey": account.api_key, "SecretKey": account.secret_key}
            return codes, await esms.post("/esms/MainService.svc/json/GetBalance_json", keys)

    codes, balance = run(story())
    assert codes == ["100", "100", "103"]
    assert (balance["CodeResponse"], balance["Balance"]) == ("100", 300)


def test_a_request_marked_as_a_trial_sends_nothing(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as esms:
            return await esms.sms(Sandbox="1")

    assert run(story())["CodeResult"] == "100"
    assert [(one.outcome, one.code) for one in read_log(tmp_path)] == [(Outcome.REFUSED, "sandbox")]
