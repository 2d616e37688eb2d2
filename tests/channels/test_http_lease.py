"""Before a request is written its lease is looked at, in the very step that writes; afterwards we know what left."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from adapter_harness import (
    LOOPS,
    certificate,
    http_server,
    letter,
    mail_server,
    mute_server,
    run,
    sms,
    smtp,
    twilio,
    unused_port,
)
from adapter_harness import MailHandler as Handler
from aiohttp import web

from channels import http
from channels.contract import ErrorKind, Lease, SendError


async def error_of_post(url: str, lease: Lease, timeout: float = 0.5, connections: int = 10) -> SendError:
    async with http.open_session(timeout=timeout, connections=connections) as session:
        with pytest.raises(SendError) as caught:
            await http.post(session, url, b"To=1", {}, lease)
        return caught.value


class Watched(Lease):
    """A lease that, when it is checked, asks in the loop's very next step whether the bytes have arrived."""

    __slots__ = ("answer", "arrived")

    def __init__(self, arrived: threading.Event) -> None:
        super().__init__(Lease.lasting(30).deadline)
        self.arrived = arrived
        self.answer: bool | None = None

    def check(self) -> None:
        super().check()
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self.answer = self.arrived.wait(2)  # holds the loop up: what was not written yet cannot be written now


async def _endless(_: web.Request) -> web.StreamResponse:
    """An answer of some length, so that the connection is still held when its head is read."""
    return web.Response(body=b"." * 1_000_000)


@contextmanager
def server_in_a_thread() -> Iterator[tuple[int, threading.Event]]:
    """A server that needs nothing of our event loop, and tells when it has received a byte."""
    arrived = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65536):
                arrived.set()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], arrived
    thread.join(5)
    listener.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_between_the_check_and_the_write_the_loop_does_nothing_else(loop: str) -> None:
    with server_in_a_thread() as (port, arrived):
        lease = Watched(arrived)
        error = run(error_of_post(f"http://127.0.0.1:{port}/", lease, timeout=5), LOOPS[loop])
    assert lease.answer is True
    assert error.kind is ErrorKind.UNCERTAIN


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux drops what is too old by itself")
def test_the_system_sends_nothing_on_for_longer_than_a_send_may_take() -> None:
    """`make chaos` cuts the cable and looks."""

    async def option() -> int:
        async with (
            http_server(_endless) as port, http.open_session(timeout=7.5) as session,
            session.get(f"http://127.0.0.1:{port}/") as response,
        ):  # fmt: skip
            assert response.connection is not None
            assert response.connection.transport is not None
            found = response.connection.transport.get_extra_info("socket")
            return int(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

    assert run(option()) == 7500


def test_an_expired_lease_lets_no_byte_out() -> None:
    async def story() -> None:
        async with mute_server() as (port, got):
            error = await error_of_post(f"http://127.0.0.1:{port}/", Lease.lasting(-1))
            assert error.kind is ErrorKind.NOT_SENT
            assert got == b""

    run(story())


def test_a_lease_that_expires_in_the_queue_for_a_connection_lets_nothing_out() -> None:
    lease = Lease.lasting(30)
    got: list[str] = []

    async def story() -> SendError:
        held, release = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            got.append((await request.read()).decode())
            held.set()
            await release.wait()
            return web.json_response({"sid": "SM1"}, status=201)

        async with http_server(answer) as port:
            adapter = twilio(port, timeout=5, connections=1)
            first = asyncio.create_task(adapter.send(sms("1.1.1")))
            await held.wait()
            second = asyncio.create_task(adapter.send(sms("1.2.1", lease=lease)))
            await asyncio.sleep(0)
            lease.deadline = Lease.clock()  # its time is over while it waits
            release.set()
            await asyncio.wait([first, second])
            await adapter.aclose()
            error = second.exception()
            assert isinstance(error, SendError)
            return error

    assert run(story()).kind is ErrorKind.NOT_SENT
    assert len(got) == 1


def test_who_waits_in_vain_for_a_connection_has_written_nothing() -> None:
    async def story() -> None:
        async with mute_server() as (port, got), http.open_session(timeout=0.3, connections=1) as session:
            url = f"http://127.0.0.1:{port}/"
            posts = [http.post(session, url, f"n={n}".encode(), {}, Lease.lasting(9)) for n in (1, 2)]
            errors = await asyncio.gather(*posts, return_exceptions=True)
            kinds = [error.kind for error in errors if isinstance(error, SendError)]
            assert kinds == [ErrorKind.UNCERTAIN, ErrorKind.TRANSIENT]
            assert b"n=1" in got
            assert b"n=2" not in got

    run(story())


def test_nobody_who_waited_for_a_connection_is_cut_off_after_the_write() -> None:
    """The server is well, but takes 0.3 s for a request; the time-out is 1 s."""
    got: list[str] = []

    async def story() -> list[ErrorKind]:
        async def answer(request: web.Request) -> web.Response:
            got.append((await request.read()).decode())
            await asyncio.sleep(0.3)
            return web.Response()

        async with http_server(answer) as port, http.open_session(timeout=1, connections=1) as session:
            url = f"http://127.0.0.1:{port}/"
            posts = [http.post(session, url, f"n={n}".encode(), {}, Lease.lasting(9)) for n in range(6)]
            results = await asyncio.gather(*posts, return_exceptions=True)
        return [error.kind for error in results if isinstance(error, SendError)]

    kinds = run(story())
    assert set(kinds) == {ErrorKind.TRANSIENT}
    assert len(got) == 6 - len(kinds)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://nobody.invalid/", ErrorKind.TRANSIENT),
        (f"http://127.0.0.1:{unused_port()}/", ErrorKind.TRANSIENT),
        ("http://", ErrorKind.MISCONFIGURED),
    ],
    ids=["no such name", "nobody listens", "no address"],
)
def test_before_anything_is_written_a_failure_is_certain(url: str, kind: ErrorKind) -> None:
    assert run(error_of_post(url, Lease.lasting(9))).kind is kind


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", ["none", "implicit"])
def test_an_e_mail_too_is_written_in_the_step_of_its_check(loop: str, tls: str, tmp_path: Path) -> None:
    """The server's thread has its own loop, so it can receive while ours is held up."""
    arrived, done, ports = threading.Event(), threading.Event(), []
    context, ca_file = certificate(tmp_path, "127.0.0.1")

    class Telling(Handler):
        async def handle_DATA(self, server, session, envelope):  # type: ignore[no-untyped-def]
            arrived.set()
            return "250 OK"

    def serve() -> None:
        async def story() -> None:
            async with mail_server(Telling(), ssl=context if tls == "implicit" else None) as port:
                ports.append(port)
                listening.set()
                await asyncio.to_thread(done.wait)

        asyncio.run(story())

    listening = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    listening.wait(5)
    lease = Watched(arrived)

    async def send() -> None:
        adapter = smtp(ports[0], timeout=5, tls=tls, ca_file=ca_file)
        await adapter.send(letter(lease=lease))
        await adapter.aclose()

    run(send(), LOOPS[loop])
    done.set()
    thread.join(5)
    assert lease.answer is True


def test_a_redirect_is_not_followed() -> None:
    async def story() -> None:
        paths: list[str] = []

        async def answer(request: web.Request) -> web.Response:
            paths.append(request.path)
            return web.Response(status=307, headers={"Location": "/elsewhere"})

        async with http_server(answer) as port:
            adapter = twilio(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(sms())
            await adapter.aclose()
            assert caught.value.kind is ErrorKind.MISCONFIGURED
            assert len(paths) == 1

    run(story())
