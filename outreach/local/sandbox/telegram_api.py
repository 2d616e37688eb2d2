"""Telegram's Bot API as the sandbox speaks it: sending texts, the webhook, and the limits of a bot."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from itertools import count
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.answers import Desk, Limit, fields, json_answer
from outreach.local.sandbox.behaviour import Fate, chat_fate
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.telegram_updates import TelegramHook

MAX_LENGTH: Final = 4096
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_REMEMBERED: Final = 10_000
"""Chats whose last message is remembered for their own limit."""
_TOO_MANY: Final = "Too Many Requests: retry after 1"

Refusal = tuple[Outcome, int, str]

_REFUSALS: Final[dict[Fate, Refusal]] = {
    Fate.INVALID: (Outcome.REFUSED, 400, "Bad Request: chat not found"),
    Fate.OPTED_OUT: (Outcome.REFUSED, 403, "Forbidden: bot was blocked by the user"),
    Fate.FAILED: (Outcome.REFUSED, 403, "Forbidden: user is deactivated"),
    Fate.CONTENT: (Outcome.REFUSED, 400, "Bad Request: can't parse entities: unsupported start tag"),
    Fate.THROTTLED: (Outcome.THROTTLED, 429, _TOO_MANY),
    Fate.BROKEN: (Outcome.BROKEN, 502, "Bad Gateway"),
    Fate.MIGRATED: (Outcome.REFUSED, 400, "Bad Request: group chat was upgraded to a supergroup chat"),
}


class TelegramApi:
    """The handlers of one bot."""

    def __init__(self, desk: Desk, hook: TelegramHook) -> None:
        self._desk = desk
        self._bot = desk.config.telegram
        self._hook = hook
        self._limit = Limit(self._bot.per_s)
        self._chats: OrderedDict[str, Limit] = OrderedDict()
        self._ids = count(1 + sum(1 for one in desk.book.everything() if one.provider == "telegram"))

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [web.route("*", r"/telegram/bot{token}/{method}", self.call)]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Any method; names are found in any case, as with Telegram."""
        said = await fields(request) or {}
        known = request.match_info["token"] == self._bot.token
        method = request.match_info["method"].lower()
        if method == "sendmessage":
            return await self._send(request, said, known)
        if not known:
            return _error(401, "Unauthorized")
        if method == "getme":
            return _ok(self._me())
        if method == "setwebhook":
            return self._set_webhook(said)
        if method == "deletewebhook":
            self._hook.set("", "")
            return _ok(True)
        if method == "getwebhookinfo":
            return _ok({"url": self._hook.url, "has_custom_certificate": False, "pending_update_count": 0})
        return _error(404, "Not Found")

    async def _send(self, request: web.Request, said: dict[str, Any], known: bool) -> web.StreamResponse:
        chat, text = str(said.get("chat_id", "")), said.get("text")
        entry = Entry(
            at=now(),
            channel="telegram",
            to=chat,
            sender=self._bot.username,
            body=text if isinstance(text, str) else "",
            key="",
            outcome=Outcome.ACCEPTED,
            provider="telegram",
        )
        what = chat_fate(chat, self._desk.config.fail_share)
        refused = _mistake(known, chat, text) or self._fated(entry, what)
        if refused is None and not self._admits(chat):
            refused = _REFUSALS[Fate.THROTTLED]
        if refused is not None:
            outcome, code, why = refused
            self._desk.refuse(entry, outcome, str(code))
            return _error(code, why, chat)
        taken = replace(entry, provider_id=str(next(self._ids)))
        return await self._desk.take(request, taken, what, _sent)

    def _fated(self, entry: Entry, what: Fate) -> Refusal | None:
        if what is Fate.FLAKY:
            return None if self._desk.book.was_broken(entry) else _REFUSALS[Fate.BROKEN]
        if what in _REFUSALS:
            return _REFUSALS[what]
        deeds = [deed.what for deed in self._desk.book.deeds_of(entry.to) if deed.provider == "telegram"]
        return _REFUSALS[Fate.OPTED_OUT] if deeds[-1:] == ["blocked"] else None

    def _admits(self, chat: str) -> bool:
        mine = self._chats.pop(chat, None) or Limit(self._bot.per_chat_s)
        self._chats[chat] = mine
        if len(self._chats) > _REMEMBERED:
            self._chats.popitem(last=False)
        return mine.admits() and self._limit.admits() and self._desk.admits()

    def _me(self) -> dict[str, Any]:
        return {
            "id": int(self._bot.token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Hộp cát",
            "username": self._bot.username,
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def _set_webhook(self, said: dict[str, Any]) -> web.Response:
        url, secret = str(said.get("url", "")), str(said.get("secret_token", ""))
        if secret and not _SECRET.fullmatch(secret):
            return _error(400, "Bad Request: secret token contains unallowed characters")
        if url and not url.startswith(("http://", "https://")):
            return _error(400, "Bad Request: bad webhook: an HTTPS URL must be provided for webhook")
        self._hook.set(url, secret)
        return _ok(True)


def _mistake(known: bool, chat: str, text: object) -> Refusal | None:
    if not known:
        return Outcome.UNAUTHORISED, 401, "Unauthorized"
    if not re.fullmatch(r"-?[0-9]+|@[A-Za-z0-9_]+", chat):
        return Outcome.REFUSED, 400, "Bad Request: chat_id is empty"
    if not isinstance(text, str) or not text.strip():
        return Outcome.REFUSED, 400, "Bad Request: message text is empty"
    if len(text) > MAX_LENGTH:
        return Outcome.REFUSED, 400, "Bad Request: message is too long"
    return None


def _sent(entry: Entry) -> web.Response:
    chat: dict[str, Any] = {"id": int(entry.to) if entry.to.lstrip("-").isdigit() else entry.to, "type": "private"}
    date = int(entry.moment.timestamp())
    return _ok({"message_id": int(entry.provider_id), "chat": chat, "date": date, "text": entry.body})


def _ok(result: object) -> web.Response:
    return json_answer(200, {"ok": True, "result": result})


def _error(code: int, description: str, chat: str = "") -> web.Response:
    document: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if code == 429:
        document["parameters"] = {"retry_after": 1}
    if "upgraded" in description:
        document["parameters"] = {"migrate_to_chat_id": int(f"-100{chat}")}
    return json_answer(code, document)
