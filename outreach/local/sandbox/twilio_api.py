"""Twilio's Messages API as the sandbox speaks it: create, list, fetch; Basic auth; errors in Twilio's form."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from datetime import date, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from outreach.local.sandbox.answers import Desk, json_answer
from outreach.local.sandbox.behaviour import Fate, fate
from outreach.local.sandbox.book import new_id
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.parts import parts

MAX_LENGTH: Final = 1600
_REFUSALS: Final[dict[Fate, tuple[Outcome, int, int, str]]] = {
    Fate.INVALID: (Outcome.REFUSED, 400, 21211, "The 'To' number is not a valid phone number."),
    Fate.OPTED_OUT: (Outcome.REFUSED, 400, 21610, "Attempt to send to unsubscribed recipient"),
    Fate.CONTENT: (Outcome.REFUSED, 400, 30007, "Message filtered"),
    Fate.THROTTLED: (Outcome.THROTTLED, 429, 20429, "Too Many Requests"),
    Fate.BROKEN: (Outcome.BROKEN, 500, 20500, "An internal server error has occurred"),
}


class TwilioApi:
    """The handlers, over one book."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._config = config = desk.config
        self._book = desk.book
        pair = f"{config.account_sid}:{config.auth_token}"
        self._authorization = b"Basic " + base64.b64encode(pair.encode())

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        base = "/2010-04-01/Accounts/{account}/Messages"
        return [
            web.post(f"{base}.json", self.create),
            web.get(f"{base}.json", self.search),
            web.get(f"{base}/{{sid}}.json", self.fetch),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Take a message: written down first, then answered."""
        form = dict(parse_qsl((await request.read()).decode(errors="replace"), keep_blank_values=True))
        entry = _entry(form)
        refused = self._objection(request, form, entry)
        if refused is not None:
            outcome, status, code, text = refused
            self._desk.refuse(entry, outcome, str(code))
            return _error(status, code, text)
        taken = replace(entry, provider_id=new_id("SM"))
        what = fate(taken.to, self._config.fail_share)
        return await self._desk.take(request, taken, what, lambda one: json_answer(201, self._resource(one)))

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Messages by To, From and DateSent, the newest first, a page at a time."""
        if not self._knows(request):
            return _error(401, 20003, "Authenticate")
        query = request.query
        entries = self._book.to(query["To"]) if "To" in query else [*self._book.everything()]
        found = [
            one
            for one in reversed(entries)
            if one.provider == "twilio" and one.channel == "sms" and _wanted(one, query)
        ]
        size = min(max(_number(query.get("PageSize"), 50), 1), 1000)
        page = _number(query.get("Page"), 0)
        more = {**query, "Page": str(page + 1), "PageSize": str(size)}
        uri = f"{request.path}?{urlencode(more)}" if len(found) > (page + 1) * size else None
        shown = [self._resource(one) for one in found[page * size : (page + 1) * size]]
        return json_answer(200, {"messages": shown, "page": page, "page_size": size, "next_page_uri": uri})

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """One message by its id."""
        if not self._knows(request):
            return _error(401, 20003, "Authenticate")
        entry = self._book.by_id(request.match_info["sid"])
        if entry is None:
            return _error(404, 20404, "The requested resource was not found")
        return json_answer(200, self._resource(entry))

    def _knows(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode(errors="replace")
        return request.match_info["account"] == self._config.account_sid and hmac.compare_digest(
            given, self._authorization
        )

    def _objection(
        self, request: web.Request, form: dict[str, str], entry: Entry
    ) -> tuple[Outcome, int, int, str] | None:
        if not self._knows(request):
            return Outcome.UNAUTHORISED, 401, 20003, "Authenticate"
        wrong = _mistake(form)
        if wrong is not None:
            return Outcome.REFUSED, 400, *wrong
        what = fate(form["To"], self._config.fail_share)
        if what is Fate.FLAKY:
            return None if self._book.was_broken(entry) else _REFUSALS[Fate.BROKEN]
        if what in _REFUSALS:
            return _REFUSALS[what]
        return None if self._desk.admits() else _REFUSALS[Fate.THROTTLED]

    def _resource(self, entry: Entry) -> dict[str, Any]:
        status, code = self._book.status(entry.provider_id)
        created = format_datetime(entry.moment)
        return {
            "sid": entry.provider_id,
            "account_sid": self._config.account_sid,
            "api_version": "2010-04-01",
            "body": entry.body,
            "date_created": created,
            "date_sent": None if status == "queued" else created,
            "date_updated": created,
            "direction": "outbound-api",
            "error_code": int(code) if code else None,
            "error_message": None,
            "from": entry.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(entry.parts),
            "price": None,
            "price_unit": "USD",
            "status": status,
            "to": entry.to,
            "uri": f"/2010-04-01/Accounts/{self._config.account_sid}/Messages/{entry.provider_id}.json",
        }


def _entry(form: dict[str, str]) -> Entry:
    body = form.get("Body", "")
    return Entry(
        at=now(),
        channel="sms",
        to=form.get("To", ""),
        sender=form.get("From") or form.get("MessagingServiceSid", ""),
        body=body,
        key=_key(form),
        outcome=Outcome.ACCEPTED,
        callback=form.get("StatusCallback", ""),
        parts=parts(body),
    )


def _mistake(form: dict[str, str]) -> tuple[int, str] | None:
    """What is wrong with a request in itself: code and text."""
    if not form.get("To", "").removeprefix("+").isdigit():
        return 21211, "The 'To' number is not a valid phone number."
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return 21603, "A 'From' phone number is required."
    if not form.get("Body"):
        return 21602, "Message body is required."
    if len(form["Body"]) > MAX_LENGTH:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    return None


def _key(form: dict[str, str]) -> str:
    query = urlsplit(form.get("StatusCallback", "")).query
    return dict(parse_qsl(query)).get("d", "")


def _wanted(entry: Entry, query: Any) -> bool:
    if "From" in query and entry.sender != query["From"]:
        return False
    day = entry.moment.date()
    bounds = {"DateSent>": day.__ge__, "DateSent<": day.__le__, "DateSent": day.__eq__}
    return all(bool(holds(_day(query[name]))) for name, holds in bounds.items() if name in query)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else otherwise


def _day(text: str) -> date:
    return datetime.fromisoformat(text).date()


def _error(status: int, code: int, message: str) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    answer = json_answer(status, {"code": code, "message": message, "more_info": more, "status": status})
    if status == 429:
        answer.headers["Retry-After"] = "1"
    return answer
