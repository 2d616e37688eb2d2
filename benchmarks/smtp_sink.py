"""A mail server that costs as little as Python can: it takes every message and keeps none.

    python -m benchmarks.smtp_sink [--no-pipelining]      prints its port; NOOP tells how many messages it took

Only loopback, no delay, no refusal, no TLS. It ends with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from typing import cast

import uvloop

_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection of a client; `taken[0]` counts the messages of all."""

    def __init__(self, taken: list[int], *, pipelining: bool = True) -> None:
        self._taken = taken
        self._ehlo = (
            b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n" if pipelining else b"250-sink\r\n250 8BITMIME\r\n"
        )
        self._rest = b""
        self._text = False
        self._write: Callable[[bytes], object] = bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self._write(b"220 sink ready\r\n")

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        replies = []
        start = 0
        while True:
            if self._text:
                end = data.find(_END, start)
                if end < 0:
                    break
                start = end + len(_END)
                self._text = False
                self._taken[0] += 1
                replies.append(b"250 2.0.0 taken\r\n")
                continue
            end = data.find(b"\r\n", start)
            if end < 0:
                break
            replies.append(self._reply(data[start : start + 4].upper()))
            start = end + 2
        self._rest = data[start:]
        if replies:
            self._write(b"".join(replies))

    def _reply(self, verb: bytes) -> bytes:
        match verb:
            case b"EHLO":
                return self._ehlo
            case b"DATA":
                self._text = True
                return b"354 go on\r\n"
            case b"QUIT":
                asyncio.get_running_loop().call_soon(self._transport.close)
                return b"221 2.0.0 bye\r\n"
            case b"NOOP":
                return b"250 2.0.0 %d\r\n" % self._taken[0]
        return b"250 2.0.0 ok\r\n"


async def _serve(port: int, *, pipelining: bool) -> None:
    parent, taken = os.getppid(), [0]
    server = await asyncio.get_running_loop().create_server(
        lambda: Sink(taken, pipelining=pipelining), "127.0.0.1", port, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description="A mail server on loopback that forgets everything.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--no-pipelining", action="store_true", help="offer no PIPELINING")
    given = parser.parse_args()
    uvloop.run(_serve(given.port, pipelining=not given.no_pipelining))


if __name__ == "__main__":
    main()
