"""What goes over the wire to a provider, and what is taken for its answer."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from adapter_harness import run
from aiohttp import ClientSession

from channels import http
from channels.contract import ErrorKind, Lease, SendError

_ACCEPTED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def wire_server(answers: Callable[[int], list[bytes]]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server of single writes: `answers(n)` is what it writes, piece by piece, to the nth request; what it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            got.append(data)
            for piece in answers(len(got)):
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


async def posted(port: int, *, times: int = 1, proxy: str | None = None, path: str = "/send") -> list[http.Answer]:
    async with http.open_session(timeout=5, connections=1, proxy=proxy) as session:
        url = f"http://127.0.0.1:{port}{path}"
        found = []
        for number in range(times):
            body = f"n={number}".encode()
            found.append(await http.post(session, url, body, {"X-Own": "1"}, Lease.lasting(9)))
            await asyncio.sleep(0.01 if times > 1 else 0)  # what comes unasked has come
        return found


def test_head_and_body_leave_in_one_piece() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, got):
            (answer,) = await posted(port)
            assert (answer.status, answer.text) == (201, "ok")
            head, _, body = got[0].partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            assert lines[0] == b"POST /send HTTP/1.1"
            assert body == b"n=0"
            assert {b"Host: 127.0.0.1:%d" % port, b"X-Own: 1", b"Content-Length: 3"} <= set(lines)
            assert b"Content-Type: application/x-www-form-urlencoded" in lines

    run(story())


def test_what_a_server_says_unasked_is_nobodys_answer() -> None:
    """Some say 408 on a connection that has rested, before they close it."""
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"

    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED, late] if n == 1 else [_ACCEPTED]) as (port, got):
            assert [answer.status for answer in await posted(port, times=3)] == [201, 201, 201]
            assert len(got) == 3

    run(story())


def test_a_word_before_the_answer_is_not_the_answer() -> None:
    async def story() -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
        async with wire_server(lambda n: [early, _ACCEPTED]) as (port, _):
            assert [answer.status for answer in await posted(port)] == [201]

    run(story())


@pytest.mark.parametrize(
    "said",
    [b"no HTTP at all\r\n\r\n", b"HTTP/1.1 201 Created\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 201 Cr\xc3", b""],
)
def test_what_is_no_answer_leaves_the_message_in_doubt(said: bytes) -> None:
    async def story() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(said)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            with pytest.raises(SendError) as caught:
                await posted(server.sockets[0].getsockname()[1])
            assert caught.value.kind is ErrorKind.UNCERTAIN

    run(story())


def test_through_a_proxy_the_whole_address_is_asked_for_under_the_accounts_name_there() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, got):
            answers = await posted(9, times=2, proxy=f"http://own:secret@127.0.0.1:{port}")
            assert [answer.status for answer in answers] == [201, 201]
            for one in got:
                assert one.startswith(b"POST http://127.0.0.1:9/send HTTP/1.1\r\n")
                assert b"Proxy-Authorization: Basic b3duOnNlY3JldA==" in one
                assert one.endswith((b"\r\n\r\nn=0", b"\r\n\r\nn=1"))

    run(story())


def test_every_address_is_asked_for_under_the_accounts_name_at_a_proxy_on_whatever_connection() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, got):
            proxy = f"http://own:secret@127.0.0.1:{port}"
            async with http.open_session(timeout=5, connections=1, proxy=proxy) as session:
                for path in ("send", "other", "send"):
                    await http.post(session, f"http://127.0.0.1:9/{path}", b"x=1", {}, Lease.lasting(9))
            assert [one.count(b"Proxy-Authorization: Basic b3duOnNlY3JldA==") for one in got] == [1, 1, 1]

    run(story())


def test_what_is_still_on_its_way_when_the_answer_comes_does_not_go_before_the_next_message() -> None:
    async def story() -> None:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Content-Length: 3\r\n" in head:
                writer.write(_ACCEPTED)
            else:  # too much: told at once, and the rest is not read
                writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            await over.wait()
            writer.close()

        over = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, http.open_session(timeout=5, connections=1) as session:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            large = await http.post(session, url, bytes(40_000_000), {}, Lease.lasting(9))
            small = await http.post(session, url, b"x=1", {}, Lease.lasting(9))
            over.set()
        assert (large.status, small.status, connections) == (413, 201, 2)

    run(story())


def test_a_type_that_is_given_is_the_only_one() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, got), http.open_session(timeout=5) as session:
            url, headers = f"http://127.0.0.1:{port}/", {"content-type": "text/plain"}
            await http.post(session, url, b"", headers, Lease.lasting(9), http.JSON)
            assert got[0].lower().count(b"content-type:") == 1
            assert b"text/plain" in got[0]

    run(story())


def test_a_session_that_is_closed_is_forgotten() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, _), http.open_session(timeout=5) as session:
            await http.post(session, f"http://127.0.0.1:{port}/", b"", {}, Lease.lasting(9))
            watched.append(weakref.ref(session))

    watched: list[weakref.ref[ClientSession]] = []
    run(story())
    gc.collect()
    assert watched[0]() is None


def test_a_header_cannot_begin_another() -> None:
    async def story() -> None:
        async with wire_server(lambda n: [_ACCEPTED]) as (port, got), http.open_session(timeout=5) as session:
            with pytest.raises(ValueError, match="control character"):
                await http.post(session, f"http://127.0.0.1:{port}/", b"", {"X-Own": "1\r\nX: 2"}, Lease.lasting(9))
            assert got == []

    run(story())
