"""Cascades that lose people."""

from __future__ import annotations

from typing import Any

import pytest

from outreach.domain.states import DeliveryState
from outreach.planning import actions, cascade
from outreach.store import cascades
from tests.planning.test_cascade import becomes, hand_on, start
from tests.world import World


def test_a_failure_recorded_while_others_are_handed_on_is_handed_on_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    world.person("Bình", phone="+84912000002", email="binh@example.vn")
    start(world)
    becomes(world, "An", DeliveryState.FAILED)
    plan_steps = cascade.plan_steps

    def meanwhile(*args: Any, **options: Any) -> None:
        becomes(world, "Bình", DeliveryState.FAILED)  # began at the same moment, commits while An is handed on
        plan_steps(*args, **options)

    monkeypatch.setattr(cascade, "plan_steps", meanwhile)
    hand_on(world)
    monkeypatch.setattr(cascade, "plan_steps", plan_steps)
    world.later(hours=1)
    hand_on(world)
    assert [row[0] for row in world.states("d.channel = 'email'")] == ["An", "Bình"]


def test_a_campaign_paused_between_finding_and_handing_on_hands_on_after_it_resumes(world: World) -> None:
    world.person("An", phone="+84912000001", email="an@example.vn")
    slug = start(world)
    becomes(world, "An", DeliveryState.FAILED)
    with world.engine.connect() as connection:
        waiting = cascades.due(connection, world.clock.now())
    actions.pause(world.engine, slug, who="staff@demo.vn")
    for one in waiting:
        cascade._hand_on(world.engine, one, world.accounts, world.clock.now())
    actions.resume(world.engine, slug, who="staff@demo.vn")
    assert hand_on(world) == 1


HELD = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao", loudspeaker: "Kính thưa bà con."}
        channels: [loudspeaker, sms]
        wait: 1h
        not_after: 48h
        schedule: {at: launch}
"""


def test_who_was_to_follow_the_loudspeaker_of_a_held_run_still_does_after_its_release(world: World) -> None:
    world.person("An", phone="+84912000001")
    slug = world.load(HELD)
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    world.person("Bình", phone="+84912000002")
    actions.launch(
        world.engine, actions.prepare_launch(world.engine, slug, world.clock, starting=None), world.clock, who="s"
    )
    world.plan()
    [run] = world.runs()
    assert run.state == "held"
    world.later(hours=10)  # the slot at 17:00 and the wait are over
    hand_on(world)
    actions.release(world.engine, slug, run.id, who="leader@demo.vn")
    world.later(hours=24)
    hand_on(world)
    assert [row[0] for row in world.states("d.channel = 'sms'")] == ["An", "Bình"]
