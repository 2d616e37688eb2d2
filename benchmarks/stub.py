"""A stub SMS provider that costs as little as Python can: every POST is answered as a new message of its provider's.

    python -m benchmarks.stub [--processes N] [--delay S]      prints its port; GET / tells how many messages it took

The paths of Twilio, eSMS and Zalo are told apart. The id is random, as the real one is: ids in order would be kinder
to the engine's index than reality. Only loopback, no failure, no receipts, no delay unless one is asked for. It ends
with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import multiprocessing
import os
import random
import re
import socket
from collections.abc import Callable
from typing import TypeAlias, cast

import uvloop

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
Counts: TypeAlias = "ctypes.Array[ctypes.c_uint64]"
"""How many messages each process has taken, in memory they share."""
_MARK = "x" * 32
_MESSAGE: dict[str, object] = {
    "account_sid": "AC00000000000000000000000000000000",
    "api_version": "2010-04-01",
    "body": "",
    "date_created": "Sat, 21 Nov 2026 02:00:00 +0000",
    "date_sent": None,
    "date_updated": "Sat, 21 Nov 2026 02:00:00 +0000",
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "+15005550006",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": "USD",
    "sid": f"SM{_MARK}",
    "status": "queued",
    "subresource_uris": {},
    "to": "",
    "uri": "",
}


def _answer(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


_TWILIO = tuple(_answer("201 Created", json.dumps(_MESSAGE)).split(_MARK.encode()))
_ESMS = tuple(
    _answer("200 OK", json.dumps({"CodeResult": "100", "CountRegenerate": 0, "SMSID": _MARK})).split(_MARK.encode())
)
_ZALO = tuple(
    _answer("200 OK", json.dumps({"error": 0, "message": "Success", "data": {"message_id": _MARK}})).split(
        _MARK.encode()
    )
)
_OTHERS = ((b"POST /MainService.svc/", _ESMS), (b"POST /v3.0/oa/", _ZALO))


class Provider(asyncio.Protocol):
    """One connection of a client; `taken[place]` counts this process's messages."""

    def __init__(self, taken: Counts, place: int, delay: float) -> None:
        self._taken = taken
        self._place = place
        self._delay = delay
        self._rest = b""
        self._write: Callable[[bytes], object] = bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start = 0
        while end := _end(data, start):
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._write, self._reply(data, start))
            else:
                self._write(self._reply(data, start))
            start = end
        self._rest = data[start:]

    def _reply(self, data: bytes, start: int) -> bytes:
        if data.startswith(b"POST ", start):
            self._taken[self._place] += 1
            before, after = next((parts for path, parts in _OTHERS if data.startswith(path, start)), _TWILIO)
            return b"%b%032x%b" % (before, random.getrandbits(128), after)
        return _answer("200 OK", json.dumps({"taken": sum(self._taken)}))


def _end(data: bytes, start: int) -> int:
    """Where the request that begins at `start` ends; 0 while it is not all there."""
    head = data.find(b"\r\n\r\n", start)
    if head < 0:
        return 0
    length = _LENGTH.search(data, start, head)
    end = head + 4 + (int(length[1]) if length else 0)
    return end if end <= len(data) else 0


def _listener(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


async def _serve(listener: socket.socket, taken: Counts, place: int, delay: float) -> None:
    parent = os.getppid()
    await asyncio.get_running_loop().create_server(lambda: Provider(taken, place, delay), sock=listener, backlog=1024)
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


def _further_process(port: int, taken: Counts, place: int, delay: float) -> None:
    uvloop.run(_serve(_listener(port), taken, place, delay))


def main() -> None:
    parser = argparse.ArgumentParser(description="A stub of Twilio's Messages API on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--processes", type=int, default=1, help="that share the port")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    taken = spawning.RawArray(ctypes.c_uint64, given.processes)
    listener = _listener(given.port)
    port = listener.getsockname()[1]
    for place in range(1, given.processes):
        spawning.Process(target=_further_process, args=(port, taken, place, given.delay), daemon=True).start()
    print(port, flush=True)
    uvloop.run(_serve(listener, taken, 0, given.delay))


if __name__ == "__main__":
    main()
