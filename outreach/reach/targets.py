"""How far a campaign is with its targets: what the engine measures itself, and what others have to tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from outreach.domain.definition.parts import Measure, Target
from outreach.domain.errors import NotFound
from outreach.store import reach, units

NOT_MEASURED = {"vi": "chưa đo", "en": "not measured yet"}


@dataclass(frozen=True, slots=True)
class TargetNow:
    """A target as it stands. `now`: in percent for shares, None where nothing was measured yet.

    `gap`: how much is missing to the goal (0 where it is met); `part` of `whole` is what `now` was made of.
    """

    target: Target
    now: float | None
    part: int = 0
    whole: int = 0

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None while nothing is measured."""
        return None if self.now is None else self.target.goal.met_by(self.now)

    @property
    def gap(self) -> float | None:
        """What is missing to the goal."""
        if self.now is None:
            return None
        return 0.0 if self.met else round(self.target.goal.least - self.now, 2)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        by: date = self.target.by
        return {
            "id": self.target.id,
            "title": self.target.title,
            "measure": str(self.target.measure),
            "goal": self.target.goal.to_json(),
            "now": None if self.now is None else round(self.now, 2),
            "part": self.part,
            "whole": self.whole,
            "baseline": self.target.baseline,
            "suffix": self.target.suffix or ("%" if self.target.measure in _SHARES else ""),
            "by": by.isoformat(),
            "gap": self.gap,
            "met": self.met,
            "note": None if self.now is not None else NOT_MEASURED,
        }


_SHARES = (Measure.REACHED_SHARE, Measure.DELIVERED_SHARE)


def segment_key(target: Target) -> str | None:
    """The name under which a target's segment is taken down with people: its own, or the target's for a rule."""
    if target.segment is None or isinstance(target.segment, str):
        return target.segment
    return f"target:{target.id}"


def measure(connection: Connection, campaign: str, target: Target) -> TargetNow:
    """The target as it stands, from the gathered people of this transaction."""
    if target.measure not in _SHARES:
        return TargetNow(target, None)
    path = ""
    if target.scope is not None and target.scope.unit:
        try:
            path = units.path_of(connection, target.scope.unit)
        except NotFound:
            return TargetNow(target, None)
    if target.measure is Measure.REACHED_SHARE:
        part, whole = reach.reached_of(connection, segment_key(target), path)
    else:
        part, whole = reach.delivered_of(connection, campaign, segment_key(target), path)
    return TargetNow(target, 100 * part / whole if whole else None, part, whole)
