"""What a check of `outreach doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """How a check ended; only `broken` fails the command."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to `do` ("" where nothing is to be done)."""

    name: str
    finding: Finding
    what: str
    do: str = ""


def good(name: str, what: str) -> Check:
    """Nothing is to be done."""
    return Check(name, Finding.GOOD, what)
