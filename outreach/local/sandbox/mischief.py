"""Mischief: lets faults befall the requests that carry no message (questions, tokens), and writes down which.

What befalls messages is in `answers` and `smtp`, and in their log.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from outreach.local.sandbox.answers import hang_up
from outreach.local.sandbox.book import Book, message_name
from outreach.local.sandbox.fault_answers import saying
from outreach.local.sandbox.faults import Fault, is_status
from outreach.local.sandbox.lots import Lots

_PROVIDERS: Final = {
    "2010-04-01": "twilio", "esms": "esms", "speedsms": "speedsms", "vnpt": "vnpt", "zalo": "zalo",
    "telegram": "telegram",
}  # fmt: skip
_MESSAGES: Final = re.compile(
    r"/Messages\.json|/esms/.*/SendMultiple[^/]*/?|/zalo/.*message/(cs|template)|/telegram/[^/]*/sendmessage"
    r"|/speedsms/.*/send|/vnpt.*",
    re.IGNORECASE,
)
_TOKENS: Final = "/access_token"
"""A token whose answer is lost is lost for good: no lot falls there after it was made."""
_FOR_EVER = 3600


class Mischief:
    """Of one sandbox."""

    def __init__(self, lots: Lots, book: Book) -> None:
        self._lots = lots
        self._book = book

    def middleware(self) -> Middleware:
        """As aiohttp wants it."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            provider = _PROVIDERS.get(request.path.split("/")[1], "")
            resource = request.match_info.route.resource
            asked = bool(provider) and resource is not None and bool(self._lots.faults)
            if not asked or (request.method == "POST" and _MESSAGES.search(request.path)):
                return await handler(request)
            return await self._befall(provider, resource.canonical if resource else "", request, handler)

        return around

    async def _befall(self, provider: str, path: str, request: web.Request, handler: Handler) -> web.StreamResponse:
        faults, record = self._lots.faults, self._lots.record
        what = record.next_try(f"{request.method} {path} {self._about(request)}")
        drawn = faults.drawn(provider, what)
        wait = faults.waits(provider, what)
        if wait:
            await asyncio.sleep(wait)
        if drawn is None or drawn.fault is Fault.UNDELIVERED or (drawn.code and not is_status(drawn.code)):
            return await handler(request)
        fault = drawn.fault
        if request.path.endswith(_TOKENS) and fault not in (Fault.FAIL, Fault.RESET_BEFORE_READ):
            return await handler(request)
        answer = None if fault in (Fault.FAIL, Fault.RESET_BEFORE_READ) else await handler(request)
        record.befell_question(provider, path, drawn.name)
        if fault is Fault.FAIL:
            return saying(provider, drawn.code)
        if fault is Fault.GARBLED and answer is not None:
            return web.Response(status=answer.status, text="<html>gateway</html>", content_type="text/html")
        if fault is Fault.SILENT:
            await asyncio.sleep(_FOR_EVER)  # until the other side gives up, which ends this handler
        return hang_up(request)

    def _about(self, request: web.Request) -> str:
        """Which message or recipient is asked about: told apart by what the sender chose, not by ids of ours."""
        for provider_id in (
            request.match_info.get("sid", ""), request.query.get("RefId", ""), request.query.get("message_id", ""),
        ):  # fmt: skip
            entry = self._book.by_id(provider_id) or self._book.by_id(f"{provider_id}:0")
            if entry is not None:
                return message_name(entry)
        return request.query.get("To", "") or request.match_info.get("method", "")
