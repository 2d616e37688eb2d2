"""When messages go out: local time, POSIX cron, summer time, case reminders."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.schedule import (
    LIMIT,
    At,
    AtLaunch,
    BeforeCase,
    Cron,
    Schedule,
    TooManyOccurrences,
    check_cron,
    due_window,
    next_occurrence,
    occurrences,
    reminder_moment,
)

HANOI, BERLIN, NEW_YORK = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, APIA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")
ALWAYS = (datetime(1999, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return local(text).replace(tzinfo=UTC)


def cron(expression: str, first: str, last: str) -> Cron:
    return Cron(expression, date.fromisoformat(first), date.fromisoformat(last))


def every(schedule: Schedule, zone: ZoneInfo = HANOI, shift: int = 0) -> list[datetime]:
    after, until = ALWAYS
    return occurrences(schedule, zone=zone, after=after, until=until, shift=timedelta(days=shift))


def shown(moments: list[datetime], zone: ZoneInfo = HANOI) -> list[str]:
    return [moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M") for moment in moments]


@pytest.mark.parametrize(
    ("expression", "first", "last", "expected"),
    [
        ("30 8 * * 1", "2025-04-07", "2025-04-21", ["Mon 2025-04-07", "Mon 2025-04-14", "Mon 2025-04-21"]),
        ("30 8 * * 0", "2025-04-01", "2025-04-14", ["Sun 2025-04-06", "Sun 2025-04-13"]),
        ("30 8 * * 7", "2025-04-01", "2025-04-14", ["Sun 2025-04-06", "Sun 2025-04-13"]),
        ("30 8 * * 5-7", "2025-04-01", "2025-04-07", ["Fri 2025-04-04", "Sat 2025-04-05", "Sun 2025-04-06"]),
        ("30 8 * * MON,wed", "2025-04-07", "2025-04-13", ["Mon 2025-04-07", "Wed 2025-04-09"]),
        ("30 8 10 10 *", "2024-01-01", "2026-12-31", ["Thu 2024-10-10", "Fri 2025-10-10", "Sat 2026-10-10"]),
        ("30 8 9 * 1", "2025-04-07", "2025-04-14", ["Mon 2025-04-07", "Wed 2025-04-09", "Mon 2025-04-14"]),
        ("30 8 1-7/3 4 *", "2025-01-01", "2025-12-31", ["Tue 2025-04-01", "Fri 2025-04-04", "Mon 2025-04-07"]),
        ("30 8 29 2 *", "2024-01-01", "2028-12-31", ["Thu 2024-02-29", "Tue 2028-02-29"]),
        ("30 8 31 * *", "2025-01-01", "2025-05-31", ["Fri 2025-01-31", "Mon 2025-03-31", "Sat 2025-05-31"]),
        ("30 8 * * 1", "2025-04-08", "2025-04-13", []),
    ],
)
def test_cron_is_posix(expression: str, first: str, last: str, expected: list[str]) -> None:
    assert shown(every(cron(expression, first, last))) == [f"{day} 08:30" for day in expected]


def test_cron_runs_from_its_first_to_its_last_minute() -> None:
    moments = every(cron("0,59 0,23 * * *", "2025-04-01", "2025-04-01"))
    assert [line[-5:] for line in shown(moments)] == ["00:00", "00:59", "23:00", "23:59"]


def test_half_past_eight_in_hanoi_is_half_past_one_in_utc() -> None:
    assert every(cron("30 8 * * 1", "2025-04-07", "2025-04-07")) == [utc("2025-04-07 01:30")]


def test_after_is_left_out_and_until_is_included() -> None:
    weekly = cron("30 8 * * 1", "2025-04-07", "2025-12-31")
    first, second = utc("2025-04-07 01:30"), utc("2025-04-14 01:30")
    assert occurrences(weekly, zone=HANOI, after=first, until=second) == [second]
    assert occurrences(weekly, zone=HANOI, after=second, until=first) == []
    assert next_occurrence(weekly, zone=HANOI, after=first) == second
    assert next_occurrence(weekly, zone=HANOI, after=utc("2026-01-01 00:00")) is None


SUMMER = [
    # zone, local times by cron or at, and the instants they mean
    (BERLIN, "30 8 * * *", "2025-03-29", "2025-03-31", ["2025-03-29 07:30", "2025-03-30 06:30", "2025-03-31 06:30"]),
    (BERLIN, "30 2 * * *", "2025-03-29", "2025-03-31", ["2025-03-29 01:30", "2025-03-30 01:00", "2025-03-31 00:30"]),
    (BERLIN, "30 2 * * *", "2025-10-25", "2025-10-27", ["2025-10-25 00:30", "2025-10-26 00:30", "2025-10-27 01:30"]),
    (BERLIN, "0,30 2,3 * * *", "2025-03-30", "2025-03-30", ["2025-03-30 01:00", "2025-03-30 01:30"]),
    (BERLIN, "0,30 2 * * *", "2025-10-26", "2025-10-26", ["2025-10-26 00:00", "2025-10-26 00:30"]),
    (BERLIN, "30 * 26 10 *", "2025-10-26", "2025-10-26", None),
    (NEW_YORK, "15 2 * * 0", "2026-03-08", "2026-03-08", ["2026-03-08 07:00"]),
    (NEW_YORK, "15 1 * * 0", "2026-11-01", "2026-11-01", ["2026-11-01 05:15"]),
    (LORD_HOWE, "15 2 * * *", "2025-10-05", "2025-10-05", ["2025-10-04 15:30"]),
    (APIA, "0 12 * * *", "2011-12-29", "2011-12-31", ["2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"]),
    (HANOI, "30 2 * * *", "2025-03-30", "2025-03-30", ["2025-03-29 19:30"]),
]


@pytest.mark.parametrize(("zone", "expression", "first", "last", "expected"), SUMMER)
def test_summer_time_neither_loses_nor_doubles_a_run(
    zone: ZoneInfo, expression: str, first: str, last: str, expected: list[str] | None
) -> None:
    moments = every(cron(expression, first, last), zone)
    if expected is None:
        assert len(moments) == 24  # the day has 25 hours, and one of them twice
    else:
        assert moments == [utc(text) for text in expected]


def test_given_times_are_local_and_a_skipped_one_runs_at_the_end_of_the_gap() -> None:
    at = At((local("2025-03-30 02:30"), local("2025-10-26 02:30"), local("2025-03-30 03:00")))
    assert every(at, BERLIN) == [utc("2025-03-30 01:00"), utc("2025-10-26 00:30")]
    assert every(At((local("2025-04-02 08:30"),)), HANOI) == [utc("2025-04-02 01:30")]


def test_at_launch_happens_when_it_is_launched_and_never_before() -> None:
    launched, (after, until) = utc("2026-02-03 04:05"), ALWAYS
    assert occurrences(AtLaunch(), zone=HANOI, after=after, until=until) == []
    assert occurrences(AtLaunch(), zone=HANOI, after=after, until=until, launched_at=launched) == [launched]
    assert occurrences(AtLaunch(), zone=HANOI, after=launched, until=until, launched_at=launched) == []
    shift = timedelta(days=30)
    assert occurrences(AtLaunch(), zone=HANOI, after=after, until=until, launched_at=launched, shift=shift) == [
        launched
    ]


def test_a_shift_moves_dates_and_keeps_weekdays_and_local_time() -> None:
    weekly = cron("30 8 * * 1", "2025-04-07", "2025-04-14")
    assert shown(every(weekly, shift=365)) == ["Mon 2026-04-13 08:30"]
    assert every(At((local("2025-03-29 08:30"),)), BERLIN, shift=1) == [utc("2025-03-30 06:30")]


def test_a_shift_of_hours_or_an_interval_without_zone_is_refused() -> None:
    launch, (after, until) = AtLaunch(), ALWAYS
    with pytest.raises(ValueError, match="whole days"):
        occurrences(launch, zone=HANOI, after=after, until=until, shift=timedelta(hours=25))
    with pytest.raises(ValueError, match="aware"):
        occurrences(launch, zone=HANOI, after=local("2026-01-01"), until=until)
    with pytest.raises(ValueError, match="aware"):
        occurrences(launch, zone=HANOI, after=after, until=local("2026-01-01"))


def test_too_many_occurrences_are_refused_instead_of_listed() -> None:
    minutely = cron("* * * * *", "2025-01-01", "2025-12-31")
    start = datetime(2025, 2, 1, tzinfo=HANOI)
    exact = start + timedelta(minutes=LIMIT)
    assert len(occurrences(minutely, zone=HANOI, after=start, until=exact)) == LIMIT
    with pytest.raises(TooManyOccurrences):
        occurrences(minutely, zone=HANOI, after=start, until=exact + timedelta(minutes=1))


BEFORE = BeforeCase(2, time(8, 30), date(2025, 3, 28), date(2025, 3, 31))


def test_a_case_is_reminded_local_days_before_it_is_due() -> None:
    assert reminder_moment(utc("2025-04-04 16:59"), 2, time(8, 30), HANOI) == utc("2025-04-02 01:30")
    assert reminder_moment(utc("2025-04-04 17:00"), 2, time(8, 30), HANOI) == utc("2025-04-03 01:30")
    assert reminder_moment(utc("2025-03-31 08:00"), 1, time(2, 30), BERLIN) == utc("2025-03-30 01:00")


def test_case_reminders_are_planned_once_a_day_between_their_days() -> None:
    assert every(BEFORE, BERLIN) == [
        utc("2025-03-28 07:30"),
        utc("2025-03-29 07:30"),
        utc("2025-03-30 06:30"),
        utc("2025-03-31 06:30"),
    ]


def test_the_days_of_a_case_window_have_the_length_of_the_day() -> None:
    first, end = due_window(BEFORE, utc("2025-03-28 07:30"), BERLIN)
    assert (first, end) == (utc("2025-03-29 23:00"), utc("2025-03-30 22:00"))
    assert end - first == timedelta(hours=23)


@given(
    due=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(0, 40),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    zone=st.sampled_from([HANOI, BERLIN, NEW_YORK, LORD_HOWE]),
)
def test_every_case_lies_in_the_window_of_its_own_reminder(due: datetime, days: int, at: time, zone: ZoneInfo) -> None:
    schedule = BeforeCase(days, at, date(2019, 1, 1), date(2031, 1, 1))
    moment = reminder_moment(due, days, at, zone)
    first, end = due_window(schedule, moment, zone)
    assert first <= due < end
    assert occurrences(schedule, zone=zone, after=moment - timedelta(seconds=1), until=moment) == [moment]


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/20", "0,15,45"]),
    st.sampled_from(["2", "1-3", "*", "8,17", "*/6", "23"]),
    st.sampled_from(["*", "1", "*/10", "26-31"]),
    st.sampled_from(["*", "3,10", "11"]),
    st.sampled_from(["*", "1", "0", "7", "5-7"]),
)
ZONES = st.sampled_from([HANOI, BERLIN, NEW_YORK, LORD_HOWE])
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    first = draw(DAYS)
    last = first + timedelta(days=draw(st.integers(0, 60)))
    at = st.times().map(lambda at: at.replace(second=0, microsecond=0))
    kinds: list[st.SearchStrategy[Schedule]] = [
        FIELDS.map(lambda fields: Cron(" ".join(fields), first, last)),
        st.lists(st.builds(datetime.combine, DAYS, at), min_size=1, max_size=5).map(lambda found: At(tuple(found))),
        at.map(lambda at: BeforeCase(2, at, first, last)),
    ]
    return draw(st.one_of(kinds))


@given(schedule=schedules(), zone=ZONES, moments=st.lists(MOMENTS, min_size=3, max_size=3))
def test_occurrences_ascend_inside_their_bounds_and_an_interval_can_be_cut_anywhere(
    schedule: Schedule, zone: ZoneInfo, moments: list[datetime]
) -> None:
    after, middle, until = sorted(moments)
    whole = occurrences(schedule, zone=zone, after=after, until=until)
    assert all(earlier < later for earlier, later in pairwise(whole))
    assert all(after < moment <= until and moment.tzinfo is UTC for moment in whole)
    head = occurrences(schedule, zone=zone, after=after, until=middle)
    assert head + occurrences(schedule, zone=zone, after=middle, until=until) == whole


@given(moment=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)), zone=ZONES, days=st.integers(-400, 400))  # noqa: DTZ001
def test_a_shifted_time_keeps_its_local_clock(moment: datetime, zone: ZoneInfo, days: int) -> None:
    assert every(At((moment,)), zone, shift=days) == every(At((moment + timedelta(days=days),)), zone)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "has 0 fields"),
        ("@daily", "has 1 fields"),
        ("0 0 8 * * 1", "has 6 fields"),
        ("60 8 * * *", 'the minute of "60 8 * * *" is "60"; it must be 0 to 59'),
        ("30 24 * * *", 'the hour of "30 24 * * *" is "24"; it must be 0 to 23'),
        ("30 8 0 * *", "the day of the month"),
        ("30 8 * 13 *", "the month"),
        ("30 8 * * T2", "the day of the week"),
        ("30 8 * * 5-1", "the day of the week"),
        ("*/0 8 * * *", "the minute"),
        ("30 8 30 2 *", "a day its months never have"),
    ],
)
def test_a_wrong_cron_is_told_which_field_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        check_cron(text)
    assert part in str(error.value)


def test_blanks_of_a_cron_are_made_single() -> None:
    assert check_cron("  30   8 * *  1 ") == "30 8 * * 1"
