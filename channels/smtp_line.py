"""The dialogue on an opened connection: commands written together where the server allows, replies in their order.

Source: RFC 5321 (replies), RFC 2920 (pipelining).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, cast

from aiosmtplib import SMTP, SMTPServerDisconnected

_LONGEST_REPLY: Final = 8_192
"""Characters of a line, of which a reply has at most `_MOST_LINES`."""
_MOST_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply; of several lines, `text` holds all of them, one after the other."""

    code: int
    text: str


class SmtpLine(asyncio.Protocol):
    """Takes over the connection of an `aiosmtplib.SMTP` that has said EHLO and logged in.

    That library waits for each reply before the next command; on a distant server the waiting is all the time there is.
    """

    def __init__(self, opened: SMTP) -> None:
        transport = opened.transport
        if transport is None or not opened.is_connected:
            raise SMTPServerDisconnected("closed after the login")
        self.pipelining = opened.supports_extension("pipelining")
        self._opened = opened
        """Kept, so that nothing closes the connection behind us."""
        self._transport = cast(asyncio.Transport, transport)
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._expected = 0
        self._rest = b""
        self._said: list[str] = []
        self._lost = False
        self._transport.set_protocol(self)

    @property
    def fresh(self) -> bool:
        """Whether another message may begin here: connected, and nothing said that nobody asked for."""
        quiet = self._expected == 0 and not (self._replies or self._rest or self._said)
        return quiet and not self._lost and not self._transport.is_closing()

    def write(self, data: bytes, *, replies: int = 1) -> None:
        """Write commands or a text that so many replies answer; raises SMTPServerDisconnected."""
        if self._lost or self._transport.is_closing():
            raise SMTPServerDisconnected("the connection is closed")
        self._expected += replies
        self._transport.write(data)

    async def reply(self) -> Reply:
        """The next reply; raises SMTPServerDisconnected where there will be none."""
        while not self._replies:
            if self._lost:
                raise SMTPServerDisconnected("the connection broke")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._expected -= 1
        return self._replies.popleft()

    async def ask(self, command: bytes) -> Reply:
        """Write one command and wait for its reply."""
        self.write(command)
        return await self.reply()

    def close(self) -> None:
        """Hang up at once."""
        self._transport.abort()
        self._opened.close()

    def data_received(self, data: bytes) -> None:
        """Split what the server says into replies."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        understood = all(self._understand(line) for line in lines)
        if not understood or len(self._rest) > _LONGEST_REPLY or len(self._replies) > self._expected + 1:
            self._lost = True
            self._transport.abort()
        self._wake()

    def _understand(self, line: bytes) -> bool:
        """Take one line; False for what is no reply."""
        if not (line[:3].isdigit() and len(line) < _LONGEST_REPLY and len(self._said) < _MOST_LINES):
            return False
        self._said.append(line[4:].decode("utf-8", "replace").strip())
        if line[3:4] != b"-":
            self._replies.append(Reply(int(line[:3]), "\n".join(self._said)))
            self._said = []
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        self._lost = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
