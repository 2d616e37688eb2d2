"""How a target stands on a day."""

from __future__ import annotations

from datetime import date

import pytest

from outreach.domain.definition import Goal
from outreach.domain.definition.goals import to_goal
from outreach.domain.standing import Point, Standing, Trend, judge

STARTS, BY = date(2026, 1, 1), date(2026, 12, 27)
"""360 days: a tenth of the way is 36 of them."""
TENTH = date(2026, 2, 6)


def stands(
    goal: Goal, now: float | None, *, on: date = TENTH, today: date | None = None, baseline: float | None = None,
    start: Point | None = None,
) -> Standing:  # fmt: skip
    point = None if now is None else Point(on, now)
    begin = Point(STARTS, baseline) if start is None and baseline is not None else start
    return judge(goal, point, baseline=baseline, start=begin, by=BY, today=today or on)


@pytest.mark.parametrize(
    ("goal", "baseline", "just_enough", "too_little"),
    [
        ("80", 60, 62, 61.9),
        ("80%", 0, 8, 7.9),
        ("+20%", 60, 61.2, 61.1),
        ("-50", 300, 295, 296),
    ],
)
def test_a_tenth_of_the_way_in_a_tenth_of_the_time_is_on_track(
    goal: str, baseline: float, just_enough: float, too_little: float
) -> None:
    assert stands(to_goal(goal), just_enough, baseline=baseline) is Standing.ON_TRACK
    assert stands(to_goal(goal), too_little, baseline=baseline) is Standing.BEHIND


def test_ranks_and_backlogs_are_on_track_as_they_go_down() -> None:
    assert stands(Goal(at_most=0), 270, baseline=300) is Standing.ON_TRACK
    assert stands(Goal(at_most=0), 271, baseline=300) is Standing.BEHIND
    assert stands(Goal(rank=10), 19, baseline=20) is Standing.ON_TRACK
    assert stands(Goal(rank=10), 20, baseline=20) is Standing.BEHIND


def test_what_is_reached_is_met_on_any_day() -> None:
    assert stands(Goal(80), 80, baseline=60) is Standing.MET
    assert stands(Goal(80), 81, on=date(2027, 5, 1), baseline=60) is Standing.MET
    assert stands(Goal(done=True), 1) is Standing.MET


def test_past_its_day_a_goal_that_is_not_reached_is_overdue_with_a_figure_or_without() -> None:
    after = date(2026, 12, 28)
    assert stands(Goal(80), 79, baseline=60, today=after) is Standing.OVERDUE
    assert stands(Goal(80), None, today=after) is Standing.OVERDUE
    assert stands(Goal(80), 79, on=BY, today=BY, baseline=60) is Standing.BEHIND


def test_without_a_figure_or_something_to_hold_it_against_nothing_is_claimed() -> None:
    assert stands(Goal(80), None) is Standing.UNMEASURED
    assert stands(Goal(80), 70) is Standing.OPEN
    assert stands(Goal(80), 70, start=Point(TENTH, 70)) is Standing.OPEN
    assert stands(Goal(done=True), 0) is Standing.OPEN
    assert stands(Goal(20, percent=True, change=1), 70) is Standing.OPEN


def test_what_has_no_goal_is_followed_and_never_judged() -> None:
    after = date(2027, 5, 1)
    assert stands(Goal(none=True), 70, baseline=60, today=after) is Standing.OPEN
    assert stands(Goal(none=True), None, today=after) is Standing.UNMEASURED


def test_the_change_that_is_shown_is_the_freshest_there_is() -> None:
    assert Trend(since_previous=3, days_7=0.0, days_30=2).shown == 0
    assert Trend(since_previous=3, days_30=2).shown == 2
    assert Trend(since_previous=3).shown == 3
    assert Trend().shown is None
