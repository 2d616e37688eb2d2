"""What the two sides of Zalo share: who may ask, how often, and the form of every answer (HTTP 200 with `error`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.answers import Desk, Limit, json_answer
from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.log import Entry, Outcome
from outreach.local.sandbox.zalo_tokens import ZaloTokens

Refusal = tuple[int, str]
"""Zalo's code and text."""

RATE: Final[Refusal] = (-32, "Your application has exceeded the limit of requests per minute")
_UNKNOWN: Final[Refusal] = (-100, "Unknown error")
_OUTCOMES: Final = {
    -32: Outcome.THROTTLED,
    -100: Outcome.BROKEN,
    -124: Outcome.UNAUTHORISED,
    -216: Outcome.UNAUTHORISED,
    -220: Outcome.UNAUTHORISED,
}


class ZaloDesk:
    """Where messages to Zalo are handed in, by user id and by phone number."""

    def __init__(self, desk: Desk, tokens: ZaloTokens) -> None:
        self.desk = desk
        self.app = desk.config.zalo
        self._tokens = tokens
        self._limit = Limit(self.app.per_minute, 60.0)

    def objection(self, request: web.Request, *, wrong: Refusal, expired: Refusal) -> Refusal | None:
        """Why a request is refused whatever it asks: its access token, or too many of them."""
        why = self._tokens.objection(request.headers.get("access_token", ""))
        if why is not None:
            return wrong if why == "wrong" else expired
        return None if self._limit.admits() else RATE

    def admits(self) -> bool:
        """Whether one more message is within the limit of a second."""
        return self.desk.admits()

    def fated(self, entry: Entry, what: Fate, refusals: Mapping[Fate, Refusal]) -> Refusal | None:
        """Why the recipient's fate refuses the message; the broken ones are answered without JSON by `refused`."""
        if what is Fate.FLAKY:
            return None if self.desk.book.was_broken(entry) else _UNKNOWN
        return RATE if what is Fate.THROTTLED else refusals.get(what)

    def refused(self, entry: Entry, why: Refusal) -> web.Response:
        """Write down a message that is not taken, and say why."""
        self.desk.refuse(entry, _OUTCOMES.get(why[0], Outcome.REFUSED), str(why[0]))
        return self.answer({"error": why[0], "message": why[1]})

    def broken(self, entry: Entry) -> web.Response:
        """Write down a message that met a pretended breakdown."""
        self.desk.refuse(entry, Outcome.BROKEN, "500")
        return web.Response(status=500, text="<html>internal server error</html>", content_type="text/html")

    def success(self, data: Mapping[str, Any]) -> web.Response:
        """What was asked for."""
        return self.answer({"error": 0, "message": "Success", "data": data})

    def answer(self, document: Mapping[str, Any]) -> web.Response:
        """HTTP 200, with the headers of the rate."""
        headers = {"X-RateLimit-Limit": str(self.app.per_minute), "X-RateLimit-Remain": str(self._limit.left)}
        return json_answer(200, document, headers)
