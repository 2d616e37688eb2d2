"""HTTP for adapters: one pooled session per account, a lease checked just before the write, errors told apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    StreamReader,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.hdrs import CONTENT_LENGTH, CONTENT_TYPE
from aiohttp.helpers import parse_mimetype
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_writer import _serialize_headers
from yarl import URL

from channels.contract import ErrorKind, Lease, SendError

CONNECTIONS = 100
"""How many connections an account keeps unless its settings say otherwise."""
_KEEPALIVE = 15.0
"""Seconds an idle connection is kept: shorter than servers keep theirs, so that a write rarely meets a closed one."""
LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that are read: one that does not end must not fill the memory."""
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_SWITCHING = 101


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Answer:
    """What a provider answered; header names are found in any case."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def retry_after(self) -> float | None:
        """Seconds the provider asks us to wait, if it says so in seconds."""
        value = self.headers.get("Retry-After", "").strip()
        return float(value) if value.isascii() and value.isdigit() else None


def web_address(value: str, *, hosts: tuple[str, ...], example: str) -> str:
    """A setting that aims at a provider, without a slash at its end; raises ValueError, saying what would be right.

    `hosts`: the provider's own, to which nothing travels unencrypted.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ValueError(f"write an address like {example}")
    if parts.scheme == "http" and parts.hostname.endswith(hosts):
        raise ValueError("secrets would travel unencrypted; write https://")
    return value.rstrip("/")


def open_session(*, timeout: float, connections: int = CONNECTIONS, proxy: str | None = None) -> ClientSession:
    """A pooled session of the running event loop; `timeout` in seconds bounds a request from pool to last byte.

    Half of it at most is for getting a connection: who has waited longer writes nothing, so that a provider that is
    slow, but well, is not cut off after the write.
    Proxies of the environment and `.netrc` are not looked at: an account says itself how it leaves the machine.
    """
    connector = TCPConnector(
        limit=connections, ttl_dns_cache=60, keepalive_timeout=_KEEPALIVE, resolver=ThreadedResolver(),
        socket_factory=lambda address: _dropping(address, timeout),
    )  # fmt: skip
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=timeout, connect=timeout / 2),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        proxy=proxy,
    )


def _dropping(address: AddrInfoType, timeout: float) -> socket.socket:
    """A socket whose bytes nobody sends on when they are too old.

    Without it the system goes on for minutes to deliver what a cut-off or killed process has written: long after its
    lease, when somebody else may have sent it.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT") and family in (socket.AF_INET, socket.AF_INET6):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(timeout * 1000)))
    return made


def unsent(error: Exception) -> SendError:
    """What an error means that came before anything was written."""
    if isinstance(error, ClientConnectorCertificateError):
        return SendError(ErrorKind.MISCONFIGURED, "", "the provider's certificate is not valid for its address")
    if isinstance(error, InvalidURL | UnicodeError):
        return SendError(ErrorKind.MISCONFIGURED, "", "the provider's address (base_url) is not a web address")
    if isinstance(error, TimeoutError):
        return SendError(ErrorKind.TRANSIENT, "", "no connection to the provider in time; nothing was written")
    return SendError(ErrorKind.TRANSIENT, "", "no connection to the provider; nothing was written")


async def post(
    session: ClientSession, url: str, body: bytes, headers: Mapping[str, str], lease: Lease, content_type: str = FORM
) -> Answer:
    """Post once, following no redirect; raises SendError for everything that is not an answer.

    From connection to last byte it may take as long as the session's timeout says.
    """
    exchange = _Exchange(lease)
    try:
        known = _posting(session)
        address = _address(known, session, url, content_type, headers)
        task = known.hurry.begin()
        try:
            return await exchange.over(session, address, body)
        except asyncio.CancelledError:
            if known.hurry.is_over(task):
                raise TimeoutError from None
            raise
        finally:
            known.hurry.end(task)
    except (ClientError, HttpProcessingError, OSError, UnicodeError) as error:  # TimeoutError is an OSError
        failure = exchange.failure(error)
    raise failure  # outside the handler: the cause could show the request


@dataclass(frozen=True, slots=True)
class _Address:
    """Where an account posts to, in aiohttp's words, and the head of what it posts less the length of the body."""

    request: ClientRequest
    head: bytes


class _Hurry:
    """Ends requests that take longer than `seconds`; one timer for all of a session, since all may take as long.

    A timer for each, as asyncio has them, costs a tenth of a request.
    """

    __slots__ = ("_loop", "_over", "_seconds", "_timer", "_under_way")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: dict[asyncio.Task[Any], tuple[float, int]] = {}  # in the order in which they end
        self._over: dict[asyncio.Task[Any], int] = {}

    def begin(self) -> asyncio.Task[Any]:
        """The time of the running task's request begins."""
        task = asyncio.current_task()
        assert task is not None
        ends = self._loop.time() + self._seconds
        self._under_way[task] = (ends, task.cancelling())
        if self._timer is None:
            self._timer = self._loop.call_at(ends, self._look)
        return task

    def is_over(self, task: asyncio.Task[Any]) -> bool:
        """Whether a cancelled task was cancelled for its time, and by nobody else."""
        before = self._over.pop(task, None)
        return before is not None and task.uncancel() <= before

    def end(self, task: asyncio.Task[Any]) -> None:
        """The request has ended, however."""
        self._under_way.pop(task, None)
        if self._over.pop(task, None) is not None:
            task.uncancel()

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for task, (ends, cancelling) in list(self._under_way.items()):
            if ends > now:
                self._timer = self._loop.call_at(ends, self._look)
                return
            del self._under_way[task]
            self._over[task] = cancelling
            task.cancel()


