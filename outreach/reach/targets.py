"""How far a campaign is with its targets: what the engine measures itself, and what others have told it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from outreach.domain.definition import Definition
from outreach.domain.definition.parts import Measure, Target
from outreach.domain.errors import NotFound
from outreach.domain.standing import NO_TREND, Point, Standing, Trend, judge
from outreach.store import reach, target_values, units
from outreach.store.target_values import TargetValue

NOT_MEASURED: Final = {"vi": "chưa đo", "en": "not measured yet"}
WORDS: Final[Mapping[Standing, Mapping[str, str]]] = {
    Standing.MET: {"vi": "đạt", "en": "met"},
    Standing.ON_TRACK: {"vi": "đúng tiến độ", "en": "on track"},
    Standing.BEHIND: {"vi": "chậm tiến độ", "en": "behind"},
    Standing.OVERDUE: {"vi": "quá hạn, chưa đạt", "en": "overdue"},
    Standing.OPEN: {"vi": "đang theo dõi", "en": "open"},
    Standing.UNMEASURED: {"vi": "chưa có số liệu", "en": "no figure yet"},
}
"""What a standing is called."""

_LOOKED_BACK: Final = (7, 30)
_SHARES: Final = (Measure.REACHED_SHARE, Measure.DELIVERED_SHARE)


@dataclass(frozen=True, slots=True)
class TargetNow:
    """A target as it stands. `now`: in percent for shares, None where nothing was measured yet.

    `part` of `whole` is what a share was made of; `since` is the day the figure is of; `entered` is the word it was
    taken from, for figures the engine does not measure.
    """

    target: Target
    now: float | None
    part: int = 0
    whole: int = 0
    standing: Standing = Standing.UNMEASURED
    trend: Trend = NO_TREND
    since: date | None = None
    entered: TargetValue | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None while nothing is measured, and without a goal."""
        if self.now is None or self.target.goal.none:
            return None
        return self.target.goal.met_by(self.now, self.target.baseline)

    @property
    def gap(self) -> float | None:
        """What is missing to the goal (0 where it is met), in the figure's own units."""
        gap = None if self.now is None else self.target.goal.gap(self.now, self.target.baseline)
        return None if gap is None else round(gap, 2)

    @property
    def suffix(self) -> str:
        """The unit of the figure."""
        percent = self.target.measure.of_people or (self.target.goal.percent and not self.target.goal.change)
        return self.target.suffix or ("%" if percent else "")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        target = self.target
        return {
            "id": target.id,
            "title": target.title,
            "measure": str(target.measure),
            "goal": target.goal.to_json(),
            "needed": target.goal.needed(target.baseline),
            "now": _rounded(self.now),
            "part": self.part,
            "whole": self.whole,
            "baseline": target.baseline,
            "suffix": self.suffix,
            "by": target.by.isoformat(),
            "gap": self.gap,
            "met": self.met,
            "status": str(self.standing),
            "status_text": dict(WORDS[self.standing]),
            "trend": trend_json(self.trend),
            "scope": None if target.scope is None else {"agency": target.scope.agency, "unit": target.scope.unit},
            "updated": None if self.since is None else self.since.isoformat(),
            "entered": None if self.entered is None else value_json(self.entered),
            "note": None if self.now is not None else NOT_MEASURED,
        }


def trend_json(trend: Trend) -> dict[str, Any]:
    """Plain data; changes in the figure's own units."""
    return {
        "since_previous": _rounded(trend.since_previous),
        "previous": None if trend.previous is None else trend.previous.isoformat(),
        "days_7": _rounded(trend.days_7),
        "days_30": _rounded(trend.days_30),
    }


def value_json(value: TargetValue) -> dict[str, Any]:
    """A figure somebody entered, as plain data."""
    return {
        "date": value.day.isoformat(), "value": value.value, "answers": value.answers, "who": value.who,
        "at": value.at.isoformat(), "note": value.note,
    }  # fmt: skip


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


def segment_key(target: Target) -> str | None:
    """The name under which a target's segment is taken down with people: its own, or the target's for a rule."""
    if target.segment is None or isinstance(target.segment, str):
        return target.segment
    return f"target:{target.id}"


