"""One adapter alone against the stub: no database, no queue, nothing but what it makes of a message.

    python -m benchmarks.adapting PROVIDER PORT [--messages N] [--connections C]

One process, C messages on the wire at a time, each connection used once before the clock starts. Prints one JSON
document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import uvloop

from benchmarks.posting import BODY, CALLBACK, PROVIDERS, TO, TOKEN, USER
from channels.abilities import TokenHolder, Tokens
from channels.contract import Adapter, Content, Lease, Outgoing
from channels.registry import ADAPTERS

_TIMEOUT = 30.0


class _Vault:
    """Tokens that last: renewing them is not what is measured."""

    async def current(self) -> Tokens:
        """The pair in use."""
        return Tokens(TOKEN, TOKEN, datetime.now(UTC) + timedelta(hours=20))

    async def rotate(self, stale: Tokens, refresh: Callable[[Tokens], Awaitable[Tokens]]) -> Tokens:
        """Never asked for while the stub takes what it is given."""
        raise SystemExit("the stub refused a token")


def adapter(name: str, port: int, connections: int) -> Adapter:
    """The adapter of a provider, aimed at the stub."""
    settings = tomllib.loads(PROVIDERS[name].settings)
    cls = ADAPTERS[name]
    config = cls.Config.model_validate({**settings, "base_url": f"http://127.0.0.1:{port}", "connections": connections})
    made = cls(config, timeout=_TIMEOUT)
    if isinstance(made, TokenHolder):
        made.use_vault(_Vault())
    return made


def message(name: str, number: int, lease: Lease) -> Outgoing:
    """The message the bare sender posts, as the engine hands it over."""
    channel, to = ("zalo_oa", USER) if name == "zalo" else ("sms", TO)
    content = Content(channel=channel, body=BODY)
    return Outgoing(f"12.{number}.0", to, content, lease, callback_url=CALLBACK)


async def _send(made: Adapter, name: str, numbers: Iterator[int]) -> None:
    for number in numbers:
        await made.send(message(name, number, Lease.lasting(_TIMEOUT)))


async def measured(name: str, port: int, messages: int, connections: int) -> dict[str, float]:
    """Messages a second, and processor seconds a message."""
    made = adapter(name, port, connections)
    await asyncio.gather(*(_send(made, name, iter((0,))) for _ in range(connections)))
    began, used = time.monotonic(), time.process_time()
    numbers = iter(range(messages))
    await asyncio.gather(*(_send(made, name, numbers) for _ in range(connections)))
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    await made.aclose()
    return {"rate": messages / seconds, "seconds": seconds, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description="Send through one adapter to the stub.")
    parser.add_argument("provider", choices=PROVIDERS)
    parser.add_argument("port", type=int)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=48)
    given = parser.parse_args()
    print(json.dumps(uvloop.run(measured(given.provider, given.port, given.messages, given.connections))))


if __name__ == "__main__":
    main()
