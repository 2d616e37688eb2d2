"""Every row of the cascade's table, across all six channels, on an injected clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cascade_world import (
    BOT,
    BY_ACCEPTANCE,
    NEXT,
    OA,
    TO_PEOPLE,
    WITH_RECEIPTS,
    AllChannels,
    address,
    barred,
    becomes,
    campaign,
    claim,
    confirm,
    expire,
    followed,
    hand_on,
    only,
    person,
    refused,
    start,
    use,
)
from sqlalchemy import Engine, text

from channels.contract import ErrorKind
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import World

SENDING, ACCEPTED, UNKNOWN = DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.UNKNOWN
FAILED, DELIVERED, READ = DeliveryState.FAILED, DeliveryState.DELIVERED, DeliveryState.READ
PAIRS = [(before, after) for before in TO_PEOPLE for after in Channel if after is not before]
RING = [(before, NEXT[before]) for before in TO_PEOPLE]
SEVEN = datetime(2026, 11, 24, 0, tzinfo=UTC)
"""Seven in the morning of the day after, in Hà Nội."""


@pytest.fixture
def world(engine: Engine, keys: KeyRing, clock: VirtualClock) -> World:
    world = AllChannels(engine, keys, clock)
    use(world)
    person(world, "An")
    return world


def named(pair: Sequence[Channel]) -> str:
    return "-".join(pair)


# failed, suppressed, window closed: at once, inside open hours


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_failed_message_is_followed_at_once(world: World, pair: tuple[Channel, Channel]) -> None:
    before, after = pair
    start(world, before, after)
    becomes(world, "An", before, SENDING, FAILED)
    assert hand_on(world) == 1
    assert followed(world, after)
    assert world.counts_agree()


@pytest.mark.parametrize("kind", [ErrorKind.REJECTED, ErrorKind.OPTED_OUT, ErrorKind.WINDOW_CLOSED])
@pytest.mark.parametrize("pair", RING, ids=named)
def test_so_is_one_the_provider_refuses_or_may_not_take_now(
    world: World, pair: tuple[Channel, Channel], kind: ErrorKind
) -> None:
    before, after = pair
    start(world, before, after)
    refused(world, "An", before, kind)
    assert only(world, "An", before).state == "failed"
    assert hand_on(world) == 1
    assert followed(world, after)


@pytest.mark.parametrize("pair", RING, ids=named)
def test_who_is_suppressed_after_planning_goes_on_at_once(world: World, pair: tuple[Channel, Channel]) -> None:
    before, after = pair
    start(world, before, Channel.EMAIL if after is Channel.SMS else after)  # one phone serves both
    barred(world, "An", before)
    claim(world, "An", before)
    assert only(world, "An", before).state == "suppressed"
    assert hand_on(world) == 1


@pytest.mark.parametrize("pair", RING, ids=named)
def test_who_lacks_the_first_address_is_planned_on_the_next_channel_with_the_run(
    world: World, pair: tuple[Channel, Channel]
) -> None:
    before, after = pair
    person(world, "Bình", 2, lacks=before)
    start(world, before, Channel.EMAIL if (before, after) == (Channel.ZALO_ZNS, Channel.SMS) else after)
    assert (only(world, "Bình", before).state, only(world, "Bình", before).reason) == ("suppressed", "no_address")
    assert len(world.rows("c.full_name = 'Bình'")) == 2
    assert len(world.rows("c.full_name = 'An'")) == 1


@pytest.mark.parametrize("pair", RING, ids=named)
def test_at_night_the_next_channel_waits_for_the_hours_to_open(world: World, pair: tuple[Channel, Channel]) -> None:
    before, after = pair
    start(world, before, after)
    becomes(world, "An", before, SENDING)
    world.later(hours=13, minutes=30)  # 22:30 in Hà Nội
    becomes(world, "An", before, FAILED)
    assert hand_on(world) == 1
    [row] = world.rows(f"d.channel = '{after}' AND d.state = 'planned'")
    assert row.due_at >= SEVEN
    if after is not Channel.LOUDSPEAKER:
        assert (row.next_attempt_at, row.expires_at) == (SEVEN, SEVEN + timedelta(hours=6))


@pytest.mark.parametrize("before", TO_PEOPLE)
def test_a_script_that_follows_is_read_in_the_next_slot(world: World, before: Channel) -> None:
    start(world, before, Channel.LOUDSPEAKER)
    becomes(world, "An", before, SENDING, FAILED)
    hand_on(world)
    [station] = world.rows("d.recipient_kind = 'station'")
    assert station.due_at == datetime(2026, 11, 23, 10, tzinfo=UTC)  # 17:00 in Hà Nội


# accepted, proof not yet: after `wait` from sending


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] in WITH_RECEIPTS], ids=named)
def test_without_its_proof_a_message_is_followed_after_the_wait_from_sending(
    world: World, pair: tuple[Channel, Channel]
) -> None:
    before, after = pair
    start(world, before, after)
    world.later(hours=1)
    becomes(world, "An", before, SENDING, ACCEPTED)
    world.later(hours=3, minutes=59)
    assert hand_on(world) == 0
    world.later(minutes=1)
    assert hand_on(world) == 1
    assert followed(world, after)
    assert only(world, "An", before).state == "accepted"
    assert world.counts_agree()


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_a_wait_that_ends_at_night_ends_in_the_morning(world: World, before: Channel) -> None:
    start(world, before, Channel.EMAIL)
    becomes(world, "An", before, SENDING)
    world.later(hours=10)  # 19:00
    becomes(world, "An", before, ACCEPTED)
    world.later(hours=4)
    assert hand_on(world) == 1
    assert only(world, "An", Channel.EMAIL).due_at == SEVEN


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_a_failure_told_later_ends_the_wait(world: World, before: Channel) -> None:
    start(world, before, Channel.EMAIL)
    becomes(world, "An", before, SENDING, ACCEPTED)
    world.later(minutes=5)
    becomes(world, "An", before, FAILED)
    assert hand_on(world) == 1


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_a_wait_longer_than_acceptance_stays_open_is_kept(world: World, before: Channel) -> None:
    start(world, before, Channel.EMAIL, more="wait: 96h")
    becomes(world, "An", before, SENDING, ACCEPTED)
    world.later(days=3, hours=23)
    assert hand_on(world) == 0
    world.later(hours=1)
    assert hand_on(world) == 1


def test_an_account_without_receipts_proves_by_acceptance(world: World) -> None:
    silent = replace(OA, proofs={Channel.ZALO_OA: ACCEPTED, Channel.ZALO_ZNS: DELIVERED})
    use(world, silent)
    start(world, Channel.ZALO_OA, Channel.SMS)
    becomes(world, "An", Channel.ZALO_OA, SENDING, ACCEPTED)
    world.later(days=2)
    assert hand_on(world) == 0


# proof reached: never


@pytest.mark.parametrize("proof", [DELIVERED, READ])
@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_a_receipt_ends_the_cascade(world: World, before: Channel, proof: DeliveryState) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, ACCEPTED)
    world.later(hours=3)
    becomes(world, "An", before, proof)
    world.later(days=3)
    assert hand_on(world) == 0
    assert len(world.rows()) == 1
    assert world.runs()[0].state == "done"


@pytest.mark.parametrize("before", BY_ACCEPTANCE)
def test_where_acceptance_is_the_proof_it_ends_the_cascade(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, ACCEPTED)
    world.later(days=3)
    assert hand_on(world) == 0
    assert world.runs()[0].state == "done"


def test_a_receipt_that_comes_after_the_next_message_was_planned_leaves_both(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.SMS, Channel.EMAIL)
    becomes(world, "An", Channel.ZALO_ZNS, SENDING, ACCEPTED)
    world.later(hours=4)
    hand_on(world)
    becomes(world, "An", Channel.ZALO_ZNS, DELIVERED)
    assert world.states() == [("An", "zalo_zns", "delivered", None), ("An", "sms", "planned", None)]


def test_a_failure_told_after_the_next_message_arrived_starts_nothing_more(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.SMS, Channel.EMAIL)
    becomes(world, "An", Channel.ZALO_ZNS, SENDING, ACCEPTED)
    world.later(hours=4)
    hand_on(world)
    becomes(world, "An", Channel.SMS, SENDING, ACCEPTED, DELIVERED)
    barred(world, "An", Channel.SMS)
    becomes(world, "An", Channel.ZALO_ZNS, FAILED)
    assert hand_on(world) == 0
    assert world.rows("d.channel = 'email'") == []


# unknown: never by itself


@pytest.mark.parametrize("before", TO_PEOPLE)
def test_an_unknown_message_is_never_followed_by_itself(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, UNKNOWN)
    world.later(days=5)
    assert hand_on(world) == 0
    assert len(world.rows()) == 1
    assert world.runs()[0].state == "sending"


@pytest.mark.parametrize("before", TO_PEOPLE)
def test_settled_as_failed_it_is_followed_at_once(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, UNKNOWN)
    world.later(days=1)
    becomes(world, "An", before, FAILED)
    assert hand_on(world) == 1
    assert followed(world, NEXT[before])


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_settled_as_accepted_it_is_followed_after_the_wait(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, UNKNOWN)
    world.later(hours=1)
    becomes(world, "An", before, ACCEPTED)
    world.later(hours=3, minutes=59)
    assert hand_on(world) == 0
    world.later(minutes=1)
    assert hand_on(world) == 1


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_settled_as_delivered_it_is_never_followed(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    becomes(world, "An", before, SENDING, UNKNOWN, DELIVERED)
    world.later(days=5)
    assert hand_on(world) == 0


# loudspeaker: after the slot's end and the wait, without confirmation


@pytest.mark.parametrize("after", TO_PEOPLE)
def test_a_broadcast_nobody_confirms_is_followed_after_its_slot_and_the_wait(world: World, after: Channel) -> None:
    start(world, Channel.LOUDSPEAKER, after)
    world.later(hours=12, minutes=29)  # the slot ends at 17:30 in Hà Nội, the wait at 21:30
    assert hand_on(world) == 0
    world.later(minutes=1)
    assert hand_on(world) == 1
    assert followed(world, after)


@pytest.mark.parametrize("after", TO_PEOPLE)
def test_a_confirmed_broadcast_is_not_followed(world: World, after: Channel) -> None:
    start(world, Channel.LOUDSPEAKER, after)
    world.later(hours=9)
    confirm(world)
    world.later(days=1)
    assert hand_on(world) == 0
    assert world.rows(f"d.channel = '{after}'") == []


def test_who_lives_out_of_earshot_goes_on_at_once(world: World) -> None:
    person(world, "Bình", 2, unit=None)
    start(world, Channel.LOUDSPEAKER, Channel.TELEGRAM)
    assert only(world, "Bình", Channel.LOUDSPEAKER).reason == "no_station"
    assert only(world, "Bình", Channel.TELEGRAM).state == "planned"
    assert world.rows("d.channel = 'telegram' AND c.full_name = 'An'") == []


# its `not_after` passed: never


@pytest.mark.parametrize("before", TO_PEOPLE)
def test_what_is_too_late_expires_and_is_not_followed(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    world.later(hours=6)
    expire(world)
    assert (only(world, "An", before).state, only(world, "An", before).reason) == ("expired", "late")
    world.later(days=2)
    assert hand_on(world) == 0
    assert len(world.rows()) == 1


@pytest.mark.parametrize("before", TO_PEOPLE)
def test_a_worker_that_comes_too_late_lets_it_expire(world: World, before: Channel) -> None:
    start(world, before, NEXT[before])
    world.later(hours=6)
    claim(world, "An", before)
    assert only(world, "An", before).state == "expired"
    assert hand_on(world) == 0


@pytest.mark.parametrize("before", WITH_RECEIPTS)
def test_the_next_message_has_its_own_time_from_the_end_of_the_wait(world: World, before: Channel) -> None:
    start(world, before, Channel.EMAIL)
    becomes(world, "An", before, SENDING, ACCEPTED)
    ready = world.clock.now() + timedelta(hours=4)
    world.later(hours=5)  # the scheduler was away for an hour
    hand_on(world)
    row = only(world, "An", Channel.EMAIL)
    assert (row.due_at, row.expires_at) == (ready, ready + timedelta(hours=6))


def test_a_scheduler_away_for_too_long_lets_the_next_message_expire(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.EMAIL, Channel.TELEGRAM)
    becomes(world, "An", Channel.ZALO_ZNS, SENDING, ACCEPTED)
    world.later(hours=10, minutes=1)
    hand_on(world)
    claim(world, "An", Channel.EMAIL)
    assert only(world, "An", Channel.EMAIL).state == "expired"
    assert hand_on(world) == 0


# all at once


def test_in_mode_all_every_channel_is_planned_and_nothing_follows(world: World) -> None:
    start(world, *Channel, more="mode: all")
    assert {row.channel: row.state for row in world.rows("d.recipient_kind = 'contact'")} == {
        **dict.fromkeys(map(str, TO_PEOPLE), "planned"), "loudspeaker": "suppressed",
    }  # fmt: skip
    for channel in TO_PEOPLE:
        becomes(world, "An", channel, SENDING, FAILED)
    world.later(days=2)
    assert hand_on(world) == 0
    assert world.counts_agree()


# the whole way


def test_who_is_reached_by_nothing_is_handed_through_all_six_channels(world: World) -> None:
    start(world, *Channel)
    for channel in [one for one in Channel if one.to_people]:
        becomes(world, "An", channel, SENDING, FAILED)
        assert hand_on(world) == 1
    assert [channel for _, channel, _, _ in world.states("d.recipient_kind = 'contact'")] == list(map(str, Channel))
    assert followed(world, Channel.LOUDSPEAKER)
    assert world.counts_agree()


# shared addresses


@pytest.mark.parametrize("before", [Channel.SMS, Channel.ZALO_ZNS])
def test_who_shares_the_phone_follows_the_one_it_was_sent_to(world: World, before: Channel) -> None:
    person(world, "Bình", 2, phone="+84912000001")
    start(world, before, Channel.TELEGRAM)
    assert only(world, "Bình", before).reason == "shared_address"
    becomes(world, "An", before, SENDING, FAILED)
    assert hand_on(world) == 2
    assert [row.state for row in world.rows("d.channel = 'telegram'")] == ["planned", "planned"]


@pytest.mark.parametrize("before", [Channel.SMS, Channel.ZALO_ZNS])
def test_who_shares_the_phone_is_not_written_to_where_it_reached_the_other(world: World, before: Channel) -> None:
    person(world, "Bình", 2, phone="+84912000001")
    start(world, before, Channel.TELEGRAM)
    becomes(world, "An", before, SENDING, ACCEPTED, DELIVERED)
    world.later(days=2)
    assert hand_on(world) == 0


def test_a_shared_phone_gets_one_template_and_then_one_sms(world: World) -> None:
    person(world, "Bình", 2, phone="+84912000001")
    start(world, Channel.ZALO_ZNS, Channel.SMS)
    becomes(world, "An", Channel.ZALO_ZNS, SENDING, FAILED)
    assert hand_on(world) == 2
    assert world.states() == [
        ("An", "zalo_zns", "failed", None),
        ("An", "sms", "planned", None),
        ("Bình", "zalo_zns", "suppressed", "shared_address"),
        ("Bình", "sms", "suppressed", "shared_address"),
    ]


# the phone serves ZNS and SMS


def test_the_sms_after_a_template_is_a_delivery_of_its_own_to_the_same_phone(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.SMS)
    becomes(world, "An", Channel.ZALO_ZNS, SENDING, FAILED)
    hand_on(world)
    template, sms = only(world, "An", Channel.ZALO_ZNS), only(world, "An", Channel.SMS)
    assert (template.account, sms.account) == ("oa", "sms-main")
    assert template.id != sms.id
    assert (template.address_id, template.fingerprint) == (sms.address_id, sms.fingerprint)
    claim(world, "An", Channel.SMS)
    assert only(world, "An", Channel.SMS).state == "sending"
    assert only(world, "An", Channel.ZALO_ZNS).state == "failed"


def test_who_refuses_by_sms_gets_no_template_either(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.EMAIL)
    barred(world, "An", Channel.ZALO_ZNS)
    claim(world, "An", Channel.ZALO_ZNS)
    assert (only(world, "An", Channel.ZALO_ZNS).state, only(world, "An", Channel.ZALO_ZNS).reason) == (
        "suppressed", "opted_out",
    )  # fmt: skip
    assert hand_on(world) == 1


def test_so_it_is_where_the_refusal_came_before_the_plan(world: World) -> None:
    start(world, Channel.SMS, Channel.EMAIL)
    barred(world, "An", Channel.SMS)
    world.launch(campaign(Channel.ZALO_ZNS, Channel.EMAIL).replace("campaign: thu,", "campaign: hai,"))
    world.plan()
    rows = world.rows("d.channel = 'zalo_zns'")
    assert [(row.state, row.reason) for row in rows] == [("suppressed", "opted_out")]


def test_a_template_refused_at_zalo_leaves_the_sms(world: World) -> None:
    start(world, Channel.ZALO_ZNS, Channel.SMS)
    refused(world, "An", Channel.ZALO_ZNS, ErrorKind.OPTED_OUT)
    assert hand_on(world) == 1
    assert only(world, "An", Channel.SMS).state == "planned"


# addresses that belong to one account


@pytest.mark.parametrize(("channel", "own"), [(Channel.ZALO_OA, OA), (Channel.TELEGRAM, BOT)])
@pytest.mark.parametrize("weight", [1, 1000])
def test_a_bound_address_is_served_by_its_own_account_alone(
    world: World, channel: Channel, own: object, weight: int
) -> None:
    other = replace(OA if channel is Channel.ZALO_OA else BOT, name="other", weight=weight)
    use(world, other)
    person(world, "Bình", 2, lacks=channel)
    address(world, "Bình", channel, "99", "other")
    start(world, channel, Channel.SMS)
    assert only(world, "An", channel).account == getattr(own, "name", "")
    assert only(world, "Bình", channel).account == "other"


@pytest.mark.parametrize("channel", [Channel.ZALO_OA, Channel.TELEGRAM])
def test_where_its_account_is_gone_the_next_channel_follows_and_no_other_account(
    world: World, channel: Channel
) -> None:
    gone = OA if channel is Channel.ZALO_OA else BOT
    use(world, replace(gone, name="other"))
    world.accounts = {name: one for name, one in world.accounts.items() if name != gone.name}
    start(world, channel, Channel.SMS)
    assert world.states() == [("An", str(channel), "suppressed", "no_account"), ("An", "sms", "planned", None)]


@pytest.mark.parametrize("channel", [Channel.ZALO_OA, Channel.TELEGRAM])
def test_an_address_that_has_gone_to_another_account_since_is_not_written_to_through_the_old_one(
    world: World, channel: Channel
) -> None:
    start(world, channel, Channel.SMS)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE addresses SET account = 'other' WHERE channel = :c"), {"c": str(channel)})
    claim(world, "An", channel)
    assert (only(world, "An", channel).state, only(world, "An", channel).reason) == ("suppressed", "no_address")
    assert hand_on(world) == 1


@pytest.mark.parametrize("channel", [Channel.ZALO_OA, Channel.TELEGRAM])
def test_a_failure_is_not_tried_again_through_another_account(world: World, channel: Channel) -> None:
    own = OA if channel is Channel.ZALO_OA else BOT
    use(world, replace(own, name="other"))
    start(world, channel, Channel.SMS)
    becomes(world, "An", channel, SENDING, FAILED)
    hand_on(world)
    assert [(row.channel, row.account) for row in world.rows()] == [(str(channel), own.name), ("sms", "sms-main")]


# cases


def test_two_cases_of_one_person_are_two_cascades(world: World) -> None:
    due = datetime(2026, 11, 25, 3, tzinfo=UTC)
    world.case("An", due, name="H1")
    world.case("An", due, name="H2")
    start(world, Channel.ZALO_ZNS, Channel.SMS, schedule='{before: case.due_at, days: 2, at: "09:00"}')
    templates = world.rows("d.channel = 'zalo_zns'")
    assert len(templates) == 2
    first = templates[0]
    for state in (SENDING, FAILED):
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(first.run_id, first.id, state)], now=world.clock.now())
    assert hand_on(world) == 1
    [sms] = world.rows("d.channel = 'sms'")
    assert sms.subject_id == first.subject_id
