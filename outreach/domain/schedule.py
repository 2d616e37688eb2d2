"""When a message goes out: pure arithmetic from a schedule to instants, in the campaign's own time zone.

Dates and times of schedules are local. A local time that summer time skips runs once, at the next valid instant; the
hour that comes twice runs once, the first time. Cron is POSIX: Monday is 1, Sunday 0 or 7, and when both a day of the
month and a day of the week are given either suffices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

from outreach.domain.dates import local_moment

LIMIT = 10_000
"""The most occurrences one question may have."""
_DAY = timedelta(days=1)


class TooManyOccurrences(ValueError):
    """A schedule has more than `LIMIT` occurrences between two moments."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Recurring, from `first` to `last` (both included)."""

    expression: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class At:
    """At one or more local times (naive), ascending."""

    moments: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class AtLaunch:
    """Once, when the campaign is launched."""


@dataclass(frozen=True, slots=True)
class BeforeCase:
    """`days` before a case is due, at the local time `at`; planned once a day from `first` to `last` (included)."""

    days: int
    at: time
    first: date
    last: date


Schedule = Cron | At | AtLaunch | BeforeCase


def occurrences(
    schedule: Schedule,
    *,
    zone: ZoneInfo,
    after: datetime,
    until: datetime,
    launched_at: datetime | None = None,
    shift: timedelta = timedelta(0),
) -> list[datetime]:
    """The instants (UTC, ascending, distinct) after `after` and up to and including `until`, both aware.

    For `BeforeCase` these are the daily moments at which the cases of `due_window` are reminded. `shift` (whole days)
    moves the dates of the schedule; a launch is where it is. Raises TooManyOccurrences beyond `LIMIT` and ValueError
    for a naive bound or a shift that is not whole days.
    """
    if until.tzinfo is None:
        raise ValueError("an interval of occurrences needs aware bounds")
    ahead = _after(schedule, zone, after, launched_at, shift)
    found = list(islice(takewhile(lambda moment: moment <= until, ahead), LIMIT + 1))
    if len(found) > LIMIT:
        raise TooManyOccurrences(f"more than {LIMIT:,} occurrences between {after} and {until}")
    return found


def next_occurrence(
    schedule: Schedule,
    *,
    zone: ZoneInfo,
    after: datetime,
    launched_at: datetime | None = None,
    shift: timedelta = timedelta(0),
) -> datetime | None:
    """The first instant (UTC) after `after` (aware), None where there is none; as `occurrences`."""
    return next(_after(schedule, zone, after, launched_at, shift), None)


def _after(
    schedule: Schedule, zone: ZoneInfo, after: datetime, launched_at: datetime | None, shift: timedelta
) -> Iterator[datetime]:
    """The distinct instants after `after`, ascending; two local times may meet in one instant when clocks change."""
    if after.tzinfo is None:
        raise ValueError("an interval of occurrences needs aware bounds")
    if shift % _DAY:
        raise ValueError(f"a campaign is shifted by whole days, not by {shift}")
    last = after.astimezone(UTC)
    for moment in _ascending(schedule, zone, last, launched_at, shift):
        if moment > last:
            yield moment
            last = moment


def _ascending(
    schedule: Schedule, zone: ZoneInfo, after: datetime, launched_at: datetime | None, shift: timedelta
) -> Iterator[datetime]:
    match schedule:
        case Cron(expression, first, last):
            return _cron(expression, zone, first + shift, last + shift, after)
        case At(moments):
            return iter(sorted(local_moment(moment + shift, zone) for moment in moments))
        case AtLaunch():
            return iter(() if launched_at is None else (launched_at.astimezone(UTC),))
        case BeforeCase(_, at, first, last):
            return _daily(at, zone, first + shift, last + shift, after)
        case _:
            assert_never(schedule)


def _cron(expression: str, zone: ZoneInfo, first: date, last: date, after: datetime) -> Iterator[datetime]:
    """Local times of the expression as instants, from a day before `after` (clocks jump by at most a day)."""
    earliest = datetime.combine(first, time()) - timedelta(minutes=1)
    for naive in CronSim(expression, max(earliest, _naive(after, zone) - _DAY)):
        if naive.date() > last:
            return
        yield local_moment(naive, zone)


def _daily(at: time, zone: ZoneInfo, first: date, last: date, after: datetime) -> Iterator[datetime]:
    day = max(first, _naive(after, zone).date() - _DAY)
    while day <= last:
        yield local_moment(datetime.combine(day, at), zone)
        day += _DAY


def _naive(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def reminder_moment(due_at: datetime, days: int, at: time, zone: ZoneInfo) -> datetime:
    """When a case due at `due_at` (aware) is reminded of: `days` local days before, at the local time `at`; in UTC."""
    day = due_at.astimezone(zone).date() - timedelta(days=days)
    return local_moment(datetime.combine(day, at), zone)


def due_window(schedule: BeforeCase, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Which cases the daily moment reminds: those due from the first instant to before the second one (UTC)."""
    due = moment.astimezone(zone).date() + timedelta(days=schedule.days)
    return local_moment(datetime.combine(due, time()), zone), local_moment(datetime.combine(due + _DAY, time()), zone)


_FIELDS = (
    ("minute", Field.MINUTE, "0 to 59"),
    ("hour", Field.HOUR, "0 to 23"),
    ("day of the month", Field.DAY, "1 to 31"),
    ("month", Field.MONTH, "1 to 12"),
    ("day of the week", Field.DOW, "0 to 7, where 1 is Monday and 0 and 7 are Sunday"),
)


def check_cron(text: str) -> str:
    """The expression with single blanks; raises ValueError naming the field that is wrong."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(name for name, _, _ in _FIELDS)
        raise ValueError(f'"{text}" has {len(parts)} fields, not 5: {names}')
    for part, (name, parser, allowed) in zip(parts, _FIELDS, strict=True):
        try:
            parser.parse(part.upper())
        except CronSimError:
            raise ValueError(f'the {name} of "{text}" is "{part}"; it must be {allowed}') from None
    expression = " ".join(parts)
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001 - local time on purpose
    except (CronSimError, StopIteration):
        raise ValueError(f'"{text}" names a day its months never have') from None
    return expression
