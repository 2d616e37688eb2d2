"""Figures of targets that people enter: set for a day, corrected, taken back, listed with who said what when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, Engine

from outreach.domain.clock import Clock
from outreach.domain.dates import FIRST_YEAR
from outreach.domain.definition import Definition
from outreach.domain.definition.parts import Measure, Target
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.mistakes import unknown
from outreach.reach import targets
from outreach.reach.targets import TargetNow
from outreach.store import campaigns, target_values
from outreach.store.target_values import TargetValue
from outreach.store.versions import read_version

LONGEST_NOTE: Final = 500
_DONE: Final = {"done": 1.0, "xong": 1.0, "1": 1.0, "not-done": 0.0, "chua-xong": 0.0, "0": 0.0}


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of setting a figure. `before`: the figure that held for that day; `again`: it was the same."""

    target: Target
    value: TargetValue
    before: TargetValue | None
    again: bool = False


def set_value(
    engine: Engine,
    slug: str,
    target: str,
    value: str,
    *,
    clock: Clock,
    who: str,
    day: date | None = None,
    answers: int | None = None,
    note: str = "",
) -> Entered:
    """Write down the figure of a target for a day (today if not given), as the newest word on that day.

    The same figure again changes nothing. Raises NotFound for an unknown campaign or target, OutreachError for a target
    the engine measures, a day in the future, a value the goal cannot take, and satisfaction without its `answers`.
    """
    with engine.begin() as connection:
        campaigns.get(connection, slug, lock=True)
        definition = _definition(connection, slug)
        wanted = _wanted(connection, definition, target)
        on = _day(day, clock, definition)
        given = TargetValue(
            target, on, to_value(wanted, value), _answers(wanted, answers), who, clock.now(),
            note.strip()[:LONGEST_NOTE],
        )  # fmt: skip
        before = _on(connection, slug, target, on)
        if before is not None and (before.value, before.answers, before.note) == (
            given.value, given.answers, given.note,
        ):  # fmt: skip
            return Entered(wanted, before, before, again=True)
        target_values.add(connection, slug, given)
        _note(connection, slug, given, before, "set target value")
        return Entered(wanted, given, before)


def unset_value(engine: Engine, slug: str, target: str, day: date, *, clock: Clock, who: str, note: str = "") -> None:
    """Take back the figure of a day; it stays in the history. Raises NotFound where there is none."""
    with engine.begin() as connection:
        campaigns.get(connection, slug, lock=True)
        _known(connection, _definition(connection, slug), target)
        before = _on(connection, slug, target, day)
        if before is None or before.value is None:
            raise NotFound(
                f'target "{target}" has no figure of {day}: `outreach target history {slug} {target}` has them all'
            )
        gone = TargetValue(target, day, None, None, who, clock.now(), note.strip()[:LONGEST_NOTE])
        target_values.add(connection, slug, gone)
        _note(connection, slug, gone, before, "unset target value")


def history(engine: Engine, slug: str, target: str) -> list[TargetValue]:
    """Every word given on a target, oldest day first, corrections and what was taken back included.

    A target that a later version no longer has keeps its history. Raises NotFound.
    """
    with engine.connect() as connection:
        _known(connection, _definition(connection, slug), target)
        return target_values.history(connection, slug, target)


def listed(engine: Engine, slug: str, *, clock: Clock) -> tuple[list[Target], dict[str, TargetNow], list[str]]:
    """All targets, how those stand whose figures are entered (by id), and ids with figures that are targets no more."""
    with engine.connect() as connection:
        definition = _definition(connection, slug)
        standing = {one.target.id: one for one in targets.entered(connection, definition, clock.now())}
        gone = set(target_values.holding(connection, slug)) - {one.id for one in definition.targets}
        return list(definition.targets), standing, sorted(gone)


def to_value(target: Target, text: str) -> float:
    """The figure as it was typed (`56`, `56.5`, `56%`; `done` or `not-done`); raises OutreachError."""
    goal = target.goal
    if goal.done:
        if text not in _DONE:
            raise OutreachError(f'"{text}" does not fit target "{target.id}": write done or not-done')
        return _DONE[text]
    found = re.fullmatch(r"(-?[0-9]{1,12}(?:\.[0-9]{1,6})?) ?%?", text.strip())
    if not found:
        raise OutreachError(f'"{text}" is not a figure: write it like 56 or 56.5, with a point and without separators')
    value = float(found[1])
    if goal.rank is not None and (value < 1 or value != int(value)):
        raise OutreachError(f'"{text}" is not a place: target "{target.id}" is a rank, write a whole number from 1')
    if target.measure is Measure.SATISFACTION and not 0 <= value <= 100:
        raise OutreachError(f'"{text}" is not a share of people: write a percentage from 0 to 100')
    return value


def _answers(target: Target, answers: int | None) -> int | None:
    if target.measure is Measure.SATISFACTION and answers is None:
        raise OutreachError(
            f'target "{target.id}" is what people answered: say how many did with --answers, or the figure says nothing'
        )
    if answers is not None and answers < 1:
        raise OutreachError(f"--answers must be 1 or more, not {answers}")
    return answers


def _day(day: date | None, clock: Clock, definition: Definition) -> date:
    today = clock.now().astimezone(definition.zone).date()
    if day is None:
        return today
    if day > today:
        raise OutreachError(f"{day} is in the future: a figure is of a day until today, {today}")
    if day.year < FIRST_YEAR:
        raise OutreachError(f"the year must be {FIRST_YEAR} or later, not {day.year}")
    return day


def _definition(connection: Connection, slug: str) -> Definition:
    """As the report reads it: the approved version, else the newest."""
    campaign = campaigns.get(connection, slug)
    n = campaign.approved_version or campaign.version
    return read_version(connection, slug, n, campaign.shift_days).definition


def _wanted(connection: Connection, definition: Definition, target: str) -> Target:
    found = next((one for one in definition.targets if one.id == target), None)
    if found is None:
        _known(connection, definition, target)
        raise OutreachError(f'target "{target}" is not in the campaign any more and takes no new figures')
    if not found.measure.entered:
        raise OutreachError(
            f'target "{target}" is measured by the engine ({found.measure}), see `outreach reach {definition.slug}`; '
            "only satisfaction and external figures are entered"
        )
    return found


def _known(connection: Connection, definition: Definition, target: str) -> None:
    """Raise NotFound, with the nearest id, for what neither is a target nor was one."""
    ids = [one.id for one in definition.targets]
    if target not in ids and not target_values.history(connection, definition.slug, target):
        raise NotFound(f"{unknown('target', target, ids)} (campaign {definition.slug})")


def _on(connection: Connection, slug: str, target: str, day: date) -> TargetValue | None:
    """The word that holds for a day."""
    words = target_values.history(connection, slug, target)
    return next((one for one in words if one.holds and one.day == day), None)


def _note(connection: Connection, slug: str, given: TargetValue, before: TargetValue | None, action: str) -> None:
    detail = {"date": given.day.isoformat(), "value": given.value, "before": None if before is None else before.value}
    campaigns.note(connection, who=given.who, action=action, what=f"{slug}/{given.target}", detail=detail)
