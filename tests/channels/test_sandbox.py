"""The sandbox speaks the wire of Twilio, writes everything down first, and calls back as Twilio does."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import http_server, run, unused_port
from aiohttp import ClientSession, encode_basic_auth, web
from sandbox_harness import PERSON, TEXT, Web, message, outcome, sandbox, sms_to, states

from channels.contract import Accepted, ErrorKind, Event, Receipt, SendError
from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import MAGIC_PREFIX, NUMBERS, Fate, fate
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN


def test_what_is_accepted_is_written_down_with_all_there_is_to_know(tmp_path: Path) -> None:
    async def story() -> str:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            accepted = await adapter.send(message(callback_url="http://127.0.0.1:9/hook?d=1.1.1"))
            await adapter.aclose()
            return accepted.provider_id

    sid = run(story())
    (entry,) = read_log(tmp_path)
    assert (entry.channel, entry.to, entry.sender, entry.body) == ("sms", PERSON, "+15005550006", TEXT)
    assert (entry.key, entry.outcome, entry.provider_id) == ("1.1.1", Outcome.ACCEPTED, sid)
    assert datetime.now(UTC) - entry.moment < timedelta(minutes=1)
    assert stat.S_IMODE((tmp_path / "requests.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("changes", [{"auth_token": "wrong"}, {"account_sid": "AC" + "9" * 32}])
def test_strangers_are_refused_and_noted(tmp_path: Path, changes: dict[str, str]) -> None:
    async def story() -> Accepted | SendError:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports, **changes)
            result = await outcome(adapter, message())
            await adapter.aclose()
            return result

    error = run(story())
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.MISCONFIGURED, "20003")
    assert [entry.outcome for entry in read_log(tmp_path)] == [Outcome.UNAUTHORISED]


SMS_FATES = [
    (Fate.INVALID, ErrorKind.REJECTED, Outcome.REFUSED),
    (Fate.OPTED_OUT, ErrorKind.OPTED_OUT, Outcome.REFUSED),
    (Fate.FAILED, None, Outcome.ACCEPTED),
    (Fate.BROKEN, ErrorKind.TRANSIENT, Outcome.BROKEN),
    (Fate.SILENT, ErrorKind.UNCERTAIN, Outcome.ACCEPTED),
    (Fate.RESET, ErrorKind.UNCERTAIN, Outcome.ACCEPTED),
    (Fate.THROTTLED, ErrorKind.THROTTLED, Outcome.THROTTLED),
    (Fate.GARBLED, ErrorKind.UNCERTAIN, Outcome.ACCEPTED),
    (Fate.DROPPED, ErrorKind.UNCERTAIN, Outcome.BROKEN),
    (Fate.NO_RECEIPT, None, Outcome.ACCEPTED),
    (Fate.TWICE, None, Outcome.ACCEPTED),
    (Fate.FLAKY, ErrorKind.TRANSIENT, Outcome.BROKEN),
    (Fate.CONTENT, ErrorKind.REJECTED, Outcome.REFUSED),
]


def number_of(what: Fate) -> str:
    return next(number for number, one in NUMBERS.items() if one is what)


@pytest.mark.parametrize(("what", "kind", "noted"), SMS_FATES)
def test_a_magic_number_has_its_fate(tmp_path: Path, what: Fate, kind: ErrorKind | None, noted: Outcome) -> None:
    async def story() -> Accepted | SendError:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            result = await outcome(adapter, message(number_of(what)))
            await adapter.aclose()
            return result

    result = run(story())
    assert (result.kind if isinstance(result, SendError) else None) is kind
    assert [entry.outcome for entry in read_log(tmp_path)] == [noted]


def test_every_magic_number_is_tried_here() -> None:
    assert {what for what, _, _ in SMS_FATES} == set(NUMBERS.values())
    assert all(number.startswith(MAGIC_PREFIX) and len(number) == 12 for number in NUMBERS)


def test_a_flaky_number_takes_the_second_try(tmp_path: Path) -> None:
    async def story() -> list[Accepted | SendError]:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            hook = "http://127.0.0.1:9/?d=1.1.1"
            results = [await outcome(adapter, message(number_of(Fate.FLAKY), callback_url=hook)) for _ in range(2)]
            await adapter.aclose()
            return results

    first, second = run(story())
    assert isinstance(first, SendError)
    assert isinstance(second, Accepted)


@pytest.mark.parametrize("what", [Fate.SILENT, Fate.RESET, Fate.GARBLED])
def test_what_was_taken_unheard_is_found_by_asking(tmp_path: Path, what: Fate) -> None:
    async def story() -> tuple[Accepted | None, Accepted | None]:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            claimed = datetime.now(UTC)
            doubtful = message(number_of(what), sent_after=claimed)
            assert isinstance(await outcome(adapter, doubtful), SendError)
            found = await adapter.ask(doubtful)
            other = await adapter.ask(message(PERSON, sent_after=claimed))
            await adapter.aclose()
            return found, other

    found, other = run(story())
    assert found is not None
    assert found.provider_id == next(read_log(tmp_path)).provider_id
    assert other is None


def test_asking_reads_page_after_page(tmp_path: Path) -> None:
    async def story() -> tuple[int, list[int]]:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            for n in range(7):
                await adapter.send(message(key=f"1.{n}.1"))
            base = f"http://127.0.0.1:{ports.http_port}"
            sizes, uri = [], f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?To=%2B84912345678&PageSize=3"
            async with ClientSession(headers={"Authorization": encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}) as session:
                while uri:
                    async with session.get(base + uri) as answer:
                        page = await answer.json()
                    sizes.append(len(page["messages"]))
                    uri = page["next_page_uri"]
                tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
                async with session.get(
                    f"{base}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json", params={"DateSent>": tomorrow}
                ) as answer:
                    late = len((await answer.json())["messages"])
            await adapter.aclose()
            return late, sizes

    assert run(story()) == (0, [3, 3, 1])


def test_beyond_its_rate_it_throttles_and_says_how_long(tmp_path: Path) -> None:
    async def story() -> list[Accepted | SendError]:
        async with sandbox(tmp_path, throttle_per_s=3) as ports:
            adapter = sms_to(ports)
            results = await asyncio.gather(*(outcome(adapter, message(key=f"1.{n}.1")) for n in range(20)))
            await adapter.aclose()
            return results

    refused = [one for one in run(story()) if isinstance(one, SendError)]
    assert 20 - 2 * 3 <= len(refused) <= 20 - 3  # the second may turn in between
    assert {(error.kind, error.code, error.retry_after) for error in refused} == {(ErrorKind.THROTTLED, "20429", 1.0)}


def receipts(data: Path, to: str, web_side: Web, count: int, **changes: Any) -> list[Event]:
    async def story() -> list[Event]:
        async with http_server(web_side.answer) as hook, sandbox(data, **changes) as ports:
            adapter = sms_to(ports)
            url = f"http://127.0.0.1:{hook}/webhooks/sms-main?d=4.2.1"
            await adapter.send(message(to, key="4.2.1", callback_url=url))
            events = await web_side.until(count)
            await adapter.aclose()
            return events

    return run(story())


def test_receipts_come_signed_in_order_and_with_our_key(tmp_path: Path) -> None:
    events = receipts(tmp_path, PERSON, Web(), 3)
    assert states(events) == ["queued", "sent", "delivered"]
    assert {event.key for event in events} == {"4.2.1"}


def test_a_failing_number_says_why_in_its_receipt(tmp_path: Path) -> None:
    last = receipts(tmp_path, number_of(Fate.FAILED), Web(), 3)[-1]
    assert isinstance(last, Receipt)
    assert (last.state, last.code) == ("failed", "30003")


def test_a_receipt_is_offered_again_until_it_is_taken(tmp_path: Path) -> None:
    events = receipts(tmp_path, PERSON, Web(failures=2), 1, statuses=("delivered",))
    assert states(events) == ["delivered"]


def test_a_disorderly_number_repeats_receipts_backwards(tmp_path: Path) -> None:
    events = receipts(tmp_path, number_of(Fate.TWICE), Web(), 4, statuses=("sent", "delivered"))
    assert states(events) == ["delivered", "delivered", "sent", "sent"]


def test_receipts_not_taken_before_a_restart_come_after_it(tmp_path: Path) -> None:
    async def story() -> list[Event]:
        web_side, hook = Web(), unused_port()
        async with sandbox(tmp_path, statuses=("delivered",)) as ports:  # nobody listens at the hook yet
            adapter = sms_to(ports)
            await adapter.send(message(key="4.2.1", callback_url=f"http://127.0.0.1:{hook}/h?d=4.2.1"))
            await adapter.aclose()
        runner = web.AppRunner(_app(web_side.answer), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", hook).start()
        async with sandbox(tmp_path, statuses=("delivered",)):
            await web_side.until(1)
            while not (tmp_path / "receipts.jsonl").read_text():
                await asyncio.sleep(0)
        async with sandbox(tmp_path, statuses=("delivered",)):
            pass
        await runner.cleanup()
        return web_side.events

    assert states(run(story())) == ["delivered"]


def _app(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    return app


def test_the_share_of_failures_is_kept_and_always_the_same() -> None:
    numbers = [f"+8491{n:07d}" for n in range(20_000)]
    failing = [number for number in numbers if fate(number, 0.1) is Fate.FAILED]
    assert 0.09 < len(failing) / len(numbers) < 0.11
    assert failing == [number for number in numbers if fate(number, 0.1) is Fate.FAILED]
