"""Zalo Official Account as the sandbox speaks it: messages by user id, within the windows of the last interaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.answers import fields
from outreach.local.sandbox.behaviour import Fate, user_fate
from outreach.local.sandbox.book import new_id
from outreach.local.sandbox.log import Deed, Entry, Outcome, now
from outreach.local.sandbox.zalo_desk import Refusal, ZaloDesk
from outreach.local.sandbox.zns_templates import ZnsTemplate

MAX_LENGTH: Final = 2000
FREE, OPEN = timedelta(hours=48), timedelta(days=7)
"""How long after the last interaction an answer is free, and how long one may write at all."""
_TOKEN: Final[Refusal] = (-216, "Access token is invalid")
_EXPIRED: Final[Refusal] = (-220, "Access token has expired")
_CLOSED: Final[Refusal] = (-230, "User has not interacted with the OA in the past 7 days")
_GONE: Final[Refusal] = (-213, "User has not followed the OA")
_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.INVALID: _GONE,
    Fate.OPTED_OUT: (-244, "User has restricted this type of message from your OA"),
    Fate.FAILED: (-227, "User is banned or has been inactive for more than 45 days"),
    Fate.CONTENT: (-201, "Params is invalid"),
    Fate.QUOTA: (-211, "Out of quota"),
    Fate.NIGHT: (-234, "Promotion messages are not sent from 22:00 to 05:59"),
    Fate.TOKEN: _TOKEN,
}


class ZaloApi:
    """The handlers of openapi.zalo.me."""

    def __init__(self, desk: ZaloDesk, templates: Mapping[str, ZnsTemplate]) -> None:
        self._desk = desk
        self._templates = templates
        self._share = desk.desk.config.fail_share
        self._beyond = 0

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        base = "/zalo/v3.0/oa"
        return [
            web.post(f"{base}/message/cs", self.consult),
            web.post(f"{base}/message/template", self.template),
            web.post(f"{base}/quota/message", self.window),
            web.get(f"{base}/user/getlist", self.followers),
        ]

    async def consult(self, request: web.Request) -> web.StreamResponse:
        """A consultation message: a text to somebody who has been in touch."""
        said = await fields(request) or {}
        recipient, message = said.get("recipient"), said.get("message")
        user = str(recipient.get("user_id", "")) if isinstance(recipient, dict) else ""
        text = message.get("text") if isinstance(message, dict) else None
        entry = self._entry(user, text if isinstance(text, str) else "")
        return await self._hand_in(request, entry, _wrong_text(user, text))

    async def template(self, request: web.Request) -> web.StreamResponse:
        """A template by user id."""
        said = await fields(request) or {}
        user, known = str(said.get("user_id", "")), self._templates.get(str(said.get("template_id", "")))
        data = said.get("template_data")
        entry = self._entry(user, known.shown(data) if known and isinstance(data, dict) else "")
        wrong = (-109, "Template ID invalid") if known is None else known.objection(data)
        return await self._hand_in(request, entry, wrong if user else (-201, "user_id is invalid"))

    async def window(self, request: web.Request) -> web.StreamResponse:
        """When a user was last in touch; or, where an owner is asked about, what is left of the package."""
        refused = self._desk.objection(request, wrong=_TOKEN, expired=_EXPIRED)
        if refused is not None:
            return self._desk.answer({"error": refused[0], "message": refused[1]})
        said = await fields(request) or {}
        if "quota_owner" in said:
            return self._desk.answer({"error": 0, "message": "Success", "data": [self._package()]})
        user = str(said.get("user_id", ""))
        last = self._last_interaction(user)
        return self._desk.success(
            {
                "user_id": user,
                "last_interaction": _milliseconds(last),
                "cs_reply": {"remain": 8 if self._age(user) <= FREE else 0, "total": 8},
            }
        )

    async def followers(self, request: web.Request) -> web.StreamResponse:
        """Those who follow the Official Account, as far as they have done so in the sandbox."""
        refused = self._desk.objection(request, wrong=_TOKEN, expired=_EXPIRED)
        if refused is not None:
            return self._desk.answer({"error": refused[0], "message": refused[1]})
        wanted = _page(request.query.get("data", "{}"))
        everyone = [user for user in self._desk.desk.book.doers("zalo") if not self._unfollowed(user)]
        offset, count = wanted.get("offset", 0), min(wanted.get("count", 50), 50)
        page = [{"user_id": user} for user in everyone[offset : offset + count]]
        return self._desk.success({"total": len(everyone), "count": len(page), "offset": offset, "users": page})

    async def _hand_in(self, request: web.Request, entry: Entry, wrong: Refusal | None) -> web.StreamResponse:
        what = user_fate(entry.to, self._share)
        refused = (
            self._desk.objection(request, wrong=_TOKEN, expired=_EXPIRED)
            or wrong
            or self._desk.fated(entry, what, _REFUSALS)
            or self._unwilling(entry.to)
            or (None if self._age(entry.to) <= FREE or self._left > 0 else _REFUSALS[Fate.QUOTA])
            or (None if self._desk.admits() else (-32, "Too many requests"))
        )
        if refused is not None:
            return self._desk.refused(entry, refused)
        if what is Fate.BROKEN:
            return self._desk.broken(entry)
        taken = replace(entry, provider_id=new_id("ZM"))
        return await self._desk.desk.take(request, taken, what, self._accepted)

    def _accepted(self, entry: Entry) -> web.Response:
        quota: dict[str, str] = {"quota_type": "reply", "remain": "7", "total": "8"}
        if self._age(entry.to) > FREE:
            self._beyond += 1
            quota = {"quota_type": "sub_quota", "owner_type": "OA", **self._package()}
        data = {"message_id": entry.provider_id, "user_id": entry.to, "sent_time": _milliseconds(entry.moment)}
        return self._desk.success({**data, "quota": quota})

    @property
    def _left(self) -> int:
        return max(0, self._desk.app.package - self._beyond)

    def _package(self) -> dict[str, str]:
        return {"asset_id": "1", "remain": str(self._left), "total": str(self._desk.app.package)}

    def _unwilling(self, user: str) -> Refusal | None:
        if self._unfollowed(user):
            return _GONE
        return _CLOSED if self._age(user) > OPEN else None

    def _unfollowed(self, user: str) -> bool:
        steps = [deed.what for deed in self._deeds(user) if deed.what in ("follow", "unfollow")]
        return steps[-1:] == ["unfollow"]

    def _deeds(self, user: str) -> list[Deed]:
        return [deed for deed in self._desk.desk.book.deeds_of(user) if deed.provider == "zalo"]

    def _age(self, user: str) -> timedelta:
        return datetime.now(UTC) - self._last_interaction(user)

    def _last_interaction(self, user: str) -> datetime:
        """When they last did something here; who never did is taken to have done so an hour ago, or eight days ago."""
        deeds = [deed for deed in self._deeds(user) if _in_touch(deed)]
        if deeds:
            return deeds[-1].moment
        away = user_fate(user, self._share) is Fate.WINDOW
        return datetime.now(UTC) - (timedelta(days=8) if away else timedelta(hours=1))

    def _entry(self, user: str, text: str) -> Entry:
        return Entry(
            at=now(),
            channel="zalo_oa",
            to=user,
            sender=self._desk.app.oa_id,
            body=text,
            key="",
            outcome=Outcome.ACCEPTED,
            callback=self._desk.desk.config.webhooks.get("zalo", ""),
            provider="zalo",
        )


def _in_touch(deed: Deed) -> bool:
    """Whether a deed opens the window: a call does so only where the two have spoken."""
    if deed.what == "user_call_oa":
        return str(json.loads(deed.body).get("talk_time", "")).strip("0") != ""
    return deed.what not in ("unfollow", "user_seen_message")


def _wrong_text(user: str, text: object) -> Refusal | None:
    if not user.isdigit():
        return -201, "user_id is invalid"
    if not isinstance(text, str) or not text.strip():
        return -201, "Params is invalid: message.text"
    return (-210, "Parameter exceeds the allowed limit: message.text") if len(text) > MAX_LENGTH else None


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _page(text: str) -> dict[str, int]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    numbers: dict[str, Any] = document if isinstance(document, dict) else {}
    return {name: value for name, value in numbers.items() if isinstance(value, int) and value >= 0}
