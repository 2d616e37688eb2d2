"""HTTP for adapters: one pooled session per account, a lease checked just before the write, errors told apart.

The request's body is where the lease is checked: aiohttp keeps the headers back until the first piece of the body is
written, and writes both in one go. Its trace signal "headers sent" may come a task switch earlier (Python 3.11).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import AddrInfoType
from aiohttp.payload import BytesPayload

from channels.contract import ErrorKind, Lease, SendError

CONNECTIONS = 100
"""How many connections an account keeps unless its settings say otherwise."""
_KEEPALIVE = 15.0
"""Seconds an idle connection is kept: shorter than servers keep theirs, so that a write rarely meets a closed one."""
LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that are read: one that does not end must not fill the memory."""
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
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


class LeasedBody(BytesPayload):
    """A body that is written only under its lease, and knows whether it was."""

    def __init__(self, value: bytes, lease: Lease, content_type: str = FORM) -> None:
        super().__init__(value, content_type=content_type)
        self._lease = lease
        self._refusal: SendError | None = None
        self._ended = False
        self.written = False
        """Whether a byte of the request may have left."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Check, then write without giving way to anything between the two."""
        transport = getattr(writer, "transport", None)
        if self._ended or transport is None or transport.is_closing():
            raise ConnectionResetError("the connection closed before the request was written")
        try:
            self._lease.check()
        except SendError as refusal:
            self._refusal = refusal
            raise
        self.written = True
        await super().write_with_length(writer, content_length)

    def failure(self, error: Exception) -> SendError:
        """What the failed request means for the delivery; from now on nothing of it is written."""
        self._ended = True
        if self._refusal is not None:
            return SendError(self._refusal.kind, self._refusal.code, self._refusal.reason)
        if self.written:
            what = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
            return SendError(ErrorKind.UNCERTAIN, "", f"{what} after the request was written")
        return unsent(error)


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
    """Post once, following no redirect; raises SendError for everything that is not an answer."""
    payload = LeasedBody(body, lease, content_type)
    try:
        async with session.post(url, data=payload, headers=headers, allow_redirects=False) as response:
            return await _read(response)
    except (ClientError, OSError, UnicodeError) as error:  # TimeoutError is an OSError; the last: no host's name
        failure = payload.failure(error)
    raise failure  # outside the handler: the cause could show the request


async def get(session: ClientSession, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """Ask once, following no redirect; raises SendError(TRANSIENT | MISCONFIGURED): a question changes nothing."""
    try:
        async with session.get(url, params=params, headers=headers, allow_redirects=False) as response:
            return await _read(response)
    except (ClientError, OSError, UnicodeError) as error:
        failure = unsent(error)
    raise failure


async def _read(response: ClientResponse) -> Answer:
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) >= LARGEST_ANSWER:
            break  # what is left is not waited for: the connection is closed
    try:
        text = raw.decode(response.charset or "utf-8", "replace")
    except (LookupError, UnicodeError):  # the names of some codecs that are not for texts pass for charsets
        text = raw.decode("utf-8", "replace")
    return Answer(response.status, text, response.headers)
