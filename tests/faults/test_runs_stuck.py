"""Runs that stop others, never end, or leave rows behind."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from outreach.domain.errors import OutreachError
from outreach.domain.states import DeliveryState
from outreach.domain.words import Lane
from outreach.planning import actions
from outreach.store import claims, delivery_sweeps, runs, stranded
from tests.planning.test_cascade import becomes
from tests.world import STATION, World


def campaign(slug: str, text: str = '{sms: "Kinh chao"}', channels: str = "[sms]", more: str = "") -> str:
    return f"""
    campaign: {slug}
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {{kind: person}}
        text: {text}
        channels: {channels}
        schedule: {{at: launch}}
        {more}
"""


def execute(world: World, sql: str, **values: object) -> None:
    with world.engine.begin() as connection:
        connection.execute(text(sql), values)


def test_one_person_without_the_data_a_text_needs_does_not_stop_every_other_campaign(world: World) -> None:
    world.person("An", phone="+84912000001")
    execute(world, """UPDATE contacts SET attrs = '{"ho": "17"}'""")
    world.launch(campaign("a-ho", '{sms: "Ho {{ contact.attr.ho }}"}'))
    world.launch(campaign("b-khac"))
    world.person("Bình", phone="+84912000002")  # imported since, without that column
    with contextlib.suppress(OutreachError):
        world.plan()
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM runs WHERE campaign = 'b-khac'")).scalar_one() in (
            "sending",
            "held",
        )


def held_and_forgotten(world: World) -> Any:
    world.person("An", phone="+84912000001")
    slug = world.load(campaign("thu"))
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    world.person("Bình", phone="+84912000002")
    prepared = actions.prepare_launch(world.engine, slug, world.clock, starting=None)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    world.plan()
    assert world.runs()[0].state == "held"
    world.later(hours=25)
    actions.finish_ended(world.engine, world.clock)
    assert world.runs()[0].state == "expired"


def test_a_held_run_that_expires_leaves_nothing_planned(world: World) -> None:
    held_and_forgotten(world)
    assert {row.state for row in world.rows()} == {"expired"}


def test_a_held_run_in_which_nobody_can_be_written_to_can_still_be_released(world: World) -> None:
    world.person("An", phone="+84912000001")
    slug = world.load(campaign("thu"))
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    world.person("Bình")
    execute(world, "DELETE FROM addresses")
    prepared = actions.prepare_launch(world.engine, slug, world.clock, starting=None)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    world.plan()
    actions.finish_ended(world.engine, world.clock)
    assert world.runs()[0].state == "held"


def test_what_a_cancelled_campaign_never_sent_does_not_count_against_the_next_one(world: World) -> None:
    world.person("An", phone="+84912000001")
    for slug in ("mot", "hai", "ba"):
        world.launch(campaign(slug))
        world.plan()
        actions.cancel(world.engine, slug, world.clock, who="staff@demo.vn")
    world.launch(campaign("dung"))
    world.plan()
    assert [row.state for row in world.rows("r.campaign = 'dung'")] == ["planned"]


def test_a_retry_while_the_run_is_being_ended_leaves_the_run_open(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    becomes(world, "An", DeliveryState.FAILED)
    now = world.clock.now()
    # The statement of `retry`, not committed yet, while the tick looks for runs that are done.
    with world.engine.begin() as person:
        delivery_sweeps.retry(person, world.runs()[0].id, DeliveryState.FAILED, now=now, until=now + timedelta(days=1))
        with world.engine.begin() as tick:
            tick.execute(text("SET LOCAL lock_timeout = '2s'"))
            runs.finish_done(tick, now)
    assert (world.rows()[0].state, world.runs()[0].state) == ("planned", "sending")


def claim(world: World, account_name: str = "sms-main") -> list[claims.Claimed]:
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=1.0)
        ids = [r.id for r in claims.open_runs(connection, account=account_name, lane=Lane.BULK, now=world.clock.now())]
        return claims.claim(
            connection,
            account=account_name,
            lane=Lane.BULK,
            run_ids=ids,
            limit=50,
            child=child,
            lease_s=0.0,
            now=world.clock.now(),
            trial=False,
        )[0]


def test_what_an_account_was_sending_when_it_was_taken_out_of_the_file_is_settled(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    claim(world)
    with world.engine.connect() as connection:  # recovery asks for the accounts that are configured
        assert stranded.stranded(connection, ["sms-new"], lease_s=0.0, unknown=False) != []


def test_a_broadcast_planned_late_takes_a_slot_that_is_still_to_come(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu", '{loudspeaker: "Kính thưa bà con."}', "[loudspeaker]"))
    world.later(hours=9)  # the scheduler was down until 18:00, the slot was at 17:00
    world.plan()
    with world.engine.connect() as connection:
        starts = connection.execute(text("SELECT slot_starts FROM broadcasts")).scalars().all()
    assert all(one > world.clock.now() for one in starts)


def test_people_whose_station_has_no_account_are_not_said_to_be_served_by_it(world: World) -> None:
    world.accounts = {"loa": replace(STATION, name="loa", unit="00004")}
    world.person("An", phone="+84912000001", unit="00454")
    world.launch(campaign("thu", '{loudspeaker: "Kính thưa bà con."}', "[loudspeaker]"))
    world.plan()
    assert ("An", "loudspeaker", "suppressed", "by_station") not in world.states()


def test_an_unknown_delivery_nobody_can_find_does_not_keep_older_ones_from_being_asked_for(world: World) -> None:
    for n in range(502):
        world.person(f"P{n:03}", phone=f"+84912{n:06}")
    world.launch(campaign("thu"))
    world.plan()
    for _ in range(11):
        claim(world)
    execute(world, "UPDATE deliveries SET state = 'unknown'")
    asked: set[int] = set()
    with world.engine.connect() as connection:
        for _ in range(10):  # 500 of them at a time, drawn by lot
            found = stranded.stranded(connection, ["sms-main"], lease_s=0.0, unknown=True)
            assert len(found) == 500
            asked |= {one.delivery for one in found}
    assert len(asked) == 502


def test_a_message_at_launch_of_a_version_approved_later_leaves_with_that_approval(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    world.later(hours=1)
    slug = world.load(
        campaign("thu")
        + """
      - id: them
        segment: {kind: person}
        text: {sms: "Them"}
        channels: [sms]
        schedule: {at: launch}
"""
    )
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    world.plan()
    assert {row.message for row in world.rows()} == {"chao", "them"}
