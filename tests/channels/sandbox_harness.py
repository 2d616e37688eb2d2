"""A sandbox in this process, the adapters that speak to it, and our side of its callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from channels.contract import Accepted, Content, Event, Lease, Outgoing, SendError, WebhookRequest
from channels.smtp_email import SmtpConfig, SmtpEmail
from channels.twilio_sms import TwilioConfig, TwilioSms
from outreach.local.sandbox import Ports, SandboxConfig
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.server import started

PERSON = "+84912345678"
TEXT = "Nhắc hẹn: hồ sơ của ông/bà sẽ đến hạn <ngày mai>."


def config(data: Path, **changes: Any) -> SandboxConfig:
    return replace(SandboxConfig(data, http_port=0, smtp_port=0, fail_share=0, receipt_ms=0), **changes)


def sms_to(ports: Ports, **changes: Any) -> TwilioSms:
    base = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "+15005550006"}
    settings = {**base, "base_url": f"http://127.0.0.1:{ports.http_port}", **changes}
    return TwilioSms(TwilioConfig(**settings), timeout=1)


def mail_to(ports: Ports, **changes: Any) -> SmtpEmail:
    base = {"host": "127.0.0.1", "port": ports.smtp_port, "tls": "none", "from": "bao@tinh.example"}
    return SmtpEmail(SmtpConfig(**{**base, **changes}), timeout=1)


def message(to: str = PERSON, key: str = "1.1.1", **named: Any) -> Outgoing:
    content = Content(body=TEXT, subject="Giấy hẹn", html="<p>Chào <b>bà con</b></p><script>alert(1)</script>")
    return Outgoing(key, to, content, Lease.lasting(30), **named)


@asynccontextmanager
async def sandbox(data: Path, **changes: Any) -> AsyncIterator[Ports]:
    async with started(config(data, **changes)) as ports:
        yield ports


async def outcome(adapter: TwilioSms | SmtpEmail, outgoing: Outgoing) -> Accepted | SendError:
    try:
        return await adapter.send(outgoing)
    except SendError as error:
        return error


@dataclass
class Web:
    """Our side of the webhook: verifies and parses with the adapter; may be made to fail first."""

    token: str = AUTH_TOKEN
    failures: int = 0
    events: list[Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrived = WebhookRequest("POST", str(request.url), headers, list(request.query.items()), body)
        adapter = TwilioSms(TwilioConfig(account_sid=ACCOUNT_SID, auth_token=self.token, **{"from": "+1"}), timeout=1)
        adapter.verify(arrived)
        self.events += adapter.parse(arrived)
        self.news.set()
        return web.Response(status=204)

    async def until(self, count: int) -> list[Event]:
        while len(self.events) < count:
            self.news.clear()
            await self.news.wait()
        return self.events


def states(events: list[Event]) -> list[str]:
    return [event.event_key.partition(":")[2] for event in events]
