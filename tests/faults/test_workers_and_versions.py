"""Two workers, versions, clocks, cases."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import redis
from sqlalchemy import text

from outreach.dispatch.bucket import Buckets
from outreach.domain.states import DeliveryState
from outreach.domain.words import Lane
from outreach.planning import actions
from outreach.store import claims, deliveries
from outreach.store.deliveries import Change
from tests.faults.test_runs_stuck import campaign, claim, execute
from tests.processes import wait_for
from tests.world import SMS, World

REMINDER = """
    campaign: hen
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: nhac
        segment: {kind: person}
        text: {sms: "Kinh chao"}
        channels: [sms]
        schedule: {before: case.due_at, days: 2, at: "08:30"}
"""


def test_a_case_moved_away_and_back_before_the_claim_is_reminded_of(world: World) -> None:
    world.person("An", phone="+84912000001")
    due = datetime(2026, 11, 25, 3, tzinfo=UTC)
    world.case("An", due)
    world.launch(REMINDER)
    world.plan()
    execute(world, "UPDATE cases SET due_at = :d", d=due + timedelta(days=20))
    with world.engine.begin() as c:
        child = claims.enrol_child(c, host="h", boot="b", pid=1, started=1.0)

    def reminder() -> list[Any]:
        with world.engine.begin() as c:
            ids = [r.id for r in claims.open_runs(c, account="sms-main", lane=Lane.REMINDER, now=world.clock.now())]
            return claims.claim(
                c,
                account="sms-main",
                lane=Lane.REMINDER,
                run_ids=ids,
                limit=5,
                child=child,
                lease_s=60,
                now=world.clock.now(),
                trial=False,
            )[0]

    assert reminder() == []
    execute(world, "UPDATE cases SET due_at = :d", d=due)
    world.later(hours=1)
    world.plan()
    assert len(reminder()) == 1


def test_a_thawed_child_cannot_fail_what_a_person_has_by_then_resent(world: World) -> None:
    world.person("An", phone="+84912000001")
    slug = world.launch(campaign("thu"))
    world.plan()
    [old] = claim(world)
    with world.engine.connect() as c:
        child = c.execute(text("SELECT child_id FROM deliveries")).scalar_one()
    with world.engine.begin() as c:
        deliveries.advance(
            c,
            [Change(old.run, old.delivery, DeliveryState.UNKNOWN, child=child, attempt=old.attempt)],
            now=world.clock.now(),
        )
    actions.retry(world.engine, slug, DeliveryState.UNKNOWN, world.clock, who="staff@demo.vn")
    with world.engine.begin() as c:
        deliveries.advance(
            c,
            [Change(old.run, old.delivery, DeliveryState.FAILED, reason="rejected", child=child, attempt=old.attempt)],
            now=world.clock.now(),
        )
    assert world.states()[0][2] == "planned"


def test_two_children_claim_no_delivery_twice(world: World) -> None:
    for n in range(40):
        world.person(f"P{n:03}", phone=f"+84912{n:06}")
    world.launch(campaign("thu"))
    world.plan()

    got: list[int] = []

    def one() -> None:
        for _ in range(5):
            with world.engine.begin() as c:
                child = claims.enrol_child(c, host="h", boot="b", pid=1, started=1.0)
                ids = [r.id for r in claims.open_runs(c, account="sms-main", lane=Lane.BULK, now=world.clock.now())]
                got.extend(
                    x.delivery
                    for x in claims.claim(
                        c,
                        account="sms-main",
                        lane=Lane.BULK,
                        run_ids=ids,
                        limit=7,
                        child=child,
                        lease_s=60,
                        now=world.clock.now(),
                        trial=False,
                    )[0]
                )

    ts = [threading.Thread(target=one) for _ in range(4)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    assert len(got) == len(set(got)) == 40 and world.counts_agree()


def test_two_schedulers_plan_each_run_once(world: World) -> None:

    for n in range(40):
        world.person(f"P{n:03}", phone=f"+84912{n:06}")
    for k in range(5):
        world.launch(campaign(f"c{k}", '{sms: "x"}', more="class: emergency"))
    errors: list[Exception] = []

    def go() -> None:
        try:
            world.plan()
        except Exception as e:
            errors.append(e)

    ts = [threading.Thread(target=go) for _ in range(3)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    assert not errors and len(world.rows()) == 200 and len(world.runs()) == 5 and world.counts_agree()


def test_a_shifted_campaign_keeps_its_days_when_a_version_is_approved(world: World) -> None:
    world.person("An", phone="+84912000001")
    text_ = (
        campaign("thu")
        .replace("2026-01-01", "2025-01-01")
        .replace("2026-12-31", "2025-12-31")
        .replace("{at: launch}", "{at: 2025-12-01T10:00}")
    )
    slug = world.launch(text_, starting=date(2026, 1, 1))

    def dates() -> Any:
        with world.engine.connect() as c:
            return c.execute(text("SELECT starts, ends FROM campaigns")).one()

    before = dates()
    world.load(text_.replace("Kinh chao", "Kinh chao a"))
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    assert dates() == before


def test_a_valkey_whose_clock_went_back_still_refills(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.hset("outreach:bucket:sms-main", mapping={"tokens": "0", "at": int(time.time() * 1000) + 3_600_000})
    buckets = Buckets(client)
    assert buckets.take(SMS, 10).tokens == 0
    wait_for("a token", lambda: buckets.take(SMS, 10).tokens > 0, seconds=5)
