"""A mailbox read by IMAP: what came after a cursor, a bounded number, nothing changed and nothing deleted.

With the standard library's `imaplib` in a thread: aioimaplib is GPL. Source: RFC 3501.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from channels.bounces import LARGEST
from channels.contract import ErrorKind, SendError
from channels.smtp_config import SmtpConfig

MOST: Final = 200
"""Mails of one reading."""
_AT_ONCE: Final = 20
_WINDOW: Final = 50_000
"""Numbers searched at once: a server answers in one line, and imaplib reads a line of a million characters."""
_PATIENCE: Final = 10.0
"""Seconds for a connection, and for each answer."""
_LONGEST: Final = 25.0
_UID = re.compile(rb"\bUID (\d+)")
_CURSOR = re.compile(r"(\d{1,12}):(\d{1,12})")


class ImapMailbox:
    """The mailbox of an account's settings; made for one reading, with a connection of its own."""

    def __init__(self, config: SmtpConfig, timeout: float) -> None:
        self._config = config
        self._patience = min(_PATIENCE, timeout)
        self._server: imaplib.IMAP4 | None = None
        self._ends = 0.0
        self._left = False

    async def read_after(self, cursor: str) -> tuple[list[bytes], str]:
        """The mails after `cursor` ("": all) and the cursor after them; raises SendError.

        A cursor is `uidvalidity:uid`; where the mailbox was made anew, it is read from its beginning.
        """
        self._ends = time.monotonic() + _LONGEST
        failure: SendError
        try:
            async with asyncio.timeout(_LONGEST + self._patience):
                return await asyncio.to_thread(self._read, cursor)
        except SendError as error:
            failure = SendError(error.kind, error.code, error.reason)
        except (imaplib.IMAP4.error, OSError) as error:
            failure = _why(error)
        finally:
            self._hang_up()
        raise failure  # outside the handler: the cause could show a mail

    def _read(self, cursor: str) -> tuple[list[bytes], str]:
        server = self._connected()
        self._login(server)
        folder = self._config.bounce_imap_folder
        if server.select(f'"{folder}"', readonly=True)[0] != "OK":
            raise SendError(ErrorKind.MISCONFIGURED, "", "the mailbox has no such folder; check bounce_imap_folder")
        validity, next_uid = _number(server, "UIDVALIDITY"), _number(server, "UIDNEXT")
        found = _CURSOR.fullmatch(cursor)
        after = int(found[2]) if found and int(found[1]) == validity else 0
        uids, seen = self._search(server, after, next_uid)
        mails: dict[int, bytes] = {}
        for some in _groups(uids):
            if time.monotonic() >= self._ends:
                if not mails:
                    raise TimeoutError("the mailbox is too slow")
                seen = some[0] - 1  # the next reading goes on here
                break
            mails.update(self._fetch(server, some))
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()
        return [mails[uid] for uid in sorted(mails)], f"{validity}:{seen}"

    def _connected(self) -> imaplib.IMAP4:
        config = self._config
        host, port = config.bounce_imap_host, config.imap_port
        context = None if config.bounce_imap_tls == "none" else ssl.create_default_context(cafile=config.ca_file)
        if config.bounce_imap_tls == "implicit":
            return _Encrypted(self._opened, host, port, ssl_context=context, timeout=self._patience)
        server = _Plain(self._opened, host, port, timeout=self._patience)
        if config.bounce_imap_tls == "starttls":
            server.starttls(context)
        return server

    def _opened(self, server: imaplib.IMAP4) -> None:
        self._server = server
        if self._left:  # it took so long that nobody waits any more
            raise TimeoutError("too late")

    def _login(self, server: imaplib.IMAP4) -> None:
        refused = False
        try:
            server.login(f'"{self._config.bounce_imap_username}"', self._config.bounce_imap_password.get_secret_value())
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeError):
            refused = True
        if refused:
            raise SendError(
                ErrorKind.MISCONFIGURED, "", "the mailbox refuses the login; check bounce_imap_username and …_password"
            )

    def _search(self, server: imaplib.IMAP4, after: int, next_uid: int) -> tuple[list[int], int]:
        """Numbers of mails beyond `after`, and the number up to which all has been seen."""
        found: list[int] = []
        while after + 1 < next_uid and time.monotonic() < self._ends:
            until = min(after + _WINDOW, next_uid - 1)
            answered, lines = server.uid("SEARCH", "UID", f"{after + 1}:{until}")
            if answered != "OK":
                raise imaplib.IMAP4.abort("no answer to a search")
            numbers = b" ".join(line for line in lines if isinstance(line, bytes)).split()
            found += sorted(int(number) for number in numbers if after < int(number) <= until)
            if len(found) >= MOST:
                return found[:MOST], found[MOST - 1]
            after = until
        return found, after

    def _fetch(self, server: imaplib.IMAP4, uids: list[int]) -> Iterator[tuple[int, bytes]]:
        some = ",".join(str(uid) for uid in uids)
        answered, pieces = server.uid("FETCH", some, f"(UID BODY.PEEK[]<0.{LARGEST}>)")
        if answered != "OK":
            raise imaplib.IMAP4.abort("no answer to a fetch")
        for piece in pieces:
            if isinstance(piece, tuple) and (uid := _UID.search(piece[0])):
                yield int(uid[1]), piece[1]

    def _hang_up(self) -> None:
        """Close the connection; a thread that still waits for the server ends by it."""
        self._left = True
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError, imaplib.IMAP4.error):
                server.sock.shutdown(socket.SHUT_RDWR)  # first: closing waits for whoever reads
            with suppress(OSError, imaplib.IMAP4.error):
                server.shutdown()


class _Plain(imaplib.IMAP4):
    """Tells of its connection before the first word is spoken on it: making one already waits for two answers."""

    def __init__(self, opened: Callable[[imaplib.IMAP4], None], *where: Any, **options: Any) -> None:
        self._tell = opened
        super().__init__(*where, **options)

    def open(self, *where: Any, **options: Any) -> None:
        """Connect, and tell."""
        super().open(*where, **options)
        self._tell(self)


class _Encrypted(_Plain, imaplib.IMAP4_SSL):
    """The same through TLS from the beginning."""


def _groups(uids: list[int]) -> Iterator[list[int]]:
    return (uids[start : start + _AT_ONCE] for start in range(0, len(uids), _AT_ONCE))


def _number(server: imaplib.IMAP4, name: str) -> int:
    _, values = server.response(name)
    found = values[0] if values else None
    if not isinstance(found, bytes) or not found.isdigit():
        raise SendError(
            ErrorKind.MISCONFIGURED, "", f"the mail server does not say {name}: it cannot be read by number"
        )
    return int(found)


def _why(error: Exception) -> SendError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return SendError(ErrorKind.MISCONFIGURED, "", "the mailbox's certificate is not valid; check host and ca_file")
    if isinstance(error, TimeoutError):
        return SendError(ErrorKind.TRANSIENT, "", "the mailbox does not answer in time")
    if isinstance(error, imaplib.IMAP4.abort):
        what = "the mailbox broke off, or is no IMAP server there; if it lasts check bounce_imap_host, …_port and …_tls"
        return SendError(ErrorKind.TRANSIENT, "", what)
    if isinstance(error, OSError):
        return SendError(ErrorKind.TRANSIENT, "", "no connection to the mailbox")
    return SendError(ErrorKind.MISCONFIGURED, "", "the mail server does not offer what reading the mailbox needs")
