"""Mischief: lets faults befall the requests that carry no message (questions, tokens), and writes down which.

What befalls messages is in `answers` and in their log.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from outreach.local.sandbox.answers import hang_up
from outreach.local.sandbox.fault_answers import saying
from outreach.local.sandbox.faults import Fault, Faults, is_status

FAULTS: Final = "faults.jsonl"
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
    """Of one sandbox; its record is `faults.jsonl` of the data folder."""

    def __init__(self, faults: Faults, data: Path) -> None:
        self._faults = faults
        self._file = data / FAULTS
        self._tries: Counter[str] = Counter()

    def middleware(self) -> Middleware:
        """As aiohttp wants it."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            provider = _PROVIDERS.get(request.path.split("/")[1], "")
            if not provider or (request.method == "POST" and _MESSAGES.search(request.path)):
                return await handler(request)
            return await self._befall(provider, request, handler)

        return around

    async def _befall(self, provider: str, request: web.Request, handler: Handler) -> web.StreamResponse:
        digest = hashlib.blake2b(request.path_qs.encode() + await request.read(), digest_size=16).hexdigest()
        self._tries[digest] += 1
        what = f"{digest}:{self._tries[digest]}"
        drawn = self._faults.drawn(provider, what)
        wait = self._faults.waits(provider, what)
        if wait:
            await asyncio.sleep(wait)
        if drawn is None or (drawn.code and not is_status(drawn.code)):
            return await handler(request)
        fault = drawn.fault
        if request.path.endswith(_TOKENS) and fault not in (Fault.FAIL, Fault.RESET_BEFORE_READ):
            return await handler(request)
        self._note(request, drawn.name)
        if fault is Fault.FAIL:
            return saying(provider, drawn.code)
        if fault is Fault.RESET_BEFORE_READ:
            return hang_up(request)
        answer = await handler(request)
        if fault is Fault.GARBLED:
            return web.Response(status=answer.status, text="<html>gateway</html>", content_type="text/html")
        if fault is Fault.SILENT:
            await asyncio.sleep(_FOR_EVER)  # until the other side gives up, which ends this handler
        return hang_up(request)

    def _note(self, request: web.Request, fault: str) -> None:
        line = {"at": datetime.now(UTC).isoformat(), "path": request.path.partition("/bot")[0], "fault": fault}
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
