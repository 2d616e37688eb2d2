"""What may have left is sent again only while its provider drops repetitions; after that it is unknown, not unsent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from outreach.dispatch.child import myself
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.outcome import Outcome
from outreach.dispatch.recording import Recorder
from outreach.dispatch.recovery import Recovered, Recovery
from outreach.dispatch.resending import resend_until
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Lane
from outreach.planning import actions
from outreach.store import claims, deliveries, delivery_sweeps
from tests.world import SMS, World

DAILY = replace(SMS, name="sms-main", deduplicates_for=86_400)
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao", email: {subject: "Chào", body: "Kính chào"}}
        channels: [sms, email]
        wait: 4h
        not_after: 6h
        schedule: {at: launch}
"""


@pytest.fixture
def recovery(world: World) -> Iterator[Recovery]:
    world.accounts = {**world.accounts, DAILY.name: DAILY}
    loop = SendingLoop({})
    yield Recovery(world.engine, loop, world.accounts, world.keys, world.clock, lease_s=60.0, public_url="http://x")
    loop.close()


def start(world: World) -> str:
    world.person("An", phone="+84912000001", email="an@example.vn")
    slug = world.launch(CAMPAIGN)
    world.plan()
    return slug


def claim(world: World, *, lease_s: float = 60.0) -> int:
    """Claim what is due, as a worker child does; returns how many."""
    me = myself()
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host=me.host, boot=me.boot, pid=me.pid, started=me.started)
        now = world.clock.now()
        runs = [run.id for run in claims.open_runs(connection, account="sms-main", lane=Lane.BULK, now=now)]
        claimed, _ = claims.claim(
            connection,
            account="sms-main",
            lane=Lane.BULK,
            run_ids=runs,
            limit=10,
            child=child,
            lease_s=lease_s,
            now=now,
            trial=False,
        )
    return len(claimed)


def fall_silent(world: World) -> None:
    """The sender's lease runs out without a word."""
    change(world, "lease_until = lease_until - interval '61 s' WHERE state = 'sending'")


