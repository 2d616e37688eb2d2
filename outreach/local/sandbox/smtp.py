"""The sandbox's mail server: takes everything but what `behaviour` says otherwise, and relays nothing."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from outreach.local.sandbox.behaviour import Fate, mail_fate
from outreach.local.sandbox.book import Book, new_id
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.fault_answers import outcome_of
from outreach.local.sandbox.faults import Drawn, Fault
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.lots import AS_FATES, KNOWN, Lots
from outreach.local.sandbox.returns import Returns

_REPLIES = {
    Fate.INVALID: (Outcome.REFUSED, "550 5.1.1 no such mailbox in the sandbox"),
    Fate.BROKEN: (Outcome.BROKEN, "451 4.3.0 the sandbox pretends to be out of order"),
    Fate.CONTENT: (Outcome.REFUSED, "554 5.7.1 the sandbox pretends to dislike the text"),
}


class Mailbox:
    """What aiosmtpd asks for every command."""

    def __init__(self, config: SandboxConfig, book: Book, returns: Returns, lots: Lots) -> None:
        self._config = config
        self._lots = lots
        self._book = book
        self._returns = returns

    def server(self) -> SMTP:
        """The protocol of one connection; a login is offered and any is taken."""
        return SMTP(
            self,
            hostname="sandbox.localhost",
            ident="sandbox",
            enable_SMTPUTF8=True,
            data_size_limit=20 * 1024 * 1024,
            auth_require_tls=False,
            authenticator=_anybody,
            loop=asyncio.get_running_loop(),
        )

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        """Refuse the mailboxes that are to be refused, and write that down."""
        what = mail_fate(address)
        if what in (Fate.INVALID, Fate.BROKEN):
            outcome, reply = _REPLIES[what]
            self._book.add(_blank(envelope, address, outcome, reply.split()[1]))
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Write the message down for each recipient, then answer."""
        message = message_from_bytes(cast(bytes, envelope.original_content), policy=default)
        fates = {mail_fate(to) for to in envelope.rcpt_tos}
        if Fate.DROPPED in fates:
            _hang_up(server)
            return "421 4.3.2 closing"
        first = _entry(envelope, envelope.rcpt_tos[0], message, Outcome.ACCEPTED)
        drawn, wait = self._lots.drawn(first, next(iter(fates & KNOWN), Fate.DELIVERED))
        drawn = None if Fate.CONTENT in fates else drawn
        wait += self._config.latency_ms / 1000
        if drawn is not None and drawn.fault in (Fault.FAIL, Fault.RESET_BEFORE_READ):
            return await self._fail(server, envelope, message, drawn, wait)
        if drawn is not None:
            fates.add(AS_FATES[drawn.fault])
        outcome, reply = Outcome.ACCEPTED, "250 2.0.0 taken by the sandbox"
        if Fate.CONTENT in fates:
            outcome, reply = _REPLIES[Fate.CONTENT]
        for to in envelope.rcpt_tos:
            entry = self._write(_entry(envelope, to, message, outcome), drawn)
            self._returns.add(entry)
        if wait:
            await asyncio.sleep(wait)
        if Fate.SILENT in fates:
            await asyncio.sleep(3600)  # until the other side gives up, which ends this connection
        if Fate.RESET in fates:
            _hang_up(server)
        return "<html>gateway</html>" if Fate.GARBLED in fates else reply

    async def _fail(self, server: SMTP, envelope: Envelope, message: EmailMessage, drawn: Drawn, wait: float) -> str:
        """Take nothing, write that down, and say so or hang up."""
        outcome = outcome_of("smtp", drawn.code) if drawn.code else Outcome.BROKEN
        for to in envelope.rcpt_tos:
            self._write(replace(_entry(envelope, to, message, outcome), code=drawn.code), drawn)
        if drawn.fault is Fault.RESET_BEFORE_READ:
            _hang_up(server)
            return "421 4.3.2 closing"
        await asyncio.sleep(wait)
        return f"{drawn.code} {drawn.code[0]}.3.0 the sandbox pretends to be out of order"

    def _write(self, entry: Entry, drawn: Drawn | None) -> Entry:
        entry = self._lots.befallen(entry, drawn, 0)
        self._book.add(entry)
        if drawn is not None:
            self._lots.record.befell(entry, drawn.name)
        return entry


def _anybody(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword))


def _hang_up(server: SMTP) -> None:
    if server.transport is not None:
        cast(asyncio.Transport, server.transport).abort()


def _key(envelope: Envelope, message: EmailMessage | None = None) -> str:
    """The sender's key without its mark: of the VERP address `name+key-mark@…`, else of the Message-ID."""
    local = (envelope.mail_from or "").rpartition("@")[0]
    if "+" not in local:
        local = str(message["Message-ID"] or "").strip("<> ").partition("@")[0] if message is not None else ""
    return local.rpartition("+")[2].partition("-")[0]


def _blank(envelope: Envelope, to: str, outcome: Outcome, code: str) -> Entry:
    return Entry(now(), "email", to, envelope.mail_from or "", "", _key(envelope), outcome, code=code, provider="smtp")


def _entry(envelope: Envelope, to: str, message: EmailMessage, outcome: Outcome) -> Entry:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Entry(
        at=now(),
        channel="email",
        to=to,
        sender=envelope.mail_from or "",
        body=text.get_content() if text else "",
        key=_key(envelope, message),
        outcome=outcome,
        provider_id=new_id("EM") if outcome is Outcome.ACCEPTED else "",
        code="" if outcome is Outcome.ACCEPTED else "5.7.1",
        subject=str(message["Subject"] or ""),
        html=html.get_content() if html else "",
        provider="smtp",
        files=[_file(part) for part in message.iter_attachments()],
    )


def _file(part: Message) -> tuple[str, str, str]:
    content = part.get_payload(decode=True)
    digest = hashlib.sha256(content if isinstance(content, bytes) else b"").hexdigest()
    return part.get_filename() or "", part.get_content_type(), digest
