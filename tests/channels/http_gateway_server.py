"""A made-up SMS gateway on loopback, and the settings that describe it: nothing of it is known to the program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapter_harness import ADAPTERS, BODY, NUMBER, TIMEOUT, Mood, Provider, http_server, mute_server, sms, unused_port
from aiohttp import web

from channels.contract import ErrorKind
from channels.http_gateway import HttpGateway
from channels.http_gateway_config import GatewayConfig

TOKEN, CALLBACK_SECRET = "gateway-token-9931", "gateway-callback-secret-77"
SETTINGS: dict[str, Any] = {
    "headers": {"X-Api-Key": TOKEN},
    "body": {
        "message": {"to": "{to_digits}", "text": "{text}", "ref": "{key}"},
        "dlr": "{callback_url}",
        "priority": 1,
    },
    "success": {"path": "status", "values": ["ok"]},
    "id_path": "data.0.id",
    "parts_path": "data.0.parts",
    "error_path": "error.code",
    "errors": {
        "12": {"kind": "rejected", "vi": "Số không đúng.", "vi_do": "Sửa danh sách.", "en": "the number is wrong"},
        "13": {"kind": "misconfigured", "en": "the account is closed"},
        "14": {"kind": "opted_out", "en": "the recipient refuses"},
    },
    "callback": {
        "secret": CALLBACK_SECRET,
        "id_path": "id",
        "key_path": "ref",
        "status_path": "state",
        "error_path": "why",
        "statuses": {"DELIVRD": "delivered", "UNDELIV": "failed", "ENROUTE": "accepted"},
        "sender_path": "from",
        "text_path": "text",
    },
}
CASES = [
    ("http", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("http", Mood.BROKEN, ErrorKind.UNCERTAIN),
    ("http", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("http", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("http", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("http", Mood.AWAY, ErrorKind.TRANSIENT),
    ("http", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("http", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("http", Mood.REFUSING, ErrorKind.REJECTED),
]


def gateway(url: str, timeout: float = TIMEOUT, **settings: Any) -> HttpGateway:
    """An adapter of the made-up gateway."""
    return HttpGateway(GatewayConfig.model_validate({"url": url, **SETTINGS, **settings}), timeout=timeout)


def answered(**said: Any) -> web.Response:
    return web.json_response(said)


@asynccontextmanager
async def http_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """The gateway in a mood."""
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(await request.json())
        match mood:
            case Mood.THROTTLING:
                return web.Response(status=429, headers={"Retry-After": "7"})
            case Mood.BROKEN:
                return web.Response(status=500, text=f"could not send {BODY}")
            case Mood.UNKNOWN_ACCOUNT:
                return web.Response(status=401, text=TOKEN)
            case Mood.REFUSING:
                return answered(status="bad", error={"code": 12, "about": NUMBER})
            case Mood.GARBLED:
                return web.Response(text=f"<html>{BODY}</html>", content_type="text/html")
            case Mood.SILENT_AFTER:
                await asyncio.Event().wait()
            case Mood.RESETS_AFTER:
                assert request.transport is not None
                request.transport.abort()
        return answered(status="ok", data=[{"id": f"g{len(got)}", "parts": 2}])

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        url = f"http://127.0.0.1:{port}/send"
        if mood is Mood.SILENT_BEFORE:
            url = f"https://127.0.0.1:{mute_port}/send"
        if mood is Mood.AWAY:
            url = f"http://127.0.0.1:{unused_port()}/send"
        adapter = gateway(url, **settings)
        yield Provider(adapter, sms, got)
        await adapter.aclose()


ADAPTERS["http"] = http_in
