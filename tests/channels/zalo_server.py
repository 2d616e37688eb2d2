"""Zalo as its pages describe it, on loopback: tokens that rotate, messages, and whatever answers a test asks for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qsl

from aiohttp import web

from channels.abilities import Tokens
from channels.contract import Content, Lease, Outgoing, WebhookRequest
from channels.zalo import Zalo
from channels.zalo_api import ZaloConfig

APP_ID, OA_ID, USER = "3608465249409039", "1998877665544332", "7766554433221100"
APP_SECRET, OA_SECRET = "zalo-app-secret-41fe", "zalo-oa-secret-9ac2"
FIRST = "zalo-first-refresh-token"
ACCESS = "zalo-access-token"
PHONE = "+84912345678"
TEXT = "Nhắc hẹn: hồ sơ của ông Hùng sẽ đến hạn."
PRIVATE = (APP_SECRET, OA_SECRET, FIRST, ACCESS, USER)


@dataclass
class MemoryVault:
    """A vault of one adapter alone."""

    pair: Tokens = field(default_factory=lambda: lasting(timedelta(hours=25)))

    async def current(self) -> Tokens:
        return self.pair

    async def rotate(self, stale: Tokens, refresh: Callable[[Tokens], Awaitable[Tokens]]) -> Tokens:
        if stale == self.pair:
            self.pair = await refresh(self.pair)
        return self.pair


def lasting(life: timedelta, number: int = 0) -> Tokens:
    return Tokens(f"{ACCESS}-{number}", FIRST if number == 0 else f"refresh-{number}", datetime.now(UTC) + life)


@dataclass
class ZaloServer:
    """Takes messages under the current access token; `answers` are given first, one to a message."""

    number: int = 0
    life: str | int = "90000"
    answers: list[dict[str, Any] | web.Response] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    renewals: list[dict[str, str]] = field(default_factory=list)
    token_answer: web.Response | None = None
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths of questions, with what they ask about."""
    quotas: dict[str, Any] = field(default_factory=dict)
    """The data of the answer to a question about quotas, by path."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/v4/oa/access_token":
            return await self._renew(request)
        if request.path in ("/template/info/v2", "/message/quota", "/v3.0/oa/quota/message"):
            return self._tell(request)
        self.sent.append((request.path, await request.json()))
        if self.answers:
            answer = self.answers.pop(0)
            return answer if isinstance(answer, web.Response) else web.json_response(answer)
        if request.headers.get("access_token") != f"{ACCESS}-{self.number}":
            return web.json_response({"error": -216, "message": "Access token is invalid"})
        given = "msg_id" if request.path == "/message/template" else "message_id"
        return web.json_response({"error": 0, "message": "Success", "data": {given: f"m{len(self.sent)}"}})

    def _tell(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query.get("template_id", "")
        self.asked.append(f"{request.path} {wanted}".strip())
        if self.answers:
            answer = self.answers.pop(0)
            return answer if isinstance(answer, web.Response) else web.json_response(answer)
        if request.headers.get("access_token") != f"{ACCESS}-{self.number}":
            return web.json_response({"error": -124, "message": "Access token invalid"})
        found = self.templates.get(wanted) if wanted else self.quotas.get(request.path)
        if found is None:
            return web.json_response({"error": -109, "message": "Template ID invalid"})
        return web.json_response({"error": 0, "message": "Success", "data": found})

    async def _renew(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode()))
        self.renewals.append({**form, "secret_key": request.headers.get("secret_key", "")})
        if self.token_answer is not None:
            return self.token_answer
        if form["refresh_token"] != lasting(timedelta(0), self.number).refresh:
            return web.json_response({"error": -14014, "error_name": "Invalid refresh token."})
        self.number += 1
        pair = lasting(timedelta(0), self.number)
        return web.json_response({"access_token": pair.access, "refresh_token": pair.refresh, "expires_in": self.life})


class Serving(Protocol):
    """What answers requests."""

    async def answer(self, request: web.Request) -> web.StreamResponse: ...


@contextmanager
def serving(server: Serving) -> Iterator[int]:
    """A server in a thread and a loop of its own."""
    loop, port, ended = asyncio.new_event_loop(), Future[int](), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.set_result(int(runner.addresses[0][1]))
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield port.result(10)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def zalo(port: int, scheme: str = "http", timeout: float = 5.0, vault: Any = None, **settings: Any) -> Zalo:
    """An adapter that aims at a server on loopback."""
    here = f"{scheme}://127.0.0.1:{port}"
    base = {
        "app_id": APP_ID, "app_secret": APP_SECRET, "oa_id": OA_ID, "oa_secret": OA_SECRET, "refresh_token": FIRST,
        "base_url": here, "business_url": here, "oauth_url": here,
    }  # fmt: skip
    adapter = Zalo(ZaloConfig(**{**base, **settings}), timeout=timeout)
    adapter.use_vault(MemoryVault() if vault is None else vault)
    return adapter


def consultation(key: str = "7.42.1", lease: Lease | None = None, **named: Any) -> Outgoing:
    content = named.pop("content", Content(channel="zalo_oa", body=TEXT))
    return Outgoing(key, named.pop("to", USER), content, lease or Lease.lasting(30), **named)


def template(key: str = "7.42.1", lease: Lease | None = None, **named: Any) -> Outgoing:
    parameters = {"ho_ten": "ông Hùng", "ma_ho_so": "H1"}
    content = named.pop("content", Content(channel="zalo_zns", template_id="214507", parameters=parameters))
    return Outgoing(key, named.pop("to", PHONE), content, lease or Lease.lasting(30), **named)


def event(name: str, at: datetime | None = None, **fields: Any) -> bytes:
    """An event's raw body, spaced as nobody would space it again."""
    stamp = str(int((at or datetime.now(UTC)).timestamp() * 1000))
    body = {"app_id": APP_ID, "event_name": name, "timestamp": stamp, **fields}
    return json.dumps(body, ensure_ascii=False, separators=(" , ", ":  ")).encode()


def signed(
    body: bytes, *, number: str = APP_ID, secret: str = OA_SECRET, header: str | None = None, stamp: str | None = None
) -> WebhookRequest:
    """A callback with the signature of one of the four variants: `header` signs the header's timestamp."""
    signed_stamp = stamp if stamp is not None else header or str(json.loads(body)["timestamp"])
    mac = sha256(number.encode() + body + signed_stamp.encode() + secret.encode()).hexdigest()
    headers = {"x-zevent-signature": f"mac={mac}"} | ({} if header is None else {"x-zevent-timestamp": header})
    return WebhookRequest("POST", "https://x.example/webhooks/zalo", headers, [], body)
