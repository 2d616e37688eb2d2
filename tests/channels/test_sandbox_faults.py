"""Faults of the sandbox: each does what it says, the same way for the same seed, and the log names it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import http_server, run
from aiohttp import ClientError, ClientSession, ClientTimeout, encode_basic_auth
from sandbox_client import BOT, CHAT, ESMS, ZALO, Listener, client, listened
from sandbox_harness import config, mail_to, message, outcome, sandbox

from channels.contract import Accepted
from outreach.local.sandbox import Entry, Outcome, read_log
from outreach.local.sandbox.__main__ import parse
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.fault_log import FAULTS, QUESTIONS
from outreach.local.sandbox.fault_options import failure, late, latency, read, share, shown
from outreach.local.sandbox.faults import Failure, Fault, Faults, Latency, ReceiptFault
from outreach.local.sandbox.log import RequestLog
from outreach.local.sandbox.summary import summary

TWILIO = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"
AUTH = {"Authorization": encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
ALWAYS = 1.0
ESMS_PATH = "/esms/MainService.svc/json/SendMultipleMessage_V4_post_json/"
ESMS_SMS = {
    "ApiKey": ESMS.api_key, "SecretKey": ESMS.secret_key, "Phone": "84912345678", "Content": "Bi mat", "SmsType": "2",
    "Brandname": ESMS.brandname, "RequestId": "7.42.0",
}  # fmt: skip


def failing(code: str, provider: str = "") -> Faults:
    return Faults((Failure(code, ALWAYS, provider),))


def happened(folder: Path, faults: Faults, times: int = 1, *, to: str = "+84912345678") -> list[int | str]:
    """What the sender sees of the same message posted to Twilio several times."""

    async def story() -> list[int | str]:
        seen: list[int | str] = []
        async with (
            sandbox(folder, faults=faults) as ports,
            ClientSession(timeout=ClientTimeout(total=0.5), headers=AUTH) as session,
        ):
            for _ in range(times):
                try:
                    async with session.post(
                        f"http://127.0.0.1:{ports.http_port}{TWILIO}",
                        data={"To": to, "From": "x", "Body": "a"},
                    ) as answer:
                        text = await answer.text()
                        seen.append("garbled" if text.startswith("<html>") else answer.status)
                except (ClientError, TimeoutError) as error:
                    seen.append("silent" if isinstance(error, TimeoutError) else "reset")
        return seen

    return run(story())


def taken(folder: Path) -> list[Entry]:
    return [entry for entry in read_log(folder) if entry.outcome is Outcome.ACCEPTED]


@pytest.mark.parametrize(
    ("faults", "seen", "messages", "name"),
    [
        (failing("429"), 429, 0, "fail:429"),
        (failing("503"), 503, 0, "fail:503"),
        (failing("21610", "twilio"), 400, 0, "fail:21610"),
        (Faults(reset_before_read=ALWAYS), "reset", 0, "reset-before-read"),
        (Faults(reset_after_write=ALWAYS), "reset", 1, "reset-after-write"),
        (Faults(silent=ALWAYS), "silent", 1, "silent"),
        (Faults(garbled=ALWAYS), "garbled", 1, "garbled"),
    ],
)
def test_a_fault_does_what_it_says_and_stands_in_the_log(
    tmp_path: Path, faults: Faults, seen: int | str, messages: int, name: str
) -> None:
    assert happened(tmp_path, faults) == [seen]
    assert len(taken(tmp_path)) == messages
    [entry] = read_log(tmp_path)
    assert list(entry.faults) == [name]


@pytest.mark.parametrize("provider", ["zalo", "smtp"])
def test_what_is_asked_of_one_provider_befalls_no_other(tmp_path: Path, provider: str) -> None:
    assert happened(tmp_path, failing("500", provider)) == [201]
    assert [list(entry.faults) for entry in read_log(tmp_path)] == [[]]


def test_a_number_of_a_known_fate_keeps_it(tmp_path: Path) -> None:
    assert happened(tmp_path, Faults(reset_before_read=ALWAYS), to="+84999999908") == ["garbled"]


Told = Callable[[Any], Coroutine[Any, Any, Any]]


async def zalo_oa(one: Any) -> Any:
    await one.renew()
    return (await one.consult())["error"]


async def zns(one: Any) -> Any:
    await one.renew()
    return (await one.notify())["error"]


async def esms(one: Any) -> Any:
    return (await one.sms())["CodeResult"]


async def telegram(one: Any) -> Any:
    return await one.bot("sendMessage", chat_id=CHAT, text="a")


@pytest.mark.parametrize(
    ("faults", "told", "answer", "outcome"),
    [
        (failing("99", "esms"), esms, "99", Outcome.REFUSED),
        (failing("-230", "zalo"), zalo_oa, -230, Outcome.REFUSED),
        (failing("-32", "zalo"), zns, -32, Outcome.THROTTLED),
        (
            failing("429", "telegram"),
            telegram,
            (429, {"ok": False, "error_code": 429, "description": "the sandbox pretends",
                   "parameters": {"retry_after": 1}}),
            Outcome.THROTTLED,
        ),
    ],
    ids=["esms", "zalo", "zns", "telegram"],
)  # fmt: skip
def test_each_provider_tells_its_own_code_in_its_own_way(
    tmp_path: Path, faults: Faults, told: Told, answer: object, outcome: Outcome
) -> None:
    async def story() -> Any:
        async with client(tmp_path, faults=faults) as one:
            return await told(one)

    assert run(story()) == answer
    [entry] = read_log(tmp_path)
    assert (entry.outcome, entry.provider_id) == (outcome, "")


@pytest.mark.parametrize("code", ["451", "552"])
def test_the_mail_server_fails_with_the_code_it_is_given(tmp_path: Path, code: str) -> None:
    async def story() -> Any:
        async with sandbox(tmp_path, faults=failing(code, "smtp")) as ports:
            return await outcome(mail_to(ports), message("ai@tinh.example"))

    answer = run(story())
    assert not isinstance(answer, Accepted)
    [entry] = read_log(tmp_path)
    assert entry.code == code
    assert entry.outcome is (Outcome.BROKEN if code == "451" else Outcome.REFUSED)


@pytest.mark.parametrize(
    ("faults", "messages"),
    [
        (Faults(reset_before_read=ALWAYS), 0),
        (Faults(reset_after_write=ALWAYS), 1),
        (Faults(silent=ALWAYS), 1),
        (Faults(garbled=ALWAYS), 1),
    ],
    ids=["reset-before-read", "reset-after-write", "silent", "garbled"],
)
def test_the_mail_server_breaks_off_as_it_is_told(tmp_path: Path, faults: Faults, messages: int) -> None:
    async def story() -> Any:
        async with sandbox(tmp_path, faults=faults) as ports:
            return await outcome(mail_to(ports), message("ai@tinh.example"))

    assert not isinstance(run(story()), Accepted)
    assert len(taken(tmp_path)) == messages
    [entry] = read_log(tmp_path)
    assert len(entry.faults) == 1


def test_latency_comes_before_the_answer_and_after_the_record(tmp_path: Path) -> None:
    """The sender gives up after half a second; the message is in the log."""
    assert happened(tmp_path, Faults(latencies={"twilio": Latency(60_000)})) == ["silent"]
    assert len(taken(tmp_path)) == 1


def told_of(folder: Path, **shares: Any) -> list[int]:
    """Of three templates by Zalo: receipts expected, messages whose receipts are lost, receipts that came."""
    listener = Listener()

    async def story() -> list[int]:
        async with listened(folder, listener, "zalo", faults=Faults(**shares)) as one:
            await one.renew()
            for n in range(3):
                await one.notify(tracking_id=f"7.{n}.0")
            expected = sum(2 if ReceiptFault.DUPLICATE in entry.faults else 1 for entry in taken(folder))
            lost = sum(ReceiptFault.LOST in entry.faults for entry in taken(folder))
            await listener.until(expected - lost)
            return [expected, lost, len(listener.told)]

    return run(story())


def test_receipts_come_twice_for_those_who_drew_that(tmp_path: Path) -> None:
    assert told_of(tmp_path, duplicate_receipts=1) == [6, 0, 6]


def test_receipts_of_those_who_drew_that_are_lost(tmp_path: Path) -> None:
    assert told_of(tmp_path, lost_receipts=1)[1:] == [3, 0]


def test_the_last_receipt_comes_first_for_those_who_drew_that(tmp_path: Path) -> None:
    listener = Listener()

    async def story() -> list[str]:
        async with http_server(listener.answer) as port, client(tmp_path, faults=Faults(disordered_receipts=1)) as one:
            await one.sms(CallbackUrl=f"http://127.0.0.1:{port}/x?d=1")
            return [told.url.partition("SendStatus=")[2][0] for told in await listener.until(3)]

    assert run(story()) == ["5", "7", "2"]


def test_a_code_of_twilios_that_comes_later_comes_with_the_receipt(tmp_path: Path) -> None:
    listener = Listener()

    async def story() -> str:
        changes = {"faults": failing("30005", "twilio"), "statuses": ("delivered",)}
        async with (
            http_server(listener.answer) as port,
            sandbox(tmp_path, **changes) as ports,
            ClientSession(headers=AUTH) as session,
        ):
            said = {"To": "+84912345678", "From": "x", "Body": "a", "StatusCallback": f"http://127.0.0.1:{port}/x?d=1"}
            async with session.post(f"http://127.0.0.1:{ports.http_port}{TWILIO}", data=said) as answer:
                assert answer.status == 201
            return (await listener.until(1))[0].body

    body = run(story())
    assert "MessageStatus=undelivered" in body
    assert "ErrorCode=30005" in body


def test_each_try_of_a_message_draws_anew_and_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    """Over restarts too: the number of the try is read from the log."""
    faults = Faults((Failure("500", 0.5),), seed=3)
    whole = happened(tmp_path / "a", faults, 24)
    assert happened(tmp_path / "b", faults, 12) + happened(tmp_path / "b", faults, 12) == whole
    assert set(whole) == {500, 201}
    assert happened(tmp_path / "c", Faults((Failure("500", 0.5),), seed=4), 24) != whole


def test_the_shares_are_kept() -> None:
    faults = Faults((Failure("500", 0.3),), silent=0.2)
    drawn = [faults.drawn("twilio", f"message:{number}") for number in range(2000)]
    kinds = Counter(one.fault if one else None for one in drawn)
    assert 500 < kinds[Fault.FAIL] < 700
    assert 300 < kinds[Fault.SILENT] < 500


def test_latency_lies_within_its_spread_and_a_providers_own_goes_first() -> None:
    faults = Faults(latencies={"": Latency(80, 20), "zalo": Latency(300)})
    waits = [faults.waits("twilio", str(number)) for number in range(500)]
    assert 0.060 <= min(waits) < 0.07 < 0.09 < max(waits) <= 0.100
    assert faults.waits("zalo", "1") == 0.3


def test_questions_meet_faults_too_and_are_noted_apart(tmp_path: Path) -> None:
    async def story() -> int:
        async with client(tmp_path, faults=failing("503")) as one, one.session.get(one.base + TWILIO) as answer:
            return answer.status

    assert run(story()) == 503
    [line] = noted(tmp_path)
    assert (line["provider"], line["fault"]) == ("twilio", "fail:503")
    assert list(read_log(tmp_path)) == []


def noted(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FAULTS).read_text().splitlines()]


def asked(folder: Path, times: int, faults: Faults) -> list[int]:
    """What Twilio says to somebody who asks after the same number several times."""

    async def story() -> list[int]:
        found = []
        async with client(folder, faults=faults) as one:
            for _ in range(times):
                async with one.session.get(one.base + TWILIO, params={"To": "+84912345678"}, headers=AUTH) as answer:
                    found.append(answer.status)
        return found

    return run(story())


def test_the_tries_of_a_question_survive_a_restart(tmp_path: Path) -> None:
    faults = Faults((Failure("500", 0.5),), seed=3)
    whole = asked(tmp_path / "a", 24, faults)
    assert asked(tmp_path / "b", 12, faults) + asked(tmp_path / "b", 12, faults) == whole
    assert set(whole) == {500, 200}


def test_faults_are_noted_by_key_without_address_or_text_in_a_private_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with client(tmp_path, faults=Faults((Failure("500", ALWAYS),))) as one:
            form = {"grant_type": "refresh_token", "refresh_token": ZALO.refresh_token}
            async with one.session.post(f"{one.base}/zalo/v4/oa/access_token", data=form):
                pass
            async with one.session.get(one.base + TWILIO, params={"To": "+84912345678"}, headers=AUTH):
                pass
            await one.bot("sendMessage", chat_id=CHAT, text="Bí mật")
            async with one.session.post(one.base + ESMS_PATH, json=ESMS_SMS):
                pass

    run(story())
    text = (tmp_path / FAULTS).read_text() + (tmp_path / QUESTIONS).read_text()
    assert [(line["provider"], line.get("key", "")[:7]) for line in noted(tmp_path)] == [
        ("zalo", ""), ("twilio", ""), ("telegram", "digest-"), ("esms", "7.42.0"),
    ]  # fmt: skip
    assert not any(secret in text for secret in (CHAT, "912345678", "mật", BOT.token, ZALO.refresh_token))
    for name in (FAULTS, QUESTIONS):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def fates_of_receipts(folder: Path, faults: Faults) -> list[list[str]]:
    """What befell the receipts of sixty messages to eSMS, by the log; callbacks go to a port of their own."""
    listener = Listener()

    async def story() -> None:
        async with http_server(listener.answer) as port, client(folder, faults=faults) as one:
            for n in range(60):
                await one.sms(CallbackUrl=f"http://127.0.0.1:{port}/x?d={n}", RequestId=f"7.{n}.0")

    run(story())
    return [list(entry.faults) for entry in read_log(folder)]


def test_the_same_seed_befalls_the_same_messages_whatever_their_ids_and_ports(tmp_path: Path) -> None:
    faults = Faults(lost_receipts=0.2, duplicate_receipts=0.2, disordered_receipts=0.2, late_receipts=0.2, late_by=60)
    first = fates_of_receipts(tmp_path / "a", faults)
    assert fates_of_receipts(tmp_path / "b", faults) == first
    assert fates_of_receipts(tmp_path / "c", replace(faults, seed=1)) != first
    kinds = {name for names in first for name in names}
    assert kinds == {"lost-receipts", "duplicate-receipts", "disordered-receipts", "late-receipts:60s"}


def test_late_receipts_come_that_much_later_and_the_others_do_not_wait(tmp_path: Path) -> None:
    listener = Listener()

    async def story() -> float:
        faults = Faults(late_receipts=ALWAYS, late_by=0.6)
        async with listened(tmp_path, listener, "zalo", faults=faults) as one:
            await one.renew()
            before = asyncio.get_running_loop().time()
            await one.notify()
            await one.post("/citizen/zalo", {"user_id": "9500000000000000001", "event": "follow"})
            assert [told.document["event_name"] for told in await listener.until(1)] == ["follow"]
            await listener.until(2)
            return asyncio.get_running_loop().time() - before

    assert run(story()) >= 0.55
    [entry] = read_log(tmp_path)
    assert list(entry.faults) == ["late-receipts:0.6s"]


def test_after_a_restart_late_receipts_come_at_their_time(tmp_path: Path) -> None:
    listener = Listener()

    async def story() -> list[str]:
        async with http_server(listener.answer) as port:
            with closing(RequestLog(tmp_path)) as log:
                for key, ago in (("7.1.0", 0), ("7.2.0", 120)):
                    at = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
                    callback = f"http://127.0.0.1:{port}/webhooks/zalo"
                    log.add(
                        Entry(
                            at, "zalo_zns", "+84912345678", "oa", "a", key, Outcome.ACCEPTED, f"ZN{ago}",
                            callback=callback, provider="zalo", faults=("late-receipts:60s",),
                        )
                    )  # fmt: skip
            async with client(tmp_path) as one:
                await listener.until(1)
                await one.page("/")  # the other one would have come as well
                return [told.document["message"]["tracking_id"] for told in listener.told]

    assert run(story()) == ["7.2.0"]


def test_one_receipt_cannot_come_out_of_order(tmp_path: Path) -> None:
    assert told_of(tmp_path, disordered_receipts=ALWAYS) == [3, 0, 3]
    assert [list(entry.faults) for entry in read_log(tmp_path)] == [[], [], []]


def test_options_are_read() -> None:
    assert (share("5%"), share("0.05"), share("0")) == (0.05, 0.05, 0.0)
    assert (failure("429:5%"), failure("zalo=-230:0.02")) == (Failure("429", 0.05), Failure("-230", 0.02, "zalo"))
    assert latency("80ms") == latency("80") == ("", Latency(80))
    assert (late("2%:30s"), late("0.02:500ms"), late("1%:2min"), late("0")) == (
        (0.02, 30), (0.02, 0.5), (0.01, 120), (0, 0),
    )  # fmt: skip
    assert latency("zalo=80ms±20ms") == ("zalo", Latency(80, 20))
    words = "--data x --fail 429:5% --fail smtp=451:1% --latency 80ms --lost-receipts 2% --silent 1% --seed 7"
    told = parse(words.split())
    assert told.faults == Faults(
        (Failure("429", 0.05), Failure("451", 0.01, "smtp")), latencies={"": Latency(80)}, silent=0.01,
        lost_receipts=0.02, seed=7,
    )  # fmt: skip
    assert parse(["--data", "x"]).faults == config(Path("x")).faults


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--fail", text) for text in ("429", "200:5%", "abc:5%", "429:", "zalo=429", "-230:5%", "viber=1:5%")),
        *(("--fail", text) for text in ("telegram=30003:1%", "429:101%", "esms=x:1%", "429:½")),
        *(("--latency", text) for text in ("soon", "viber=80ms", "80ms±", "-5")),
        *(("--silent", text) for text in ("five", "500%", "-1")),
        *(("--late-receipts", text) for text in ("2%", "2%:", "2%:soon", "2%:0s", "2%:8h", "200%:1s")),
        ("--seed", "many"),
    ],
)
def test_what_cannot_be_read_is_told(option: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{option}.*{re.escape(text.partition(':')[0])}"):
        parse(["--data", "x", f"{option}={text}"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--fail 500:50% --fail esms=99:30% --silent 30%", "message to esms come to more than 100 %"),
        ("--fail smtp=451:60% --reset-before-read 50%", "message to smtp come to more than 100 %"),
        ("--lost-receipts 60% --duplicate-receipts 30% --late-receipts 20%:1s", "receipts come to more than 100 %"),
        ("--fail 500:1% --fail 500:2%", "500 is given twice for twilio"),
        ("--fail 429:1% --fail zalo=429:2%", "429 is given twice for zalo"),
        ("--latency 80ms --latency 90ms", "--latency is given twice for all"),
    ],
)
def test_faults_that_cannot_be_together_are_told(words: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(["--data", "x", *words.split()])


def test_faults_are_shown_as_they_are_read() -> None:
    words = {
        "fail": ["429:5%", "zalo=-230:0.25%"], "latency": ["80ms±20ms", "zalo=300ms"], "reset_before_read": "7%",
        "reset_after_write": "0%", "silent": "1%", "garbled": "0%", "lost_receipts": "2%", "duplicate_receipts": "0%",
        "disordered_receipts": "0%", "late_receipts": "2%:30s", "seed": "7",
    }  # fmt: skip
    assert shown(read(words)) == words


def test_the_log_is_counted_by_provider_outcome_and_fault(tmp_path: Path) -> None:
    async def story() -> None:
        async with client(tmp_path, faults=Faults((Failure("99", ALWAYS, "esms"),))) as one:
            await one.sms()
            await one.renew()
            for _ in range(2):
                await one.notify(tracking_id="7.1.0")
            await one.notify(tracking_id="7.2.0")

    run(story())
    found = summary(tmp_path)
    assert found.messages == 4
    assert [(one.provider, one.outcome, one.fault, one.messages) for one in found.figures] == [
        ("esms", "refused", "fail:99", 1),
        ("zalo", "accepted", "", 3),
    ]
    assert found.repeated == (("zalo", "7.1.0", 2),)
