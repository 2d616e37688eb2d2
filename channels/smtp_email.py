"""E-mail by SMTP: pooled connections, the lease checked just before the text leaves, no retries.

Bounces and complaints are read from a mailbox, or from mails that are handed in. Source: RFC 5321; VERP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar

from aiosmtplib import SMTPException, SMTPServerDisconnected

from channels import contract, mail, smtp_advice
from channels.abilities import Advice, Polled
from channels.bounces import read_report
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Outgoing,
    Problem,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.imap_mailbox import ImapMailbox
from channels.marks import Marks
from channels.smtp_codes import Step, refusal
from channels.smtp_config import SmtpConfig
from channels.smtp_line import Reply
from channels.smtp_pool import Held, SmtpPool

__all__ = ["SmtpConfig", "SmtpEmail"]


class SmtpEmail:
    """A mail server that relays for us."""

    kinds: ClassVar[tuple[str, ...]] = ("email",)
    provider: ClassVar[str] = "smtp"
    Config: ClassVar[type[contract.Config]] = SmtpConfig
    capabilities: ClassVar[Capabilities] = Capabilities()
    proof: ClassVar[ReceiptState] = ReceiptState.ACCEPTED

    def __init__(self, config: SmtpConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._marks = Marks()
        self._head = self._letterhead()
        self._pool: SmtpPool | None = None

    def use_secrets(self, secrets: Sequence[bytes]) -> None:
        """Mark bounce addresses and Message-IDs, so that nobody bounces a message they did not get."""
        self._marks = Marks(secrets)
        self._head = self._letterhead()

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return smtp_advice.advice(code)

    def check(self, content: Content) -> list[Problem]:
        """An e-mail has a subject of one line, and a text or HTML."""
        problems = []
        if not content.subject.strip():
            problems.append(Problem("no_subject", "the e-mail has no subject; write one"))
        if not mail.is_header(content.subject):
            problems.append(Problem("bad_subject", "the subject has a line break or a control character; remove it"))
        if not (content.body.strip() or content.html.strip()):
            problems.append(Problem("empty", "the e-mail has no text; write one"))
        if not all(mail.is_attachable(one) for one in content.attachments):
            problems.append(Problem("bad_attachment", "an attachment's name or type cannot be written in an e-mail"))
        return problems

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Hand the message to the server once; raises SendError. `timeout` bounds it all, waiting included."""
        self._refuse_unsafe(outgoing)
        flight = _Flight(self._open_pool(), outgoing, self._head, self._config)
        failure: SendError | None = None
        try:
            async with asyncio.timeout(self._timeout):
                await flight.run()
        except (SMTPException, OSError) as error:
            failure = flight.failure(error)
        if failure is not None:
            raise failure  # outside the handler: the cause could show the recipient
        return Accepted(self._head.message_id(outgoing.key))

    def verify(self, request: WebhookRequest) -> None:
        """Refuse: mail servers call nobody."""
        raise VerificationError("e-mail by SMTP has no callbacks")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Nothing: mail servers call nobody."""
        return []

    async def poll(self, cursor: str) -> Polled:
        """The bounces and complaints that came to the mailbox after `cursor`; raises SendError. Deletes nothing."""
        if not self._config.bounce_imap_host:
            return Polled((), cursor)
        mails, after = await ImapMailbox(self._config, self._timeout).read_after(cursor)
        now = datetime.now(UTC)
        return Polled([event for raw in mails for event in self.read_mail(raw, now)], after)

    def read_mail(self, raw: bytes, at: datetime) -> list[Event]:
        """What a mail says of our messages: a bounce, a complaint, or nothing."""
        return read_report(raw, self._marks, at)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    def _letterhead(self) -> mail.Letterhead:
        config = self._config
        return mail.Letterhead(
            config.sender, config.reply_to, config.bounce_address, config.unsubscribe_address, self._marks
        )

    def _refuse_unsafe(self, outgoing: Outgoing) -> None:
        if not mail.is_address(outgoing.to):
            raise SendError(ErrorKind.REJECTED, "", "the address cannot be written in an e-mail")
        if not mail.is_header(outgoing.content.subject):
            raise SendError(ErrorKind.REJECTED, "", "the subject has a line break or a control character")
        if not all(mail.is_attachable(one) for one in outgoing.content.attachments):
            raise SendError(ErrorKind.REJECTED, "", "an attachment's name or type cannot be written in an e-mail")
        url = outgoing.unsubscribe_url
        if url and not (url.isascii() and url.isprintable() and not set(url) & set(" <>,")):
            raise SendError(ErrorKind.MISCONFIGURED, "", "the unsubscribe address is not a web address")

    def _open_pool(self) -> SmtpPool:
        if self._pool is None:
            config = self._config
            self._pool = SmtpPool(
                config.host,
                config.smtp_port,
                tls=config.tls,
                login=config.login,
                helo=self._head.domain,
                ca_file=config.ca_file,
                timeout=self._timeout,
                connections=config.connections,
            )
        return self._pool


class _Flight:
    """One message on its way through one connection."""

    def __init__(self, pool: SmtpPool, outgoing: Outgoing, head: mail.Letterhead, config: SmtpConfig) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._head = head
        self._signer = config.signer
        self._written = False

    async def run(self) -> None:
        """MAIL, RCPT, DATA, the lease, the text; raises SendError, SMTPException or OSError."""
        async with self._pool.hold() as held:
            message = await self._message()  # made here: no more of them in memory than there are connections
            await self._envelope(held)
            self._outgoing.lease.check()
            held.line.write(message)
            self._written = True
            reply = await held.line.reply()
            held.clean = reply.code != 421
            if reply.code != 250:
                raise refusal(Step.CONTENT, reply.code, reply.text)

    async def _message(self) -> bytes:
        if self._outgoing.content.attachments:
            return await asyncio.to_thread(self._composed)  # megabytes to hash: other messages go on meanwhile
        return self._composed()

    def _composed(self) -> bytes:
        letter = mail.compose(self._outgoing, self._head)
        if self._signer is not None:
            letter = self._signer.sign(letter)
        return letter.to_bytes().replace(b"\r\n.", b"\r\n..") + b".\r\n"

    async def _envelope(self, held: Held) -> None:
        """Come as far as the text; on a fresh connection if a kept one was closed: nothing was written yet."""
        sender = self._head.envelope_sender(self._outgoing.key)
        commands = {
            Step.SENDER: f"MAIL FROM:<{sender}>\r\n".encode(),
            Step.RECIPIENT: f"RCPT TO:<{self._outgoing.to}>\r\n".encode(),
            Step.CONTENT: b"DATA\r\n",
        }
        if held.reused:
            with suppress(SMTPServerDisconnected):
                if await self._spoken(held, commands, may_renew=True):
                    return
            await self._pool.renew(held)
        await self._spoken(held, commands)

    async def _spoken(self, held: Held, commands: dict[Step, bytes], *, may_renew: bool = False) -> bool:
        """Speak the commands; False for a server that says farewell to the first one, if that `may_renew`."""
        if held.line.pipelining:
            held.line.write(b"".join(commands.values()), replies=len(commands))
        replies: dict[Step, Reply] = {}
        for step, command in commands.items():
            replies[step] = await (held.line.reply() if held.line.pipelining else held.line.ask(command))
            if may_renew and step is Step.SENDER and replies[step].code == 421:
                return False
            if not held.line.pipelining and not _well(step, replies[step]):
                break
        wrong = next((step for step, reply in replies.items() if not _well(step, reply)), None)
        if wrong is None:
            return True
        # After a 354 there is no way back but to hang up: whatever ends a text may be taken for an empty message.
        waiting = Step.CONTENT in replies and _well(Step.CONTENT, replies[Step.CONTENT])
        if not waiting:
            with suppress(SMTPException, OSError):
                held.clean = (await held.line.ask(b"RSET\r\n")).code == 250
        raise refusal(wrong, replies[wrong].code, replies[wrong].text)

    def failure(self, error: Exception) -> SendError:
        """What a broken or too slow connection means."""
        what = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
        if self._written:
            return SendError(ErrorKind.UNCERTAIN, "", f"{what} after the text was written")
        return SendError(ErrorKind.TRANSIENT, "", f"{what} before the text was written")


def _well(step: Step, reply: Reply) -> bool:
    return reply.code == 354 if step is Step.CONTENT else reply.code in (250, 251)
