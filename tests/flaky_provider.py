"""A provider of SMS (Twilio's interface) on loopback whose mood a test changes while messages are on their way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from aiohttp import web


class Mood(Enum):
    WELL = auto()
    BROKEN = auto()
    """500: nothing is taken."""
    SILENT = auto()
    """Taken, and never answered."""
    UNAUTHORISED = auto()
    THROTTLING_ONCE = auto()
    """One request gets 429 with `retry_after`; those after it are taken."""


@dataclass
class FlakyProvider:
    """`taken`: whom it has a message for, as often as it has one; `asked`: requests of any fate.

    `taken_at`, `throttled_at` (0: never): when, by the monotonic clock. `latency`: seconds before it says so.
    """

    port: int = 0
    mood: Mood = Mood.WELL
    asked: int = 0
    taken: list[str] = field(default_factory=list)
    breaks_after: int = -1
    """Requests after which it is broken; never for -1."""
    latency: float = 0.0
    retry_after: float = 1.0
    taken_at: list[float] = field(default_factory=list)
    throttled_at: float = 0.0

    def account(self, name: str, more: str = "") -> str:
        """Its part of an accounts.toml."""
        return f"""
            [accounts.{name}]
            channel = "sms"
            provider = "twilio"
            account_sid = "AC00000000000000000000000000000000"
            auth_token = "flaky-auth-token"
            from = "+15005550006"
            base_url = "http://127.0.0.1:{self.port}"
            rate = "5000/s"
            {more}
            """

    async def answer(self, request: web.Request) -> web.StreamResponse:
        said = await request.post()
        self.asked += 1
        if self.asked == self.breaks_after:
            self.mood = Mood.BROKEN
        match self.mood:
            case Mood.BROKEN:
                return web.Response(status=500)
            case Mood.UNAUTHORISED:
                return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
            case Mood.SILENT:
                self.taken.append(str(said["To"]))
                await asyncio.sleep(30)
                return web.Response(status=500)
            case Mood.THROTTLING_ONCE:
                self.mood, self.throttled_at = Mood.WELL, time.monotonic()
                more = {"Retry-After": f"{self.retry_after:.0f}"}
                return web.json_response({"code": 20429, "message": "wait", "status": 429}, status=429, headers=more)
            case Mood.WELL:
                self.taken.append(str(said["To"]))
                self.taken_at.append(time.monotonic())
                number = len(self.taken)
                if self.latency:
                    await asyncio.sleep(self.latency)
                sid = f"SM{number:032d}"
                return web.json_response({"sid": sid, "status": "queued", "num_segments": "1"}, status=201)


@contextmanager
def flaky_provider() -> Iterator[FlakyProvider]:
    """A running one, in a thread of its own."""
    provider, ready, stop = FlakyProvider(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.post("/{path:.*}", provider.answer)])
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        provider.port = int(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
