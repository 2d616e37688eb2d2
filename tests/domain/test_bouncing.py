"""When so much comes back that a bounce says nothing of its address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outreach.domain.bouncing import LEAST, Returned, mass_bounce

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


def at(hours: int) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("sent", "bounced", "mass"),
    [
        (LEAST, LEAST, True),
        (0, LEAST, True),
        (LEAST, LEAST - 1, False),
        (10 * LEAST, LEAST, False),
        (10 * LEAST, LEAST + 1, True),
        (100_000, 2_000, False),
        (100_000, 10_001, True),
    ],
)
def test_an_hour_is_judged_by_number_and_share(sent: int, bounced: int, mass: bool) -> None:
    assert (mass_bounce({NOW: Returned(sent, bounced)}, {NOW}) is not None) is mass


def test_a_break_in_the_evening_is_seen_behind_a_good_day() -> None:
    hours = {at(8): Returned(100_000, 900), NOW: Returned(600, 500)}
    assert mass_bounce(hours, {NOW}) == Returned(600, 500)


def test_what_drips_all_day_is_seen_too() -> None:
    hours = {at(n): Returned(10, 9) for n in range(10)}
    assert mass_bounce(hours, {NOW}) == Returned(100, 90)


def test_late_bounces_are_held_against_what_left_with_them() -> None:
    hours = {at(30): Returned(50_000, 2_000), NOW: Returned(20, 0)}
    assert mass_bounce(hours, {at(30)}) is None


def test_the_day_before_yesterday_counts_no_more() -> None:
    hours = {at(24): Returned(100, 49), NOW: Returned(100, 40)}
    assert mass_bounce(hours, {NOW}) is None
