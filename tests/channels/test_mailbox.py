"""The mailbox of bounces, read by real IMAP from the sandbox and from servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from adapter_harness import certificate, everything_shown, listening, mute_server, run, unused_port
from sandbox_harness import mail_to, message, sandbox

from channels import imap_mailbox
from channels.abilities import MailReading, Marking, Polled, Polling
from channels.contract import ErrorKind, Receipt, ReceiptState, SendError
from channels.smtp_email import SmtpConfig, SmtpEmail
from outreach.local.sandbox import Ports, read_log
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.imap import WRONG_USER, _Reading
from outreach.local.sandbox.returns import Returns

PASSWORD = "mailbox-password-22c1"


def reader(ports: Ports, **changes: Any) -> SmtpEmail:
    """An adapter whose bounces come back to the sandbox's mailbox."""
    base = {
        "bounce_address": "tra-lai@tinh.example", "bounce_imap_host": "127.0.0.1", "bounce_imap_port": ports.imap_port,
        "bounce_imap_tls": "none", "bounce_imap_username": "tra-lai", "bounce_imap_password": PASSWORD,
    }  # fmt: skip
    adapter = mail_to(ports, **{**base, **changes})
    adapter.use_secrets([b"a secret"])
    return adapter


async def failing(adapter: SmtpEmail, cursor: str = "") -> SendError:
    with pytest.raises(SendError) as caught:
        await adapter.poll(cursor)
    assert PASSWORD not in everything_shown(caught.value)
    return caught.value


def test_what_comes_back_is_read_once_and_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = reader(ports)
            nothing = await adapter.poll("")
            assert not nothing.events
            for number, fate in enumerate(("bounce", "full", "policy", "delayed", "complaint"), 1):
                await adapter.send(message(f"sandbox-{fate}@thu.example", key=f"1.{number}.1"))
            await adapter.send(message("dan@thu.example", key="1.9.1"))
            polled = await adapter.poll(nothing.cursor)
            found = [event for event in polled.events if isinstance(event, Receipt)]
            assert [(one.key, one.code) for one in found] == [
                ("1.1.1", "5.1.1"), ("1.2.1", "5.2.2"), ("1.3.1", "5.7.26"), ("1.5.1", "complaint"),
            ]  # fmt: skip
            assert [one.hard_bounce for one in found] == [True, False, False, False]
            assert [one.blames_us for one in found] == [False, False, True, False]
            assert [one.opted_out for one in found] == [False, False, False, True]
            assert {one.state for one in found[:3]} == {ReceiptState.FAILED}
            again = await adapter.poll(nothing.cursor)
            assert [event.event_key for event in again.events] == [event.event_key for event in polled.events]
            assert await adapter.poll(polled.cursor) == Polled([], polled.cursor)
            await adapter.send(message("sandbox-bounce@thu.example", key="2.1.1"))
            later = await adapter.poll(polled.cursor)
            assert [event.key for event in later.events] == ["2.1.1"]
            await adapter.aclose()
        assert [entry.key for entry in read_log(tmp_path)][-1] == "2.1.1"

    run(story())


def test_a_restarted_sandbox_returns_the_same_mails_under_the_same_numbers(tmp_path: Path) -> None:
    async def polled(cursor: str, *, send: bool) -> Polled:
        async with sandbox(tmp_path) as ports:
            adapter = reader(ports)
            if send:
                await adapter.send(message("sandbox-bounce@thu.example"))
            found = await adapter.poll(cursor)
            await adapter.aclose()
            return found

    first = run(polled("", send=True))
    assert run(polled(first.cursor, send=False)) == Polled([], first.cursor)
    anew = run(polled("77:100", send=False))
    assert [event.event_key for event in anew.events] == [event.event_key for event in first.events]


def test_a_large_mailbox_is_read_in_bounded_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_mailbox, "MOST", 3)
    monkeypatch.setattr(imap_mailbox, "_WINDOW", 2)
    monkeypatch.setattr(imap_mailbox, "_AT_ONCE", 2)

    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = reader(ports)
            for number in range(7):
                await adapter.send(message("sandbox-bounce@thu.example", key=f"1.{number}.1"))
            cursor, batches = "", []
            while (polled := await adapter.poll(cursor)).cursor != cursor:
                batches.append([event.key for event in polled.events])
                cursor = polled.cursor
            await adapter.aclose()
        assert [key for batch in batches for key in batch] == [f"1.{number}.1" for number in range(7)]
        assert max(len(batch) for batch in batches) <= 3

    run(story())


def test_a_slow_mailbox_of_large_mails_is_read_on_where_time_ran_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_mailbox, "_AT_ONCE", 2)
    ticking = count(0.0, 4.0)
    monkeypatch.setattr(imap_mailbox, "time", SimpleNamespace(monotonic=lambda: next(ticking)))

    async def story() -> list[list[str]]:
        async with sandbox(tmp_path) as ports:
            adapter = reader(ports)
            for number in range(14):
                await adapter.send(message("sandbox-bounce@thu.example", key=f"1.{number}.1"))
            cursor, batches = "", []
            while (polled := await adapter.poll(cursor)).cursor != cursor:
                batches.append([event.key for event in polled.events])
                cursor = polled.cursor
            await adapter.aclose()
            return batches

    batches = run(story())
    assert [key for batch in batches for key in batch] == [f"1.{number}.1" for number in range(14)]
    assert len(batches) == 2


