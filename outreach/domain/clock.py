"""Time is asked of a clock that was given, never of the machine: rules can be tried on any day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class VirtualClock:
    """A clock that stands still until it is moved: for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs an aware start: {start}")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment the clock was last set to, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by` (not negative) and return the new moment; raises ValueError for going back."""
        if by < timedelta(0):
            raise ValueError(f"time does not go back: {by}")
        self._now += by
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to `moment`, forward or back (as a machine's clock may)."""
        self._now = moment.astimezone(UTC)
