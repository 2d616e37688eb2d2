"""Zalo's templates by phone number (ZNS) as the sandbox speaks them: sent, asked about, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from outreach.local.sandbox.answers import fields
from outreach.local.sandbox.behaviour import Fate, zns_fate
from outreach.local.sandbox.book import new_id
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.phones import international
from outreach.local.sandbox.zalo_desk import Refusal, ZaloDesk
from outreach.local.sandbox.zns_templates import ZnsTemplate

_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_TRACKING: Final = re.compile(r"[\x21-\x7e]{0,48}")
_TOKEN: Final[Refusal] = (-124, "Access token invalid")
_OUT_OF_QUOTA: Final[Refusal] = (-144, "OA has reached the limit of daily ZNS")
_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.INVALID: (-118, "Zalo account not existed"),
    Fate.OPTED_OUT: (-139, "User has refused to receive this type of ZNS"),
    Fate.FAILED: (-114, "User is inactive, or reject the message, or using an outdated Zalo version"),
    Fate.CONTENT: (-112, "Template data invalid"),
    Fate.QUOTA: _OUT_OF_QUOTA,
    Fate.NIGHT: (-133, "This ZNS template is not allowed to be sent at night"),
    Fate.TOKEN: _TOKEN,
    Fate.BALANCE: (-115, "Out of balance"),
}


class ZaloBusiness:
    """The handlers of business.openapi.zalo.me."""

    def __init__(self, desk: ZaloDesk, templates: Mapping[str, ZnsTemplate]) -> None:
        self._desk = desk
        self._templates = templates
        self._config = desk.desk.config
        self._book = desk.desk.book
        self._sent = Counter(_day(one) for one in self._book.everything() if one.channel == "zalo_zns")

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [
            web.post("/zalo/message/template", self.send),
            web.get("/zalo/message/status", self.status),
            web.get("/zalo/message/quota", self.quota),
            web.get("/zalo/template/all", self.all),
            web.get("/zalo/template/info/v2", self.info),
        ]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """A template by phone number."""
        said = await fields(request) or {}
        entry, template = self._entry(said), self._templates.get(str(said.get("template_id", "")))
        what = zns_fate(entry.to, self._config.fail_share)
        refused = (
            self._objection(request)
            or _mistake(said, entry, template)
            or self._desk.fated(entry, what, _REFUSALS)
            or (None if self._remaining() > 0 else _OUT_OF_QUOTA)
            or (None if self._desk.admits() else (-32, "Too many requests"))
        )
        if refused is not None:
            return self._desk.refused(entry, refused)
        if what is Fate.BROKEN:
            return self._desk.broken(entry)
        taken = replace(entry, provider_id=new_id("ZN"))
        self._sent[_day(taken)] += 1
        try:
            return await self._desk.desk.take(request, taken, what, self._accepted)
        finally:
            if self._book.by_id(taken.provider_id) is None:  # a fault befell it, or its fate
                self._sent[_day(taken)] -= 1

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Whether a message has arrived; receipts may be lost, this knows."""
        refused = self._objection(request)
        if refused is not None:
            return self._say(refused)
        entry = self._book.by_id(request.query.get("message_id", ""))
        if entry is None or entry.channel != "zalo_zns":
            return self._desk.success({"status": -1, "message": "The message does not exist", "delivery_time": ""})
        arrived = entry.moment + timedelta(milliseconds=self._config.receipt_ms)
        if arrived > datetime.now(UTC):
            return self._desk.success({"status": 0, "message": "Pending", "delivery_time": ""})
        return self._desk.success({"status": 1, "message": "Delivered", "delivery_time": _milliseconds(arrived)})

    async def quota(self, request: web.Request) -> web.StreamResponse:
        """How many templates may be sent today."""
        refused = self._objection(request)
        return self._say(refused) if refused else self._desk.success(self._quota())

    async def all(self, request: web.Request) -> web.StreamResponse:
        """The registered templates, a page at a time."""
        refused = self._objection(request)
        if refused is not None:
            return self._say(refused)
        status = {"1": "ENABLE", "2": "PENDING_REVIEW", "3": "REJECT", "4": "DISABLE"}.get(
            request.query.get("status", "")
        )
        known = [one for one in self._templates.values() if status in (None, one.status)]
        offset, limit = _number(request.query.get("offset"), 0), min(_number(request.query.get("limit"), 100), 100)
        listed = [_listed(one) for one in known[offset : offset + limit]]
        return self._desk.answer({"error": 0, "message": "Success", "data": listed, "metadata": {"total": len(known)}})

    async def info(self, request: web.Request) -> web.StreamResponse:
        """One registered template with its parameters."""
        refused = self._objection(request)
        if refused is not None:
            return self._say(refused)
        found = self._templates.get(request.query.get("template_id", ""))
        if found is None:
            return self._say((-109, "Template ID invalid"))
        params = [{name: getattr(param, name) for name in param.__slots__} for param in found.params]
        return self._desk.success({**_listed(found), "listParams": params, "price_sdt": str(found.price)})

    def _objection(self, request: web.Request) -> Refusal | None:
        return self._desk.objection(request, wrong=_TOKEN, expired=_TOKEN)

    def _say(self, refused: Refusal) -> web.Response:
        return self._desk.answer({"error": refused[0], "message": refused[1]})

    def _accepted(self, entry: Entry) -> web.Response:
        sent = {"msg_id": entry.provider_id, "sent_time": _milliseconds(entry.moment), "sending_mode": "1"}
        return self._desk.success({**sent, "quota": self._quota()})

    def _remaining(self) -> int:
        return max(0, self._desk.app.daily_quota - self._sent[datetime.now(_ZONE).date().isoformat()])

    def _quota(self) -> dict[str, str]:
        return {"dailyQuota": str(self._desk.app.daily_quota), "remainingQuota": str(self._remaining())}

    def _entry(self, said: Mapping[str, Any]) -> Entry:
        template = self._templates.get(str(said.get("template_id", "")))
        data, phone = said.get("template_data"), str(said.get("phone", ""))
        return Entry(
            at=now(),
            channel="zalo_zns",
            to=international(phone) or phone,
            sender=self._desk.app.oa_id,
            body=template.shown(data) if template and isinstance(data, dict) else "",
            key=str(said.get("tracking_id", "")),
            outcome=Outcome.ACCEPTED,
            callback=self._config.webhooks.get("zalo", ""),
            provider="zalo",
        )


def _mistake(said: Mapping[str, Any], entry: Entry, template: ZnsTemplate | None) -> Refusal | None:
    if not international(entry.to):
        return -108, "Phone number invalid"
    if not _TRACKING.fullmatch(entry.key):
        return -132, "Parameter is invalid: tracking_id"
    if said.get("mode") == "development":
        return -127, "Templates in development mode are only sent to administrators"
    return (-109, "Template ID invalid") if template is None else template.objection(said.get("template_data"))


def _listed(template: ZnsTemplate) -> dict[str, Any]:
    return {"templateId": template.template_id, "templateName": template.name, "status": template.status}


def _day(entry: Entry) -> str:
    return entry.moment.astimezone(_ZONE).date().isoformat()


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else otherwise
