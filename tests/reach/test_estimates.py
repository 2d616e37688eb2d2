"""The arithmetic of reach, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.reach.estimates import RULE, Figures, combine, heard_by, loudest, of_area, total, without_estimate

PEOPLE = st.integers(min_value=0, max_value=2_000_000)


@pytest.mark.parametrize(
    ("population", "measured", "estimated", "combined"),
    [
        (100, 0, 0, 0),
        (100, 30, 0, 30),
        (100, 0, 40, 40),
        (100, 50, 40, 70),  # half of those who heard it had been reached already
        (100, 100, 40, 100),
        (5, 1, 2, 3),  # 1 + 2 × 4/5 = 2.6
        (10, 1, 5, 6),  # 1 + 5 × 9/10 = 5.5, half up
        (100, 10, 5000, 100),
    ],
)
def test_combined_reach_takes_off_those_reached_already(
    population: int, measured: int, estimated: int, combined: int
) -> None:
    assert combine(population, measured, estimated) == combined


@given(PEOPLE, PEOPLE, PEOPLE)
def test_combined_reach_lies_between_measured_and_population(population: int, measured: int, heard: int) -> None:
    measured = min(measured, population)
    combined = combine(population, measured, heard)
    assert measured <= combined <= population
    assert combined <= measured + heard


def test_nobody_beyond_earshot_and_nobody_outside_the_segment_has_heard_it() -> None:
    assert heard_by(members=500, earshot=300) == 300
    assert heard_by(members=200, earshot=300) == 200


def test_two_messages_to_the_same_unit_are_heard_by_the_same_people() -> None:
    assert loudest({"a": {"x": 10, "y": 3}, "b": {"x": 7, "z": 4}}) == {"x": 10, "y": 3, "z": 4}


def test_an_estimate_never_exceeds_the_people_there() -> None:
    assert of_area(10, 0, 0, 25) == Figures(10, 0, 10, 10, 0)


def test_groups_add_up_and_what_cannot_be_reckoned_stays_so() -> None:
    parts = [of_area(10, 5, 5, 4), of_area(20, 2, 2, 0)]
    assert total(parts) == Figures(30, 7, 4, 9, 7)
    assert total([parts[0], without_estimate(parts[1])]).estimated is None


def test_the_share_is_of_the_audience_and_there_is_none_without_one() -> None:
    assert Figures(audience=8, measured=2).share == 0.25
    assert Figures().share is None


def test_the_rule_is_told_in_both_languages() -> None:
    assert "đo được ÷ dân số" in RULE["vi"]
    assert "measured ÷ population" in RULE["en"]
