"""Groups that are kept say what counting everybody says, and are counted again when things have moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.reach import counting, visits
from outreach.reach import report as reporting
from outreach.reach.counting import catch_up_all, group_all
from outreach.reach.report import By, Report, reach
from outreach.store import reach_groups
from tests.reach.reach_world import RURAL, URBAN, ReachWorld, campaign, message

PROVINCE = Scope("01/", "province@demo.vn")
COMMUNE = Scope("01/00454/", "officer@demo.vn")
SLUG = "thu"
GROUPS = (By.SEGMENT, By.CHANNEL, By.MESSAGE)


@pytest.fixture
def land(engine: Engine, keys: KeyRing, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> ReachWorld:
    """Three in a province, one without a unit, two of them reached; a campaign of one is large."""
    monkeypatch.setattr(reach_groups, "LARGE", 1)
    world = ReachWorld(engine, keys, clock)
    for name, unit in (("An", RURAL), ("Bình", RURAL), ("Chi", URBAN), ("Dung", None)):
        world.person(name, phone=f"+8491234567{len(world.people)}", unit=unit)
    world.run(campaign(message("chao", "sms, email", more="mode: cascade, wait: 1h")))
    world.becomes(DeliveryState.DELIVERED, "c.full_name IN ('An', 'Dung')")
    catch_up_all(engine, clock)
    assert group_all(engine, clock) == 0, "the run has just been planned"
    clock.advance(timedelta(minutes=5))
    return world


def report(land: ReachWorld, by: By, scope: Scope = EVERYTHING) -> Report:
    return reach(land.engine, SLUG, clock=land.clock, scope=scope, by=by)


@pytest.mark.parametrize("scope", [EVERYTHING, PROVINCE, COMMUNE], ids=["everybody", "province", "commune"])
@pytest.mark.parametrize("by", GROUPS)
def test_what_is_kept_is_what_counting_says(land: ReachWorld, by: By, scope: Scope) -> None:
    counted = report(land, by, scope)
    assert (counted.rows_at, sum(row.figures.audience for row in counted.rows) > 0) == (None, True)
    assert group_all(land.engine, land.clock) == 1
    kept = report(land, by, scope)
    assert (kept.rows, kept.rows_at) == (counted.rows, land.clock.now())


def test_it_does_not_look_at_the_people_any_more(land: ReachWorld) -> None:
    group_all(land.engine, land.clock)
    counted = report(land, By.CHANNEL).rows
    land.sql("DELETE FROM deliveries")
    assert report(land, By.CHANNEL).rows == counted


def test_what_has_moved_is_counted_again_after_a_while_and_nothing_else(land: ReachWorld) -> None:
    assert [group_all(land.engine, land.clock) for _ in range(2)] == [1, 0]
    land.becomes(DeliveryState.DELIVERED, "c.full_name = 'Chi'")
    catch_up_all(land.engine, land.clock)
    assert group_all(land.engine, land.clock) == 0
    assert [row.figures.measured for row in report(land, By.CHANNEL).rows] == [2]
    land.clock.advance(timedelta(minutes=5))
    assert [row.figures.measured for row in report(land, By.CHANNEL).rows] == [3]
    assert report(land, By.CHANNEL).rows_at is None
    assert [group_all(land.engine, land.clock) for _ in range(2)] == [1, 0]
    assert [row.figures.measured for row in report(land, By.CHANNEL).rows] == [3]


def test_of_a_campaign_under_way_it_is_counted_anew_within_the_hour(land: ReachWorld) -> None:
    group_all(land.engine, land.clock)
    land.clock.advance(timedelta(minutes=59))
    assert group_all(land.engine, land.clock) == 0
    land.clock.advance(timedelta(minutes=1))
    assert report(land, By.SEGMENT).rows_at is None
    assert group_all(land.engine, land.clock) == 1


def test_of_one_that_has_ended_it_stays_until_a_late_receipt(land: ReachWorld) -> None:
    land.sql("UPDATE campaigns SET state = 'finished'")
    group_all(land.engine, land.clock)
    counted = land.clock.now()
    land.clock.advance(timedelta(days=40))
    assert group_all(land.engine, land.clock) == 0
    assert report(land, By.MESSAGE).rows_at == counted
    land.becomes(DeliveryState.DELIVERED, "c.full_name = 'Chi'")
    catch_up_all(land.engine, land.clock)
    assert report(land, By.MESSAGE).rows_at is None
    assert group_all(land.engine, land.clock) == 1


def test_of_a_small_campaign_nothing_is_kept(land: ReachWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_groups, "LARGE", 5)
    assert group_all(land.engine, land.clock) == 0
    assert report(land, By.SEGMENT).rows_at is None


def test_two_schedulers_count_once(land: ReachWorld) -> None:
    with land.engine.begin() as connection:
        assert reach_groups.lock(connection, SLUG)
        assert group_all(land.engine, land.clock) == 0
    assert group_all(land.engine, land.clock) == 1


def test_an_approved_version_counts_by_its_own_segments_at_once(land: ReachWorld) -> None:
    group_all(land.engine, land.clock)
    assert [row.key for row in report(land, By.SEGMENT).rows] == [""]
    land.load(campaign(message("chao", "sms, email", segment="elderly", more="mode: cascade, wait: 1h")))
    assert report(land, By.SEGMENT).rows_at is not None, "nobody has approved it"
    actions.submit(land.engine, SLUG, who="staff@demo.vn")
    land.approve(SLUG)
    counted = report(land, By.SEGMENT)
    assert ([row.key for row in counted.rows], counted.rows_at) == (["elderly", ""], None)
    assert group_all(land.engine, land.clock) == 1


def test_an_approval_in_between_is_not_taken_for_what_was_counted(
    land: ReachWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = reach_groups.lock

    def slow(connection: Connection, slug: str) -> bool:
        held = locked(connection, slug)
        land.sql("UPDATE campaigns SET version = version + 1, approved_version = version + 1")
        return held

    land.sql("INSERT INTO campaign_versions SELECT (jsonb_populate_record(v, '{\"n\": 2}')).* FROM campaign_versions v")
    monkeypatch.setattr(reach_groups, "lock", slow)
    group_all(land.engine, land.clock)
    assert report(land, By.SEGMENT).rows_at is None


def test_a_report_is_of_the_version_whose_lines_it_shows(land: ReachWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    land.load(campaign(message("chao", "sms, email", segment="elderly", more="mode: cascade, wait: 1h")))
    actions.submit(land.engine, SLUG, who="staff@demo.vn")

    def slow(*given: Any) -> None:
        counting.catch_up(*given)
        land.approve(SLUG)
        group_all(land.engine, land.clock)

    monkeypatch.setattr(reporting, "catch_up", slow)
    found = report(land, By.SEGMENT)
    assert [row.name for row in found.rows] == ["Người cao tuổi", "Không thuộc nhóm nào"]
    assert found.rows_at is not None


def test_a_first_proof_that_is_replaced_by_another_is_seen(land: ReachWorld) -> None:
    today = land.clock.now().date()
    visits.record(
        land.engine, SLUG, land.people["Chi"], day=today, guided=1, scope=EVERYTHING, who="a@b.vn", clock=land.clock
    )
    catch_up_all(land.engine, land.clock)
    land.becomes(DeliveryState.DELIVERED, "c.full_name = 'Chi'")
    land.sql("UPDATE campaigns SET state = 'finished'")
    catch_up_all(land.engine, land.clock)
    group_all(land.engine, land.clock)
    assert [row.figures.first for row in report(land, By.CHANNEL).rows] == [2, 1]
    visits.undo(land.engine, SLUG, land.people["Chi"], day=today, clock=land.clock, scope=EVERYTHING, who="a@b.vn")
    land.clock.advance(timedelta(minutes=5))
    for _ in range(2):  # also when the counts were caught up with in between
        assert [row.figures.first for row in report(land, By.CHANNEL).rows] == [3]
        group_all(land.engine, land.clock)