@dataclass(frozen=True, slots=True)
class _Posting:
    """What a session's requests share."""

    hurry: _Hurry
    addresses: dict[Hashable, _Address]


_postings: WeakKeyDictionary[ClientSession, _Posting] = WeakKeyDictionary()
_MOST_ADDRESSES = 64
"""Of a session: tokens that stand in headers change, and a gateway may want the number in its address."""
_FOR_EVER = 10 * 365 * 86400.0


def _posting(session: ClientSession) -> _Posting:
    found = _postings.get(session)
    if found is None:
        found = _postings[session] = _Posting(_Hurry(session.timeout.total or _FOR_EVER), {})
    return found


def _address(
    posting: _Posting, session: ClientSession, url: str, content_type: str, headers: Mapping[str, str]
) -> _Address:
    """Made once for all that is posted alike. Raises InvalidURL."""
    known = posting.addresses
    key = (url, content_type, *headers.items())
    found = known.get(key)
    if found is None:
        if len(known) >= _MOST_ADDRESSES:
            known.clear()
        theirs = any(name.lower() == "content-type" for name in headers)
        found = known[key] = _made(session, url, headers if theirs else {**headers, CONTENT_TYPE: content_type})
    return found


def _made(session: ClientSession, url: str, headers: Mapping[str, str]) -> _Address:
    try:
        target = URL(url)
    except ValueError:
        raise InvalidURL(url) from None
    if target.scheme not in ("http", "https") or not target.raw_host:
        raise InvalidURL(url)
    proxy = session._default_proxy
    request = ClientRequest(
        "POST", target, headers=headers, loop=asyncio.get_running_loop(),
        proxy=None if proxy is None else URL(proxy), proxy_headers=None if proxy is None else {},
    )  # fmt: skip  # without the session, which it would keep alive
    request.headers.popall(CONTENT_LENGTH, None)
    return _Address(request, b"" if request.proxy else _head(request))


def _head(request: ClientRequest) -> bytes:
    path = str(request.url) if request.proxy and not request.is_ssl() else request.url.raw_path_qs
    return _serialize_headers(f"POST {path} HTTP/1.1", request.headers)[:-2] + b"Content-Length: "


class _Exchange:
    """One request and its answer on a connection of the session's pool; knows whether a byte may have left.

    It goes under aiohttp's session, whose generality costs more than all the rest: to its pool, for connections, and
    to its parser, for answers. Between the check of the lease and the write there is nothing.
    """

    __slots__ = ("_lease", "_written")

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._written = False

    async def over(self, session: ClientSession, address: _Address, body: bytes) -> Answer:
        """Send and read; the connection goes back to the pool only after a whole request and a whole answer."""
        connection = await self._connection(session, address.request)
        try:
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None or transport.is_closing():
                raise ConnectionResetError("the connection closed before the request was written")
            protocol.set_response_params(read_until_eof=True)
            request = b"%b%d\r\n\r\n%b" % (address.head or _head(address.request), len(body), body)
            self._lease.check()
            self._written = True
            transport.write(request)
            while True:
                message, content = await protocol.read()
                if message.code >= 200 or message.code == _SWITCHING:
                    break
            text, is_whole = await _text(content, message.headers)
        except BaseException:
            if connection.transport is not None:
                connection.transport.abort()  # what is still on its way out must not go on once this is given up
            connection.close()
            raise
        if is_whole and not transport.get_write_buffer_size():
            connection.release()
        else:  # an answer without end, or before all of the request had left: the next one would wait behind the rest
            transport.abort()
            connection.close()
        return Answer(message.code, text, message.headers)

    async def _connection(self, session: ClientSession, request: ClientRequest) -> Connection:
        """A connection on which nothing lies that was not asked for: it would be taken for the answer."""
        assert session.connector is not None
        while True:
            connection = await session.connector.connect(request, [], session.timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()

    def failure(self, error: Exception) -> SendError:
        """What the failed request means for the delivery."""
        if self._written:
            what = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
            return SendError(ErrorKind.UNCERTAIN, "", f"{what} after the request was written")
        return unsent(error)


async def get(session: ClientSession, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """Ask once, following no redirect; raises SendError(TRANSIENT | MISCONFIGURED): a question changes nothing."""
    try:
        async with session.get(url, params=params, headers=headers, allow_redirects=False) as response:
            return await _read(response)
    except (ClientError, OSError, UnicodeError) as error:
        failure = unsent(error)
    raise failure


async def _read(response: ClientResponse) -> Answer:
    text, _ = await _text(response.content, response.headers)
    return Answer(response.status, text, response.headers)


async def _text(content: StreamReader, headers: Mapping[str, str]) -> tuple[str, bool]:
    """The answer's text, and whether it is all of it: what does not end is not waited for."""
    raw: bytes | bytearray
    if content.is_eof():  # all of it has come, as mostly
        raw = content.read_nowait()
    else:
        raw = bytearray()
        async for piece in content.iter_any():
            raw += piece
            if len(raw) >= LARGEST_ANSWER:
                break
    kind = headers.get(CONTENT_TYPE, "")
    charset = parse_mimetype(kind).parameters.get("charset", "utf-8") if "charset" in kind.lower() else "utf-8"
    try:
        text = raw.decode(charset, "replace")
    except (LookupError, UnicodeError):  # the names of some codecs that are not for texts pass for charsets
        text = raw.decode("utf-8", "replace")
    return text, len(raw) < LARGEST_ANSWER
