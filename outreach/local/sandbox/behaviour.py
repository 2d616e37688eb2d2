"""How the sandbox treats a recipient: addresses with a known fate, chance by hash for all others.

The numbers are +84999999900 to +84999999999, which synthetic audiences leave out, as they do the Zalo ids and chats
with the same two last digits; mailboxes begin with `sandbox-`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

MAGIC_PREFIX: Final = "+849999999"
"""Followed by two digits: numbers for tests, never of a synthetic person."""
MAGIC_USER: Final = "99999999999999999"
"""Followed by two digits: Zalo user ids for tests."""
MAGIC_CHAT: Final = "9999999999"
"""Followed by two digits: Telegram chats for tests."""
MAGIC_MAILBOX: Final = "sandbox-"


class Fate(StrEnum):
    """What happens to a message to this recipient; the codes are in docs/channels/sandbox.md."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """Accepted, then undelivered (SMS); refused for the state of the person's account elsewhere."""
    INVALID = "invalid"
    """Refused: there is no such recipient."""
    OPTED_OUT = "opted-out"
    """Refused: the recipient does not want messages."""
    BROKEN = "broken"
    """500 every time, or 451 for e-mail: nothing is taken."""
    FLAKY = "flaky"
    """An error for the first try of a key, then delivered."""
    THROTTLED = "throttled"
    """Too many requests, every time."""
    SILENT = "silent"
    """Taken, but the answer never comes."""
    RESET = "reset"
    """Taken, but the connection breaks instead of an answer."""
    GARBLED = "garbled"
    """Taken, but the answer is not JSON."""
    DROPPED = "dropped"
    """Not taken: the connection breaks at once."""
    NO_RECEIPT = "no-receipt"
    """Taken, and never heard of again."""
    TWICE = "twice"
    """Delivered, with every receipt sent twice and the last one first."""
    CONTENT = "content"
    """Refused for its content or template."""
    WINDOW = "window-closed"
    """Zalo: the person has not been in touch for more than seven days."""
    QUOTA = "quota"
    """Zalo: no more messages today."""
    NIGHT = "night"
    """Zalo, VNPT: not at this hour."""
    TOKEN = "token"  # noqa: S105
    """Zalo: whatever the access token, it is refused."""
    BALANCE = "balance"
    """Zalo templates, Vietnamese SMS gateways: the account is out of money."""
    MIGRATED = "migrated"
    """Telegram: the chat has another id now."""
    BOUNCE = "bounce"
    """E-mail: taken, then returned: no such mailbox."""
    FULL = "full"
    """E-mail: taken, then returned: the mailbox is full."""
    POLICY = "policy"
    """E-mail: taken, then returned: the recipient's server refuses us."""
    DELAYED = "delayed"
    """E-mail: taken; a report says that it is not there yet."""
    COMPLAINT = "complaint"
    """E-mail: taken, then complained of as spam."""


_EVERYWHERE: Final = {
    "01": Fate.INVALID,
    "02": Fate.OPTED_OUT,
    "03": Fate.FAILED,
    "04": Fate.BROKEN,
    "05": Fate.SILENT,
    "06": Fate.RESET,
    "07": Fate.THROTTLED,
    "08": Fate.GARBLED,
    "09": Fate.DROPPED,
    "10": Fate.NO_RECEIPT,
    "11": Fate.TWICE,
    "12": Fate.FLAKY,
    "13": Fate.CONTENT,
}
_ZALO: Final = {"15": Fate.QUOTA, "16": Fate.NIGHT, "17": Fate.TOKEN}
_WITHOUT_RECEIPTS: Final = (Fate.NO_RECEIPT, Fate.TWICE)


def _all(prefix: str, *endings: Mapping[str, Fate]) -> dict[str, Fate]:
    return {prefix + ending: fate for some in endings for ending, fate in some.items()}


