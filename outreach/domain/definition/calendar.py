"""A campaign's dates as a whole: moved, listed, or all behind us."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import assert_never

from outreach.domain.dates import PlanDate, local_moment
from outreach.domain.definition.model import Definition
from outreach.domain.definition.parts import Activity, Message
from outreach.domain.schedule import At, AtLaunch, BeforeCase, Cron, Schedule, next_occurrence, occurrences

_DAY = timedelta(days=1)
_LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


def shifted(definition: Definition, days: int) -> Definition:
    """The campaign with every date moved by whole days, forward or back; what happens at launch stays there.

    The days of the week a cron names stay the same. Raises OverflowError beyond the calendar.
    """
    by = timedelta(days=days)
    if not days:
        return definition
    return replace(
        definition,
        starts=definition.starts + by,
        ends=definition.ends + by,
        phases=tuple(replace(phase, starts=phase.starts + by, ends=phase.ends + by) for phase in definition.phases),
        activities=tuple(_activity(activity, by) for activity in definition.activities),
        targets=tuple(replace(target, by=target.by + by) for target in definition.targets),
        messages=tuple(replace(item, schedule=_schedule(item.schedule, by)) for item in definition.messages),
    )


def days_until(definition: Definition, starting: date) -> int:
    """By how many days the campaign must be shifted to start on `starting`."""
    return (starting - definition.starts).days


def _activity(activity: Activity, by: timedelta) -> Activity:
    """Months become days: a month moved by days is none any more."""
    starts = PlanDate.of(activity.starts.first + by) if activity.starts else None
    return replace(activity, starts=starts, ends=PlanDate.of(activity.ends.last + by) if activity.ends else None)


def _schedule(schedule: Schedule, by: timedelta) -> Schedule:
    match schedule:
        case Cron() | BeforeCase():
            return replace(schedule, first=schedule.first + by, last=schedule.last + by)
        case At(moments):
            return At(tuple(moment + by for moment in moments))
        case AtLaunch():
            return schedule
        case _:
            assert_never(schedule)


def calendar(definition: Definition, launched_at: datetime | None = None) -> list[tuple[datetime, str]]:
    """Every occurrence as (UTC, message id), by time; messages at launch only with `launched_at`, case reminders not
    at all: their days depend on the cases."""
    end = _end(definition) + _DAY
    found = [
        (moment, message.id)
        for message in definition.messages
        if not isinstance(message.schedule, BeforeCase)
        for moment in _all(message, definition, end if launched_at is None else max(end, launched_at), launched_at)
    ]
    return sorted(found)


def _all(message: Message, definition: Definition, until: datetime, launched_at: datetime | None) -> list[datetime]:
    zone = definition.zone
    return occurrences(message.schedule, zone=zone, after=_LONG_AGO, until=until, launched_at=launched_at)


def _end(definition: Definition) -> datetime:
    """The instant after the campaign's last day."""
    return local_moment(datetime.combine(definition.ends + _DAY, time()), definition.zone)


def all_past(definition: Definition, now: datetime) -> bool:
    """Whether nothing of the campaign can leave at `now` (aware) or later: every occurrence is overdue.

    A message at launch can leave until the campaign ends.
    """
    return not any(_ahead(message, definition, now) for message in definition.messages)


def _ahead(message: Message, definition: Definition, now: datetime) -> bool:
    if isinstance(message.schedule, AtLaunch):
        return now < _end(definition)
    ahead = next_occurrence(message.schedule, zone=definition.zone, after=now - message.not_after)
    return ahead is not None
