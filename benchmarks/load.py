"""How much the stub sustains: raw sockets that post the same bytes again and again, one request at a time each.

    python -m benchmarks.load PORT [--provider NAME] [--requests N] [--connections C]

Lighter than any HTTP client, so that the stub and not the asker is the limit; what it finds is a lower bound still.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

from benchmarks.posting import PROVIDERS, Provider, raw_request

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")


@dataclass(slots=True)
class Load:
    """What is still to be asked, by all connections together."""

    request: bytes
    taken: bytes
    left: int
    waiting: int
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answered(self) -> bool:
        """Count an answer; whether another request is wanted."""
        self.waiting -= 1
        if self.waiting == 0:
            self.done.set_result(None)
        self.left -= 1
        return self.left >= 0


class Asker(asyncio.Protocol):
    """One connection: the next request leaves when the answer to the one before is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._write: Callable[[bytes], object] = bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write

    def ask(self) -> None:
        self._write(self._load.request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        length = _LENGTH.search(answer) if head > 0 else None
        if length is None or len(answer) < head + 4 + int(length[1]):
            self._answer = answer
            return
        if not answer.startswith(self._load.taken):
            raise SystemExit("the stub did not take a message")
        self._answer = b""
        if self._load.answered():
            self.ask()


async def sustained(provider: Provider, port: int, requests: int, connections: int) -> float:
    """Requests a second over `connections`, each with one request under way."""
    loop = asyncio.get_running_loop()
    taken = f"HTTP/1.1 {provider.status} ".encode()
    load = Load(raw_request(provider, port), taken, left=requests - connections, waiting=requests)
    made = [await loop.create_connection(lambda: Asker(load), "127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    for _, asker in made:
        asker.ask()
    await load.done
    return requests / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask the stub as fast as it answers; prints requests a second.")
    parser.add_argument("port", type=int)
    parser.add_argument("--provider", choices=PROVIDERS, default="twilio")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=96)
    given = parser.parse_args()
    print(round(uvloop.run(sustained(PROVIDERS[given.provider], given.port, given.requests, given.connections))))


if __name__ == "__main__":
    main()
