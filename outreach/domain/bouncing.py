"""When so much comes back that it tells of the sender and not of the addresses: then a bounce bars nobody by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from outreach.domain.words import Channel

RETURNING: Final = frozenset({Channel.EMAIL})
"""Channels on which a message comes back that nobody is there for."""
LEAST: Final = 50
"""Fewer bounces say nothing: they bar their addresses."""
SHARE: Final = 0.1
"""Of what left: the share at which large mail services stop a sender. Lists that are kept up have less than 0.02."""
DAY: Final = timedelta(hours=24)


class BounceState(StrEnum):
    """What became of a hard bounce."""

    BARRED = "barred"
    """Its address is barred."""
    HELD = "held"
    """Too many came back: its address is not barred before a person has looked."""
    APPLIED = "applied"
    """A person had the address barred."""
    DISCARDED = "discarded"
    """A person found that it says nothing of the address."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Of the messages that left in an hour: how many there were, and how many came back."""

    sent: int = 0
    bounced: int = 0

    @property
    def mass(self) -> bool:
        """Whether so many came back that the addresses are not to blame."""
        return self.bounced >= LEAST and self.bounced > SHARE * self.sent


def mass_bounce(hours: Mapping[datetime, Returned], touched: Iterable[datetime]) -> Returned | None:
    """The hour, or the day up to it, of which too much came back; None where there is none.

    `hours`: by the full hour in which messages left, at least the day before each of `touched`, the hours to be judged.
    """
    for hour in sorted(touched):
        day = [one for at, one in hours.items() if hour - DAY < at <= hour]
        whole = Returned(sum(one.sent for one in day), sum(one.bounced for one in day))
        for one in (hours.get(hour, Returned()), whole):
            if one.mass:
                return one
    return None
