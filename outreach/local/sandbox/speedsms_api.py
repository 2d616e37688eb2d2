"""SpeedSMS as the sandbox speaks it: one text for up to 100 numbers, its codes, its limit of requests, the balance."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.answers import Desk, Limit, fields, json_answer, shared_fate
from outreach.local.sandbox.behaviour import Fate, esms_fate
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.parts import parts
from outreach.local.sandbox.phones import international

MOST: Final = 100
MAX_LENGTH: Final = 612
_FIRST: Final = 100_000
"""Transactions are numbered from here on, and go on over a restart."""
Refusal = tuple[Outcome, str, str]

_PARAMETERS: Final[Refusal] = (Outcome.REFUSED, "101", "Invalid or missing parameters")
_NUMBERS: Final[Refusal] = (Outcome.REFUSED, "105", "Phone number invalid")
_LENGTH: Final[Refusal] = (Outcome.REFUSED, "113", "Sms content too long")
_BALANCE: Final[Refusal] = (Outcome.REFUSED, "300", "Your account balance not enough to send sms")
_INTERNAL: Final[Refusal] = (Outcome.BROKEN, "500", "Internal error, please try again")
_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.CONTENT: (Outcome.REFUSED, "110", "Not support sms content encoding"),
    Fate.BALANCE: _BALANCE,
    Fate.BROKEN: _INTERNAL,
}
_NOT_TAKEN: Final = frozenset({Fate.INVALID, Fate.OPTED_OUT})
"""Numbers named in `invalidPhone`, while the others of the list go out."""


class SpeedSmsApi:
    """The handlers of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._account = desk.config.speedsms
        self._limit = Limit(self._account.per_minute, 60)
        pair = f"{self._account.token}:x".encode()
        self._authorization = b"Basic " + base64.b64encode(pair)
        mine = [one for one in desk.book.everything() if one.provider == "speedsms"]
        last = max((int(one.provider_id.partition(":")[0]) for one in mine), default=_FIRST)
        self._transactions = count(last + 1)

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        base = "/speedsms/index.php"
        return [web.post(f"{base}/sms/send", self.send), web.get(f"{base}/user/info", self.user)]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """One text to a list of numbers."""
        if not self._limit.admits():
            return self._too_many(self._limit.resets_in)
        if not self._knows(request):
            return json_answer(401, {"name": "Unauthorized", "message": "Invalid token", "code": 0, "status": 401})
        said = await fields(request) or {}
        entries = self._entries(said)
        fates = [esms_fate(entry.to, self._desk.config.fail_share) for entry in entries]
        what = shared_fate(fates)
        if what is Fate.THROTTLED or not self._desk.admits():
            self._refuse_all(entries, Outcome.THROTTLED, "429")
            return self._too_many(1)
        bad = [not international(one.to) or fate in _NOT_TAKEN for one, fate in zip(entries, fates, strict=True)]
        refused = self._objection(said, entries, what, bad)
        if refused is not None:
            self._refuse_all(entries, refused[0], refused[1])
            return _error(refused, [one.to for one, is_bad in zip(entries, bad, strict=True) if is_bad])
        return await self._take(request, entries, what, bad)

    async def user(self, request: web.Request) -> web.StreamResponse:
        """The account and what is left of its money."""
        if not self._knows(request):
            return json_answer(401, {"name": "Unauthorized", "message": "Invalid token", "code": 0, "status": 401})
        data = {"email": "sandbox@example.vn", "balance": self._balance, "currency": "VND"}
        return json_answer(200, {"status": "success", "code": "00", "data": data})

    async def _take(
        self, request: web.Request, entries: Sequence[Entry], what: Fate, bad: Sequence[bool]
    ) -> web.StreamResponse:
        transaction = next(self._transactions)
        taken = [
            replace(entry, provider_id=f"{transaction}:{place}")
            for place, (entry, is_bad) in enumerate(zip(entries, bad, strict=True))
            if not is_bad
        ]
        invalid = [entry for entry, is_bad in zip(entries, bad, strict=True) if is_bad]
        self._refuse_all(invalid, Outcome.REFUSED, _NUMBERS[1])
        price = sum(one.parts for one in taken) * self._account.price
        data = {
            "tranId": transaction,
            "totalSMS": sum(one.parts for one in taken),
            "totalPrice": price,
            "invalidPhone": [one.to.removeprefix("+") for one in invalid],
        }
        answer = {"status": "success", "code": "00", "data": data}
        return await self._desk.take_all(request, taken, what, lambda: json_answer(200, answer))

    def _objection(
        self, said: Mapping[str, Any], entries: Sequence[Entry], what: Fate, bad: Sequence[bool]
    ) -> Refusal | None:
        named, kind = said.get("sender") == self._account.sender, str(said.get("sms_type", ""))
        if (
            not (kind in ("2", "4") or (kind == "3" and named))
            or not 0 < len(entries) <= MOST
            or not str(said.get("content", "")).strip()
        ):
            return _PARAMETERS
        if len(entries[0].body) > MAX_LENGTH:
            return _LENGTH
        if all(bad):
            return _NUMBERS
        if what is Fate.FLAKY:
            return None if all(map(self._desk.book.was_broken, entries)) else _INTERNAL
        if what in _REFUSALS:
            return _REFUSALS[what]
        price = sum(one.parts for one in entries) * self._account.price
        return _BALANCE if self._balance < price else None

    @property
    def _balance(self) -> int:
        return self._account.balance - self._desk.book.parts_of("speedsms") * self._account.price

    def _knows(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode(errors="replace")
        return hmac.compare_digest(given, self._authorization)

    def _refuse_all(self, entries: Sequence[Entry], outcome: Outcome, code: str) -> None:
        for entry in entries:
            self._desk.refuse(entry, outcome, code)

    def _too_many(self, seconds: int) -> web.Response:
        document = {"name": "Too Many Requests", "message": "Rate limit exceeded.", "code": 0, "status": 429}
        headers = {
            "X-Rate-Limit-Limit": str(self._account.per_minute),
            "X-Rate-Limit-Remaining": str(self._limit.left),
            "X-Rate-Limit-Reset": str(seconds),
        }
        return json_answer(429, document, headers)

    def _entries(self, said: Mapping[str, Any]) -> list[Entry]:
        body, given = str(said.get("content", "")), said.get("to")
        phones = [str(one) for one in given] if isinstance(given, list) else [str(given or "")]
        return [
            Entry(
                at=now(),
                channel="sms",
                to=international(phone) or phone,
                sender=str(said.get("sender", "")),
                body=body,
                key="",
                outcome=Outcome.ACCEPTED,
                callback=self._desk.config.webhooks.get("speedsms", ""),
                parts=parts(body),
                provider="speedsms",
            )
            for phone in phones
            if phone
        ]


def _error(refused: Refusal, invalid: Sequence[str]) -> web.Response:
    _, code, text = refused
    numbers = [one.removeprefix("+") for one in invalid]
    return json_answer(200, {"status": "error", "code": code, "message": text, "invalidPhone": numbers})
