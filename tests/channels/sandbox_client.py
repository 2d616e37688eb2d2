"""The sandbox spoken to by plain HTTP, as the providers' own pages say it, and somebody who listens to its calls."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter_harness import http_server
from aiohttp import ClientSession, web
from sandbox_harness import sandbox

from outreach.local.sandbox.credentials import EsmsAccount, TelegramBot, ZaloApp

ZALO, BOT, ESMS = ZaloApp(), TelegramBot(), EsmsAccount()
USER, CHAT, PHONE = "9500000000000000001", "4000000000000001", "84912345678"
TEMPLATE = "250001"
DATA = {
    "ten": "ông Nguyễn Văn Hùng",
    "ma_ho_so": "H26.18-251120-0042",
    "thu_tuc": "Đăng ký khai sinh",
    "ngay_hen": "25/11/2026",
    "gio_hen": "8 giờ 30",
    "noi_tra": "bộ phận một cửa xã Đông Anh",
}


@dataclass
class Told:
    """One call of the sandbox."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Listener:
    """Takes the sandbox's calls; `failures`: so many are answered with 503 first."""

    failures: int = 0
    told: list[Told] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.told.append(Told(request.method, str(request.url), headers, (await request.read()).decode()))
        self.news.set()
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        return web.Response(status=200)

    async def until(self, count: int) -> list[Told]:
        while len(self.told) < count:
            self.news.clear()
            await self.news.wait()
        return self.told


@dataclass
class Client:
    """Requests to one running sandbox."""

    base: str
    session: ClientSession
    access: str = ""

    async def post(
        self, path: str, document: dict[str, Any], headers: dict[str, str] | None = None, *, form: bool = False
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"data": document} if form else {"json": document}
        async with self.session.post(self.base + path, headers=headers, **body) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        headers = {"access_token": self.access} if self.access else {}
        async with self.session.get(self.base + path, params=query, headers=headers) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found

    async def page(self, path: str) -> str:
        async with self.session.get(self.base + path) as answer:
            return await answer.text()

    async def renew(self, refresh: str = ZALO.refresh_token, secret: str = ZALO.app_secret) -> dict[str, Any]:
        form = {"refresh_token": refresh, "app_id": ZALO.app_id, "grant_type": "refresh_token"}
        answer = await self.post("/zalo/v4/oa/access_token", form, {"secret_key": secret}, form=True)
        self.access = answer.get("access_token", self.access)
        return answer

    async def zalo(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        return await self.post(f"/zalo{path}", document, {"access_token": self.access})

    async def consult(self, user: str = USER, text: str = "Chào ông Hùng") -> dict[str, Any]:
        return await self.zalo("/v3.0/oa/message/cs", {"recipient": {"user_id": user}, "message": {"text": text}})

    async def notify(self, phone: str = PHONE, **changes: Any) -> dict[str, Any]:
        document = {"phone": phone, "template_id": TEMPLATE, "template_data": DATA, "tracking_id": "7.42.0"}
        return await self.zalo("/message/template", {**document, **changes})

    async def bot(self, method: str, token: str = BOT.token, **said: Any) -> tuple[int, dict[str, Any]]:
        async with self.session.post(f"{self.base}/telegram/bot{token}/{method}", data=said) as answer:
            return answer.status, await answer.json()

    async def sms(self, phone: str = PHONE, **changes: Any) -> dict[str, Any]:
        document = {
            "ApiKey": ESMS.api_key,
            "SecretKey": ESMS.secret_key,
            "Phone": phone,
            "Content": "Kinh bao ong Hung",
            "Brandname": ESMS.brandname,
            "SmsType": "2",
            "IsUnicode": "0",
            "Sandbox": "0",
            "RequestId": "7.42.0",
        }
        path = "/esms/MainService.svc/json/SendMultipleMessage_V4_post_json/"
        return await self.post(path, {**document, **changes})


@asynccontextmanager
async def client(data: Path, **changes: Any) -> AsyncIterator[Client]:
    """A sandbox in this process, and a client of it that has no token yet."""
    async with sandbox(data, **changes) as ports, ClientSession() as session:
        yield Client(f"http://127.0.0.1:{ports.http_port}", session)


@asynccontextmanager
async def listened(data: Path, listener: Listener, provider: str, **changes: Any) -> AsyncIterator[Client]:
    """A sandbox whose events of one provider go to `listener`."""
    async with http_server(listener.answer) as port:
        webhooks = {provider: f"http://127.0.0.1:{port}/webhooks/{provider}-main"}
        async with client(data, webhooks=webhooks, **changes) as one:
            yield one


def first_phone(page: str) -> str:
    """The address of the first phone a page links to."""
    found = re.search(r'href="(/phone/[^"]+)"', page)
    assert found is not None
    return found[1]
