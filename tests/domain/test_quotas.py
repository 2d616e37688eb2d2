"""Quotas of providers against what is due."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from outreach.domain.quotas import Quota, shortages
from outreach.domain.words import Channel

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY, TOMORROW = date(2026, 11, 24), date(2026, 11, 25)
LATE = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
"""23:30 of that day in Hà Nội."""


def daily(remaining: int, total: int | None = 500, at: datetime = LATE) -> Quota:
    return Quota("zalo", Channel.ZALO_ZNS, remaining, total, True, at)


@pytest.mark.parametrize(
    ("day", "needed", "short"), [(TODAY, 10, False), (TODAY, 11, True), (TOMORROW, 500, False), (TOMORROW, 501, True)]
)
def test_today_has_what_is_left_and_another_day_the_whole(day: date, needed: int, short: bool) -> None:
    assert bool(shortages([daily(10)], {("zalo", Channel.ZALO_ZNS, day): needed}, ZONE)) is short


def test_where_the_whole_is_not_known_another_day_is_not_judged() -> None:
    assert shortages([daily(10, None)], {("zalo", Channel.ZALO_ZNS, TOMORROW): 10**6}, ZONE) == ()


def test_the_first_short_day_is_named_with_how_many_more_there_are() -> None:
    needs = {("zalo", Channel.ZALO_ZNS, day): 600 for day in (TOMORROW, TODAY)}
    [told] = shortages([daily(10)], needs, ZONE)
    for part in ("account zalo", "2026-11-24", "1 more day", "600 messages", "takes 10 that day", "2026-11-24 23:30"):
        assert part in told


def test_other_accounts_and_channels_take_nothing_of_it() -> None:
    needs = {("other", Channel.ZALO_ZNS, TODAY): 600, ("zalo", Channel.ZALO_OA, TODAY): 600}
    assert shortages([daily(10)], needs, ZONE) == ()


def test_a_package_is_compared_with_all_days_together() -> None:
    package = Quota("zalo", Channel.ZALO_OA, 100, 2000, False, LATE)
    needs = {("zalo", Channel.ZALO_OA, day): 50 for day in (TODAY, TOMORROW)}
    assert shortages([package], needs, ZONE) == ()
    [told] = shortages([package], {**needs, ("zalo", Channel.ZALO_OA, date(2026, 11, 26)): 1}, ZONE)
    assert "101 messages" in told
    assert "48 hours" in told
