"""Database work of many requests done at once: whoever comes while one batch is written shares the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from fastapi import HTTPException

Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRY_S = "5"


class Batches(Generic[Item, Result]):
    """One writer, a thread, does batches of at most `most`; at most `queue` wait, beyond that callers are sent away.

    `work` does all items of a batch, durably, and gives a result or an error for each. Nobody is kept waiting for
    company: who comes alone is served alone. Used in one event loop.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, most: int, queue: int
    ) -> None:
        self._work = work
        self._most = most
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """What `work` gives for the item, once it is done; raises its error, HTTPException 503 where too many wait."""
        if len(self._waiting) >= self._queue:
            raise HTTPException(503, "too many requests at once; try again", {"Retry-After": _RETRY_S})
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, told))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await told

    def close(self) -> None:
        """Let the thread end once it has nothing to do."""
        self._thread.shutdown(wait=False)

    async def _write(self) -> None:
        """Write batch after batch until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            outcomes: Sequence[Result | BaseException]
            try:
                outcomes = await loop.run_in_executor(self._thread, self._work, [item for item, _ in batch])
            except BaseException as error:
                outcomes = [error] * len(batch)
            for (_, told), outcome in zip(batch, outcomes, strict=True):
                if told.done():  # whoever asked has gone
                    continue
                if isinstance(outcome, BaseException):
                    told.set_exception(outcome)
                else:
                    told.set_result(outcome)
        self._writing = None
