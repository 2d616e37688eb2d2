"""Sums by unit say of a subtree what its rows say, and are made again when things have moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.states import DeliveryState
from outreach.reach.counting import sum_up_all
from outreach.store import unit_counts
from tests.reach.reach_world import RURAL, URBAN, ReachWorld, campaign, message

PROVINCE = Scope("01/", "province@demo.vn")


@pytest.fixture
def land(engine: Engine, keys: KeyRing, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> ReachWorld:
    """Three in a province, one without a unit; a run of one is large."""
    monkeypatch.setattr(unit_counts, "LARGE", 1)
    world = ReachWorld(engine, keys, clock)
    for name, unit in (("An", RURAL), ("Bình", RURAL), ("Chi", URBAN), ("Dung", None)):
        world.person(name, phone=f"+8491234567{len(world.people)}", unit=unit)
    world.run(campaign(message("chao", "sms, email", more="mode: cascade, wait: 1h")))
    return world


def seen(land: ReachWorld, scope: Scope = PROVINCE) -> tuple[dict[tuple[str, str, str], int], dict[int, int]]:
    runs = [row.id for row in land.runs()]
    with land.engine.connect() as connection:
        rows = unit_counts.counted(connection, runs, scope=scope)
        people = unit_counts.people(connection, runs, scope=scope)
    found: dict[tuple[str, str, str], int] = {}
    for one in rows:
        key = (one.channel, one.state, one.reason)
        found[key] = found.get(key, 0) + one.n
    return found, people


def test_a_province_is_told_from_sums_what_its_rows_say(land: ReachWorld) -> None:
    by_rows = seen(land)
    assert by_rows == ({("sms", "planned", ""): 3}, {land.runs()[0].id: 3})
    assert sum_up_all(land.engine, land.clock) == 1
    land.sql("DELETE FROM deliveries")
    assert seen(land) == by_rows


def test_a_commune_is_told_its_own_sums(land: ReachWorld) -> None:
    land.becomes(DeliveryState.DELIVERED, "c.full_name = 'An'")
    sum_up_all(land.engine, land.clock)
    counted, people = seen(land, Scope("01/00454/", "officer@demo.vn"))
    assert counted == {("sms", "planned", ""): 1, ("sms", "delivered", ""): 1}
    assert list(people.values()) == [2]


def test_what_has_moved_is_summed_up_again_after_a_while_and_nothing_else(land: ReachWorld) -> None:
    assert [sum_up_all(land.engine, land.clock) for _ in range(2)] == [1, 0]
    land.becomes(DeliveryState.FAILED, "c.full_name = 'An'")
    assert sum_up_all(land.engine, land.clock) == 0
    land.clock.advance(timedelta(minutes=5))
    assert [sum_up_all(land.engine, land.clock) for _ in range(2)] == [1, 0]
    assert seen(land)[0] == {("sms", "planned", ""): 2, ("sms", "failed", ""): 1}


def test_the_sums_of_a_run_that_is_done_are_mended_at_once(land: ReachWorld) -> None:
    land.becomes(DeliveryState.DELIVERED, "true")
    sum_up_all(land.engine, land.clock)
    land.sql("UPDATE runs SET state = 'done'")
    assert sum_up_all(land.engine, land.clock) == 0
    land.becomes(DeliveryState.READ, "c.full_name = 'An'")
    assert sum_up_all(land.engine, land.clock) == 1
    assert seen(land)[0] == {("sms", "delivered", ""): 2, ("sms", "read", ""): 1}


def test_a_small_run_is_not_summed_up(land: ReachWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_counts, "LARGE", 5)
    assert sum_up_all(land.engine, land.clock) == 0


def test_a_run_that_is_being_archived_is_not_summed_up(land: ReachWorld) -> None:
    sum_up_all(land.engine, land.clock)
    run = land.runs()[0].id
    land.sql("UPDATE runs SET archived_at = now()")
    assert sum_up_all(land.engine, land.clock) == 0
    with land.engine.begin() as connection:
        unit_counts.sum_up(connection, run, land.clock.now())
    assert seen(land)[0] == {("sms", "planned", ""): 3}
    land.sql("DELETE FROM deliveries")
    assert seen(land) == ({}, {})
