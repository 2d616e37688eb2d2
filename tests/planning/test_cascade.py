"""Who is handed on to the next channel, and when: the table of the cascade, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao", email: {subject: "Chào", body: "Kính chào"}, loudspeaker: "Kính thưa bà con."}
        channels: [sms, email, loudspeaker]
        wait: 4h
        not_after: 6h
        schedule: {at: launch}
"""


def start(world: World, campaign: str = CAMPAIGN) -> str:
    slug = world.launch(campaign)
    world.plan()
    return slug


def becomes(world: World, name: str, state: DeliveryState, *, channel: str = "sms", proves: bool = False) -> None:
    """What a sender and a provider would say of somebody's delivery."""
    [row] = world.rows(f"c.full_name = '{name}' AND d.channel = '{channel}'")
    steps = [DeliveryState.SENDING, DeliveryState.ACCEPTED, state]
    for step in dict.fromkeys(steps):
        with world.engine.begin() as connection:
            change = Change(row.run_id, row.id, step, proves=proves and step is state)
            deliveries.advance(connection, [change], now=world.clock.now())


def hand_on(world: World) -> int:
    return cascade_due(world.engine, world.accounts, world.clock)


def test_a_failed_sms_is_followed_by_the_email_at_once(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.FAILED)
    assert hand_on(world) == 1
    assert world.states() == [("An", "sms", "failed", None), ("An", "email", "planned", None)]
    assert world.counts_agree()


def test_an_sms_without_receipt_is_followed_after_the_wait(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.ACCEPTED)
    world.later(hours=3, minutes=59)
    assert hand_on(world) == 0
    world.later(minutes=1)
    assert hand_on(world) == 1
    assert world.states()[1] == ("An", "email", "planned", None)


def test_a_delivered_sms_is_never_followed(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.DELIVERED, proves=True)
    world.later(days=2)
    assert hand_on(world) == 0


def test_an_unknown_one_is_never_followed_by_itself(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    [row] = world.rows()
    for state in (DeliveryState.SENDING, DeliveryState.UNKNOWN):
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(row.run_id, row.id, state)], now=world.clock.now())
    world.later(days=2)
    assert hand_on(world) == 0


def test_an_expired_one_is_never_followed(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    [row] = world.rows()
    with world.engine.begin() as connection:
        change = Change(row.run_id, row.id, DeliveryState.EXPIRED, reason="late")
        deliveries.advance(connection, [change], now=world.clock.now())
    world.later(days=2)
    assert hand_on(world) == 0


def test_at_night_the_next_channel_waits_for_the_morning(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    world.later(hours=13, minutes=30)  # 22:30 in Hà Nội
    becomes(world, "An", DeliveryState.FAILED)
    hand_on(world)
    email = world.rows("d.channel = 'email'")[0]
    assert email.due_at == datetime(2026, 11, 24, 0, tzinfo=UTC)
    assert email.expires_at == email.due_at + timedelta(hours=6)


def test_who_shares_the_address_follows_the_one_it_was_sent_to(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    world.person("Bình", phone="+84912000001", email="binh@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.FAILED)
    assert hand_on(world) == 2
    assert world.states("d.channel = 'email'") == [("An", "email", "planned", None), ("Bình", "email", "planned", None)]


def test_who_shares_the_address_counts_as_reached_with_it(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.person("Bình", phone="+84912000001")
    start(world)
    becomes(world, "An", DeliveryState.DELIVERED, proves=True)
    with world.engine.connect() as connection:
        reached = connection.execute(text("SELECT contact_id FROM reached ORDER BY 1")).scalars().all()
    assert reached == sorted(world.people.values())


def test_a_bounce_takes_the_reach_back_and_the_next_channel_starts(world: World) -> None:
    world.person("An", email="an@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.ACCEPTED, channel="email", proves=True)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reached")).scalar_one() == 1
    actions.finish_ended(world.engine, world.clock)
    becomes(world, "An", DeliveryState.FAILED, channel="email")
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reached")).scalar_one() == 0
    hand_on(world)
    assert ("An", "loudspeaker", "suppressed", "by_station") in world.states()
    assert [row.state for row in world.rows("d.recipient_kind = 'station'")] == ["planned"]


def test_a_broadcast_nobody_confirms_is_followed_after_its_slot_and_the_wait(world: World) -> None:
    world.person("An", phone="+84912000001")
    start(world, CAMPAIGN.replace("[sms, email, loudspeaker]", "[loudspeaker, sms]").replace(
        'email: {subject: "Chào", body: "Kính chào"}, ', ""))  # fmt: skip
    world.later(hours=12, minutes=29)  # the slot ends at 17:30 in Hà Nội, the wait at 21:30
    assert hand_on(world) == 0
    world.later(minutes=1)
    assert hand_on(world) == 1
    assert world.states("d.channel = 'sms'") == [("An", "sms", "planned", None)]


def test_a_confirmed_broadcast_ends_the_cascade(world: World) -> None:
    world.person("An", phone="+84912000001")
    start(world, CAMPAIGN.replace("[sms, email, loudspeaker]", "[loudspeaker, sms]").replace(
        'email: {subject: "Chào", body: "Kính chào"}, ', ""))  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE broadcasts SET confirmed_at = now()"))
    world.later(days=1)
    assert hand_on(world) == 0
    assert world.states("d.channel = 'sms'") == []


def test_while_paused_nobody_is_handed_on_and_afterwards_everybody(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    slug = start(world)
    becomes(world, "An", DeliveryState.FAILED)
    actions.pause(world.engine, slug, who="staff@demo.vn")
    assert hand_on(world) == 0
    actions.resume(world.engine, slug, who="staff@demo.vn")
    assert hand_on(world) == 1


def test_handing_on_twice_changes_nothing(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.FAILED)
    assert hand_on(world) == 1
    assert hand_on(world) == 0
    assert len(world.rows()) == 2


def test_all_channels_at_once_are_planned_for_everyone(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    start(world, CAMPAIGN.replace("wait: 4h", "mode: all"))
    assert [(channel, state) for name, channel, state, _ in world.states() if name] == [
        ("sms", "planned"), ("email", "planned"), ("loudspeaker", "suppressed"),
    ]  # fmt: skip
    becomes(world, "An", DeliveryState.FAILED)
    assert hand_on(world) == 0


def test_a_station_reads_once_however_many_live_there(world: World) -> None:
    for n in range(5):
        world.person(f"P{n}", unit="00454" if n < 3 else "00004")
    start(world)
    with world.engine.connect() as connection:
        rows = connection.execute(text("SELECT members FROM broadcasts ORDER BY members")).scalars().all()
    assert rows == [2, 3]
