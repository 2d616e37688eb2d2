"""What the mends of the last minutes leave open."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from sqlalchemy import text

from outreach.dispatch.outcome import returned
from outreach.domain.errors import OutreachError
from outreach.domain.states import Reason
from outreach.planning import actions
from outreach.store import deliveries, delivery_sweeps, suppressions
from tests.faults.test_runs_stuck import campaign, claim, execute
from tests.faults.test_shared_addresses_changed import a_family
from tests.world import World


def test_a_held_run_larger_than_one_slice_expires_as_a_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.person("An", phone="+84912000001")
    slug = world.load(campaign("thu"))
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    for n in range(5):
        world.person(f"P{n}", phone=f"+8491200001{n}")
    prepared = actions.prepare_launch(world.engine, slug, world.clock, starting=None)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    world.plan()
    in_twos = partial(delivery_sweeps.advance_where, limit=2)  # stands for 100,000
    monkeypatch.setattr(delivery_sweeps, "advance_where", in_twos)
    world.later(hours=25)
    for _ in range(5):
        actions.finish_ended(world.engine, world.clock)
    assert world.runs()[0].state == "expired"
    assert {row.state for row in world.rows()} == {"expired"}


def test_who_inherits_a_shared_number_counts_against_its_cap(world: World) -> None:
    a_family(world)
    execute(world, "UPDATE contacts SET erased_at = now() WHERE id = :c", c=world.people["An"])
    claim(world)
    assert len(claim(world)) == 1
    with world.engine.connect() as connection:
        times = connection.execute(text("SELECT coalesce(sum(cardinality(times)), 0) FROM contact_ledger")).scalar_one()
    assert times == 1


def test_a_run_whose_text_cannot_be_made_for_one_person_still_goes_to_the_others(world: World) -> None:
    world.person("An", phone="+84912000001")
    execute(world, """UPDATE contacts SET attrs = '{"ho": "17"}'""")
    world.launch(campaign("a-ho", '{sms: "Ho {{ contact.attr.ho }}"}'))
    world.person("Bình", phone="+84912000002")
    execute(world, "UPDATE approvals SET figures = '{}'")
    with contextlib.suppress(OutreachError):
        world.plan()
    assert [row.state for row in world.rows()] == ["planned", "planned"]


def test_a_campaign_is_finished_though_somebody_refused_its_last_channel(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    with world.engine.begin() as connection:
        suppressions.suppress(
            connection, world.keys.fingerprints("+84912000001"), channel="sms", reason=Reason.OPTED_OUT, source="test"
        )
    claim(world)
    world.later(days=400)
    world.plan()
    actions.finish_ended(world.engine, world.clock)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM campaigns")).scalar_one() == "finished"


def test_what_comes_back_unsent_after_the_cancel_is_cancelled_and_not_in_doubt(world: World) -> None:
    world.person("An", phone="+84912000001")
    slug = world.launch(campaign("thu"))
    world.plan()
    [claimed] = claim(world)
    actions.cancel(world.engine, slug, world.clock, who="staff@demo.vn")
    with world.engine.begin() as connection:
        children = connection.execute(text("SELECT child_id FROM deliveries")).scalars().all()
        deliveries.advance(connection, [returned(claimed, children[0] + 1)], now=world.clock.now())
    assert [row.state for row in world.rows()] == ["sending"], "another child's word does not count"
    with world.engine.begin() as connection:
        deliveries.advance(connection, [returned(claimed, children[0])], now=world.clock.now())
    assert world.states() == [("An", "sms", "cancelled", "campaign_cancelled")]
    assert world.counts_agree()
