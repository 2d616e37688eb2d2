"""Invitations: a one-time token stands for a contact who shall come to a channel; how it is written and found again.

A token is 25 letters and digits without 0, O, I and l: nothing that ends a link in an SMS, one word for whoever copies
it, within what Telegram takes (64). It holds whom it is for and the day it was made, sealed: see `KeyRing.invitation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from outreach.domain.accounts import Account
from outreach.domain.words import Channel

VALID_FOR: Final = timedelta(days=90)
"""How long an invitation may be used: a season of campaign, and as long as raw events are kept."""
TOKEN_BYTES: Final = 18
"""6 bytes of whom and when, sealed, and 12 (96 bits) that cannot be guessed."""
PAYLOAD_BYTES: Final = 6
_EPOCH: Final = date(2020, 1, 1)
_DAY_BITS: Final = 14
_MOST_CONTACT: Final = 1 << (PAYLOAD_BYTES * 8 - _DAY_BITS)
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 25
_WORD: Final = re.compile(rf"(?<![0-9A-Za-z])[{_ALPHABET}]{{{_LENGTH}}}(?![0-9A-Za-z])")


class Why(StrEnum):
    """Why somebody who came to a channel is not linked with anybody: staff decide."""

    NOTHING = "nothing"
    """They brought neither a token nor a phone number."""
    NOT_OURS = "not_ours"
    """The token is none of ours, or lost a letter."""
    EXPIRED = "expired"
    USED = "used"
    """Somebody else came with this token before."""
    NOBODY = "nobody"
    """Whom the token stood for is not there any more, or is a child without a guardian on record."""
    GUESSING = "guessing"
    """Too many wrong tokens from this sender: none is looked at for a day."""
    OTHER_UNIT = "other_unit"
    """The person lives where this account does not write to."""
    CROWDED = "crowded"
    """The address stands for a whole household already."""
    NO_SUCH_PHONE = "no_such_phone"
    OTHER_NAME = "other_name"
    """The phone number is known, under another name."""
    SEVERAL = "several"
    """Several people have this phone number and this name."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom a token stands for, and the day it was made."""

    contact: int
    made_on: date

    def expired(self, today: date) -> bool:
        """Whether it is too old to be used."""
        return today - self.made_on > VALID_FOR

    def packed(self) -> bytes:
        """Six bytes; raises ValueError for a contact or a day they cannot hold (17 billion, the years 2020 to 2064)."""
        day = (self.made_on - _EPOCH).days
        if not (0 <= self.contact < _MOST_CONTACT and 0 <= day < 1 << _DAY_BITS):
            raise ValueError("an invitation cannot hold this contact or this day")
        return (self.contact << _DAY_BITS | day).to_bytes(PAYLOAD_BYTES, "big")

    @classmethod
    def unpacked(cls, payload: bytes) -> Invitation:
        """What `packed` packed."""
        value = int.from_bytes(payload, "big")
        return cls(value >> _DAY_BITS, _EPOCH + timedelta(days=value & ((1 << _DAY_BITS) - 1)))


@dataclass(frozen=True, slots=True)
class Door:
    """A way in: the account's channel, what citizens call it, and the link that opens it there.

    `carries`: whether the link brings the token along; where not, the citizen sends it as a text.
    """

    channel: Channel
    name: str
    link: str
    carries: bool


def doors(accounts: Iterable[Account], path: str, token: str) -> list[Door]:
    """How somebody of the unit at `path` gets in: one door for each channel, of the account nearest to them."""
    near: dict[Channel, Account] = {}
    for account in sorted(accounts, key=lambda one: (_nearness(one, path), one.name)):
        for channel in account.channels:
            if channel.account_bound and account.public_name and account.serves_at(path):
                near.setdefault(channel, account)
    return [_door(channel, near[channel].public_name, token) for channel in Channel if channel in near]


def _nearness(account: Account, path: str) -> int:
    """Smaller is nearer: a commune's own account before the province's before everybody's."""
    units = path.split("/")
    return -units.index(account.unit) - 1 if account.unit in units and account.unit else 0


def _door(channel: Channel, name: str, token: str) -> Door:
    if channel is Channel.TELEGRAM:
        return Door(channel, f"@{name}", f"https://t.me/{quote(name)}?start={token}", carries=True)
    return Door(channel, name, f"https://zalo.me/{quote(name)}", carries=False)


def written(raw: bytes) -> str:
    """The token's bytes as its 25 letters."""
    value = int.from_bytes(raw, "big")
    letters = []
    for _ in range(_LENGTH):
        value, rest = divmod(value, 58)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))


def read(token: str) -> bytes | None:
    """The bytes of a token as it was written; None for anything that has not its form."""
    if len(token) != _LENGTH or not all(letter in _VALUES for letter in token):
        return None
    value = 0
    for letter in token:
        value = value * 58 + _VALUES[letter]
    return None if value >> (TOKEN_BYTES * 8) else value.to_bytes(TOKEN_BYTES, "big")


def tokens_in(text: str) -> Iterator[str]:
    """The words of a text that have the form of a token, wherever they stand (a citizen may send the whole link)."""
    return (match[0] for match in _WORD.finditer(text))
