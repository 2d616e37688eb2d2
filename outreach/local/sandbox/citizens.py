"""Playing the citizen: somebody follows the Official Account, writes to the bot, shares a number, answers an SMS."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from yarl import URL

from outreach.local.sandbox.answers import fields, json_answer
from outreach.local.sandbox.book import Book, phone_id
from outreach.local.sandbox.callbacks import Callbacks
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, now
from outreach.local.sandbox.phones import international
from outreach.local.sandbox.sms_answers import answerable, sms_answer
from outreach.local.sandbox.telegram_updates import TelegramHook
from outreach.local.sandbox.zalo_events import body_of

ZALO: Final = (
    "follow", "unfollow", "user_send_text", "user_submit_info", "user_click_response_button", "user_call_oa",
)  # fmt: skip
_TALKED: Final = "30000"
"""Milliseconds."""
TELEGRAM: Final = ("message", "blocked", "unblocked")
_SMS_LENGTH: Final = 1600


class Citizens:
    """`POST /citizen/zalo`, `/citizen/telegram` and `/citizen/sms`, by programs (JSON) and from the pages (forms)."""

    def __init__(self, config: SandboxConfig, book: Book, callbacks: Callbacks, hook: TelegramHook) -> None:
        self._config = config
        self._book = book
        self._callbacks = callbacks
        self._hook = hook

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [
            web.post("/citizen/zalo", self.on_zalo),
            web.post("/citizen/telegram", self.on_telegram),
            web.post("/citizen/sms", self.on_sms),
        ]

    async def on_zalo(self, request: web.Request) -> web.Response:
        """A citizen (`user_id`) does something on Zalo: `event`, with `text`, `name`, `phone` or `talk_time` (ms)."""
        said = await _said(request)
        user, event = str(said.get("user_id", "")).strip(), str(said.get("event", "user_send_text"))
        if not user.isdigit() or event not in ZALO:
            return _refused(f"say who (user_id, digits) and what (event: {', '.join(ZALO)})")
        at = str(time.time_ns() // 1_000_000)
        body = body_of(self._config.zalo, user, {"timestamp": at, **self._zalo_event(user, event, said)})
        return self._done(request, "zalo", "zalo_oa", user, event, said, body, self._config.webhooks.get("zalo", ""))

    async def on_telegram(self, request: web.Request) -> web.Response:
        """A citizen (`chat_id`) writes to the bot (`text`, for instance `/start <token>`), blocks or unblocks it."""
        said = await _said(request)
        chat, event = str(said.get("chat_id", "")).strip(), str(said.get("event", "message"))
        if not chat.isdigit() or event not in TELEGRAM:
            return _refused(f"say who (chat_id, digits) and what (event: {', '.join(TELEGRAM)})")
        update = {"update_id": 100_000 + self._book.deeds, **self._update(int(chat), event, said)}
        body = json.dumps(update, ensure_ascii=False, separators=(",", ":"))
        return self._done(request, "telegram", "telegram", chat, event, said, body, self._hook.url)

    async def on_sms(self, request: web.Request) -> web.Response:
        """A citizen (`phone`) answers (`text`) the last SMS they got from a number; a brand name takes no answer."""
        said = await _said(request)
        phone, text = international(str(said.get("phone", ""))), str(said.get("text", "")).strip()
        if not phone or not 0 < len(text) <= _SMS_LENGTH:
            return _refused(f"say who (phone) and what (text, at most {_SMS_LENGTH} characters)")
        asked = answerable(self._book, phone)
        if asked is None:
            return _refused("nobody wrote an SMS to this phone from a number that takes answers")
        body = sms_answer(self._config, asked, text)
        callback = self._config.webhooks.get(asked.provider, "")
        return self._done(request, asked.provider, "sms", phone, "message", said, body, callback)

    def _done(
        self, request: web.Request, provider: str, channel: str, sender: str, what: str, said: Mapping[str, Any],
        body: str, callback: str,
    ) -> web.Response:  # fmt: skip
        text = str(said.get("text", "")) or " ".join(str(said[key]) for key in ("name", "phone") if said.get(key))
        phone = international(str(said.get("phone", ""))) if what == "user_submit_info" else ""
        deed = Deed(now(), f"DE{secrets.token_hex(16)}", provider, channel, sender, what, text, body, callback, phone)
        self._book.add_deed(deed)
        if callback:
            self._callbacks.expect(deed)
        if "from_page" in said:
            return web.Response(status=303, headers={"Location": f"/phone/{phone_id(sender)}"})
        return json_answer(200, {"ok": True, "id": deed.id, "told": bool(callback)})

    def _zalo_event(self, user: str, event: str, said: Mapping[str, Any]) -> dict[str, Any]:
        oa = self._config.zalo.oa_id
        if event in ("follow", "unfollow"):
            source = str(said.get("source", "oa_profile"))
            return {"event_name": event, "oa_id": oa, "follower": {"id": user}, "source": source}
        if event == "user_call_oa":
            talked = str(said.get("talk_time", _TALKED))
            call = {"call_id": secrets.token_hex(8), "call_type": "AUDIO", "talk_time": talked}
            return {"event_name": event, "oa_id": oa, "user_id": user, **call}
        ends = {"event_name": event, "sender": {"id": user}, "recipient": {"id": oa}}
        if event == "user_submit_info":
            phone = str(said.get("phone", ""))
            number = (international(phone) or phone).removeprefix("+")
            info = {"name": str(said.get("name", "")), "phone": number, "address": "", "city": "", "district": ""}
            return {**ends, "info": {**info, "ward": ""}}
        return {**ends, "message": {"text": str(said.get("text", "")), "msg_id": secrets.token_hex(10)}}

    def _update(self, chat: int, event: str, said: Mapping[str, Any]) -> dict[str, Any]:
        name = str(said.get("name", "")) or "Người dân"
        private = {"id": chat, "first_name": name, "type": "private"}
        person = {"id": chat, "is_bot": False, "first_name": name, "language_code": "vi"}
        if event != "message":
            return {"my_chat_member": self._membership(private, person, event)}
        text = str(said.get("text", ""))
        message = {"message_id": self._book.deeds + 1, "from": person, "chat": private, "date": int(time.time())}
        command = text.split(" ", 1)[0]
        if command.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(command)}]
        return {"message": {**message, "text": text}}

    def _membership(self, private: dict[str, Any], person: dict[str, Any], event: str) -> dict[str, Any]:
        bot = self._config.telegram
        me = {"id": int(bot.token.partition(":")[0]), "is_bot": True, "first_name": "Hộp cát", "username": bot.username}
        member, kicked = {"user": me, "status": "member"}, {"user": me, "status": "kicked", "until_date": 0}
        old, new = (member, kicked) if event == "blocked" else (kicked, member)
        moment = int(time.time())
        return {"chat": private, "from": person, "date": moment, "old_chat_member": old, "new_chat_member": new}


def need_own_page(request: web.Request) -> None:
    """Refuse what a page of another site sends: it may not act here."""
    origin = request.headers.get("Origin")
    if origin is not None and URL(origin).authority != request.host:
        raise web.HTTPForbidden(text="only the sandbox's own pages may do this")


async def _said(request: web.Request) -> dict[str, Any]:
    """What the request says."""
    need_own_page(request)
    return await fields(request) or {}


def _refused(what: str) -> web.Response:
    return json_answer(400, {"ok": False, "error": what})
