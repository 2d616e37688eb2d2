"""The sandbox: speaks the wire the adapters speak, writes everything down first, and calls back as Twilio does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import http_server, run, unused_port
from aiohttp import ClientSession, encode_basic_auth, web

from channels.contract import Accepted, Content, ErrorKind, Event, Lease, Outgoing, Receipt, SendError, WebhookRequest
from channels.smtp_email import SmtpConfig, SmtpEmail
from channels.twilio_sms import TwilioConfig, TwilioSms
from outreach.domain.errors import OutreachError
from outreach.local.sandbox import Entry, Outcome, Ports, SandboxConfig, read_log, read_ports
from outreach.local.sandbox.__main__ import parse
from outreach.local.sandbox.behaviour import MAGIC_PREFIX, NUMBERS, Fate, fate
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.server import started

PERSON = "+84912345678"
TEXT = "Nhắc hẹn: hồ sơ của ông/bà sẽ đến hạn <ngày mai>."


def config(data: Path, **changes: Any) -> SandboxConfig:
    return replace(SandboxConfig(data, http_port=0, smtp_port=0, fail_share=0, receipt_ms=0), **changes)


def sms_to(ports: Ports, **changes: Any) -> TwilioSms:
    base = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "+15005550006"}
    settings = {**base, "base_url": f"http://127.0.0.1:{ports.http_port}", **changes}
    return TwilioSms(TwilioConfig(**settings), timeout=1)


def mail_to(ports: Ports, **changes: Any) -> SmtpEmail:
    base = {"host": "127.0.0.1", "port": ports.smtp_port, "tls": "none", "from": "bao@tinh.example"}
    return SmtpEmail(SmtpConfig(**{**base, **changes}), timeout=1)


def message(to: str = PERSON, key: str = "1.1.1", **named: Any) -> Outgoing:
    content = Content(body=TEXT, subject="Giấy hẹn", html="<p>Chào <b>bà con</b></p><script>alert(1)</script>")
    return Outgoing(key, to, content, Lease.lasting(30), **named)


@asynccontextmanager
async def sandbox(data: Path, **changes: Any) -> AsyncIterator[Ports]:
    async with started(config(data, **changes)) as ports:
        yield ports


async def outcome(adapter: TwilioSms | SmtpEmail, outgoing: Outgoing) -> Accepted | SendError:
    try:
        return await adapter.send(outgoing)
    except SendError as error:
        return error


@dataclass
class Web:
    """Our side of the webhook: verifies and parses with the adapter; may be made to fail first."""

    token: str = AUTH_TOKEN
    failures: int = 0
    events: list[Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrived = WebhookRequest("POST", str(request.url), headers, list(request.query.items()), body)
        adapter = TwilioSms(TwilioConfig(account_sid=ACCOUNT_SID, auth_token=self.token, **{"from": "+1"}), timeout=1)
        adapter.verify(arrived)
        self.events += adapter.parse(arrived)
        self.news.set()
        return web.Response(status=204)

    async def until(self, count: int) -> list[Event]:
        while len(self.events) < count:
            self.news.clear()
            await self.news.wait()
        return self.events


def states(events: list[Event]) -> list[str]:
    return [event.event_key.partition(":")[2] for event in events]


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


def test_an_e_mail_is_received_and_written_down(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports, username="any", password="thing")
            await adapter.send(message("dan@thu.example", key="5.1.2"))
            await adapter.aclose()

    run(story())
    (entry,) = read_log(tmp_path)
    assert (entry.channel, entry.to, entry.key, entry.subject) == ("email", "dan@thu.example", "5.1.2", "Giấy hẹn")
    assert entry.body.strip() == TEXT
    assert "<b>bà con</b>" in entry.html


def test_the_key_of_an_e_mail_is_read_from_its_bounce_address(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports, bounce_address="tra+lai@tinh.example")
            await adapter.send(message("dan@thu.example", key="5.1.2"))
            await outcome(adapter, message("sandbox-invalid@thu.example", key="5.1.3"))
            await adapter.aclose()

    run(story())
    assert [entry.key for entry in read_log(tmp_path)] == ["5.1.2", "5.1.3"]


@pytest.mark.parametrize(
    ("what", "kind", "noted"),
    [
        (Fate.INVALID, ErrorKind.REJECTED, [Outcome.REFUSED]),
        (Fate.BROKEN, ErrorKind.TRANSIENT, [Outcome.BROKEN]),
        (Fate.CONTENT, ErrorKind.REJECTED, [Outcome.REFUSED]),
        (Fate.SILENT, ErrorKind.UNCERTAIN, [Outcome.ACCEPTED]),
        (Fate.RESET, ErrorKind.UNCERTAIN, [Outcome.ACCEPTED]),
        (Fate.DROPPED, ErrorKind.UNCERTAIN, []),
    ],
)
def test_a_magic_mailbox_has_its_fate(tmp_path: Path, what: Fate, kind: ErrorKind, noted: list[Outcome]) -> None:
    async def story() -> Accepted | SendError:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports)
            result = await outcome(adapter, message(f"sandbox-{what}@thu.example"))
            await adapter.aclose()
            return result

    error = run(story())
    assert isinstance(error, SendError)
    assert error.kind is kind
    assert [entry.outcome for entry in read_log(tmp_path)] == noted


def test_the_share_of_failures_is_kept_and_always_the_same() -> None:
    numbers = [f"+8491{n:07d}" for n in range(20_000)]
    failing = [number for number in numbers if fate(number, 0.1) is Fate.FAILED]
    assert 0.09 < len(failing) / len(numbers) < 0.11
    assert failing == [number for number in numbers if fate(number, 0.1) is Fate.FAILED]


async def page(ports: Ports, path: str) -> tuple[int, str, str]:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{ports.http_port}{path}") as answer:
        return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


def test_a_page_shows_what_each_citizen_would_have_received(tmp_path: Path) -> None:
    async def story() -> tuple[str, str, str, int]:
        async with sandbox(tmp_path) as ports:
            sms, mail = sms_to(ports), mail_to(ports)
            await sms.send(message())
            await mail.send(message("dan@thu.example"))
            _, listed, _ = await page(ports, "/")
            phones = re.findall(r'href="(/phone/[^"]+)"', listed)
            assert len(phones) == 2
            _, letterbox, _ = await page(ports, phones[0])
            _, phone, policy = await page(ports, phones[1])
            status, _, _ = await page(ports, "/phone/0000")
            assert "default-src 'none'" in policy
            assert not any(PERSON[1:] in path or "dan" in path for path in phones)
            await sms.aclose()
            await mail.aclose()
            return listed, phone, letterbox, status

    listed, phone, letterbox, missing = run(story())
    for shown in (listed, phone, letterbox):
        assert "HỘP CÁT" in shown
        assert '<html lang="vi">' in shown
        assert "<script" not in shown
    assert PERSON in listed
    assert "đến hạn &lt;ngày mai&gt;" in phone
    assert "Giấy hẹn" in letterbox
    assert '<iframe sandbox srcdoc="&lt;p&gt;Chào &lt;b&gt;bà con' in letterbox
    assert missing == 404


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path):
            with pytest.raises(OutreachError, match="another sandbox"):
                async with sandbox(tmp_path):
                    pass

    run(story())


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(OutreachError, match=f"127.0.0.1:{port}.*choose another port"):
                async with sandbox(tmp_path, http_port=port):
                    pass

    run(story())


def test_a_log_torn_by_a_crash_is_read_and_continued(tmp_path: Path) -> None:
    whole = Entry(datetime.now(UTC).isoformat(), "sms", PERSON, "+1", TEXT, "1.1.1", Outcome.ACCEPTED, "SM1")
    line = json.dumps({name: getattr(whole, name) for name in whole.__slots__})
    (tmp_path / "requests.jsonl").write_text(line + "\n" + line[:40])

    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            await adapter.send(message(key="1.2.1"))
            await adapter.aclose()

    run(story())
    assert next(read_log(tmp_path)).key == "1.1.1"
    assert len(list(read_log(tmp_path))) == 2


def start(data: Path) -> tuple[subprocess.Popen[bytes], Ports]:
    command = [
        sys.executable,
        "-m",
        "outreach.local.sandbox",
        "--data",
        str(data),
        "--http-port",
        "0",
        "--smtp-port",
        "0",
    ]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = asyncio.new_event_loop()
    try:
        return process, deadline.run_until_complete(_ready(data, process))
    finally:
        deadline.close()


async def _ready(data: Path, process: subprocess.Popen[bytes]) -> Ports:
    async with asyncio.timeout(15):
        while (ports := read_ports(data)) is None or ports.pid != process.pid:
            assert process.poll() is None
            await asyncio.sleep(0.02)
        return ports


def test_a_killed_sandbox_has_lost_nothing_it_answered_for(tmp_path: Path) -> None:
    async def send_until_it_dies(ports: Ports, process: subprocess.Popen[bytes]) -> set[str]:
        adapter, accepted = sms_to(ports), set()

        async def one(n: int) -> None:
            result = await outcome(adapter, message(key=f"1.{n}.1"))
            if isinstance(result, Accepted):
                accepted.add(result.provider_id)
                if len(accepted) == 200:
                    process.send_signal(signal.SIGKILL)

        await asyncio.gather(*(one(n) for n in range(600)))
        await adapter.aclose()
        return accepted

    process, ports = start(tmp_path)
    try:
        answered = run(send_until_it_dies(ports, process))
        process.wait(5)
        logged = {entry.provider_id for entry in read_log(tmp_path)}
        assert len(answered) >= 200
        assert answered <= logged

        process, ports = start(tmp_path)
        found = run(asked(ports))
        assert found is not None
        assert found.provider_id in logged
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert read_ports(tmp_path) is None
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(5)


async def asked(ports: Ports) -> Accepted | None:
    adapter = sms_to(ports)
    try:
        many = message(sent_after=datetime.now(UTC) - timedelta(minutes=1))
        return await adapter.ask(many)
    finally:
        await adapter.aclose()


def test_the_command_line_sets_everything(tmp_path: Path) -> None:
    given = parse(["--data", str(tmp_path), "--http-port", "1", "--fail-share", "0.5", "--statuses", "sent,delivered"])
    assert given == SandboxConfig(tmp_path, http_port=1, fail_share=0.5, statuses=("sent", "delivered"))


@pytest.mark.parametrize(
    "wrong", [{"fail_share": 2}, {"lost_receipts": -1}, {"latency_ms": -1}, {"statuses": ("read",)}]
)
def test_impossible_settings_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        config(tmp_path, **wrong)
