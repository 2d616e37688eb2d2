"""People who come to a shared address by the cascade, when the message there has already been sent."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import World

EMAIL_THEN_SMS = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao", email: {subject: "Chào", body: "Kính chào"}}
        channels: [email, sms]
        wait: 4h
        schedule: {at: launch}
"""


def becomes(world: World, name: str, channel: str, *states: DeliveryState) -> None:
    [row] = world.rows(f"c.full_name = '{name}' AND d.channel = '{channel}'")
    for state in states:
        proves = state is DeliveryState.DELIVERED
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(row.run_id, row.id, state, proves=proves)], now=world.clock.now())


def reached(world: World) -> set[int]:
    with world.engine.connect() as connection:
        return set(connection.execute(text("SELECT contact_id FROM reached")).scalars())


@pytest.fixture
def family(world: World) -> World:
    """An has an e-mail address and the phone of Bình, who has nothing else and is written to by SMS at once."""
    world.person("An", phone="+84912000001", email="an@example.vn")
    world.person("Bình", phone="+84912000001")
    world.launch(EMAIL_THEN_SMS)
    world.plan()
    return world


def test_who_joins_a_number_whose_message_has_arrived_counts_as_reached_with_it(family: World) -> None:
    becomes(family, "Bình", "sms", DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
    assert reached(family) == {family.people["Bình"]}
    becomes(family, "An", "email", DeliveryState.SENDING, DeliveryState.FAILED)
    cascade_due(family.engine, family.accounts, family.clock)
    assert ("An", "sms", "suppressed", "shared_address") in family.states()
    assert reached(family) == {family.people["An"], family.people["Bình"]}


def test_who_joins_a_number_whose_message_is_on_its_way_is_reached_when_it_arrives(family: World) -> None:
    becomes(family, "Bình", "sms", DeliveryState.SENDING, DeliveryState.ACCEPTED)
    becomes(family, "An", "email", DeliveryState.SENDING, DeliveryState.FAILED)
    cascade_due(family.engine, family.accounts, family.clock)
    assert reached(family) == set()
    becomes(family, "Bình", "sms", DeliveryState.DELIVERED)
    assert reached(family) == {family.people["An"], family.people["Bình"]}


def test_who_joins_a_number_that_has_failed_goes_on_to_the_next_channel(world: World) -> None:
    """The number failed, and its owner has gone on, before An came to it; neither has a chat."""
    longer = EMAIL_THEN_SMS.replace("[email, sms]", "[email, sms, telegram]")
    world.person("An", phone="+84912000001", email="an@example.vn")
    world.person("Bình", phone="+84912000001")
    world.launch(longer.replace("text: {", 'text: {telegram: "Kính chào", '))
    world.plan()
    becomes(world, "Bình", "sms", DeliveryState.SENDING, DeliveryState.FAILED)
    cascade_due(world.engine, world.accounts, world.clock)
    becomes(world, "An", "email", DeliveryState.SENDING, DeliveryState.FAILED)
    for _ in range(2):
        cascade_due(world.engine, world.accounts, world.clock)
    assert ("An", "sms", "suppressed", "shared_address") in world.states()
    assert {("An", "telegram", "suppressed", "no_address"), ("Bình", "telegram", "suppressed", "no_address")} <= set(
        world.states()
    )


def test_a_proof_that_crosses_the_cascade_counts_for_the_late_sharer_when_the_run_ends(world: World) -> None:
    """The receipt's statement has begun before the sharer's row is there, and ends after it."""
    world.person("Chi", phone="+84912000009")
    world.person("Bình", phone="+84912000001")
    world.person("An", phone="+84912000001", email="an@example.vn")
    world.launch(EMAIL_THEN_SMS)
    world.plan()
    for name in ("Chi", "Bình"):
        becomes(world, name, "sms", DeliveryState.SENDING, DeliveryState.ACCEPTED)
    becomes(world, "An", "email", DeliveryState.SENDING, DeliveryState.FAILED)
    places = [(row.run_id, row.id) for row in world.rows("d.channel = 'sms' AND d.state = 'accepted'")]
    receipts = [Change(run, delivery, DeliveryState.DELIVERED, proves=True) for run, delivery in places]

    def take_receipts() -> None:
        with world.engine.begin() as connection:
            deliveries.advance(connection, receipts, now=world.clock.now())

    with ThreadPoolExecutor(1) as pool, world.engine.connect() as first:
        first.execute(text("SELECT 1 FROM deliveries WHERE id = :id FOR UPDATE"), {"id": min(places)[1]})
        taking = pool.submit(take_receipts)
        until_somebody_waits(world)
        cascade_due(world.engine, world.accounts, world.clock)
        first.rollback()
        taking.result(timeout=30)
    assert ("An", "sms", "suppressed", "shared_address") in world.states()
    actions.finish_ended(world.engine, world.clock)
    assert reached(world) == set(world.people.values())


def until_somebody_waits(world: World) -> None:
    ends = time.monotonic() + 30
    with world.engine.connect() as connection:
        while not connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).first():
            assert time.monotonic() < ends
            connection.rollback()