NUMBERS: Final[Mapping[str, Fate]] = _all(MAGIC_PREFIX, _EVERYWHERE)
"""SMS by Twilio."""
ESMS_NUMBERS: Final[Mapping[str, Fate]] = _all(MAGIC_PREFIX, _EVERYWHERE, {"18": Fate.BALANCE})
SPEEDSMS_NUMBERS: Final[Mapping[str, Fate]] = ESMS_NUMBERS
VNPT_NUMBERS: Final[Mapping[str, Fate]] = {
    number: fate
    for number, fate in _all(MAGIC_PREFIX, _EVERYWHERE, {"16": Fate.NIGHT, "18": Fate.BALANCE}).items()
    if fate not in _WITHOUT_RECEIPTS
}
ZNS_NUMBERS: Final[Mapping[str, Fate]] = _all(MAGIC_PREFIX, _EVERYWHERE, _ZALO, {"18": Fate.BALANCE})
USERS: Final[Mapping[str, Fate]] = _all(MAGIC_USER, _EVERYWHERE, _ZALO, {"14": Fate.WINDOW})
CHATS: Final[Mapping[str, Fate]] = {
    chat: fate
    for chat, fate in _all(MAGIC_CHAT, _EVERYWHERE, {"19": Fate.MIGRATED}).items()
    if fate not in _WITHOUT_RECEIPTS
}
RETURNED: Final = frozenset((Fate.BOUNCE, Fate.FULL, Fate.POLICY, Fate.DELAYED, Fate.COMPLAINT))
"""Of e-mails: what comes back afterwards."""
_MAIL_FATES: Final = (Fate.INVALID, Fate.BROKEN, Fate.SILENT, Fate.RESET, Fate.DROPPED, Fate.CONTENT, *RETURNED)


def fate(to: str, fail_share: float) -> Fate:
    """What happens to an SMS by Twilio to a number; the same every time."""
    return _fate(NUMBERS, MAGIC_PREFIX, to, fail_share, "fail", Fate.FAILED)


def esms_fate(to: str, fail_share: float) -> Fate:
    """What happens to an SMS by eSMS or SpeedSMS to a number: the numbers that fail are those that fail with Twilio."""
    return _fate(ESMS_NUMBERS, MAGIC_PREFIX, to, fail_share, "fail", Fate.FAILED)


def vnpt_fate(to: str, fail_share: float) -> Fate:
    """What happens to an SMS by VNPT to a number; who fails is as with the others, but nobody is told."""
    return _fate(VNPT_NUMBERS, MAGIC_PREFIX, to, fail_share, "fail", Fate.FAILED)


def zns_fate(to: str, fail_share: float) -> Fate:
    """What happens to a Zalo template to a number; who has no Zalo may well have SMS."""
    return _fate(ZNS_NUMBERS, MAGIC_PREFIX, to, fail_share, "fail-zns", Fate.FAILED)


def user_fate(user: str, fail_share: float) -> Fate:
    """What happens to a message to a Zalo user id; those who fail have not been in touch for long."""
    return _fate(USERS, MAGIC_USER, user, fail_share, "fail-user", Fate.WINDOW)


def chat_fate(chat: str, fail_share: float) -> Fate:
    """What happens to a message to a Telegram chat; those who fail have blocked the bot."""
    return _fate(CHATS, MAGIC_CHAT, chat, fail_share, "fail-chat", Fate.OPTED_OUT)


def _fate(known: Mapping[str, Fate], magic: str, to: str, share: float, purpose: str, failing: Fate) -> Fate:
    found = known.get(to)
    if found is not None:
        return found
    if to.startswith(magic) and len(to) == len(magic) + 2:
        return Fate.DELIVERED
    return failing if chance(purpose, to) < share else Fate.DELIVERED


def mail_fate(to: str) -> Fate:
    """What happens to e-mails to an address: `sandbox-invalid@…`, `sandbox-broken@…` and so on."""
    local = to.rpartition("@")[0].lower()
    for one in _MAIL_FATES:
        if local == MAGIC_MAILBOX + one:
            return one
    return Fate.DELIVERED


def chance(purpose: str, value: str) -> float:
    """A number in [0, 1) that looks random and is always the same for the same words."""
    digest = hashlib.blake2b(f"{purpose}:{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
