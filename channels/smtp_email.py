"""E-mail by SMTP: pooled connections, the lease checked just before the text leaves, no retries.

Source: RFC 5321; VERP for bounces; RFC 8058 headers are written by `channels.mail`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from contextlib import suppress
from email.utils import parseaddr
from pathlib import Path
from typing import ClassVar, Literal, Self

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPServerDisconnected
from pydantic import Field, SecretStr, field_validator, model_validator

from channels import contract, mail, smtp_advice
from channels.abilities import Advice
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
from channels.smtp_codes import Step, refusal
from channels.smtp_pool import Held, SmtpPool

_PORTS = {"none": 25, "starttls": 587, "implicit": 465}


class SmtpConfig(contract.Config):
    """Settings of a mail account. `port`: by default the usual one of `tls`; `connections`: open at once."""

    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    ca_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field(alias="from")
    reply_to: str = ""
    bounce_address: str = ""
    unsubscribe_address: str = ""
    connections: int = Field(4, ge=1, le=100)

    @field_validator("sender", "reply_to")
    @classmethod
    def _named_address(cls, value: str) -> str:
        if value and not (mail.is_header(value) and mail.is_address(parseaddr(value)[1])):
            raise ValueError("write an e-mail address, or: Name <address>")
        return value

    @field_validator("bounce_address", "unsubscribe_address")
    @classmethod
    def _bare_address(cls, value: str) -> str:
        if value and not mail.is_address(value):
            raise ValueError("write a bare e-mail address")
        return value

    @model_validator(mode="after")
    def _login_is_whole_and_encrypted(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.username is not None and self.tls == "none" and not _is_loopback(self.host):
            raise ValueError('the password would travel unencrypted; set tls to "starttls" or "implicit"')
        return self

    @property
    def login(self) -> tuple[str, str] | None:
        """Username and password, where the server asks for them."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()


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
        self._head = mail.Letterhead(config.sender, config.reply_to, config.bounce_address, config.unsubscribe_address)
        self._pool: SmtpPool | None = None

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
        return problems

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Hand the message to the server once; raises SendError. `timeout` bounds it all, waiting included."""
        self._refuse_unsafe(outgoing)
        message = mail.compose(outgoing, self._head).replace(b"\r\n.", b"\r\n..") + b".\r\n"
        flight = _Flight(self._open_pool(), outgoing, self._head.envelope_sender(outgoing.key), message)
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

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    def _refuse_unsafe(self, outgoing: Outgoing) -> None:
        if not mail.is_address(outgoing.to):
            raise SendError(ErrorKind.REJECTED, "", "the address cannot be written in an e-mail")
        if not mail.is_header(outgoing.content.subject):
            raise SendError(ErrorKind.REJECTED, "", "the subject has a line break or a control character")
        url = outgoing.unsubscribe_url
        if url and not (url.isascii() and url.isprintable() and not set(url) & set(" <>,")):
            raise SendError(ErrorKind.MISCONFIGURED, "", "the unsubscribe address is not a web address")

    def _open_pool(self) -> SmtpPool:
        if self._pool is None:
            config = self._config
            self._pool = SmtpPool(
                config.host,
                config.port or _PORTS[config.tls],
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

    def __init__(self, pool: SmtpPool, outgoing: Outgoing, sender: str, message: bytes) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._sender = sender
        self._message = message
        self._written = False

    async def run(self) -> None:
        """MAIL, RCPT, DATA, the lease, the text; raises SendError, SMTPException or OSError."""
        async with self._pool.hold() as held:
            await self._expect(held, Step.SENDER, await self._mail(held))
            to = f"TO:<{self._outgoing.to}>".encode()
            await self._expect(held, Step.RECIPIENT, await held.smtp.execute_command(b"RCPT", to))
            await self._expect(held, Step.CONTENT, await held.smtp.execute_command(b"DATA"), success=(354,))
            reply = await self._text(held.smtp)
            held.clean = reply.code != 421
            if reply.code != 250:
                raise refusal(Step.CONTENT, reply.code, reply.message)

    async def _mail(self, held: Held) -> SMTPResponse:
        command = (b"MAIL", f"FROM:<{self._sender}>".encode())
        if held.reused:
            with suppress(SMTPServerDisconnected):  # closed by the server while we kept it: nothing was written yet
                reply = await held.smtp.execute_command(*command)
                if reply.code != 421:
                    return reply
            await self._pool.renew(held)
        return await held.smtp.execute_command(*command)

    async def _expect(self, held: Held, step: Step, reply: SMTPResponse, success: tuple[int, ...] = (250, 251)) -> None:
        if reply.code in success:
            return
        with suppress(SMTPException, OSError):
            held.clean = (await held.smtp.rset()).code == 250
        raise refusal(step, reply.code, reply.message)

    async def _text(self, smtp: SMTP) -> SMTPResponse:
        protocol = smtp.protocol
        if protocol is None or not protocol.is_connected:
            raise SMTPServerDisconnected("closed before the text")
        self._outgoing.lease.check()
        self._written = True
        protocol.write(self._message)
        return await protocol.read_response()

    def failure(self, error: Exception) -> SendError:
        """What a broken or too slow connection means."""
        what = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
        if self._written:
            return SendError(ErrorKind.UNCERTAIN, "", f"{what} after the text was written")
        return SendError(ErrorKind.TRANSIENT, "", f"{what} before the text was written")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
