"""Faults on request: what goes wrong on the way to any provider that is spoken with over HTTP, drawn by lot.

The lot falls the same way for the same seed, request and try, so that a run can be told again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from outreach.local.sandbox.behaviour import chance

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")
_LATENCY = re.compile(r"(\d+)\s*(?:ms)?(?:\s*±\s*(\d+)\s*(?:ms)?)?")


class Fault(StrEnum):
    """What may befall a request."""

    STATUS = "status"
    """Answered with an HTTP status; nothing is taken."""
    RESET_BEFORE_READ = "reset-before-read"
    """The connection breaks; nothing is taken."""
    RESET_AFTER_WRITE = "reset-after-write"
    """Taken, then the connection breaks."""
    SILENT = "silent"
    """Taken, and never answered."""
    GARBLED = "garbled"
    """Taken, and answered with what nobody can read."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares from 0 to 1. `statuses`: by HTTP status; `latency_ms` and `spread_ms` pass before each answer."""

    statuses: Mapping[int, float] = field(default_factory=dict)
    reset_before_read: float = 0.0
    reset_after_write: float = 0.0
    silent: float = 0.0
    garbled: float = 0.0
    latency_ms: int = 0
    spread_ms: int = 0
    seed: int = 0

    def drawn(self, what: str) -> tuple[Fault, int] | None:
        """The fault of a request (its words, and which try it is), with its status; None for none."""
        lot = chance(f"fault:{self.seed}", what)
        for status, share in self.statuses.items():
            if (lot := lot - share) < 0:
                return Fault.STATUS, status
        others = (
            (Fault.RESET_BEFORE_READ, self.reset_before_read), (Fault.RESET_AFTER_WRITE, self.reset_after_write),
            (Fault.SILENT, self.silent), (Fault.GARBLED, self.garbled),
        )  # fmt: skip
        for fault, share in others:
            if (lot := lot - share) < 0:
                return fault, 0
        return None

    def waits(self, what: str) -> float:
        """Seconds before the answer to a request."""
        spread = (2 * chance(f"latency:{self.seed}", what) - 1) * self.spread_ms
        return max(0.0, self.latency_ms + spread) / 1000


def share(text: str) -> float:
    """`5%` or `0.05` as a share; raises ValueError."""
    found = _SHARE.fullmatch(text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise ValueError(f'"{text}" is no share: write it as 5% or 0.05')
    return value


def failing(texts: list[str]) -> dict[int, float]:
    """`429:5%` and the like, by status; raises ValueError."""
    found: dict[int, float] = {}
    for text in texts:
        status, _, part = text.partition(":")
        if not (status.isdecimal() and 400 <= int(status) <= 599 and part):
            raise ValueError(f'--fail "{text}": write an HTTP status and a share, as 429:5%')
        found[int(status)] = share(part)
    if sum(found.values()) > 1:
        raise ValueError("--fail: the shares come to more than 100 %")
    return found


def latency(text: str) -> tuple[int, int]:
    """`80ms` or `80ms±20ms`: milliseconds and by how much they vary; raises ValueError."""
    found = _LATENCY.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'--latency "{text}": write it as 80ms or 80ms±20ms')
    return int(found[1]), int(found[2] or 0)
