"""Requests end after their session's time, each its own: one timer serves all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from adapter_harness import run
from aiohttp import ClientSession

from channels import http
from channels.contract import ErrorKind, Lease, SendError

LASTS = 0.3


@asynccontextmanager
async def hesitant_server() -> AsyncIterator[str]:
    """Answers what says `quick` at once, what says `tardy` a third too late, and nothing else ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the story is over
            while data := await reader.read(65536):
                if b"tardy" in data:
                    await asyncio.sleep(LASTS * 4 / 3)
                if b"never" not in data:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def post(session: ClientSession, url: str, word: str) -> http.Answer:
    return await http.post(session, url, word.encode(), {}, Lease.lasting(9))


def told(story: Any) -> Any:
    """What the story comes to, with a server and a session whose requests last a moment."""

    async def whole() -> Any:
        async with hesitant_server() as url, http.open_session(timeout=LASTS, connections=50) as session:
            return await story(session, url)

    return run(whole())


def test_those_in_time_are_answered_beside_those_that_are_not() -> None:
    async def story(session: ClientSession, url: str) -> list[Any]:
        words = ["quick", "never", "tardy", "quick"] * 10
        return await asyncio.gather(*(post(session, url, word) for word in words), return_exceptions=True)

    results = told(story)
    for place, result in enumerate(results):
        if place % 4 in (0, 3):
            assert isinstance(result, http.Answer)
        else:
            assert isinstance(result, SendError)
            assert result.kind is ErrorKind.UNCERTAIN
            assert "no answer in time" in result.reason


def test_each_request_has_the_whole_time_however_old_the_timer_is() -> None:
    async def story(session: ClientSession, url: str) -> tuple[Any, float]:
        old = asyncio.create_task(post(session, url, "never"))
        await asyncio.sleep(LASTS * 2 / 3)
        began = asyncio.get_running_loop().time()
        young = await asyncio.gather(post(session, url, "never"), return_exceptions=True)
        lasted = asyncio.get_running_loop().time() - began
        await asyncio.gather(old, return_exceptions=True)
        return young[0], lasted

    result, lasted = told(story)
    assert isinstance(result, SendError)
    assert LASTS * 0.95 <= lasted <= LASTS * 3


def test_who_was_too_slow_may_post_again_and_is_not_taken_for_cancelled() -> None:
    async def story(session: ClientSession, url: str) -> tuple[int, http.Answer, int]:
        with pytest.raises(SendError):
            await post(session, url, "never")
        task = asyncio.current_task()
        assert task is not None
        between = task.cancelling()
        await asyncio.sleep(0)
        return between, await post(session, url, "quick"), task.cancelling()

    between, answer, after = told(story)
    assert (between, answer.text, after) == (0, "ok", 0)


async def _cancelled(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.create_task(work)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    return task


def test_who_is_cancelled_by_somebody_is_cancelled_and_not_late() -> None:
    async def story(session: ClientSession, url: str) -> tuple[bool, http.Answer]:
        task = await _cancelled(post(session, url, "never"))
        return task.cancelled(), await post(session, url, "quick")

    was_cancelled, answer = told(story)
    assert was_cancelled
    assert answer.text == "ok"


def test_a_time_around_it_that_is_shorter_counts() -> None:
    async def story(session: ClientSession, url: str) -> bool:
        try:
            async with asyncio.timeout(LASTS / 6):
                await post(session, url, "never")
        except TimeoutError:
            return True
        return False

    assert told(story)


def test_a_task_that_ignored_a_cancel_before_is_late_and_not_cancelled() -> None:
    async def stubborn(session: ClientSession, url: str) -> tuple[ErrorKind, int]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(9)
        with pytest.raises(SendError) as refused:
            await post(session, url, "never")
        task = asyncio.current_task()
        assert task is not None
        return refused.value.kind, task.cancelling()

    async def story(session: ClientSession, url: str) -> tuple[ErrorKind, int]:
        task = asyncio.create_task(stubborn(session, url))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert told(story) == (ErrorKind.UNCERTAIN, 1)
