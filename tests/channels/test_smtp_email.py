"""E-mail: what the message looks like, what the server's replies mean, how connections are used."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

import pytest
from adapter_harness import (
    BODY,
    LOOPS,
    MAILBOX,
    SUBJECT,
    LoopFactory,
    MailHandler,
    certificate,
    everything_shown,
    letter,
    mail_server,
    run,
    smtp,
)
from aiosmtpd.smtp import Envelope
from sandbox_harness import mail_to, message, outcome, sandbox

from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, SendError
from channels.smtp_email import SmtpConfig
from outreach.local.sandbox import read_log
from outreach.local.sandbox.faults import Faults, Latency

UNSUBSCRIBE = "https://truyenthong.tinh.example/u/" + "a1B2" * 30


def sent(outgoing: Outgoing, **settings: Any) -> tuple[Envelope, EmailMessage]:
    """Send one e-mail and return what the server got."""

    async def story() -> Envelope:
        handler = MailHandler()
        async with mail_server(handler) as port:
            adapter = smtp(port, **settings)
            await adapter.send(outgoing)
            await adapter.aclose()
        return handler.got[0]

    envelope = run(story())
    return envelope, cast(EmailMessage, message_from_bytes(cast(bytes, envelope.original_content), policy=default))


def refused(replies: dict[str, str], **named: Any) -> SendError:
    async def story() -> SendError:
        async with mail_server(MailHandler(replies=replies)) as port:
            adapter = smtp(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(letter(**named))
            await adapter.aclose()
            return caught.value

    return run(story())


def test_the_message_says_who_what_and_that_a_machine_wrote_it() -> None:
    envelope, message = sent(letter(), reply_to="hoi-dap@tinh.example")
    assert envelope.rcpt_tos == [MAILBOX]
    assert message["To"] == MAILBOX
    assert message["From"] == "Cổng dịch vụ công <bao@tinh.example>"
    assert message["Reply-To"] == "hoi-dap@tinh.example"
    assert message["Subject"] == SUBJECT
    assert message["Message-ID"] == "<7.42.1@tinh.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(datetime.now(UTC) - message["Date"].datetime) < timedelta(minutes=1)


def test_text_and_html_are_alternatives_and_vietnamese_survives() -> None:
    text = "Kính gửi ông Hùng,\n.dòng bắt đầu bằng dấu chấm\n" + "ế" * 3000
    _, message = sent(letter(content=Content(body=text, subject=SUBJECT, html="<p>Ưu tiên</p>")))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None and rich is not None
    assert plain.get_content().rstrip("\n") == text
    assert rich.get_content().rstrip("\n") == "<p>Ưu tiên</p>"


def test_the_wire_is_ascii_in_short_lines() -> None:
    envelope, _ = sent(letter(content=Content(body=BODY, subject="Thông báo về hồ sơ " * 12)))
    lines = cast(bytes, envelope.original_content).split(b"\r\n")
    assert all(line.isascii() and len(line) <= 998 for line in lines)
    words = [line for line in lines if b"=?utf-8?" in line]
    assert words
    assert all(len(line) <= 78 for line in words)


def test_a_refusable_message_has_one_click_unsubscribe() -> None:
    _, message = sent(letter(unsubscribe_url=UNSUBSCRIBE), unsubscribe_address="thoi@tinh.example")
    assert message["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>, <mailto:thoi@tinh.example?subject=unsubscribe>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_message_that_cannot_be_refused_offers_no_unsubscribe() -> None:
    _, message = sent(letter())
    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    ("settings", "sender"),
    [({}, "bao@tinh.example"), ({"bounce_address": "tra-lai@tinh.example"}, "tra-lai+7.42.1@tinh.example")],
)
def test_bounces_come_back_to_an_address_that_names_the_message(settings: dict[str, str], sender: str) -> None:
    envelope, _ = sent(letter(), **settings)
    assert envelope.mail_from == sender


@pytest.mark.parametrize(
    ("outgoing", "kind"),
    [
        (letter(to="a@b.example\r\nRCPT TO:<c@d.example>"), ErrorKind.REJECTED),
        (letter(to="a@b.example> <c@d.example"), ErrorKind.REJECTED),
        (letter(to="không@b.example"), ErrorKind.REJECTED),
        (letter(to="nobody"), ErrorKind.REJECTED),
        (letter(content=Content(body=BODY, subject="Chào\r\nBcc: x@y.example")), ErrorKind.REJECTED),
        (letter(content=Content(body=BODY, subject="Chào\u2028Bcc: x@y.example")), ErrorKind.REJECTED),
        (letter(unsubscribe_url="https://x.example/u/1>\r\nBcc: x@y.example"), ErrorKind.MISCONFIGURED),
    ],
    ids=["command", "second address", "letters", "no address", "subject", "line separator", "unsubscribe"],
)
def test_nobody_can_smuggle_in_a_header_or_a_command(outgoing: Outgoing, kind: ErrorKind) -> None:
    async def story() -> None:
        handler = MailHandler()
        async with mail_server(handler) as port:
            adapter = smtp(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(outgoing)
            await adapter.aclose()
        assert caught.value.kind is kind
        assert handler.got == []

    run(story())


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ({"RCPT": "550 5.1.1 unknown"}, ErrorKind.REJECTED, "5.1.1"),
        ({"RCPT": "550 unknown"}, ErrorKind.REJECTED, "550"),
        ({"RCPT": "450 4.2.1 greylisted"}, ErrorKind.TRANSIENT, "4.2.1"),
        ({"RCPT": "554 5.7.1 Relay access denied"}, ErrorKind.MISCONFIGURED, "5.7.1"),
        ({"RCPT": "554-5.7.1 sorry\r\n554 5.7.1 this is no open relay"}, ErrorKind.MISCONFIGURED, "5.7.1"),
        ({"RCPT": "530 5.7.0 authenticate first"}, ErrorKind.MISCONFIGURED, "5.7.0"),
        ({"RCPT": "421 4.3.2 closing"}, ErrorKind.TRANSIENT, "4.3.2"),
        ({"MAIL": "550 5.7.1 not your address"}, ErrorKind.MISCONFIGURED, "5.7.1"),
        ({"MAIL": "452 4.3.1 full"}, ErrorKind.TRANSIENT, "4.3.1"),
        ({"DATA": "554 5.7.1 spam"}, ErrorKind.REJECTED, "5.7.1"),
        ({"DATA": "552 5.3.4 too big"}, ErrorKind.REJECTED, "5.3.4"),
        ({"DATA": "451 4.3.0 later"}, ErrorKind.TRANSIENT, "4.3.0"),
        ({"DATA": "421 4.3.2 closing"}, ErrorKind.TRANSIENT, "4.3.2"),
    ],
)
def test_a_reply_is_judged_by_step_and_code(replies: dict[str, str], kind: ErrorKind, code: str) -> None:
    error = refused({step: f"{reply} <{MAILBOX}>" for step, reply in replies.items()})
    assert (error.kind, error.code) == (kind, code)
    assert MAILBOX not in everything_shown(error)


@pytest.mark.parametrize(
    ("step", "reply", "hard"),
    [
        *[("RCPT", f"550 {status} nobody", True) for status in ("5.1.1", "5.1.2", "5.1.3", "5.1.10", "5.2.1")],
        ("RCPT", "551 5.1.6 moved away", True),
        ("DATA", "550 5.1.1 nobody", True),
        ("RCPT", "550 unknown", False),
        ("RCPT", "550 5.0.0 unknown", False),
        ("RCPT", "550 5.7.1 not from you", False),
        ("RCPT", "552 5.2.2 full", False),
        ("RCPT", "450 5.1.1 later", False),
        ("RCPT", "450 4.1.1 later", False),
        ("MAIL", "550 5.1.1 what sender is that", False),
        ("RCPT", "550 5.1.1 we do not relay", False),
    ],
)
def test_only_a_server_that_says_nobody_is_there_bars_an_address(step: str, reply: str, hard: bool) -> None:
    assert refused({step: reply}).hard_bounce is hard


def test_an_address_with_the_word_relay_in_it_pauses_no_account() -> None:
    error = refused({"RCPT": "550 5.1.1 <hung@relay.example>: recipient address rejected"})
    assert (error.kind, error.hard_bounce) == (ErrorKind.REJECTED, True)


def test_a_lease_that_expires_during_the_dialogue_keeps_the_text_back() -> None:
    lease = Lease.lasting(30)

    class SlowRecipient(MailHandler):
        async def handle_RCPT(self, *words: Any) -> str:
            lease.deadline = Lease.clock()
            return await super().handle_RCPT(*words)

    async def story() -> None:
        handler = SlowRecipient()
        async with mail_server(handler) as port:
            adapter = smtp(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(letter(lease=lease))
            assert caught.value.kind is ErrorKind.NOT_SENT
            assert handler.got == []
            assert await adapter.send(letter("7.42.2")) == Accepted("7.42.2@tinh.example")
            assert len(handler.got) == 1
            await adapter.aclose()

    run(story())


def test_one_connection_carries_many_messages_even_after_a_refusal() -> None:
    async def story() -> None:
        handler = MailHandler()
        async with mail_server(handler) as port:
            adapter = smtp(port, connections=1)
            await adapter.send(letter("1.1.1"))
            handler.replies = {"RCPT": "550 5.1.1 unknown"}
            with pytest.raises(SendError):
                await adapter.send(letter("1.2.1"))
            handler.replies = {}
            await adapter.send(letter("1.3.1"))
            await adapter.aclose()
        assert len(handler.got) == 2
        assert len(handler.sessions) == 1

    run(story())


def test_no_more_connections_are_opened_than_allowed() -> None:
    async def story() -> None:
        handler = MailHandler()
        async with mail_server(handler) as port:
            adapter = smtp(port, connections=3, timeout=5)
            await asyncio.gather(*(adapter.send(letter(f"1.{n}.1")) for n in range(30)))
            await adapter.aclose()
        assert len(handler.got) == 30
        assert len(handler.sessions) <= 3

    run(story())


def test_who_waits_too_long_for_a_connection_has_not_sent_and_nobody_is_cut_off_after_the_text(tmp_path: Path) -> None:
    """The server is well, but takes 0.3 s for a message; the time-out is 1 s."""

    async def story() -> list[Accepted | ErrorKind]:
        async with sandbox(tmp_path, faults=Faults(latencies={"smtp": Latency(300)})) as ports:
            adapter = mail_to(ports, connections=1)
            sent = [outcome(adapter, message(f"dan{n}@thu.example", key=f"1.{n}.1")) for n in range(6)]
            results = await asyncio.gather(*sent)
            await adapter.aclose()
        return [one.kind if isinstance(one, SendError) else one for one in results]

    results = run(story())
    kinds = [one for one in results if not isinstance(one, Accepted)]
    assert set(kinds) == {ErrorKind.NOT_SENT}
    assert 1 <= len(results) - len(kinds) <= 3
    assert len(list(read_log(tmp_path))) == len(results) - len(kinds)


def test_a_kept_connection_that_the_server_closed_is_replaced_without_an_error() -> None:
    async def story() -> None:
        handler = MailHandler()

        class Impatient(MailHandler):
            async def handle_MAIL(self, server: Any, *rest: Any) -> str:
                if len(self.got) == 1 and not self.replies:
                    self.replies = {"hung": "up"}
                    server.transport.abort()
                return await super().handle_MAIL(server, *rest)

        handler = Impatient()
        async with mail_server(handler) as port:
            adapter = smtp(port, connections=1)
            await adapter.send(letter("1.1.1"))
            await adapter.send(letter("1.2.1"))
            await adapter.aclose()
        assert len(handler.got) == 2

    run(story())


def over_tls(
    tls: str, context: ssl.SSLContext, ca_file: Path | None, loop: LoopFactory = asyncio.new_event_loop
) -> None:
    options: dict[str, Any] = (
        {"ssl": context} if tls == "implicit" else {"tls_context": context, "require_starttls": True}
    )

    async def story() -> None:
        handler = MailHandler()
        async with mail_server(handler, **options) as port:
            adapter = smtp(port, tls=tls, ca_file=ca_file, timeout=5)
            try:
                await adapter.send(letter())
            finally:
                await adapter.aclose()
        assert len(handler.got) == 1

    run(story(), loop)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_it_speaks_tls_to_a_server_it_can_trust(tls: str, loop: LoopFactory, tmp_path: Path) -> None:
    over_tls(tls, *certificate(tmp_path, "127.0.0.1"), loop)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_it_tells_the_operator_of_a_certificate_it_cannot_trust(tls: str, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "127.0.0.1")
    _, of_another = certificate(tmp_path, "mail.example")
    with pytest.raises(SendError) as caught:
        over_tls(tls, context, of_another)
    assert caught.value.kind is ErrorKind.MISCONFIGURED


def test_it_never_falls_back_to_plain_text() -> None:
    async def story() -> SendError:
        async with mail_server(MailHandler()) as port:
            adapter = smtp(port, tls="starttls")
            with pytest.raises(SendError) as caught:
                await adapter.send(letter())
            return caught.value

    assert run(story()).kind is ErrorKind.MISCONFIGURED


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (Content(body=BODY, subject=SUBJECT), []),
        (Content(html="<p>x</p>", subject=SUBJECT), []),
        (Content(body=BODY), ["no_subject"]),
        (Content(subject=SUBJECT), ["empty"]),
        (Content(body=BODY, subject="a\nb"), ["bad_subject"]),
    ],
)
def test_an_e_mail_is_checked_before_it_is_sent(content: Content, codes: list[str]) -> None:
    assert [problem.code for problem in smtp(25).check(content)] == codes


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"from": "Nobody"}, "write an e-mail address"),
        ({"from": "a@b.example\nBcc: c@d.example"}, "write an e-mail address"),
        ({"bounce_address": "Bounce <b@b.example>"}, "bare"),
        ({"username": "u"}, "go together"),
        ({"username": "u", "password": "a-secret-word"}, "unencrypted"),
        ({"tls": "maybe"}, "tls"),
        ({"dkim": "x"}, "dkim"),
    ],
)
def test_wrong_settings_are_refused_with_what_would_be_right(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        SmtpConfig(**{"host": "mail.example", "tls": "none", "from": "a@b.example", **settings})
    assert "a-secret-word" not in str(caught.value)
