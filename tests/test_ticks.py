"""What the scheduler does again and again, and the hints it gives: doubled or lost, they change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from pydantic import ValidationError

from channels.contract import Inbound
from outreach import wiring
from outreach.domain.words import Lane
from outreach.local.embedded import Servers
from outreach.planning import actions
from outreach.reach.counting import catch_up_all
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import accounts
from outreach.tasks import QUEUES, Hints, celery_app
from outreach.ticks import archive, confirm, expire, plan_due, retain, sweep, ticks
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""


@pytest.fixture
def runtime(world: World, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    chosen = Settings(data_dir=tmp_path / "data", secret_key="a secret that is only of these tests, long enough")
    built = wiring.build(chosen, Servers(database_url, redis_url), name="test")
    yield replace(built, engine=world.engine, keys=world.keys, clock=world.clock, accounts=world.accounts)
    built.engine.dispose()


@pytest.fixture
def hints(redis_url: str) -> Hints:
    return Hints(celery_app(redis_url), redis.Redis.from_url(redis_url))


def waiting(redis_url: str, lane: Lane) -> int:
    return int(redis.Redis.from_url(redis_url).llen(QUEUES[lane]))


def test_a_due_message_is_planned_and_hinted_once(world: World, runtime: Runtime, hints: Hints, redis_url: str) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    assert plan_due(runtime) == 1
    assert plan_due(runtime) == 0
    assert [sweep(runtime, hints) for _ in range(3)] == [1, 0, 0]
    assert waiting(redis_url, Lane.BULK) == 1


def test_a_hint_lost_with_valkey_is_given_again(world: World, runtime: Runtime, hints: Hints, redis_url: str) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    plan_due(runtime)
    sweep(runtime, hints)
    redis.Redis.from_url(redis_url).flushall()
    assert sweep(runtime, hints) == 1


def test_where_nothing_is_due_nothing_is_hinted(world: World, runtime: Runtime, hints: Hints) -> None:
    world.person("An", phone="+84912000001")
    assert sweep(runtime, hints) == 0


def test_what_was_not_sent_in_time_expires(world: World, runtime: Runtime) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    plan_due(runtime)
    world.later(hours=23)
    assert expire(runtime) == 0
    world.later(hours=2)
    assert expire(runtime) == 1
    assert world.states() == [("An", "sms", "expired", "late")]
    assert world.counts_agree()


def test_a_paused_account_keeps_its_deliveries_until_they_are_late(world: World, runtime: Runtime) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    plan_due(runtime)
    with world.engine.begin() as connection:
        accounts.pause(connection, "sms-main", code="20003", reason="wrong token")
    assert world.states()[0][2] == "planned"
    with world.engine.begin() as connection:
        assert accounts.resume(connection, "sms-main")
        assert accounts.paused(connection) == {}


def test_raw_events_are_kept_for_ninety_days(world: World, runtime: Runtime) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO raw_events (account, event_key, payload, received_at)"
            " VALUES ('a', 'old', '', %s), ('a', 'new', '', %s)",
            (world.clock.now() - timedelta(days=91), world.clock.now() - timedelta(days=89)),
        )
    assert retain(runtime) == 1


@pytest.mark.parametrize(("days", "left"), [(90, 0), (800, 1), (0, 1)])
def test_deliveries_of_campaigns_that_are_long_over_become_counts(
    world: World, runtime: Runtime, days: int, left: int
) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    plan_due(runtime)
    world.later(hours=25)
    expire(runtime)
    assert actions.finish_ended(world.engine, world.clock) == ["thu"]
    catch_up_all(world.engine, world.clock)
    world.later(days=91)
    settings = runtime.settings.model_copy(update={"archive_after_days": days})
    assert archive(replace(runtime, settings=settings)) == 1 - left
    assert len(world.rows()) == left


@pytest.mark.parametrize("days", [1, 89, -1])
def test_a_setting_that_would_archive_what_receipts_may_still_be_about_is_refused(days: int) -> None:
    with pytest.raises(ValidationError, match="archive_after_days"):
        Settings(archive_after_days=days)


def test_every_tick_runs_on_an_empty_installation(world: World, runtime: Runtime, hints: Hints) -> None:
    for tick in ticks(runtime, hints, runtime.receiver()):
        tick.run()
    assert (world.runs(), world.rows()) == ([], [])


def test_tokens_are_kept_fresh_by_one_hint_at_a_time(hints: Hints, redis_url: str) -> None:
    assert [hints.keep_fresh() for _ in range(3)] == [True, False, False]
    assert waiting(redis_url, Lane.REPLY) == 1
    hints.freshening()
    assert hints.keep_fresh()


def test_the_scheduler_hints_at_the_tokens(runtime: Runtime, hints: Hints, redis_url: str) -> None:
    by_name = {tick.name: tick for tick in ticks(runtime, hints, runtime.receiver())}
    by_name["tokens"].run()
    assert waiting(redis_url, Lane.REPLY) == 1


def test_accounts_that_call_nobody_are_asked_by_one_hint_at_a_time(
    runtime: Runtime, hints: Hints, redis_url: str
) -> None:
    by_name = {tick.name: tick for tick in ticks(runtime, hints, runtime.receiver())}
    assert by_name["poll"].seconds == 60
    by_name["poll"].run()
    by_name["poll"].run()
    assert waiting(redis_url, Lane.REPLY) == 1
    hints.polling()
    assert hints.poll()


def test_a_refusal_to_be_confirmed_is_hinted_once(world: World, runtime: Runtime, hints: Hints, redis_url: str) -> None:
    assert confirm(runtime, hints) is False
    receiver = Receiver(world.engine, {}, world.accounts, world.keys, world.clock)
    receiver.take("sms-main", [Inbound("k1", world.clock.now(), sender="+84912000001", text="TC")])
    assert [confirm(runtime, hints) for _ in range(3)] == [True, False, False]
    assert waiting(redis_url, Lane.REPLY) == 1
    hints.confirming()
    assert confirm(runtime, hints) is True
