"""Zalo ids and Telegram chats of an invented population: who has one, and which; never anybody's.

Zalo's ids are 64-bit numbers with a sign, so those made up here are too large to be one; Telegram's have at most 52
bits, of which it has used 34 so far. The sandbox's test addresses begin otherwise.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from datetime import date

from outreach.audience.invented_households import Invented
from outreach.domain.words import Channel

_ZALO_FROM, _TELEGRAM_FROM, _SPAN = 9_500_000_000_000_000_000, 4_000_000_000_000_000, 400_000_000_000_000
_ZALO_SHARES = ((14, 0.0), (18, 0.25), (60, 0.35), (70, 0.2), (80, 0.08))
"""(below this age, share of people who follow the Official Account): most have Zalo, far fewer follow an office."""
_BUSINESS_ZALO = 0.3
_TELEGRAM_FROM_AGE = 15
_TELEGRAM_SHARES: Mapping[str | None, float] = {"civil_servant": 0.45, "teacher": 0.2, "student": 0.12, "office": 0.04}
"""Shares of people who have started the bot; staff first."""
_TELEGRAM_OTHERS = 0.005
_WHOLE = 1 << 64


def chats(person: Invented, name: str, today: date) -> list[tuple[Channel, str]]:
    """The account-bound addresses of a person whom `name` makes unmistakable; always the same."""
    zalo, telegram = _shares(person, today)
    if not (zalo or telegram):
        return []
    digest = hashlib.blake2b(f"chats:{name}".encode(), digest_size=32).digest()
    draws = struct.unpack(">4Q", digest)
    found = []
    if draws[0] < zalo * _WHOLE:
        found.append((Channel.ZALO_OA, str(_ZALO_FROM + draws[1] % _SPAN)))
    if draws[2] < telegram * _WHOLE:
        found.append((Channel.TELEGRAM, str(_TELEGRAM_FROM + draws[3] % _SPAN)))
    return found


def _shares(person: Invented, today: date) -> tuple[float, float]:
    """The chances of a Zalo id and of a Telegram chat; nobody has one without a phone."""
    born = person.birth_date
    if not person.phone:
        return 0.0, 0.0
    if born is None:
        return _BUSINESS_ZALO, 0.0
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    zalo = next((share for below, share in _ZALO_SHARES if age < below), 0.0)
    telegram = _TELEGRAM_SHARES.get(person.occupation, _TELEGRAM_OTHERS) if age >= _TELEGRAM_FROM_AGE else 0.0
    return zalo, telegram
