"""How the sandbox treats a recipient: numbers and mailboxes with a known fate, chance by hash for all others.

The numbers are +84999999900 to +84999999999, which synthetic audiences leave out; mailboxes begin with `sandbox-`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

MAGIC_PREFIX: Final = "+849999999"
"""Followed by two digits: numbers for tests, never of a synthetic person."""
MAGIC_MAILBOX: Final = "sandbox-"


class Fate(StrEnum):
    """What happens to a message to this recipient."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """Accepted, then undelivered: 30003."""
    INVALID = "invalid"
    """Refused: 21211, or 550 5.1.1 for e-mail."""
    OPTED_OUT = "opted-out"
    """Refused: 21610."""
    BROKEN = "broken"
    """500 every time, or 451 for e-mail: nothing is taken."""
    FLAKY = "flaky"
    """500 for the first try of a key, then delivered."""
    THROTTLED = "throttled"
    """429 every time."""
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
    """Refused for its content: 30007, or 554 for e-mail."""


NUMBERS: Final[Mapping[str, Fate]] = {
    MAGIC_PREFIX + ending: fate
    for ending, fate in {
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
    }.items()
}
_MAIL_FATES: Final = (Fate.INVALID, Fate.BROKEN, Fate.SILENT, Fate.RESET, Fate.DROPPED, Fate.CONTENT)


def fate(to: str, fail_share: float) -> Fate:
    """What happens to messages to a number; the same every time."""
    known = NUMBERS.get(to)
    if known is not None:
        return known
    if to.startswith(MAGIC_PREFIX):
        return Fate.DELIVERED
    return Fate.FAILED if chance("fail", to) < fail_share else Fate.DELIVERED


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
