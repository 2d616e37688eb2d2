"""Database work of the web: in threads of its own kind, so that one kind of visitor cannot starve another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException

T = TypeVar("T")


class Threads:
    """At most `size` calls at once, and `queue` waiting; beyond that callers are told to come again."""

    def __init__(self, size: int, *, queue: int) -> None:
        self._limiter = CapacityLimiter(size)
        self._queue = queue

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns; raises HTTPException 503 where too many are waiting already."""
        if self._limiter.statistics().tasks_waiting >= self._queue:
            raise HTTPException(503, "too many requests at once; try again", {"Retry-After": "5"})
        return await to_thread.run_sync(call, limiter=self._limiter)
