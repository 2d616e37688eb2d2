"""Calling back: receipts and what citizens do, in order, again and again until they are taken or given up.

Each provider has its own manners: what it says, how it signs, how often it repeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Final, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.faults import ReceiptFault
from outreach.local.sandbox.log import Deed, Entry
from outreach.local.sandbox.lots import Lots, late_by, of_receipts

_log = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 15.0
"""Seconds before a callback that was not taken is offered again, doubling."""
_TIMEOUT = 15.0
_TRY_AGAIN: Final = frozenset({408, 425, 429})

Step = tuple[str, str]
"""How far a message has come, and the error's code."""


def doubling() -> Iterator[float]:
    """Seconds before each repetition: for ever, ever more seldom."""
    wait = _FIRST_WAIT
    while True:
        yield wait
        wait = min(wait * 2, _LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the other side."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


class Caller(Protocol):
    """A provider's manners when it calls back. `refusal_is_final`: a 4xx is not repeated."""

    refusal_is_final: ClassVar[bool]

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """The receipts of a message; `what` are those of an SMS that is delivered, as configured."""
        ...

    def fate(self, to: str) -> Fate:
        """What happens to messages to this recipient."""
        ...

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """The request that tells of it; `repeated`: how often it was made in vain. Raises ValueError if it cannot."""
        ...

    def waits(self) -> Iterator[float]:
        """Seconds before each repetition; given up where it ends."""
        ...


@dataclass(slots=True)
class _Job:
    """What is still to be told about one message or deed; `repeated`: tries in vain of the first step."""

    about: Entry | Deed
    steps: list[Step]
    waits: Callable[[], Iterator[float]]
    repeated: int = 0
    rest: Iterator[float] = field(init=False)

    def __post_init__(self) -> None:
        self.rest = self.waits()

    @property
    def id(self) -> str:
        return self.about.provider_id if isinstance(self.about, Entry) else self.about.id

    def step_taken(self) -> Step:
        """The first step is done; the next one has all its tries."""
        self.repeated, self.rest = 0, self.waits()
        return self.steps.pop(0)


class Callbacks:
    """Calls back for accepted messages and for citizens, a bounded number at a time; lives in one event loop."""

    def __init__(self, config: SandboxConfig, book: Book, callers: Mapping[str, Caller], lots: Lots) -> None:
        self._config = config
        self._book = book
        self._lots = lots
        self._callers = callers
        self._due: asyncio.Queue[_Job] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Begin, first with what an earlier process left undone."""
        self._session = ClientSession(
            connector=TCPConnector(limit=self._config.callbacks_at_once),
            timeout=ClientTimeout(total=_TIMEOUT),
            cookie_jar=DummyCookieJar(),
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._config.callbacks_at_once)]
        for about in self._book.without_receipt():
            self.expect(about)

    async def stop(self) -> None:
        """Stop; what was not taken is offered again by the next process."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def expect(self, about: Entry | Deed) -> None:
        """Put the receipts of a message, or what a citizen did, on their way."""
        caller = self._callers.get(about.provider)
        if caller is None:
            return
        if isinstance(about, Deed):
            self._later(_Job(about, [("told", "")], caller.waits), 0)
        elif steps := self._steps(caller, about):
            self._later(_Job(about, steps, caller.waits), self._first_wait(about))

    def receipts_of(self, entry: Entry) -> int:
        """How many receipts a message brings if nothing befalls them; 0 where its fate says all of them."""
        caller = self._callers.get(entry.provider)
        if caller is None or not entry.callback or caller.fate(entry.to) in (Fate.NO_RECEIPT, Fate.TWICE):
            return 0
        return len(self._steps(caller, entry))

    def _first_wait(self, entry: Entry) -> float:
        """Seconds before the first receipt: after a restart, what is left of them where it is late."""
        usual = self._config.receipt_ms / 1000
        late = late_by(entry)
        if not late:
            return usual
        return max(usual, late - (datetime.now(UTC) - entry.moment).total_seconds())

    def _steps(self, caller: Caller, entry: Entry) -> list[Step]:
        what = caller.fate(entry.to)
        if what is Fate.NO_RECEIPT or ReceiptFault.LOST in entry.faults:
            return []
        steps = caller.steps(entry, [(status, "") for status in self._config.statuses])
        if what is Fate.TWICE or ReceiptFault.DUPLICATE in entry.faults:
            steps = [step for step in steps for _ in range(2)]
        turned = what is Fate.TWICE or ReceiptFault.DISORDERED in entry.faults
        return list(reversed(steps)) if turned else steps

    def _later(self, job: _Job, seconds: float) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._due.put_nowait, job)
        else:
            self._due.put_nowait(job)

    async def _work(self) -> None:
        while True:
            job = await self._due.get()
            if not await self._call(job):
                job.repeated += 1
                wait = next(job.rest, None)
                if wait is None:
                    _log.warning("the callback for %s was given up after %d tries", job.id, job.repeated)
                    self._book.receipt_arrived(job.id)
                else:
                    self._later(job, wait)
                continue
            self._book.set_status(job.id, *job.step_taken())
            if job.steps:
                self._later(job, self._config.receipt_ms / 1000)
            else:
                self._finish(job)

    def _finish(self, job: _Job) -> None:
        """All is told: for good, and what befell it is noted."""
        self._book.receipt_arrived(job.id)
        if isinstance(job.about, Entry):
            told = [name for name in job.about.faults if name.startswith("fail:")]
            for name in (*told, *of_receipts(job.about)):
                self._lots.record.befell(job.about, name)

    async def _call(self, job: _Job) -> bool:
        """Offer one callback; whether it is done with (a refusal is final where the provider takes it so)."""
        if self._session is None:
            return False
        caller = self._callers[job.about.provider]
        try:
            call = caller.call(job.about, job.steps[0], job.repeated)
            url = URL(call.url, encoded=True)
            async with self._session.request(
                call.method, url, data=call.body or None, headers=call.headers, allow_redirects=False
            ) as answer:
                return self._done(job, caller, answer.status)
        except (ClientError, OSError):
            return False
        except ValueError:
            _log.warning("the callback for %s has no usable address", job.id)
            return True

    def _done(self, job: _Job, caller: Caller, status: int) -> bool:
        if caller.refusal_is_final and 400 <= status < 500 and status not in _TRY_AGAIN:
            _log.warning("the callback for %s was refused with HTTP %d", job.id, status)
            return True
        return 200 <= status < 300
