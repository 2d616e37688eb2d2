"""Connections to one mail server, each used by one message at a time and kept for the next."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from channels.contract import ErrorKind, SendError
from channels.smtp_codes import Step, refusal
from channels.smtp_line import SmtpLine

_IDLE = 20.0
"""Seconds an unused connection is kept; many servers hang up after 30 or more."""


@dataclass(slots=True)
class Held:
    """A connection in use. `reused`: it carried a message before; `clean`: it now stands between two messages."""

    line: SmtpLine
    reused: bool
    clean: bool = False


class SmtpPool:
    """At most `connections` open at once, made and given out in the event loop of the first use."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Literal["none", "starttls", "implicit"],
        login: tuple[str, str] | None,
        helo: str,
        ca_file: Path | None,
        timeout: float,
        connections: int,
    ) -> None:
        self._address = (host, port)
        self._tls = tls
        self._login = login
        self._helo = helo
        self._timeout = timeout
        self._context = ssl.create_default_context(cafile=ca_file) if tls != "none" else None
        self._free: deque[tuple[float, SmtpLine]] = deque()
        self._slots = asyncio.Semaphore(connections)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Held]:
        """A connection ready for MAIL, waiting for a free one; raises SendError. Closed after use unless `clean`.

        Who has waited for half of the time-out sends nothing: what is left of it is for the dialogue, so that a server
        that is slow, but well, is not cut off after the text.
        """
        await self._turn()
        try:
            kept = self._reuse()
            held = Held(kept or await self._connect(), reused=kept is not None)
            try:
                yield held
            finally:
                if held.clean and held.line.fresh:
                    self._free.append((time.monotonic(), held.line))
                else:
                    held.line.close()
        finally:
            self._slots.release()

    async def _turn(self) -> None:
        failure: SendError | None = None
        try:
            async with asyncio.timeout(self._timeout / 2):
                await self._slots.acquire()
        except TimeoutError:
            failure = SendError(ErrorKind.NOT_SENT, "", "all connections to the mail server were in use")
        if failure is not None:
            raise failure

    async def renew(self, held: Held) -> None:
        """Put a fresh connection in the place of one that turned out to be closed; raises SendError."""
        held.line.close()
        held.line = await self._connect()
        held.reused = False

    def _reuse(self) -> SmtpLine | None:
        while self._free:
            since, line = self._free.pop()
            if line.fresh and time.monotonic() - since < _IDLE:
                return line
            line.close()
        return None

    async def aclose(self) -> None:
        """Take leave of the server on every kept connection."""
        while self._free:
            _, line = self._free.pop()
            with suppress(SMTPException, OSError):
                async with asyncio.timeout(1):
                    await line.ask(b"QUIT\r\n")
            line.close()

    async def _connect(self) -> SmtpLine:
        host, port = self._address
        smtp = SMTP(
            hostname=host,
            port=port,
            local_hostname=self._helo,  # else the machine's name is looked up
            timeout=self._timeout,
            use_tls=self._tls == "implicit",
            start_tls=self._tls == "starttls",
            tls_context=self._context,
        )
        failure: SendError
        try:
            await smtp.connect()
            await _dialogue(smtp, self._login)
            return SmtpLine(smtp)
        except (SMTPException, OSError) as error:
            failure = _why(error)
        except BaseException:
            smtp.close()
            raise
        smtp.close()
        raise failure


async def _dialogue(smtp: SMTP, login: tuple[str, str] | None) -> None:
    if login:
        await smtp.login(*login)
    elif smtp.is_ehlo_or_helo_needed:
        await smtp.ehlo()


def _why(error: Exception) -> SendError:
    """What a connection that did not come about means; nothing was written of a message."""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _chain(error)):
        return SendError(ErrorKind.MISCONFIGURED, "", "the server's certificate is not valid; check host and ca_file")
    if isinstance(error, SMTPAuthenticationError):
        return refusal(Step.LOGIN, error.code, error.message)
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return refusal(Step.CONNECT, error.code, error.message)
    if isinstance(error, SMTPServerDisconnected | OSError):
        return SendError(ErrorKind.TRANSIENT, "", "no connection to the mail server")
    return SendError(ErrorKind.MISCONFIGURED, "", "the mail server does not offer the login or the TLS of our settings")


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
