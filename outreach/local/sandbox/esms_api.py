"""eSMS as the sandbox speaks it: single notices, lists of advertising, its codes, what became of them, the balance."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from outreach.local.sandbox.answers import Desk, fields, json_answer, shared_fate
from outreach.local.sandbox.behaviour import Fate, esms_fate
from outreach.local.sandbox.esms_callbacks import MISSED
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.parts import parts
from outreach.local.sandbox.phones import international

FEWEST, MOST = 30, 5000
"""Numbers of a list of advertising."""
_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
Refusal = tuple[Outcome, str, str]
"""Outcome, eSMS's code and text; 429 and 500 are HTTP's."""

_AUTH: Final[Refusal] = (Outcome.UNAUTHORISED, "101", "Authorize Failed")
_DUPLICATE: Final[Refusal] = (Outcome.REFUSED, "124", "RequestId is duplicate")
_THROTTLED: Final[Refusal] = (Outcome.THROTTLED, "429", "Too Many Requests")
_BROKEN: Final[Refusal] = (Outcome.BROKEN, "500", "Internal Server Error")
_BALANCE: Final[Refusal] = (Outcome.REFUSED, "103", "Not enough balance to send message")
_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.INVALID: (Outcome.REFUSED, "108", "Phone number is not in correct format"),
    Fate.OPTED_OUT: (Outcome.REFUSED, "99", "The phone number is blocked in the system"),
    Fate.CONTENT: (Outcome.REFUSED, "146", "Wrong customer care template"),
    Fate.BALANCE: _BALANCE,
    Fate.THROTTLED: _THROTTLED,
    Fate.BROKEN: _BROKEN,
}


class EsmsApi:
    """The handlers of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._account = desk.config.esms

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        base = "/esms/MainService.svc/json"
        return [
            *(web.post(f"{base}/SendMultipleMessage_V4_post_json{end}", self.send) for end in ("", "/")),
            *(web.post(f"{base}/SendMultipleSMSBrandname_json{end}", self.advertise) for end in ("", "/")),
            web.get(f"{base}/GetSmsReceiverStatus_get", self.receivers),
            web.get(f"{base}/GetSendStatus", self.status),
            *(web.post(f"{base}/GetBalance_json{end}", self.balance) for end in ("", "/")),
        ]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """One message to one number; a RequestId is taken once a day."""
        said = await fields(request)
        if said is None:
            return json_answer(400, {"CodeResult": "99", "ErrorMessage": "the body is not JSON"})
        entry = self._entry(said)
        what = esms_fate(entry.to, self._desk.config.fail_share)
        refused = self._objection(said, entry, what)
        if refused is not None:
            return self._refuse(entry, refused)
        if str(said.get("Sandbox", "0")) == "1":  # looked at, not sent
            self._desk.refuse(entry, Outcome.REFUSED, "sandbox")
            return _taken(replace(entry, provider_id=_new_id()))
        taken = replace(entry, provider_id=_new_id())
        return await self._desk.take(request, taken, what, _taken)

    async def advertise(self, request: web.Request) -> web.StreamResponse:
        """One advertising text to a list of numbers; eSMS does not say which of them it could not use."""
        said = await fields(request)
        if said is None:
            return json_answer(400, {"CodeResult": "99", "ErrorMessage": "the body is not JSON"})
        given = said.get("Phones")
        phones = [str(one) for one in given] if isinstance(given, list) else []
        entries = [self._entry({**said, "Phone": phone}) for phone in phones]
        what = shared_fate(esms_fate(entry.to, self._desk.config.fail_share) for entry in entries)
        refused = self._list_objection(said, entries, what)
        if refused is not None:
            for entry in entries:
                self._desk.refuse(entry, refused[0], refused[1])
            return _refusal(*refused[1:])
        name = _new_id()
        taken = [
            replace(entry, provider_id=f"{name}:{place}", callback="" if place else entry.callback)
            for place, entry in enumerate(entries)
        ]
        return await self._desk.take_all(
            request, taken, what, lambda: json_answer(200, {"CodeResult": "100", "CountRegenerate": 0, "SMSID": name})
        )

    async def receivers(self, request: web.Request) -> web.StreamResponse:
        """What became of a message, or of a list, for each number."""
        entry = self._asked(request)
        if not isinstance(entry, Entry):
            return entry
        listed = self._desk.book.of_list(entry.provider_id.partition(":")[0]) or [entry]
        return json_answer(200, {"CodeResult": "100", "ReceiverList": [self._receiver(one) for one in listed]})

    def _receiver(self, entry: Entry) -> dict[str, object]:
        arrived = esms_fate(entry.to, self._desk.config.fail_share) not in MISSED
        settled = _settled(entry, self._desk.config.receipt_ms)
        return {
            "IsSent": settled,
            "NetworkName": "Viettel",
            "Phone": "0" + entry.to.removeprefix("+84"),
            "Retry": 0,
            "SentResult": arrived and settled,
        }

    async def status(self, request: web.Request) -> web.StreamResponse:
        """What became of a message, in sum."""
        entry = self._asked(request)
        if not isinstance(entry, Entry):
            return entry
        settled = _settled(entry, self._desk.config.receipt_ms)
        failed = settled and esms_fate(entry.to, self._desk.config.fail_share) is Fate.FAILED
        return json_answer(
            200,
            {
                "CodeResponse": "100",
                "SMSID": entry.provider_id,
                "SendFailed": int(failed),
                "SendStatus": 5 if settled else 2,
                "SendSuccess": int(settled and not failed),
                "TotalPrice": float(entry.parts * self._account.price),
                "TotalReceiver": 1,
                "TotalSent": 1,
            },
        )

    async def balance(self, request: web.Request) -> web.StreamResponse:
        """What is left, in VND."""
        said = await fields(request) or {}
        if not self._knows(said):
            return json_answer(200, {"Balance": 0, "CodeResponse": _AUTH[1], "ErrorMessage": _AUTH[2]})
        return json_answer(200, {"Balance": self._balance, "CodeResponse": "100", "UserID": 1})

    @property
    def _balance(self) -> int:
        return self._account.balance - self._desk.book.parts_of("esms") * self._account.price

    def _knows(self, said: Mapping[str, Any]) -> bool:
        given = f"{said.get('ApiKey', '')}:{said.get('SecretKey', '')}"
        wanted = f"{self._account.api_key}:{self._account.secret_key}"
        return hmac.compare_digest(given.encode(), wanted.encode())

    def _asked(self, request: web.Request) -> Entry | web.Response:
        if not self._knows(request.query):
            return json_answer(200, {"CodeResult": _AUTH[1], "CodeResponse": _AUTH[1], "ErrorMessage": _AUTH[2]})
        name, book = request.query.get("RefId", ""), self._desk.book
        entry = book.by_id(name) or book.by_id(f"{name}:0")
        if entry is None or entry.provider != "esms":
            return json_answer(200, {"CodeResult": "105", "CodeResponse": "105", "ErrorMessage": "SMSID not found"})
        return entry

    def _objection(self, said: Mapping[str, Any], entry: Entry, what: Fate) -> Refusal | None:
        if not self._knows(said):
            return _AUTH
        wrong = self._mistake(said, entry)
        if wrong is not None:
            return wrong
        if what is Fate.FLAKY:
            return None if self._desk.book.was_broken(entry) else _BROKEN
        if what in _REFUSALS:
            return _REFUSALS[what]
        if self._balance < entry.parts * self._account.price:
            return _BALANCE
        return None if self._desk.admits() else _THROTTLED

    def _mistake(self, said: Mapping[str, Any], entry: Entry) -> Refusal | None:
        if not international(entry.to):
            return _REFUSALS[Fate.INVALID]
        if str(said.get("SmsType", "")) != "2":
            return Outcome.REFUSED, "118", "Unsupported message type"
        return self._wrong(entry)

    def _wrong(self, entry: Entry) -> Refusal | None:
        """What is wrong with sender, text and RequestId."""
        if entry.sender != self._account.brandname:
            return Outcome.REFUSED, "104", "Brandname does not exist"
        if not entry.body.strip() or len(entry.key) > 50:
            return Outcome.REFUSED, "110", "The requested data is incorrect"
        before = self._desk.book.by_key("esms", entry.key) if entry.key else None
        return _DUPLICATE if before is not None and _day(before) == _day(entry) else None

    def _list_objection(self, said: Mapping[str, Any], entries: Sequence[Entry], what: Fate) -> Refusal | None:
        if not self._knows(said):
            return _AUTH
        if str(said.get("SmsType", "")) != "1":
            return Outcome.REFUSED, "118", "Unsupported message type"
        if sum(bool(international(one.to)) for one in entries) < FEWEST:
            return Outcome.REFUSED, "107", "Each request has at least 30 numbers to be approved"
        if len(entries) > MOST:
            return Outcome.REFUSED, "120", "Too many phone numbers"
        wrong = self._wrong(entries[0])
        if wrong is not None:
            return wrong
        if what is Fate.FLAKY:
            return None if all(map(self._desk.book.was_broken, entries)) else _BROKEN
        if what in _REFUSALS:
            return _REFUSALS[what]
        if self._balance < sum(one.parts for one in entries) * self._account.price:
            return _BALANCE
        return None if self._desk.admits() else _THROTTLED

    def _refuse(self, entry: Entry, refused: Refusal) -> web.Response:
        self._desk.refuse(entry, refused[0], refused[1])
        return _refusal(*refused[1:])

    def _entry(self, said: Mapping[str, Any]) -> Entry:
        body, phone = str(said.get("Content", "")), str(said.get("Phone", ""))
        return Entry(
            at=now(),
            channel="sms",
            to=international(phone) or phone,
            sender=str(said.get("Brandname", "")),
            body=body,
            key=str(said.get("RequestId", "")),
            outcome=Outcome.ACCEPTED,
            callback=str(said.get("CallbackUrl", "")),
            parts=parts(body),
            provider="esms",
        )


def _new_id() -> str:
    return f"{uuid.uuid4()}100"


def _taken(entry: Entry) -> web.Response:
    return json_answer(200, {"CodeResult": "100", "CountRegenerate": 0, "SMSID": entry.provider_id})


def _refusal(code: str, text: str) -> web.Response:
    if code == "429":
        return json_answer(429, {"Message": text}, {"Retry-After": "1"})
    if code == "500":
        return web.Response(status=500, text="<html>internal server error</html>", content_type="text/html")
    return json_answer(200, {"CodeResult": code, "CountRegenerate": 0, "ErrorMessage": text})


def _settled(entry: Entry, receipt_ms: int) -> bool:
    return entry.moment + timedelta(milliseconds=receipt_ms) <= datetime.now(UTC)


def _day(entry: Entry) -> str:
    return entry.moment.astimezone(_ZONE).date().isoformat()
