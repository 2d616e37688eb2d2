"""The report of a campaign's reach: measured, estimated and combined apart, each person once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine

from outreach.domain.clock import Clock
from outreach.domain.errors import NotFound
from outreach.domain.frozen import Frozen
from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.reach import targets
from outreach.reach.areas import Areas, Row, summed
from outreach.reach.counting import catch_up, frozen_in, frozen_of, rules_of
from outreach.reach.estimates import RULE, Figures, heard_by, loudest, of_area, total, without_estimate
from outreach.reach.targets import TargetNow
from outreach.store import broadcasts, reach_groups, runs, units
from outreach.store import reach as store
from outreach.store.broadcasts import Heard
from outreach.store.reach import VISIT, Grouping, Tally

NO_SEGMENT = "Không thuộc nhóm nào"
VISITS = "Hỗ trợ tận nơi"
_VISITS_OF_NO_MESSAGE = "~visit"
"""The line of home visits among messages; no message's id begins like this."""


class By(StrEnum):
    """What the lines of a report are."""

    UNIT = "unit"
    SEGMENT = "segment"
    CHANNEL = "channel"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Report:
    """A campaign's reach at a moment.

    `trial`: the campaign, or a run of it, wrote to listed test addresses only: the figures are those of a test.
    `stations` and `confirmed` count (message, station) broadcasts, `visited` people who were visited at home.
    `rows_at`: when the lines were counted, where that is some minutes ago (`outreach.store.reach_groups`).
    """

    campaign: str
    title: str
    at: datetime
    unit: str
    figures: Figures
    by: By | None
    rows: tuple[Row, ...]
    targets: tuple[TargetNow, ...]
    stations: int
    confirmed: int
    visited: int
    trial: bool = False
    rows_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the rule in words."""
        return {
            "campaign": self.campaign,
            "title": self.title,
            "at": self.at.isoformat(),
            "unit": self.unit,
            "trial": self.trial,
            "people_reached": self.figures.measured,
            **_figures(self.figures),
            "dimension": None if self.by is None else str(self.by),
            "by": {row.key: self._row(row) for row in self.rows},
            "by_at": None if self.rows_at is None else self.rows_at.isoformat(),
            "targets": [target.to_json() for target in self.targets],
            "broadcasts": {"stations": self.stations, "confirmed": self.confirmed},
            "visits": {"people": self.visited},
            "rule": RULE,
        }

    def _row(self, row: Row) -> dict[str, Any]:
        first = {"first": row.figures.first} if self.by in (By.CHANNEL, By.MESSAGE) else {}
        return {"name": row.name, **_figures(row.figures), **first}


def _figures(figures: Figures) -> dict[str, Any]:
    share = figures.share
    return {
        "audience": figures.audience,
        "measured": figures.measured,
        "estimated": figures.estimated,
        "combined": figures.combined,
        "share": None if share is None else round(share, 4),
    }


def reach(
    engine: Engine,
    slug: str,
    *,
    clock: Clock,
    scope: Scope,
    by: By | None = None,
    unit: str = "",
    every: bool = False,
) -> Report:
    """Who was reached, under the rules of `outreach.reach.estimates`.

    `unit` narrows the report to a unit and everything below it; lines by unit are then its children. `every`: a line
    for each unit people are counted at. Raises NotFound for a campaign or unit that is not there or out of scope.
    """
    with engine.connect() as connection:
        narrowed = _narrowed(connection, unit, scope)
    catch_up(engine, slug, frozen_of(engine, slug), clock)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        frozen = frozen_in(connection, slug)
        today = clock.now().astimezone(frozen.definition.zone).date()
        grouped = by not in (None, By.UNIT)
        kept = reach_groups.counted_at(connection, slug, clock.now()) if grouped else None
        if (grouped and kept is None) or _has_measured_targets(frozen):
            store.gather_people(connection, slug, rules_of(frozen), today, scope=narrowed)
        counted = _Counted(connection, slug, frozen, narrowed, kept=kept is not None)
        return Report(
            campaign=slug, title=frozen.definition.title, at=clock.now(), unit=unit, figures=counted.overall(), by=by,
            rows=tuple(() if by is None else counted.rows(by, every=every, descend=not unit)),
            targets=tuple(targets.standings(connection, frozen.definition, clock.now())),
            stations=sum(one.stations for one in counted.heard),
            confirmed=sum(one.confirmed for one in counted.heard),
            visited=sum(one.measured for one in counted.visited),
            trial=frozen.definition.trial or runs.any_in_trial(connection, slug), rows_at=kept,
        )  # fmt: skip


def _narrowed(connection: Connection, unit: str, scope: Scope) -> Scope:
    if not unit:
        return scope
    path = units.path_of(connection, unit)
    if not path.startswith(scope.path):
        raise NotFound(f'there is no unit "{unit}" among those you may see')
    return Scope(path, scope.who)


def _has_measured_targets(frozen: Frozen) -> bool:
    """Whether a target asks for more than is kept: then the people are gathered, which takes seconds."""
    return any(not target.measure.entered for target in frozen.definition.targets)


class _Counted:
    """The gathered people of one transaction, counted and put together with what was heard.

    `kept`: the figures by group are taken from those that are kept, instead of counting the people.
    """

    def __init__(self, connection: Connection, slug: str, frozen: Frozen, scope: Scope, *, kept: bool) -> None:
        self._connection = connection
        self._kept = kept
        self._slug = slug
        self._frozen = frozen
        self._scope = scope
        self._base = scope.path
        self.heard: Sequence[Heard] = broadcasts.heard(connection, slug, scope=scope)
        speaking = {one.unit_code for one in self.heard}
        self._areas = Areas(store.unit_names(connection, scope=scope), speaking)
        self._by_home = self._put_together(store.unit_tallies(connection, slug, scope=scope), _estimates(self.heard))
        self.visited: Sequence[Tally] = store.visited(connection, slug, scope=scope)

    def overall(self) -> Figures:
        """The campaign as a whole."""
        return total(self._by_home.values())

    def rows(self, by: By, *, every: bool, descend: bool) -> list[Row]:
        """The lines of the report."""
        match by:
            case By.UNIT:
                return self._areas.rows(self._by_home, self._base, every=every, descend=descend)
            case By.SEGMENT:
                return self._segments()
            case By.CHANNEL:
                return self._channels()
            case By.MESSAGE:
                return self._messages()

    def _put_together(self, tallies: Iterable[Tally], estimates: Mapping[str, int]) -> dict[str, Figures]:
        counted = summed((self._areas.home(one.unit_code), _plain(one)) for one in tallies)
        return {
            home: of_area(people.audience, people.measured, people.first, estimates.get(home, 0))
            for home, people in counted.items()
        }

    def _group(self, tallies: Iterable[Tally], heard: Sequence[Heard]) -> Figures:
        return total(self._put_together(tallies, _estimates(heard)).values())

    def _tallies(self, by: Grouping) -> Mapping[str, list[Tally]]:
        tallies = reach_groups.tallies if self._kept else store.tallies
        found: dict[str, list[Tally]] = {}
        for one in tallies(self._connection, self._slug, by, scope=self._scope):
            found.setdefault(one.key, []).append(one)
        return found

    def _segments(self) -> list[Row]:
        """A person in several segments counts in each; loudspeakers only where a message was told to that segment."""
        tallies = self._tallies(Grouping.SEGMENT)
        rows = []
        for key in sorted(set(tallies) | set(self._frozen.segments), key=lambda key: (not key, key)):
            told = {message.id for message in self._frozen.definition.messages if message.segment == key}
            heard = [one for one in self.heard if one.message in told]
            figures = self._group(tallies.get(key, ()), heard)
            title = self._frozen.segments[key].title if key in self._frozen.segments else key or NO_SEGMENT
            rows.append(Row(key, title, figures if heard or not self.heard else without_estimate(figures)))
        return rows

    def _channels(self) -> list[Row]:
        tallies = self._tallies(Grouping.CHANNEL)
        rows = [
            Row(channel, channel, self._group(tallies[channel], () if channel.to_people else self.heard))
            for channel in Channel
            if channel in tallies
        ]
        return rows + self._visits(VISIT)

    def _visits(self, key: str) -> list[Row]:
        """Home visits as a line of their own, where there were any."""
        figures = total(self._put_together(self.visited, {}).values())
        return [Row(key, VISITS, figures)] if self.visited else []

    def _messages(self) -> list[Row]:
        tallies = self._tallies(Grouping.MESSAGE)
        titles = {message.id: message.title or message.id for message in self._frozen.definition.messages}
        rows = []
        for key in [*titles, *sorted(set(tallies) - titles.keys())]:
            heard = [one for one in self.heard if one.message == key]
            rows.append(Row(key, titles.get(key, key), self._group(tallies.get(key, ()), heard)))
        return rows + self._visits(_VISITS_OF_NO_MESSAGE)


def _plain(tally: Tally) -> Figures:
    return Figures(audience=tally.audience, measured=tally.measured, first=tally.first)


def _estimates(heard: Iterable[Heard]) -> dict[str, int]:
    by_message: dict[str, dict[str, int]] = {}
    for one in heard:
        by_message.setdefault(one.message, {})[one.unit_code] = heard_by(one.members, one.earshot)
    return loudest(by_message)
