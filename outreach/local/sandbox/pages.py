"""What each citizen would have received: pages for people, with no number and no mailbox in their addresses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from outreach.local.sandbox.book import Book, phone_id
from outreach.local.sandbox.log import Entry

_SHOWN = 200
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_STATUS_VI = {
    "queued": "đang chờ",
    "sent": "đã gửi",
    "delivered": "đã nhận",
    "undelivered": "không tới được",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Pages:
    """The list of recipients, and each one's phone."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters["status_vi"] = self._status
        self._templates.filters["phone_id"] = phone_id
        self._templates.filters["local"] = _local

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [
            web.get("/", self.recipients),
            web.get("/phone/{phone}", self.phone),
            web.get("/healthz", self.health),
        ]

    async def recipients(self, request: web.Request) -> web.Response:
        """Who was written to last."""
        return self._page("recipients.html", recipients=list(self._book.latest(_SHOWN)), book=self._book, shown=_SHOWN)

    async def phone(self, request: web.Request) -> web.Response:
        """One recipient's messages, as on a phone, the latest last."""
        to = self._book.by_phone_id(request.match_info["phone"])
        if to is None:
            return self._page("missing.html", status=404)
        return self._page("phone.html", to=to, entries=self._book.to(to)[-_SHOWN:])

    async def health(self, request: web.Request) -> web.Response:
        """That it is up, and how many messages it has taken."""
        return web.json_response({"ok": True, "accepted": self._book.accepted, "refused": self._book.refused})

    def _status(self, entry: Entry) -> str:
        if entry.channel != "sms":
            return "đã nhận"
        status, code = self._book.status(entry.provider_id)
        return f"{_STATUS_VI.get(status, status)} ({code})" if code else _STATUS_VI.get(status, status)

    def _page(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._templates.get_template(name).render(values)
        return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


def _local(moment: datetime) -> str:
    """The moment as clocks in Việt Nam show it, to the second."""
    return moment.astimezone(_ZONE).strftime("%d/%m/%Y %H:%M:%S")
