"""Dates, months, times and durations as campaign files write them, and local time that survives summer time."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years a plan may speak of; anything else is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class PlanDate:
    """A day, or a whole month as plans often write (`2025-04`)."""

    year: int
    month: int
    day: int | None = None

    @classmethod
    def of(cls, day: date) -> PlanDate:
        """A plain day."""
        return cls(day.year, day.month, day.day)

    @property
    def first(self) -> date:
        """The day itself, or the month's first."""
        return date(self.year, self.month, self.day or 1)

    @property
    def last(self) -> date:
        """The day itself, or the month's last."""
        return date(self.year, self.month, self.day or calendar.monthrange(self.year, self.month)[1])

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}" + ("" if self.day is None else f"-{self.day:02}")


def to_date(text: str) -> date:
    """`2025-04-30`; raises ValueError for another form, an impossible day or a year outside 2000–2100."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f'"{text}" is not a date; write it like 2025-04-30')
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a day of the calendar') from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}, not {day.year}")
    return day


def to_plan_date(text: str) -> PlanDate:
    """`2025-04-30` or `2025-04`; raises ValueError."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        first = to_date(f"{text}-01")
        return PlanDate(first.year, first.month)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f'"{text}" is neither a date nor a month; write it like 2025-04-30 or 2025-04')
    return PlanDate.of(to_date(text))


def to_moment(text: str) -> datetime:
    """`2025-04-02T08:30`, local time without a zone; raises ValueError."""
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(?::00)?(Z|[+-][0-9:]+)?", text)
    if not found:
        raise ValueError(f'"{text}" is not a date with a time; write it like 2025-04-02T08:30')
    day, clock, zone = to_date(found[1]), to_time(found[2]), found[3]
    if zone:
        raise ValueError(f"times are local to the campaign's timezone; write {found[1]}T{found[2]} without {zone}")
    return datetime.combine(day, clock)


def to_time(text: str) -> time:
    """`08:30`; raises ValueError."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f'"{text}" is not a time of the day; write it like 08:30')
    return time.fromisoformat(text)


def to_zone(text: str) -> str:
    """The name of a time zone; raises ValueError."""
    if text not in available_timezones():
        raise ValueError(f'there is no time zone "{text}"; write one like Asia/Ho_Chi_Minh')
    return text


_UNITS = {"m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=60)


def to_duration(text: str) -> timedelta:
    """`30m`, `4h` or `2d`, up to 60 days; raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if not found:
        raise ValueError(f'"{text}" is not a length of time; write minutes, hours or days like 30m, 4h, 2d')
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f'"{text}" must be longer than nothing and at most {LONGEST.days}d')
    return length


def duration_text(length: timedelta) -> str:
    """A whole number of minutes as `30m`, `4h` or `2d`, in the largest unit that fits."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit in ("d", "h", "m") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def local_moment(naive: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a local time; one that is skipped is the end of the gap, one that comes twice its first."""
    moment = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return moment
    before = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(before, moment, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second at which the offset of `after` holds, by halving the time between."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        middle = middle if middle > before else before + timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
