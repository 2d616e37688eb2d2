"""When a message may reach a person: the hours of the day, per message class.

Source: Decree 91/2020/NĐ-CP (advertising SMS between 07:00 and 22:00). The same hours are our default for every
channel and for service notices; only an emergency goes out at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.domain.dates import local_moment
from outreach.domain.words import MessageClass


@dataclass(frozen=True, slots=True)
class OpenHours:
    """A daily window of local time: `opens` included, `closes` not; it ends on the day it begins."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError(f"open hours must open before they close: {self.opens} to {self.closes}")

    def include(self, clock: time) -> bool:
        """Whether the local time `clock` is inside."""
        return self.opens <= clock < self.closes


DAYTIME = OpenHours(time(7), time(22))

HOURS: Mapping[MessageClass, OpenHours | None] = {
    MessageClass.SERVICE_NOTICE: DAYTIME,
    MessageClass.ADVERTISING: DAYTIME,
    MessageClass.EMERGENCY: None,
}
"""The open hours of each class; None never waits."""


def is_open(hours: OpenHours | None, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether something may leave at `moment` (aware); raises ValueError for a naive one."""
    return hours is None or hours.include(_local(moment, zone).time())


def next_open(hours: OpenHours | None, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at or after `moment` (aware) inside the hours; raises ValueError for a naive one."""
    if is_open(hours, moment, zone):
        return moment.astimezone(UTC)
    assert hours is not None
    today = _local(moment, zone).date()
    days = (today + timedelta(days=n) for n in range(3))
    openings = (at for day in days for at in _openings(datetime.combine(day, hours.opens), zone))
    return next(at for at in openings if at >= moment and is_open(hours, at, zone))


def earliest_send(message_class: MessageClass, moment: datetime, zone: ZoneInfo) -> datetime:
    """When a message of this class that is due at `moment` (aware) may leave, in UTC; an emergency never waits."""
    return next_open(HOURS[message_class], moment, zone)


def _openings(naive: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants of a local time: the same one twice, but for an hour that comes twice."""
    first = local_moment(naive, zone)
    again = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first, max(first, again)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs its time zone: {moment}")
    return moment.astimezone(zone)
