"""Cancelling is the brake: it must not lose against the planner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from sqlalchemy import text

from outreach.planning import actions
from outreach.planning.occurrences import schedule_due
from outreach.planning.planner import plan_scheduled
from tests.faults.test_runs_stuck import campaign
from tests.world import World


def test_cancelling_while_the_run_is_planned_never_fails(world: World) -> None:
    for n in range(40):
        world.person(f"P{n:03}", phone=f"+84912{n:06}")
    failed: list[str] = []

    def noting(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                call()
            except Exception as error:
                failed.append(f"{type(error).__name__}: {str(error)[:60]}")

        return run

    for k in range(6):
        slug = world.launch(campaign(f"c{k}", more="class: emergency"))
        schedule_due(world.engine, world.clock)
        threads = [
            threading.Thread(target=noting(lambda: plan_scheduled(world.engine, world.accounts, world.clock))),
            threading.Thread(target=noting(partial(actions.cancel, world.engine, slug, world.clock, who="staff"))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    actions.sweep_cancelled(world.engine, world.clock)
    assert failed == []
    assert {run.state for run in world.runs()} == {"cancelled"}
    assert world.rows("d.state = 'planned'") == [] and world.counts_agree()


def test_a_retry_that_is_not_committed_yet_keeps_the_run_open(world: World) -> None:
    """The run was read as `sending`; it must not be `done` when the retried rows appear."""
    from datetime import timedelta

    from outreach.domain.states import DeliveryState
    from outreach.store import delivery_sweeps, runs
    from tests.planning.test_cascade import becomes

    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    becomes(world, "An", DeliveryState.FAILED)
    now = world.clock.now()
    [run] = world.runs()
    with world.engine.begin() as person:
        delivery_sweeps.retry(person, run.id, DeliveryState.FAILED, now=now, until=now + timedelta(days=1))
        with world.engine.begin() as tick:
            tick.execute(text("SET LOCAL lock_timeout = '2s'"))
            runs.finish_done(tick, now)
    assert (world.rows()[0].state, world.runs()[0].state) == ("planned", "sending")


def test_a_run_ended_between_a_retry_reading_it_and_locking_it_is_opened_again(world: World, monkeypatch) -> None:
    from outreach.domain.states import DeliveryState
    from outreach.store import runs
    from tests.planning.test_cascade import becomes

    world.person("An", phone="+84912000001")
    slug = world.launch(campaign("thu"))
    world.plan()
    becomes(world, "An", DeliveryState.FAILED)
    of_campaign = runs.of_campaign

    def then_the_tick(connection, which):
        found = of_campaign(connection, which)
        with world.engine.begin() as tick:
            runs.finish_done(tick, world.clock.now())
        return found

    monkeypatch.setattr(runs, "of_campaign", then_the_tick)
    actions.retry(world.engine, slug, DeliveryState.FAILED, world.clock, who="staff@demo.vn")
    assert (world.rows()[0].state, world.runs()[0].state) == ("planned", "sending")
