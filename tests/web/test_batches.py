"""Requests that come while a batch is written share the next; too many are sent away; an error is its caller's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from fastapi import HTTPException

from outreach.web.batches import Batches


class Gate:
    """Work that waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def work(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(20)
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


def answers(gate: Gate, first: int, others: Sequence[int], *, most: int = 100, queue: int = 100) -> list[int | str]:
    """What each gets: the first is being written while the others come."""

    async def ask(batches: Batches[int, int], item: int) -> int | str:
        try:
            return await batches.do(item)
        except ValueError as error:
            return f"error of {error}"
        except HTTPException as error:
            return f"{error.status_code}, again after {(error.headers or {})['Retry-After']} s"

    async def story() -> list[int | str]:
        batches: Batches[int, int] = Batches(gate.work, most=most, queue=queue)
        leading = asyncio.create_task(ask(batches, first))
        assert await asyncio.to_thread(gate.entered.wait, 20)
        following = [asyncio.create_task(ask(batches, item)) for item in others]
        await asyncio.to_thread(gate.open.set)
        try:
            return [await leading, *[await one for one in following]]
        finally:
            batches.close()

    return asyncio.run(story())


def test_who_comes_while_a_batch_is_written_shares_the_next_in_the_order_of_coming() -> None:
    gate = Gate()
    assert answers(gate, 1, [2, 3, 4]) == [10, 20, 30, 40]
    assert gate.batches == [[1], [2, 3, 4]]


def test_a_batch_is_bounded_and_everybody_is_served() -> None:
    gate = Gate()
    assert answers(gate, 1, [2, 3, 4, 5, 6], most=2) == [10, 20, 30, 40, 50, 60]
    assert gate.batches == [[1], [2, 3], [4, 5], [6]]


def test_whoever_finds_the_queue_full_is_told_to_come_again_and_the_others_are_served() -> None:
    gate = Gate()
    assert answers(gate, 1, [2, 3, 4], queue=2) == [10, 20, 30, "503, again after 5 s"]
    assert gate.batches == [[1], [2, 3]]


def test_an_error_is_its_own_callers() -> None:
    assert answers(Gate(), 1, [-2, 3]) == [10, "error of -2", 30]


def test_work_that_fails_as_a_whole_fails_for_all_and_the_next_is_served() -> None:
    async def story() -> int:
        broken = [True]

        def work(items: Sequence[int]) -> Sequence[int | Exception]:
            if broken.pop() if broken else False:
                raise ValueError("away")
            return [item + 1 for item in items]

        batches: Batches[int, int] = Batches(work, most=9, queue=9)
        with pytest.raises(ValueError, match="away"):
            await batches.do(1)
        return await batches.do(2)

    assert asyncio.run(story()) == 3


def test_who_has_gone_meanwhile_keeps_nobody_from_an_answer() -> None:
    async def story() -> int:
        gate = Gate()
        batches: Batches[int, int] = Batches(gate.work, most=9, queue=9)
        leaving = asyncio.create_task(batches.do(1))
        assert await asyncio.to_thread(gate.entered.wait, 20)
        staying = asyncio.create_task(batches.do(2))
        await asyncio.sleep(0)
        leaving.cancel()
        gate.open.set()
        return await staying

    assert asyncio.run(story()) == 20
