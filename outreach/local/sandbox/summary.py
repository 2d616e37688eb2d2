"""The sandbox's log in figures: by provider, outcome and fault, and the keys that were accepted more than once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from outreach.local.sandbox.log import Outcome, read_log


@dataclass(frozen=True, slots=True)
class Figure:
    """So many messages of a provider with an outcome and a fault; one with several faults counts for each."""

    provider: str
    outcome: str
    fault: str
    messages: int


@dataclass(frozen=True, slots=True)
class Summary:
    """`messages`: lines of the log. `repeated`: (provider, key, how often it was accepted)."""

    messages: int
    figures: tuple[Figure, ...]
    repeated: tuple[tuple[str, str, int], ...]


def summary(data: Path) -> Summary:
    """What the log in this folder comes to; it may be growing meanwhile."""
    figures: Counter[tuple[str, str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    messages = 0
    for entry in read_log(data):
        messages += 1
        figures.update((entry.provider, str(entry.outcome), fault) for fault in entry.faults or ("",))
        if entry.outcome is Outcome.ACCEPTED and entry.key:
            accepted[entry.provider, _key(entry.key, entry.provider_id)] += 1
    repeated = sorted((*key, times) for key, times in accepted.items() if times > 1)
    return Summary(messages, tuple(Figure(*what, n) for what, n in sorted(figures.items())), tuple(repeated))


def _key(key: str, provider_id: str) -> str:
    """The messages of one list share a key: each has its place."""
    name, colon, place = provider_id.rpartition(":")
    return f"{key}:{place}" if name and colon and place.isdecimal() else key