def change(world: World, what: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(text(f"UPDATE deliveries SET {what}"))


def planned_again(world: World, recovery: Recovery) -> str:
    """A campaign whose one SMS was claimed, lost and planned again; returns its slug."""
    slug = start(world)
    assert claim(world) == 1
    fall_silent(world)
    assert recovery.settle_lost() == Recovered(planned=1)
    return slug


def sms(world: World) -> tuple[str, str | None]:
    [row] = world.rows("d.channel = 'sms'")
    return row.state, row.reason


UNKNOWN = ("unknown", "lease_lost")


def test_inside_the_window_it_is_sent_again_under_its_key(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    [row] = world.rows()
    assert row.resend_until - datetime.now(UTC) > timedelta(hours=23)
    assert claim(world) == 1
    assert sms(world) == ("sending", None)
    assert world.rows()[0].generation == 0


@pytest.mark.parametrize("left", ["-1 s", "59 s"])
def test_where_the_window_ends_before_the_lease_it_is_not(world: World, recovery: Recovery, left: str) -> None:
    planned_again(world, recovery)
    change(world, f"resend_until = clock_timestamp() + interval '{left}'")
    assert claim(world) == 0
    assert sms(world) == UNKNOWN
    assert world.rows()[0].cascade_at is None
    assert world.counts_agree()


def test_a_second_loss_does_not_begin_a_second_window(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    change(world, "resend_until = resend_until - interval '20 h'")
    before = world.rows()[0].resend_until
    assert claim(world) == 1
    fall_silent(world)
    assert recovery.settle_lost() == Recovered(planned=1)
    assert world.rows()[0].resend_until == before


def test_a_claim_given_back_keeps_the_window(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    claim(world)
    [row] = world.rows()
    with world.engine.begin() as connection:
        back = deliveries.Change(row.run_id, row.id, DeliveryState.PLANNED, refund=1)
        deliveries.advance(connection, [back], now=world.clock.now())
    assert world.rows()[0].resend_until == row.resend_until


def test_when_it_is_too_late_it_is_unknown_and_not_expired(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    world.later(hours=7)
    with world.engine.begin() as connection:
        delivery_sweeps.advance_where(
            connection, "d.expires_at <= :now", {}, state=DeliveryState.EXPIRED, reason=str(Reason.LATE),
            now=world.clock.now(),
        )  # fmt: skip
    assert sms(world) == UNKNOWN
    assert world.counts_agree()


def test_a_claim_that_comes_too_late_leaves_it_unknown(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    world.later(hours=7)
    assert claim(world) == 0
    assert sms(world) == UNKNOWN


def test_who_refuses_meanwhile_may_have_got_it_all_the_same(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source)"
                " SELECT fingerprint, 'sms', '*', 1, 'opted_out', 'test' FROM addresses WHERE channel = 'sms'"
            )
        )
    assert claim(world) == 0
    assert sms(world) == UNKNOWN


def test_a_cancelled_campaign_leaves_it_unknown(world: World, recovery: Recovery) -> None:
    slug = planned_again(world, recovery)
    actions.cancel(world.engine, slug, world.clock, who="staff@demo.vn")
    actions.sweep_cancelled(world.engine, world.clock)
    assert sms(world) == UNKNOWN
    assert world.counts_agree()


def test_so_does_one_cancelled_before_the_recovery(world: World, recovery: Recovery) -> None:
    slug = start(world)
    claim(world)
    actions.cancel(world.engine, slug, world.clock, who="staff@demo.vn")
    fall_silent(world)
    assert recovery.settle_lost() == Recovered(unknown=1)
    assert sms(world)[0] == "unknown"


def test_a_person_who_sends_it_again_begins_anew(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    change(world, "resend_until = now()")
    claim(world)
    with world.engine.begin() as connection:
        now = world.clock.now()
        run = world.rows()[0].run_id
        delivery_sweeps.retry(connection, run, DeliveryState.UNKNOWN, now=now, until=now + timedelta(hours=1))
    assert (world.rows()[0].resend_until, world.rows()[0].generation) == (None, 1)
    assert claim(world) == 1


MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BY_DAY = replace(DAILY, deduplicates_within_day_of="Asia/Ho_Chi_Minh")


@pytest.mark.parametrize(
    ("claimed", "until"),
    [
        (MORNING, datetime(2026, 11, 23, 16, 55, tzinfo=UTC)),
        (datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, 55, tzinfo=UTC)),
        (datetime(2026, 11, 23, 17, 0, tzinfo=UTC), datetime(2026, 11, 24, 16, 55, tzinfo=UTC)),
    ],
)
def test_a_window_of_one_day_ends_before_midnight_in_vietnam(claimed: datetime, until: datetime) -> None:
    assert resend_until(claimed, BY_DAY) == until


def test_a_window_in_seconds_runs_from_the_claim_and_no_window_is_none() -> None:
    assert resend_until(MORNING, DAILY) == MORNING + timedelta(days=1)
    assert resend_until(MORNING, replace(BY_DAY, deduplicates_for=3600)) == MORNING + timedelta(hours=1)
    assert resend_until(MORNING, SMS) is None


def test_past_its_window_a_lost_one_is_unknown_at_once(world: World, recovery: Recovery) -> None:
    start(world)
    claim(world)
    change(world, "lease_until = lease_until - interval '1 day'")
    assert recovery.settle_lost() == Recovered(unknown=1)
    assert sms(world) == UNKNOWN


def record(world: World, state: DeliveryState, reason: Reason) -> None:
    """What the sender of the second attempt says of it."""
    [row] = world.rows("d.state = 'sending'")
    said = deliveries.Change(
        row.run_id, row.id, state, reason=str(reason), child=row.child_id, attempt=row.attempt,
    )  # fmt: skip
    with world.engine.begin() as connection:
        deliveries.advance(connection, [said], now=world.clock.now())


@pytest.mark.parametrize("reason", [Reason.TRANSIENT, Reason.CONTENT, Reason.WINDOW_CLOSED])
def test_a_second_attempt_that_came_to_nothing_does_not_undo_the_first(
    world: World, recovery: Recovery, reason: Reason
) -> None:
    """Else the next channel would say the same thing a second time."""
    planned_again(world, recovery)
    claim(world)
    record(world, DeliveryState.FAILED, reason)
    assert sms(world) == ("unknown", str(reason))
    assert world.rows()[0].cascade_at is None
    assert world.counts_agree()


def test_the_providers_own_refusal_of_a_second_attempt_is_final(world: World, recovery: Recovery) -> None:
    planned_again(world, recovery)
    claim(world)
    record(world, DeliveryState.FAILED, Reason.REJECTED)
    assert sms(world) == ("failed", "rejected")


def test_who_shares_the_address_does_not_inherit_what_may_have_left(world: World, recovery: Recovery) -> None:
    world.person("Ba", phone="+84912000001", email="ba@example.vn")
    planned_again(world, recovery)
    claim(world)
    [row] = world.rows("d.state = 'sending'")
    unmade = deliveries.Change(
        row.run_id, row.id, DeliveryState.FAILED, reason=str(Reason.CONTENT), child=row.child_id, attempt=row.attempt,
    )  # fmt: skip
    Recorder(world.engine, world.clock, row.child_id, lambda _: None).write([Outcome(unmade)], DAILY)
    assert sorted(one.state for one in world.rows("d.channel = 'sms'")) == ["suppressed", "unknown"]


def unanswered(world: World, code: str | None = None) -> None:
    """The sender got no answer, or one (`code`) that tells nothing; its lease is over."""
    start(world)
    assert claim(world) == 1
    [row] = world.rows()
    word = deliveries.Change(
        row.run_id, row.id, DeliveryState.UNKNOWN, reason=str(Reason.UNCERTAIN), code=code, child=row.child_id,
        attempt=row.attempt,
    )  # fmt: skip
    with world.engine.begin() as connection:
        deliveries.advance(connection, [word], now=world.clock.now())
    change(world, "lease_until = lease_until - interval '61 s' WHERE state = 'unknown'")


def test_what_got_no_answer_is_sent_again_under_its_key(world: World, recovery: Recovery) -> None:
    unanswered(world)
    assert recovery.ask_unknown() == Recovered(planned=1)
    [row] = world.rows()
    assert (row.state, row.generation) == ("planned", 0)
    assert row.resend_until is not None
    assert world.counts_agree()


def test_what_got_an_answer_that_tells_nothing_stays_unknown(world: World, recovery: Recovery) -> None:
    unanswered(world, code="124")
    assert recovery.ask_unknown() == Recovered()
    assert sms(world) == ("unknown", "uncertain")
