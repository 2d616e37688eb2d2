"""What Telegram's updates say: messages of citizens, bots that were blocked, groups that moved. Pure.

Source: Telegram's Bot API, objects Update, Message and ChatMemberUpdated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from channels.contract import AddressChanged, Event, Inbound, Joined, OptOut

_START: Final = re.compile(r"/start(?:@\w+)?(?:\s+([A-Za-z0-9_-]{1,64}))?\s*")
_STOP: Final = re.compile(r"/stop(?:@\w+)?\s*", re.IGNORECASE)


def document(payload: bytes) -> dict[str, Any] | None:
    """A JSON object, None for anything else that is JSON; raises ValueError for what is not, or is nested too deep."""
    try:
        found = json.loads(payload.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None
    return found if isinstance(found, dict) else None


def events(body: bytes, received_at: datetime) -> list[Event]:
    """The events of one update; [] for what is not for us. Raises ValueError for a body that is not Telegram's."""
    update = document(body)
    number = None if update is None else update.get("update_id")
    if update is None or not isinstance(number, int):
        raise ValueError("an update of Telegram has an update_id")
    key = f"update:{number}"
    try:
        if "message" in update:
            return _message(key, update["message"], received_at)
        if "my_chat_member" in update:
            return _membership(key, update["my_chat_member"], received_at)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("the update is not as Telegram writes it") from None
    return []


def _message(key: str, message: Mapping[str, Any], received_at: datetime) -> list[Event]:
    chat, at = _id(message["chat"]["id"]), _moment(message, received_at)
    if "migrate_to_chat_id" in message:
        return [AddressChanged(key, at, old=chat, new=_id(message["migrate_to_chat_id"]))]
    sender = message.get("from") or {}
    if "migrate_from_chat_id" in message or sender.get("is_bot"):
        return []
    text = str(message.get("text") or message.get("caption") or "")
    if message["chat"].get("type") == "private":
        if start := _START.fullmatch(text):
            return [Joined(key, at, sender=chat, token=start[1] or "")]
        contact = message.get("contact") or {}
        if contact and contact.get("user_id", "") == sender.get("id"):  # their own, not somebody's out of their book
            return [Joined(key, at, sender=chat, phone=_phone(contact), name=_name(contact))]
    if _STOP.fullmatch(text):
        return [OptOut(key, at, sender=chat)]
    return [Inbound(key, at, sender=chat, text=text)]


def _membership(key: str, change: Mapping[str, Any], received_at: datetime) -> list[Event]:
    """The bot was blocked or put out: the address is gone. That it may write again says nothing new."""
    if change["new_chat_member"]["status"] not in ("kicked", "left"):
        return []
    return [AddressChanged(key, _moment(change, received_at), old=_id(change["chat"]["id"]), new="")]


def _id(value: Any) -> str:
    if not isinstance(value, int):
        raise TypeError("a chat's id is a number")
    return str(value)


def _moment(told: Mapping[str, Any], received_at: datetime) -> datetime:
    seconds = told.get("date")
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else received_at
    except (ValueError, OverflowError, OSError):
        return received_at


def _phone(contact: Mapping[str, Any]) -> str:
    """The number with its +, which Telegram leaves out at times."""
    digits = str(contact.get("phone_number") or "").strip()
    return f"+{digits}" if digits.isdigit() and not digits.startswith("0") else digits


def _name(contact: Mapping[str, Any]) -> str:
    parts = (str(contact.get(part) or "").strip() for part in ("last_name", "first_name"))
    return " ".join(part for part in parts if part)
