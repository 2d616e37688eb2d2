"""What Vietnamese SMS gateways have in common: texts without marks, four parts at most, JSON, numbers as 84…."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from channels.contract import ErrorKind, Lease, Outgoing, Problem
from channels.contract import ErrorKind as Kind

LONGEST_PLAIN: Final = 612
"""Characters of a text without diacritics: four parts."""
LONGEST_UNICODE: Final = 268
"""UTF-16 units of a text with diacritics: four parts."""
_NUMBER: Final = re.compile(r"(?:\+?84|0)([1-9][0-9]{8,9})")
_NETWORKS: Final[Mapping[str, str]] = {
    "viettel": "32 33 34 35 36 37 38 39 86 96 97 98",
    "vinaphone": "81 82 83 84 85 88 91 94",
    "mobifone": "70 76 77 78 79 89 90 93",
    "vietnamobile": "52 56 58 92",
    "gmobile": "59 99",
    "itel": "87",
    "wintel": "55",
}
_BY_PREFIX: Final = {prefix: network for network, prefixes in _NETWORKS.items() for prefix in prefixes.split()}


def is_plain(text: str) -> bool:
    """Whether a text goes without marking it as Unicode: ASCII without the backtick, which the SMS alphabet lacks."""
    return text.isascii() and "`" not in text


def text_problems(body: str, *, plain: int = LONGEST_PLAIN, marked: int = LONGEST_UNICODE) -> list[Problem]:
    """An SMS has a text of at most `plain` characters without diacritics, `marked` with."""
    if not body.strip():
        return [Problem("empty", "the SMS has no text; write one")]
    length = len(body) if is_plain(body) else len(body.encode("utf-16-le")) // 2
    longest, form = (plain, "without") if is_plain(body) else (marked, "with")
    if length > longest:
        return [Problem("too_long", f"the SMS has {length} characters; {form} diacritics at most {longest} are taken")]
    return []


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
"""Made once: `json.dumps` makes one for each text."""


def as_json(fields: Mapping[str, Any]) -> bytes:
    """A JSON object as gateways take it."""
    return _ENCODER.encode(fields).encode()


def document(text: str) -> Mapping[str, Any]:
    """A JSON object as a gateway answers or calls; empty for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def number(phone: object) -> str:
    """A Vietnamese number as 84…, however a gateway writes it; "" for what is none."""
    found = _NUMBER.fullmatch(str(phone).strip())
    return f"84{found[1]}" if found else ""


def network(phone: str) -> str:
    """The network a number (84…) was first given by; it may have been carried to another one since."""
    return _BY_PREFIX.get(phone[2:4], "")


def shared_lease(outgoings: Sequence[Outgoing]) -> Lease:
    """The lease that ends first: past it none of a list may be written."""
    return min((one.lease for one in outgoings), key=lambda lease: lease.deadline)


def by_status(status: int, name: str) -> tuple[ErrorKind, str]:
    """What an HTTP status alone means where a gateway drops no repetitions: one that failed may have taken it."""
    if status == 429:
        return Kind.THROTTLED, "too many requests"
    if status == 408 or status >= 500:
        return Kind.UNCERTAIN, f"{name} failed (HTTP {status}) and may have taken the message"
    if status in (401, 403):
        return Kind.MISCONFIGURED, f"{name} refuses the account (HTTP {status})"
    if status < 400 or status in (404, 405):
        return Kind.MISCONFIGURED, f"this is not {name}'s address (HTTP {status}); check base_url"
    return Kind.REJECTED, f"{name} refuses the message (HTTP {status})"
