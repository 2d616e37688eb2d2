"""Zalo's webhook events: receipts of messages, what users write to the OA, who follows and who leaves."""

from __future__ import annotations

import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from channels.contract import AddressChanged, Event, Inbound, Joined, Receipt, ReceiptState, Touched, WebhookRequest
from channels.zalo_signature import moment

_OUR_KEY = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_WRITTEN = "user_send_"
_CLICKED = "user_click_"
"""Zalo names some of a user's clicks, on buttons and on the menu; those it may still name begin so too [M]."""
_NO_BUTTON = frozenset({"user_click_link"})
"""A link that is followed leads out of Zalo: it opens no window."""
_RECEIPTS = frozenset({"user_received_message", "user_seen_message"})
_CALLS_USER = "oa_call_user"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """One event as it came; `secret` keys what stands for a person in an event key."""

    name: str
    fields: Mapping[str, Any]
    at: datetime
    secret: str

    def text(self, *path: str) -> str:
        """The text at a path of the body; "" where there is none. Zalo sends ids as texts or as numbers."""
        found: Any = self.fields
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""

    @property
    def oa(self) -> str:
        """The OA that a user has turned to, or that has called them; "" where the event does not say."""
        return self.text("oa_id") or self.text("sender" if self.name == _CALLS_USER else "recipient", "id")

    def key(self, who: str) -> str:
        """The key of an event without a message id: equal for a repetition, and it tells nobody's id."""
        about = f"{self.name} {who} {self.text('timestamp')}"
        return f"{self.name}:{hmac.digest(self.secret.encode(), about.encode(), sha256).hex()[:32]}"


def parse(request: WebhookRequest, secret: str, oa_id: str) -> list[Event]:
    """What a callback says; an event not known here, or of another OA than `oa_id`, says nothing.

    An app of several OAs has one webhook for all of them, and a user's id belongs to the OA it was made for. Raises
    ValueError for what is not Zalo's.
    """
    try:
        fields = json.loads(request.body)
    except RecursionError:
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("event_name"), str):
        raise ValueError("an event of Zalo is an object with an event_name")
    name = fields["event_name"]
    told = _Told(name, fields, moment(fields.get("timestamp")) or request.received_at, secret)
    reader = _reader(name)
    if reader is None:
        return []
    if name not in _RECEIPTS and told.oa not in ("", oa_id):
        log.warning("an event is about another OA: give each OA an app of its own, or mend oa_id")
        return []
    return reader(told)


def _reader(name: str) -> Callable[[_Told], list[Event]] | None:
    if name.startswith(_WRITTEN):
        return _written
    if name in _READERS or not name.startswith(_CLICKED) or name in _NO_BUTTON:
        return _READERS.get(name)
    return _touched


def _received(told: _Told) -> list[Event]:
    """A receipt. Of a template by phone it carries our key and the time of delivery."""
    number = told.text("message", "msg_id")
    if not number:
        raise ValueError("a receipt of Zalo has a msg_id")
    at = moment(told.text("message", "delivery_time")) or told.at
    key = told.text("message", "tracking_id")
    return [
        Receipt(
            f"{number}:delivered", at, key=key if _OUR_KEY.fullmatch(key) else "", provider_id=number,
            state=ReceiptState.DELIVERED,
        )
    ]  # fmt: skip


def _seen(told: _Told) -> list[Event]:
    message = told.fields.get("message")
    several = message.get("msg_ids") if isinstance(message, dict) else None
    numbers = [str(one) for one in several] if isinstance(several, list) else [told.text("message", "msg_id")]
    return [
        Receipt(f"{number}:read", told.at, provider_id=number, state=ReceiptState.READ) for number in numbers if number
    ]


def _written(told: _Told) -> list[Event]:
    """What a user writes; of anything but a text, its kind in brackets."""
    sender, number = told.text("sender", "id"), told.text("message", "msg_id")
    if not sender:
        raise ValueError("a message to the OA has a sender")
    key = f"{number}:inbound" if number else told.key(sender)
    text = told.text("message", "text") or f"[{told.name.removeprefix(_WRITTEN)}]"
    return [Inbound(key, told.at, provider_id=number, sender=sender, text=text)]


def _followed(told: _Told) -> list[Event]:
    who = _follower(told)
    return [Joined(told.key(who), told.at, sender=who)]


def _left(told: _Told) -> list[Event]:
    who = _follower(told)
    return [AddressChanged(told.key(who), told.at, old=who)]


def _shared(told: _Told) -> list[Event]:
    """A user sent name and phone number by the OA's form."""
    who = told.text("sender", "id") or _follower(told)
    name = told.text("info", "name") or told.text("user_info", "name")
    phone = told.text("info", "phone") or told.text("user_info", "phone")
    return [Joined(told.key(who), told.at, sender=who, phone=_international(phone), name=name)]


def _clicked(told: _Told) -> list[Event]:
    who = _follower(told)
    return [Touched(told.key(who), told.at, sender=who)]


def _touched(told: _Told) -> list[Event]:
    """Somebody clicked; nothing where the event does not say who."""
    who = _who(told)
    return [Touched(told.key(who), told.at, sender=who)] if who else []


def _called(told: _Told) -> list[Event]:
    """A call between a user and the OA has ended: an interaction where the two have spoken, nothing where not."""
    spoken = told.text("talk_time")
    who = told.text("user_id") or ("" if told.name == _CALLS_USER else told.text("sender", "id"))
    if not who or not spoken.isascii() or not spoken.isdigit() or not spoken.strip("0"):
        return []
    return [Touched(told.key(who), told.at, sender=who)]


def _who(told: _Told) -> str:
    return told.text("follower", "id") or told.text("sender", "id") or told.text("user_id")


def _follower(told: _Told) -> str:
    who = _who(told)
    if not who:
        raise ValueError("this event of Zalo says who it is about")
    return who


def _international(phone: str) -> str:
    """Zalo writes 84912345678 where others write +84912345678."""
    return f"+{phone}" if phone.isdigit() and phone.startswith("84") and len(phone) >= 11 else phone


_READERS: Final[Mapping[str, Callable[[_Told], list[Event]]]] = {
    "user_received_message": _received,
    "user_seen_message": _seen,
    "user_submit_info": _shared,
    "follow": _followed,
    "unfollow": _left,
    "user_click_response_button": _clicked,
    # [M]: what tells a call that was taken from one that was not is written from memory.
    "user_call_oa": _called,
    _CALLS_USER: _called,
}
