"""Zalo's OAuth as the sandbox keeps it: refresh tokens are good once and rotate; a restart forgets nothing.

What is handed out is written to `zalo.json` (mode 600) before it is answered: as with Zalo, a pair whose answer is
lost cannot be had again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from outreach.local.sandbox.answers import fields, json_answer
from outreach.local.sandbox.credentials import ZaloApp
from outreach.local.sandbox.log import write_private

FILE: Final = "zalo.json"
_CODE_SECONDS: Final = 600
_PAGE: Final = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Cấp quyền (hộp cát)</title>
<style>body {{ font: 1.1rem/1.5 sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .6rem 1.6rem }}</style></head>
<body><h1>Cấp quyền cho ứng dụng</h1>
<p>Đây là hộp cát, không phải Zalo: không có gì rời khỏi máy này.</p>
<p>Ứng dụng {app} xin quyền gửi tin thay trang Official Account {oa}.</p>
<form method="post" action="{target}"><button>Cho phép</button></form></body></html>
"""
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Where the form leads is not limited: the answer to it sends the browser on to the app."""
_BAD_REFRESH: Final = (-14014, "Invalid refresh token.")


class ZaloTokens:
    """The tokens of one app, and where they are handed out."""

    def __init__(self, app: ZaloApp, data: Path) -> None:
        self._app = app
        self._file = data / FILE
        self._refresh = app.refresh_token
        self._access: dict[str, float] = {}
        self._codes: dict[str, tuple[float, str]] = {}
        self._load()

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [
            web.post("/zalo/v4/oa/access_token", self.hand_out),
            web.get("/zalo/v4/oa/permission", self.ask),
            web.post("/zalo/v4/oa/permission", self.permit),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """The page on which the administrator of the Official Account presses a button."""
        if not self._good(request):
            return json_answer(200, _error(-14002, "Invalid app_id or redirect_uri."))
        page = _PAGE.format(app=self._app.app_id, oa=self._app.oa_id, target=html.escape(str(request.rel_url)))
        return web.Response(text=page, content_type="text/html", headers=_PAGE_HEADERS)

    async def permit(self, request: web.Request) -> web.StreamResponse:
        """The button was pressed: a code goes to `redirect_uri`."""
        if not self._good(request):
            return json_answer(200, _error(-14002, "Invalid app_id or redirect_uri."))
        query, target = request.query, request.query["redirect_uri"]
        code = secrets.token_urlsafe(32)
        self._codes[code] = (time.time() + _CODE_SECONDS, query.get("code_challenge", ""))
        said = urlencode({"oa_id": self._app.oa_id, "code": code, "state": query.get("state", "")})
        return web.Response(status=302, headers={"Location": f"{target}{'&' if '?' in target else '?'}{said}"})

    def _good(self, request: web.Request) -> bool:
        target = request.query.get("redirect_uri", "")
        return request.query.get("app_id") == self._app.app_id and target.startswith(("http://", "https://"))

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """A new pair for a refresh token or a code, which is used up by that."""
        form = await fields(request) or {}
        wrong = self._objection(request, form)
        if wrong is not None:
            return json_answer(200, _error(*wrong))
        access, self._refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        now = time.time()
        self._access = {token: ends for token, ends in self._access.items() if ends > now - self._app.token_seconds}
        self._access[access] = now + self._app.token_seconds
        write_private(self._file, {"refresh": self._refresh, "access": self._access})
        return json_answer(
            200,
            {
                "access_token": access,
                "refresh_token": self._refresh,
                "expires_in": str(self._app.token_seconds),
                "refresh_token_expires_in": "7776000",
            },
        )

    def objection(self, token: str) -> str | None:
        """Why an access token is not good: "wrong" or "expired"; None for a good one."""
        ends = self._access.get(token)
        if ends is None:
            return "wrong"
        return "expired" if ends <= time.time() else None

    def _objection(self, request: web.Request, form: dict[str, Any]) -> tuple[int, str] | None:
        secret = request.headers.get("secret_key", "")
        if not hmac.compare_digest(secret.encode(), self._app.app_secret.encode()):
            return -14004, "Invalid secret key."
        if form.get("app_id") != self._app.app_id:
            return -14002, "Invalid app_id."
        if form.get("grant_type") == "refresh_token":
            given = str(form.get("refresh_token", ""))
            return None if hmac.compare_digest(given.encode(), self._refresh.encode()) else _BAD_REFRESH
        if form.get("grant_type") != "authorization_code":
            return -14003, "Invalid grant type."
        ends, challenge = self._codes.pop(str(form.get("code", "")), (0.0, ""))
        if ends < time.time() or (challenge and _challenge(str(form.get("code_verifier", ""))) != challenge):
            return -14005, "Invalid authorization code."
        return None

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text())
        except FileNotFoundError:
            return
        self._refresh, self._access = kept["refresh"], kept["access"]


def _challenge(verifier: str) -> str:
    """What a `code_verifier` must hash to (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _error(code: int, text: str) -> dict[str, Any]:
    return {"error": code, "error_name": text, "error_reason": text, "error_description": text}
