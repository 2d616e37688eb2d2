"""Work that costs a commit, done for everybody who waits at once: whoever comes while one commit runs shares the next.

Nobody is kept waiting for company: who comes alone is served alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[Sequence[Item]], Sequence[Result | Exception]]
"""Does all items, durably; gives a result or an error for each, or raises for all of them."""


@dataclass(slots=True, eq=False)
class _Call(Generic[Item, Result]):
    item: Item
    told: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    outcome: Result | BaseException | None = None


class Together(Generic[Item, Result]):
    """Gathers the calls of many threads into batches of at most `most`; one batch at a time."""

    def __init__(self, *, most: int = 100) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Call[Item, Result]] = deque()
        self._busy = False

    def do(self, item: Item, work: Work[Item, Result]) -> Result:
        """What `work` gives for the item, once it is done; raises its error. One of the callers works for all."""
        call: _Call[Item, Result] = _Call(item)
        with self._lock:
            self._waiting.append(call)
            if not self._busy:
                self._busy = call.leads = True
        if not call.leads:
            call.told.wait()
        if call.leads:
            self._serve(work)
        if isinstance(call.outcome, BaseException):
            raise call.outcome
        assert call.outcome is not None
        return call.outcome

    def _serve(self, work: Work[Item, Result]) -> None:
        """Do a batch, the caller's own item first in it, and hand the lead to the next who waits."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        outcomes: Sequence[Result | BaseException]
        try:
            outcomes = work([call.item for call in batch])
        except BaseException as error:
            outcomes = [error] * len(batch)
        with self._lock:
            heir = self._waiting[0] if self._waiting else None
            if heir is None:
                self._busy = False
            else:
                heir.leads = True
        for call, outcome in zip(batch, outcomes, strict=True):
            call.outcome = outcome
            call.told.set()
        if heir is not None:
            heir.told.set()