def standings(connection: Connection, definition: Definition, now: datetime) -> list[TargetNow]:
    """Every target as it stands: measured ones from the gathered people of this transaction, the others as entered."""
    told = target_values.holding(connection, definition.slug)
    today = now.astimezone(definition.zone).date()
    return [
        _entered(target, definition, told.get(target.id, ()), today)
        if target.measure.entered
        else _measured(connection, target, definition, now, today)
        for target in definition.targets
    ]


def entered(connection: Connection, definition: Definition, now: datetime) -> list[TargetNow]:
    """The targets whose figures people enter, without measuring anything."""
    told = target_values.holding(connection, definition.slug)
    today = now.astimezone(definition.zone).date()
    return [
        _entered(target, definition, told.get(target.id, ()), today)
        for target in definition.targets
        if target.measure.entered
    ]


def _entered(target: Target, definition: Definition, told: Sequence[TargetValue], today: date) -> TargetNow:
    points = [Point(one.day, one.value) for one in told if one.value is not None and one.day <= today]
    if not points:
        standing = judge(target.goal, None, baseline=target.baseline, start=None, by=target.by, today=today)
        return TargetNow(target, None, standing=standing)
    last = points[-1]
    start = points[0] if target.baseline is None else Point(definition.starts, target.baseline)
    return TargetNow(
        target, last.value, since=last.day, entered=told[len(points) - 1], trend=_trend_of(points, today),
        standing=judge(target.goal, last, baseline=target.baseline, start=start, by=target.by, today=today),
    )  # fmt: skip


def _trend_of(points: Sequence[Point], today: date) -> Trend:
    """Of figures entered now and then: the last one against the one before, and against those of 7 and 30 days ago."""
    last, earlier = points[-1], points[:-1]
    then = [[one for one in points if one.day <= today - timedelta(days=days)] for days in _LOOKED_BACK]
    week, month = (last.value - found[-1].value if found else None for found in then)
    if not earlier:
        return Trend(days_7=week, days_30=month)
    return Trend(last.value - earlier[-1].value, earlier[-1].day, week, month)


def _measured(connection: Connection, target: Target, definition: Definition, now: datetime, today: date) -> TargetNow:
    path = ""
    if target.scope is not None and target.scope.unit:
        try:
            path = units.path_of(connection, target.scope.unit)
        except NotFound:
            return TargetNow(target, None)
    part, whole, figures = _figures(connection, target, definition.slug, path, now, today)
    figure, *before = figures
    week, month = (None if figure is None or past is None else figure - past for past in before)
    point = None if figure is None else Point(today, figure)
    start = Point(definition.starts, target.baseline or 0.0)
    return TargetNow(
        target, figure, part, whole, trend=Trend(days_7=week, days_30=month), since=None if point is None else today,
        standing=judge(target.goal, point, baseline=target.baseline, start=start, by=target.by, today=today),
    )  # fmt: skip


def _figures(
    connection: Connection, target: Target, campaign: str, path: str, now: datetime, today: date
) -> tuple[int, int, list[float | None]]:
    """Part and whole of the figure, and the figure now, 7 and 30 days ago."""
    key = segment_key(target)
    past = [now - timedelta(days=days) for days in _LOOKED_BACK]
    if target.measure is Measure.GUIDED:
        days = [today, *(today - timedelta(days=back) for back in _LOOKED_BACK)]
        people = reach.guided_of(connection, campaign, key, path, days)
        return people[0], 0, [float(one) for one in people]
    if target.measure is Measure.REACHED_SHARE:
        part, whole = reach.reached_of(connection, key, path)
        counts = [(part, whole), *((one, whole) for one in reach.reached_before(connection, key, path, past))]
    else:
        counts = [reach.delivered_of(connection, campaign, key, path)]
        counts += [reach.delivered_of(connection, campaign, key, path, until=moment) for moment in past]
        part, whole = counts[0]
    return part, whole, [100 * one / of if of else None for one, of in counts]
