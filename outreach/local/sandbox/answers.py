"""What the HTTP providers have in common: a message is written down first, then answered, or not, as its fate says."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.callbacks import Callbacks
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.fault_answers import outcome_of, saying
from outreach.local.sandbox.faults import Drawn, Fault, ReceiptFault
from outreach.local.sandbox.log import Entry, Outcome
from outreach.local.sandbox.lots import AS_FATES, Lots

_UNHEARD: Final = frozenset({Fate.SILENT, Fate.RESET, Fate.GARBLED})


class Limit:
    """At most so many in a span of `seconds`, counted by the clock's own spans; 0: no limit."""

    def __init__(self, most: int, seconds: float = 1.0) -> None:
        self._most = most
        self._seconds = seconds
        self._span = 0
        self._used = 0

    def admits(self) -> bool:
        """Count one more, and whether it is still within the limit."""
        span = int(time.monotonic() / self._seconds)
        if span != self._span:
            self._span, self._used = span, 0
        self._used += 1
        return not self._most or self._used <= self._most

    @property
    def resets_in(self) -> int:
        """Whole seconds until this span ends."""
        return max(1, math.ceil(self._seconds - time.monotonic() % self._seconds))

    @property
    def left(self) -> int:
        """How many more are admitted in this span."""
        return max(0, self._most - self._used)


class Desk:
    """Where a provider's messages are handed in."""

    def __init__(self, config: SandboxConfig, book: Book, callbacks: Callbacks, lots: Lots) -> None:
        self.config = config
        self.book = book
        self._callbacks = callbacks
        self._lots = lots
        self._limit = Limit(config.throttle_per_s)

    def admits(self) -> bool:
        """Whether one more message is within the limit of a second."""
        return self._limit.admits()

    def refuse(self, entry: Entry, outcome: Outcome, code: str) -> None:
        """Write down a message that is not taken."""
        self.book.add(replace(entry, outcome=outcome, code=code))

    async def take(
        self, request: web.Request, entry: Entry, what: Fate, answer: Callable[[Entry], web.Response]
    ) -> web.StreamResponse:
        """Write down a message that is taken, put its receipts on their way, and answer as its fate wants it."""
        return await self.take_all(request, [entry], what, lambda: answer(entry))

    async def take_all(
        self, request: web.Request, entries: Sequence[Entry], what: Fate, answer: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """The same for the messages of one request; all of them are written down before it is answered.

        Here faults by lot befall messages: what befalls the first of a list befalls the whole list.
        """
        drawn, wait = self._lots.drawn(entries[0], what)
        wait += self.config.latency_ms / 1000
        entries = [self._lots.befallen(entry, drawn, self._callbacks.receipts_of(entry)) for entry in entries]
        if drawn is not None and drawn.fault is Fault.FAIL:
            self._fail(entries, drawn)
            await asyncio.sleep(wait)
            return saying(entries[0].provider, drawn.code)
        what = AS_FATES.get(drawn.fault, what) if drawn is not None else what
        if what is Fate.DROPPED:
            for entry in entries:
                self._write(replace(entry, outcome=Outcome.BROKEN, provider_id=""), drawn)
            return hang_up(request)
        for entry in entries:
            self._write(entry, drawn)
        for entry in entries:
            if entry.callback:
                self._callbacks.expect(entry)
        if wait:
            await asyncio.sleep(wait)
        if what not in _UNHEARD:
            return answer()
        if what is Fate.GARBLED:
            return web.Response(status=answer().status, text="<html>gateway</html>", content_type="text/html")
        if what is Fate.SILENT:
            await asyncio.sleep(3600)  # until the other side gives up, which ends this handler
        return hang_up(request)

    def _fail(self, entries: Sequence[Entry], drawn: Drawn) -> None:
        for entry in entries:
            outcome = outcome_of(entry.provider, drawn.code)
            self._write(replace(entry, provider_id="", outcome=outcome, code=drawn.code), drawn)

    def _write(self, entry: Entry, drawn: Drawn | None) -> None:
        """Write down a message and what befell it; what is told by its receipts is noted when it is told."""
        self.book.add(entry)
        if drawn is not None and drawn.fault is not Fault.UNDELIVERED:
            self._lots.record.befell(entry, drawn.name)
        if ReceiptFault.LOST in entry.faults:
            self._lots.record.befell(entry, ReceiptFault.LOST)


WHOLE: Final = (
    Fate.DROPPED, Fate.BROKEN, Fate.FLAKY, Fate.THROTTLED, Fate.BALANCE, Fate.CONTENT, Fate.NIGHT, Fate.SILENT,
    Fate.RESET, Fate.GARBLED,
)  # fmt: skip
"""Fates of one number that become those of the whole list it is in; the first of them counts."""


def shared_fate(fates: Iterable[Fate]) -> Fate:
    """What happens to a request with recipients of these fates."""
    found = set(fates)
    return next((one for one in WHOLE if one in found), Fate.DELIVERED)


def hang_up(request: web.Request) -> web.StreamResponse:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def json_answer(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON document, its text readable."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def fields(request: web.Request) -> dict[str, Any] | None:
    """What a request says in its query and its body, JSON or a form; None for a body that is neither."""
    body = await request.read()
    said: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            document = json.loads(body)
        except ValueError:
            return None
        return {**said, **document} if isinstance(document, dict) else None
    if request.content_type.startswith("multipart/"):
        return {**said, **{name: str(value) for name, value in (await request.post()).items()}}
    return {**said, **dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))}
