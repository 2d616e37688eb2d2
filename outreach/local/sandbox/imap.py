"""As much of IMAP as it takes to read the returned e-mails: nothing can be changed. Any login is taken but one.

Source: RFC 3501. Commands: CAPABILITY, NOOP, LOGIN, SELECT, EXAMINE, UID SEARCH, UID FETCH, LOGOUT.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress

from outreach.local.sandbox.returns import Returns

WRONG_USER = "sandbox-wrong"
"""Who is refused."""
FOLDER = "INBOX"
_LONGEST_LINE = 8192
_RANGE = re.compile(r"(\d+)(?::(\d+|\*))?")
_PARTIAL = re.compile(r"<0\.(\d+)>")


async def listen_imap(host: str, port: int, returns: Returns) -> asyncio.Server:
    """Serve the mailbox; raises OSError where the port is taken."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            await _Reading(returns, reader, writer).serve()
        writer.close()

    return await asyncio.start_server(connected, host, port, limit=_LONGEST_LINE)


class _Reading:
    """One connection of a reader."""

    def __init__(self, returns: Returns, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._returns = returns
        self._reader = reader
        self._writer = writer
        self._known = False
        self._open = False

    async def serve(self) -> None:
        self._say("* OK the sandbox's mailbox")
        while line := await self._reader.readline():
            tag, _, command = line.decode("utf-8", "replace").strip().partition(" ")
            verb, _, rest = command.partition(" ")
            if verb.upper() == "LOGOUT":
                self._say("* BYE", f"{tag} OK bye")
                return
            self._say(f"{tag} {self._answer(verb.upper(), rest)}")
            await self._writer.drain()

    def _answer(self, verb: str, rest: str) -> str:
        match verb:
            case "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1")
                return "OK done"
            case "NOOP":
                return "OK done"
            case "LOGIN":
                self._known = WRONG_USER not in rest
                return "OK done" if self._known else "NO who is that"
            case "SELECT" | "EXAMINE" if self._known:
                return self._select(rest)
            case "UID" if self._open:
                return self._numbered(rest)
        return "BAD not here"

    def _select(self, folder: str) -> str:
        self._open = folder.strip('"').upper() == FOLDER
        if not self._open:
            return "NO there is only INBOX"
        count = self._returns.count
        self._say(
            f"* {count} EXISTS", "* 0 RECENT", "* FLAGS ()", f"* OK [UIDVALIDITY {self._returns.validity}] given",
            f"* OK [UIDNEXT {count + 1}] foreseen",
        )  # fmt: skip
        return "OK [READ-ONLY] done"

    def _numbered(self, command: str) -> str:
        verb, _, rest = command.partition(" ")
        if verb.upper() == "SEARCH":
            found = " ".join(str(number) for number in self._wanted(rest.upper().removeprefix("UID ")))
            self._say(f"* SEARCH {found}".rstrip())
            return "OK done"
        if verb.upper() == "FETCH":
            wanted, _, what = rest.partition(" ")
            for number in self._wanted(wanted):
                self._show(number, what)
            return "OK done"
        return "BAD not here"

    def _show(self, number: int, what: str) -> None:
        mail = self._returns.mail(number)
        partial = _PARTIAL.search(what)
        mail = mail[: int(partial[1])] if partial else mail
        body = "BODY[]<0>" if partial else "BODY[]"
        self._writer.write(f"* {number} FETCH (UID {number} {body} {{{len(mail)}}}\r\n".encode() + mail + b")\r\n")

    def _wanted(self, numbers: str) -> Iterator[int]:
        """The numbers of a set that are there."""
        count = self._returns.count
        for first, last in _RANGE.findall(numbers):
            until = count if last == "*" else int(last or first)
            yield from range(max(1, int(first)), min(until, count) + 1)

    def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