def test_an_account_without_a_mailbox_has_nothing_to_ask(tmp_path: Path) -> None:
    adapter = SmtpEmail(SmtpConfig(**{"host": "mail.example", "from": "a@b.example"}), timeout=1)
    assert isinstance(adapter, Polling)
    assert isinstance(adapter, MailReading)
    assert isinstance(adapter, Marking)
    assert run(adapter.poll("")) == Polled((), "")


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"bounce_imap_username": WRONG_USER}, "login"), ({"bounce_imap_folder": "Khac"}, "bounce_imap_folder")],
)
def test_wrong_settings_are_told_with_what_to_mend(tmp_path: Path, changes: dict[str, str], what: str) -> None:
    async def story() -> SendError:
        async with sandbox(tmp_path) as ports:
            return await failing(reader(ports, **changes))

    error = run(story())
    assert error.kind is ErrorKind.MISCONFIGURED
    assert what in error.reason


@asynccontextmanager
async def talking(*lines: bytes) -> AsyncIterator[int]:
    """A server that says its lines, one for each it hears, and hangs up."""

    async def connected(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            writer.write(line)
            if not await stream.readline():
                break
        writer.close()

    async with listening(connected) as port:
        yield port


def ports(imap_port: int) -> Ports:
    return Ports(1, 1, 1, imap_port)


def test_a_mailbox_that_is_away_or_silent_or_breaks_is_tried_again_later() -> None:
    async def story() -> list[SendError]:
        found = [await failing(reader(ports(unused_port())))]
        async with mute_server() as (port, _):
            found.append(await failing(reader(ports(port))))
        async with talking(b"* OK hello\r\n") as port:
            found.append(await failing(reader(ports(port))))
        async with talking(b"* OK hello\r\n", b"* BYE overloaded\r\n") as port:
            found.append(await failing(reader(ports(port))))
        return found

    assert {error.kind for error in run(story())} == {ErrorKind.TRANSIENT}


def test_a_server_that_answers_a_letter_at_a_time_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_mailbox, "_LONGEST", 0.2)
    heard = asyncio.Event()

    async def connected(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK hello\r\n")
        with suppress(ConnectionError):
            while not stream.at_eof():
                writer.write(b"x")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stream.read(1000), 0.02)
        heard.set()
        writer.close()

    async def story() -> SendError:
        async with listening(connected) as port:
            error = await failing(reader(ports(port)))
            await heard.wait()
            return error

    assert run(story()).reason == "the mailbox does not answer in time"


@pytest.mark.parametrize("trusted", [True, False])
def test_the_mailbox_is_read_through_tls_from_a_server_it_can_trust(tmp_path: Path, trusted: bool) -> None:
    context, own = certificate(tmp_path, "127.0.0.1")
    _, of_another = certificate(tmp_path, "mail.example")

    async def story() -> Polled | SendError:
        with closing(Book(tmp_path)) as book:
            returns = Returns(book)

            async def connected(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await _Reading(returns, stream, writer).serve()
                writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
            there = ports(server.sockets[0].getsockname()[1])
            adapter = reader(there, bounce_imap_tls="implicit", ca_file=own if trusted else of_another)
            try:
                return await adapter.poll("")
            except SendError as error:
                return error
            finally:
                server.close()

    found = run(story())
    if trusted:
        assert found == Polled([], "1:0")
    else:
        assert isinstance(found, SendError)
        assert (found.kind, "certificate" in found.reason) == (ErrorKind.MISCONFIGURED, True)


def test_a_server_that_speaks_another_language_is_told_to_the_operator() -> None:
    async def story() -> SendError:
        async with talking(b"220 mail ready\r\n") as port:
            return await failing(reader(ports(port)))

    error = run(story())
    assert error.kind is ErrorKind.TRANSIENT
    assert "bounce_imap_host" in error.reason


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"bounce_imap_username": "u"}, "bounce_imap_host is missing"),
        ({"bounce_imap_host": "mail.example"}, "bounce_imap_username"),
        (
            {"bounce_imap_host": "mail.example", "bounce_imap_username": "u", "bounce_imap_password": "secret-4c"},
            "bounce_address",
        ),
        (
            {
                "bounce_imap_host": "mail.example", "bounce_imap_username": "u", "bounce_imap_password": "secret-4c",
                "bounce_address": "b@b.example", "bounce_imap_tls": "none",
            },
            "unencrypted",
        ),
        ({"bounce_imap_username": 'a" LOGOUT'}, "ASCII"),
        ({"bounce_imap_folder": "Thư bị trả"}, "ASCII"),
    ],
    ids=["no host", "no login", "no address", "unencrypted", "quotation mark", "letters"],
)  # fmt: skip
def test_wrong_mailbox_settings_are_refused_with_what_would_be_right(settings: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        SmtpConfig(**{"host": "mail.example", "from": "a@b.example", **settings})
    assert "secret-4c" not in str(caught.value)
