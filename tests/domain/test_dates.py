"""Dates, months, times and lengths as people write them in plans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.dates import (
    PlanDate,
    duration_text,
    to_date,
    to_duration,
    to_moment,
    to_plan_date,
    to_time,
    to_zone,
)


def test_a_month_reaches_from_its_first_day_to_its_last() -> None:
    february = to_plan_date("2028-02")
    assert (february.first, february.last, str(february)) == (date(2028, 2, 1), date(2028, 2, 29), "2028-02")
    day = to_plan_date("2028-02-10")
    assert (day.first, day.last, str(day)) == (date(2028, 2, 10), date(2028, 2, 10), "2028-02-10")
    assert day == PlanDate.of(date(2028, 2, 10))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("90m", timedelta(minutes=90)),
    ],
)
def test_lengths_are_minutes_hours_or_days(text: str, length: timedelta) -> None:
    assert to_duration(text) == length


@given(st.integers(1, 60 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_a_length_is_read_back_as_it_was_written(length: timedelta) -> None:
    assert to_duration(duration_text(length)) == length


@pytest.mark.parametrize("text", ["2025-04-02T08:30", "2025-04-02 08:30", "2025-04-02T08:30:00"])
def test_a_moment_is_a_date_and_a_time(text: str) -> None:
    assert to_moment(text) == datetime.combine(date(2025, 4, 2), time(8, 30))


@pytest.mark.parametrize(
    ("reader", "text", "part"),
    [
        (to_date, "20250430", "write it like 2025-04-30"),
        (to_date, "2025-W10-1", "write it like 2025-04-30"),
        (to_date, "2025-04-31", "not a day of the calendar"),
        (to_date, "1999-12-31", "between 2000 and 2100"),
        (to_date, "2025-04-3０", "write it like 2025-04-30"),
        (to_plan_date, "2025-13", "not a day of the calendar"),
        (to_plan_date, "Quý II", "like 2025-04-30 or 2025-04"),
        (to_moment, "2025-04-02T08:30Z", "without Z"),
        (to_moment, "2025-04-02T08:30:15", "write it like 2025-04-02T08:30"),
        (to_moment, "2025-04-02T24:00", "not a time of the day"),
        (to_time, "8:30", "write it like 08:30"),
        (to_duration, "1w", "like 30m, 4h, 2d"),
        (to_duration, "1.5h", "like 30m, 4h, 2d"),
        (to_duration, "999999d", "at most 60d"),
        (to_zone, "+07:00", "write one like Asia/Ho_Chi_Minh"),
        (to_zone, "../etc/passwd", "there is no time zone"),
    ],
)
def test_what_is_written_otherwise_is_told_how(reader: Callable[[str], object], text: str, part: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        reader(text)
    assert part in str(error.value)
