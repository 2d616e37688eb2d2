"""How a target stands: met, on its way, behind or overdue; and where its figure is going."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from outreach.domain.definition.goals import Goal


class Standing(StrEnum):
    """What can be said of a target on a day."""

    MET = "met"
    ON_TRACK = "on_track"
    BEHIND = "behind"
    OVERDUE = "overdue"
    OPEN = "open"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Point:
    """A figure on a day."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """By how much a figure has changed: since the figure before it (and its day), in the last 7 and 30 days.

    None where there is nothing to compare with.
    """

    since_previous: float | None = None
    previous: date | None = None
    days_7: float | None = None
    days_30: float | None = None

    @property
    def shown(self) -> float | None:
        """The one change to show: of the last 7 days, else 30 days, else since the figure before."""
        return next((one for one in (self.days_7, self.days_30, self.since_previous) if one is not None), None)


NO_TREND = Trend()
"""Nothing to compare with."""


def judge(
    goal: Goal, now: Point | None, *, baseline: float | None, start: Point | None, by: date, today: date
) -> Standing:
    """How the goal stands with its latest figure.

    Without a goal it is open for ever. Met is met, whatever the day; past `by` it is overdue, also without any figure.
    Before, the figure is held against the straight line from `start` to the goal on the day `by`; without a start it
    is just open.
    """
    if goal.none:
        return Standing.UNMEASURED if now is None else Standing.OPEN
    if now is not None and goal.met_by(now.value, baseline):
        return Standing.MET
    if today > by:
        return Standing.OVERDUE
    if now is None:
        return Standing.UNMEASURED
    needed = goal.needed(baseline)
    if start is None or needed is None or goal.done or start.day >= min(now.day, by):
        return Standing.OPEN
    passed = min(1.0, (now.day - start.day).days / (by - start.day).days)
    expected = start.value + (needed - start.value) * passed
    kept_up = now.value <= expected if goal.downwards else now.value >= expected
    return Standing.ON_TRACK if kept_up else Standing.BEHIND
