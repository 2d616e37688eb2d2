"""What each citizen would have received: pages for people, with no number and no mailbox in their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from outreach.local.sandbox.book import Book, phone_id
from outreach.local.sandbox.log import Deed, Entry
from outreach.local.sandbox.lots import Lots
from outreach.local.sandbox.sms_answers import answerable

_SHOWN = 200
_LONGEST_PART = 100
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_STATUS_VI = {
    "queued": "đang chờ",
    "sent": "đã gửi",
    "delivered": "đã nhận",
    "read": "đã xem",
    "undelivered": "không tới được",
}
CHANNELS_VI = {
    "sms": "SMS",
    "zalo_oa": "Zalo OA",
    "zalo_zns": "Zalo ZNS",
    "telegram": "Telegram",
    "email": "Thư điện tử",
}
_DEEDS_VI = {
    "follow": "bấm quan tâm Official Account",
    "unfollow": "bỏ quan tâm Official Account",
    "user_submit_info": "chia sẻ thông tin",
    "message": "nhắn tin",
    "user_send_text": "nhắn tin",
    "user_click_response_button": "bấm nút trong tin",
    "user_call_oa": "gọi Official Account",
    "blocked": "chặn bot",
    "unblocked": "bỏ chặn bot",
}
_TOLD_BACK = ("sms", "zalo_oa", "zalo_zns")
"""Channels whose messages are followed by receipts."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Pages:
    """The list of recipients, and each one's phone."""

    def __init__(self, book: Book, lots: Lots) -> None:
        self._book = book
        self._lots = lots
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters["status_vi"] = self._status
        self._templates.filters["phone_id"] = phone_id
        self._templates.filters["local"] = _local
        self._templates.filters["channel_vi"] = lambda channel: CHANNELS_VI.get(channel, channel)
        self._templates.filters["deed_vi"] = lambda what: _DEEDS_VI.get(what, "")

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [
            web.get("/", self.recipients),
            web.post("/", self.recipients),
            web.get("/phone/{phone}", self.phone),
            web.get("/healthz", self.health),
        ]

    async def recipients(self, request: web.Request) -> web.Response:
        """Who was written to last; asked by POST, for a part of an address, which so stands in no URL."""
        channel = request.query.get("channel", "")
        part = str((await request.post()).get("q", ""))[:_LONGEST_PART]
        latest = list(self._book.latest(_SHOWN, channel, part))
        counts = sorted(self._book.by_channel.items())
        return self._page(
            "recipients.html",
            recipients=latest,
            counts=counts,
            chosen=channel,
            part=part,
            book=self._book,
            shown=_SHOWN,
            faults_on=bool(self._lots.faults),
        )

    async def phone(self, request: web.Request) -> web.Response:
        """One recipient's messages, as on a phone, the latest last."""
        to = self._book.by_phone_id(request.match_info["phone"])
        if to is None:
            return self._page("missing.html", status=404)
        entries, deeds = self._book.to(to), self._book.deeds_of(to)
        lines = sorted(
            [_Line(one.at, one, None) for one in entries] + [_Line(one.at, None, one) for one in deeds], key=_at
        )
        channels = {one.channel for one in entries} | {one.channel for one in deeds}
        return self._page(
            "phone.html", to=to, lines=lines[-_SHOWN:], channels=channels, also=self._book.also(to),
            answers=answerable(self._book, to) is not None,
        )  # fmt: skip

    async def health(self, request: web.Request) -> web.Response:
        """That it is up, and how many messages it has taken."""
        return web.json_response(
            {
                "ok": True,
                "accepted": self._book.accepted,
                "refused": self._book.refused,
                "by_channel": self._book.by_channel,
            }
        )

    def _status(self, entry: Entry) -> str:
        if entry.channel not in _TOLD_BACK:
            return "đã nhận"
        status, code = self._book.status(entry.provider_id)
        return f"{_STATUS_VI.get(status, status)} ({code})" if code else _STATUS_VI.get(status, status)

    def _page(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._templates.get_template(name).render(values)
        return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands on a phone: a message, or something its owner did."""

    at: str
    entry: Entry | None
    deed: Deed | None


def _at(line: _Line) -> datetime:
    return datetime.fromisoformat(line.at)


def _local(moment: datetime) -> str:
    """The moment as clocks in Việt Nam show it, to the second."""
    return moment.astimezone(_ZONE).strftime("%d/%m/%Y %H:%M:%S")
