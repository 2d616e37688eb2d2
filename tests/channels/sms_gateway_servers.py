"""SpeedSMS and VNPT on loopback, in every mood, for the tests of all adapters and for their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapter_harness import (
    ADAPTERS,
    BODY,
    NUMBER,
    PASSWORD,
    TIMEOUT,
    TOKEN,
    Mood,
    Provider,
    http_server,
    mute_server,
    sms,
    unused_port,
)
from aiohttp import web

from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, SendError
from channels.esms_sms import EsmsSms
from channels.speedsms_sms import SpeedSms, SpeedSmsConfig
from channels.vnpt_sms import VnptConfig, VnptSms
from outreach.local.sandbox.credentials import SpeedSmsAccount, VnptAccount

CALLBACK_TOKEN = "callback-token-of-ours"
PLAIN = "Nhac hen: ho so cua ong Hung se den han."
CASES = [
    ("speedsms", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("speedsms", Mood.BROKEN, ErrorKind.UNCERTAIN),
    ("speedsms", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("speedsms", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("speedsms", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("speedsms", Mood.AWAY, ErrorKind.TRANSIENT),
    ("speedsms", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("speedsms", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("speedsms", Mood.REFUSING, ErrorKind.REJECTED),
    ("vnpt", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("vnpt", Mood.BROKEN, ErrorKind.UNCERTAIN),
    ("vnpt", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("vnpt", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("vnpt", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("vnpt", Mood.AWAY, ErrorKind.TRANSIENT),
    ("vnpt", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("vnpt", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("vnpt", Mood.REFUSING, ErrorKind.REJECTED),
]


def speedsms(port: int, scheme: str = "http", **settings: Any) -> SpeedSms:
    base = {"token": TOKEN, "sender": "UBNDxa", "base_url": f"{scheme}://127.0.0.1:{port}"}
    return SpeedSms(SpeedSmsConfig(**{**base, **settings}), timeout=TIMEOUT)


def vnpt(port: int, scheme: str = "http", **settings: Any) -> VnptSms:
    base = {
        "agent_id": "100", "api_user": "ubnd", "api_password": PASSWORD, "username": "ubnd_cs", "label_id": "1001",
        "contract_id": "2001", "template_id": "3001", "base_url": f"{scheme}://127.0.0.1:{port}/smsbn/api",
    }  # fmt: skip
    return VnptSms(VnptConfig(**{**base, **settings}), timeout=TIMEOUT)


def speedsms_taken(transaction: int = 5, invalid: list[str] | None = None) -> web.Response:
    data = {"tranId": transaction, "totalSMS": 1, "totalPrice": 350, "invalidPhone": invalid or []}
    return web.json_response({"status": "success", "code": "00", "data": data})


def speedsms_error(code: str, **more: Any) -> web.Response:
    return web.json_response({"status": "error", "code": code, "message": f"{NUMBER} {BODY}", **more})


def vnpt_answer(code: str) -> web.Response:
    return web.json_response({"RPLY": {"name": "send_sms_list", "ERROR": code, "ERROR_DESC": f"{NUMBER} {BODY}"}})


def _speedsms_in(mood: Mood) -> web.Response:
    match mood:
        case Mood.THROTTLING:
            document = {"name": "Too Many Requests", "message": "Rate limit exceeded.", "code": 0, "status": 429}
            return web.json_response(document, status=429, headers={"X-Rate-Limit-Reset": "7"})
        case Mood.UNKNOWN_ACCOUNT:
            return web.json_response({"name": "Unauthorized", "message": TOKEN, "code": 0, "status": 401}, status=401)
        case Mood.REFUSING:
            return speedsms_error("105", invalidPhone=[NUMBER[1:]])
    return speedsms_taken()


def _vnpt_in(mood: Mood) -> web.Response:
    match mood:
        case Mood.THROTTLING:
            return vnpt_answer("16")
        case Mood.UNKNOWN_ACCOUNT:
            return vnpt_answer("1")
        case Mood.REFUSING:
            return vnpt_answer("23")
    return vnpt_answer("0")


@asynccontextmanager
async def _in(
    mood: Mood, make: Callable[..., Any], said: Callable[[Mood], web.Response], settings: dict[str, Any]
) -> AsyncIterator[Provider]:
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(await request.json())
        if mood is Mood.BROKEN:
            return web.Response(status=500, text=f"could not send {BODY}")
        if mood is Mood.GARBLED:
            return web.Response(text=f"<html>{BODY}</html>", content_type="text/html")
        if mood is Mood.SILENT_AFTER:
            await asyncio.Event().wait()
        if mood is Mood.RESETS_AFTER:
            assert request.transport is not None
            request.transport.abort()
        return said(mood)

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        adapter = make(port, **settings)
        if mood is Mood.SILENT_BEFORE:
            adapter = make(mute_port, scheme="https", **settings)
        if mood is Mood.AWAY:
            adapter = make(unused_port(), **settings)
        yield Provider(adapter, sms, got)
        await adapter.aclose()


def speedsms_in(mood: Mood, **settings: Any) -> Any:
    """SpeedSMS in a mood."""
    return _in(mood, speedsms, _speedsms_in, settings)


def vnpt_in(mood: Mood, **settings: Any) -> Any:
    """VNPT in a mood."""
    return _in(mood, vnpt, _vnpt_in, settings)


ADAPTERS.update({"speedsms": speedsms_in, "vnpt": vnpt_in})


def letters(numbers: list[str], **named: Any) -> list[Outgoing]:
    """One text to several numbers."""
    lease = named.pop("lease", None) or Lease.lasting(30)
    body = named.pop("body", PLAIN)
    return [
        Outgoing(f"7.{place}.0", number, Content(channel="sms", body=body), lease, **named)
        for place, number in enumerate(numbers, 1)
    ]


async def listed(
    make: Callable[[int], SpeedSms | VnptSms | EsmsSms],
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    outgoings: list[Outgoing],
) -> list[Accepted | SendError] | SendError:
    """What sending to a list comes to at a gateway that answers like this."""

    async def given(request: web.Request) -> web.StreamResponse:
        return await answer(request)

    async with http_server(given) as port:
        adapter = make(port)
        try:
            return list(await adapter.send_many(outgoings))
        except SendError as error:
            return error
        finally:
            await adapter.aclose()


def sandbox_gateways(url: str) -> str:
    """Accounts of a sandbox beside those `outreach up --sandbox` writes."""
    return f"""
[accounts.sms-speedsms-sandbox]
channel = "sms"
provider = "speedsms"
token = "{SpeedSmsAccount().token}"
sender = "{SpeedSmsAccount().sender}"
callback_token = "{CALLBACK_TOKEN}"
base_url = "{url}/speedsms"
rate = "1000/s"

[accounts.sms-vnpt-sandbox]
channel = "sms"
provider = "vnpt"
agent_id = "{VnptAccount().agent_id}"
api_user = "{VnptAccount().api_user}"
api_password = "{VnptAccount().api_password}"
username = "{VnptAccount().username}"
label_id = "{VnptAccount().label_id}"
contract_id = "{VnptAccount().contract_id}"
template_id = "{VnptAccount().template_id}"
base_url = "{url}/vnpt"
rate = "1000/s"
"""
