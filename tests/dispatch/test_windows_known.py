"""What is known of a user's window at an Official Account decides before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from channels.contract import ErrorKind, Event, Inbound, Joined, SendError, Touched
from channels.zalo import Zalo
from channels.zalo_api import ZaloConfig
from outreach.dispatch.outcome import outcome
from outreach.dispatch.recording import Recorder
from outreach.domain.accounts import Account
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel, Lane
from outreach.planning.forecast import forecast
from outreach.receipts.receiver import Receiver
from outreach.store import claims, interactions
from outreach.store.versions import read_version
from tests.planning.cascade_world import AllChannels, campaign, person, use
from tests.world import account

OA, SMS = Channel.ZALO_OA, Channel.SMS
NUMBER = "480000000000000001"


@pytest.fixture
def known(engine: Engine, keys: KeyRing, clock: VirtualClock) -> AllChannels:
    made = AllChannels(engine, keys, clock)
    use(made, oa(timedelta(days=7)))
    person(made, "An")
    return made


def oa(lasts: timedelta) -> Account:
    return account(
        "oa", OA, provider="zalo", channels=(OA, Channel.ZALO_ZNS), windows={OA: lasts},
        proofs={OA: DeliveryState.DELIVERED, Channel.ZALO_ZNS: DeliveryState.DELIVERED},
    )  # fmt: skip


def hears(world: AllChannels, event: Event) -> None:
    Receiver(world.engine, {}, world.accounts, world.keys, world.clock).take("oa", [event])


def wrote(world: AllChannels, ago: timedelta) -> None:
    at = world.clock.now() - ago
    hears(world, Inbound(f"m{at}", at, sender=NUMBER, text="Xin chào"))


def states(world: AllChannels) -> list[tuple[str, str, str | None]]:
    return [(row.channel, row.state, row.reason) for row in world.rows()]


def start(world: AllChannels) -> None:
    world.launch(campaign(OA, SMS))
    world.plan()


def claim(world: AllChannels) -> tuple[list[claims.Claimed], int]:
    with world.engine.begin() as connection:
        now = world.clock.now()
        runs = [one.id for one in claims.open_runs(connection, account="oa", lane=Lane.BULK, now=now)]
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=1.0)
        return claims.claim(
            connection, account="oa", lane=Lane.BULK, run_ids=runs, limit=10, child=child, lease_s=60, now=now,
            trial=False, windows=world.accounts["oa"].windows,
        )  # fmt: skip


def test_who_was_in_touch_a_week_ago_goes_to_the_next_channel_at_once(known: AllChannels) -> None:
    wrote(known, timedelta(days=7))
    start(known)
    assert states(known) == [("zalo_oa", "suppressed", "window_closed"), ("sms", "planned", None)]


def test_who_was_in_touch_within_the_week_is_written_to(known: AllChannels) -> None:
    wrote(known, timedelta(days=6, hours=23))
    start(known)
    assert states(known) == [("zalo_oa", "planned", None)]


def test_where_nothing_is_known_zalo_decides(known: AllChannels) -> None:
    start(known)
    assert states(known) == [("zalo_oa", "planned", None)]
    assert len(claim(known)[0]) == 1


def test_an_account_that_may_not_pay_writes_for_two_days_only(known: AllChannels) -> None:
    use(known, oa(timedelta(hours=48)))
    wrote(known, timedelta(hours=49))
    start(known)
    assert states(known)[0] == ("zalo_oa", "suppressed", "window_closed")


@pytest.mark.parametrize("kind", [Joined, Touched])
def test_a_follow_or_a_click_opens_the_window_again(known: AllChannels, kind: type[Joined | Touched]) -> None:
    wrote(known, timedelta(days=8))
    hears(known, kind("again", known.clock.now() - timedelta(days=1), sender=NUMBER))
    start(known)
    assert states(known) == [("zalo_oa", "planned", None)]


def test_an_event_that_comes_late_does_not_close_it(known: AllChannels) -> None:
    wrote(known, timedelta(days=1))
    wrote(known, timedelta(days=8))
    start(known)
    assert states(known) == [("zalo_oa", "planned", None)]


def test_a_window_that_closes_between_planning_and_claim_is_seen(known: AllChannels) -> None:
    wrote(known, timedelta(days=6, hours=23))
    start(known)
    known.later(hours=2)
    assert claim(known) == ([], 1)
    [row] = known.rows()
    assert (row.state, row.reason, row.cascade_at) == ("suppressed", "window_closed", known.clock.now())
    assert known.counts_agree()


def refuse(world: AllChannels, kind: ErrorKind, code: str) -> None:
    [one], _ = claim(world)
    told = outcome(one, world.accounts["oa"], SendError(kind, code, "refused", 1e9), child=1, spread=0.5)
    Recorder(world.engine, world.clock, 1, lambda _: None).write([told], world.accounts["oa"])


def plan_again(world: AllChannels) -> list[tuple[str, str, str | None]]:
    world.launch(campaign(OA, SMS).replace("campaign: thu", "campaign: sau"))
    before = len(world.rows())
    world.plan()
    return states(world)[before:]


def test_what_zalo_refused_is_remembered_until_they_are_in_touch_again(known: AllChannels) -> None:
    start(known)
    refuse(known, ErrorKind.WINDOW_CLOSED, "-230")
    assert ("zalo_oa", "suppressed", "window_closed") in plan_again(known)


def test_a_refusal_for_the_night_closes_no_window(known: AllChannels) -> None:
    start(known)
    refuse(known, ErrorKind.POSTPONED, "-234")
    assert states(known)[0] == ("zalo_oa", "failed", "window_closed")
    assert plan_again(known) == [("zalo_oa", "planned", None)]


def test_who_writes_after_a_refusal_is_written_to(known: AllChannels) -> None:
    start(known)
    refuse(known, ErrorKind.WINDOW_CLOSED, "-230")
    known.later(minutes=1)
    wrote(known, timedelta(0))
    assert plan_again(known) == [("zalo_oa", "planned", None)]


def test_who_writes_between_the_request_and_its_refusal_is_written_to(known: AllChannels) -> None:
    """Zalo judged before it knew of the message, and its answer was recorded after that."""
    start(known)
    [one], _ = claim(known)
    error = SendError(ErrorKind.WINDOW_CLOSED, "-230", "refused", 1e9)
    told = outcome(one, known.accounts["oa"], error, child=1, spread=0.5)
    assert told.window_closed is not None
    minutes = timedelta(minutes=10)  # by the database's clock the answer took ten, and the message came after five
    late = replace(told, window_closed=told.window_closed - minutes)
    wrote(known, timedelta(minutes=5))
    Recorder(known.engine, known.clock, 1, lambda _: None).write([late], known.accounts["oa"])
    assert plan_again(known) == [("zalo_oa", "planned", None)]


def test_who_wrote_before_the_request_that_was_refused_is_outside_the_window(known: AllChannels) -> None:
    start(known)
    known.later(minutes=1)
    wrote(known, timedelta(seconds=30))
    refuse(known, ErrorKind.WINDOW_CLOSED, "-230")
    assert ("zalo_oa", "suppressed", "window_closed") in plan_again(known)


def test_the_forecast_leaves_them_out_as_planning_does(known: AllChannels) -> None:
    wrote(known, timedelta(days=8))
    known.load(campaign(OA, SMS))
    with known.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    [message] = forecast(known.engine, frozen, known.accounts, known.clock.now()).messages
    assert message.by_channel == {"sms": 1}


def test_an_account_of_zalo_says_how_long_it_may_write() -> None:
    values = {"app_id": "1", "app_secret": "s", "oa_id": "2", "oa_secret": "s", "refresh_token": "r"}
    paying, free = ZaloConfig.model_validate(values), ZaloConfig.model_validate({**values, "billable": False})
    assert Zalo.window_on("zalo_oa", paying) == timedelta(days=7)
    assert Zalo.window_on("zalo_oa", free) == timedelta(hours=48)
    assert Zalo.window_on("zalo_zns", paying) is None


def test_what_is_long_ago_is_forgotten(known: AllChannels) -> None:
    wrote(known, timedelta(days=40))
    with known.engine.begin() as connection:
        assert interactions.purge(connection, known.clock.now() - timedelta(days=41)) == 0
        assert interactions.purge(connection, known.clock.now() - timedelta(days=39)) == 1
