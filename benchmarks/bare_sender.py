"""The bare sender: an HTTP client, the stub, and nothing between them; its rate is what the engine's is divided by.

    python -m benchmarks.bare_sender PORT [--provider NAME] [--messages N] [--processes P] [--connections C]

P processes, each one aiohttp session with C connections; every connection has been used once before the clock starts.
Prints one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from queue import Empty
from typing import TypedDict

import aiohttp
import uvloop

from benchmarks.posting import PROVIDERS, Provider
from benchmarks.usage import peak_memory


class Share(TypedDict):
    """One process's part: when it began and ended (monotonic clock), processor seconds, peak memory (MB)."""

    began: float
    ended: float
    cpu: float
    memory: float


async def _post(session: aiohttp.ClientSession, url: str, provider: Provider, numbers: Iterator[int]) -> None:
    for _ in numbers:
        async with session.post(url, data=provider.body()) as response:
            if response.status != provider.status or not (await response.json())[provider.identity]:
                raise SystemExit("the stub did not take a message")


async def _share(provider: Provider, port: int, messages: int, connections: int, ready: Barrier) -> Share:
    url = f"http://127.0.0.1:{port}{provider.path}"
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=provider.headers()) as session:
        await asyncio.gather(*(_post(session, url, provider, iter((0,))) for _ in range(connections)))
        ready.wait(60)
        began, used = time.monotonic(), time.process_time()
        numbers = iter(range(messages))
        await asyncio.gather(*(_post(session, url, provider, numbers) for _ in range(connections)))
        return Share(
            began=began, ended=time.monotonic(), cpu=time.process_time() - used, memory=peak_memory(os.getpid())
        )


def _process(name: str, port: int, messages: int, connections: int, ready: Barrier, shares: Queue[Share]) -> None:
    shares.put(uvloop.run(_share(PROVIDERS[name], port, messages, connections, ready)))


def send(name: str, port: int, messages: int, processes: int, connections: int) -> list[Share]:
    """Send `messages` in all, as evenly split as they can be."""
    spawning = multiprocessing.get_context("spawn")
    ready, shares = spawning.Barrier(processes), spawning.Queue()
    each = [messages // processes + (place < messages % processes) for place in range(processes)]
    started = [
        spawning.Process(target=_process, args=(name, port, share, connections, ready, shares), daemon=True)
        for share in each
    ]
    for process in started:
        process.start()
    found: list[Share] = []
    while len(found) < processes:
        try:
            found.append(shares.get(timeout=1))
        except Empty:
            if any(process.exitcode for process in started):
                raise SystemExit("a sending process has failed") from None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Post to the stub with aiohttp and nothing else.")
    parser.add_argument("port", type=int)
    parser.add_argument("--provider", choices=PROVIDERS, default="twilio")
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--connections", type=int, default=48)
    given = parser.parse_args()
    shares = send(given.provider, given.port, given.messages, given.processes, given.connections)
    seconds = max(share["ended"] for share in shares) - min(share["began"] for share in shares)
    figures = {
        "rate": given.messages / seconds,
        "seconds": seconds,
        "cpu": sum(share["cpu"] for share in shares),
        "memory": max(share["memory"] for share in shares),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
