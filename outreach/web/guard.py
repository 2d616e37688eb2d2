"""Around every answer: limits on what comes in, headers that protect, a log line without anything personal."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

LONGEST_PATH: Final = 2048
LONGEST_QUERY: Final = 4096
LARGEST_HEADERS: Final = 16 * 1024
"""Bytes."""

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_HSTS: Final = "max-age=31536000"
_QUIET: Final = frozenset({"/healthz", "/readyz", "/style.css", "/webhooks/{account}"})
"""Routes asked so often that their successes are worth a line only for whoever looks for it."""


class Guard:
    """ASGI middleware; `https`: whether the public address is, so that browsers may be told to stay there."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = {**_HEADERS, "Strict-Transport-Security": _HSTS} if https else dict(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await (_refusal(scope) or self._app)(scope, receive, answer)
        except Exception as error:
            log.error("a request failed: route=%s error=%s at=%s", _route(scope), type(error).__name__, _place(error))
            if not status:
                await PlainTextResponse("something went wrong on our side\n", 500)(scope, receive, answer)
        finally:
            took = (time.monotonic() - began) * 1000
            level = logging.DEBUG if 200 <= status < 400 and _route(scope) in _QUIET else logging.INFO
            log.log(level, "%s %s %s %.0f ms", scope["method"], _route(scope), status or "gone", took)


def _refusal(scope: Scope) -> ASGIApp | None:
    if len(scope.get("raw_path") or b"") > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
        return PlainTextResponse("the address is too long\n", 414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
        return PlainTextResponse("the headers are too large\n", 431)
    return None


def _route(scope: Scope) -> str:
    """The route's template: never the path itself, which may hold a token."""
    return str(getattr(scope.get("route"), "path", "-"))


def _place(error: Exception) -> str:
    """Where it was raised, without the error's text, which may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "outreach" in Path(frame.filename).parts] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "-"
