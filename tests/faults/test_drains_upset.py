"""One bad row in a chunk."""

from __future__ import annotations

import contextlib

import pytest

from channels.contract import Accepted, Outgoing
from outreach.dispatch.drain import Dispatcher
from outreach.domain.words import Lane
from tests.dispatch.conftest import accounts, box, dispatcher  # noqa: F401
from tests.faults.test_runs_stuck import campaign, execute
from tests.world import World


def people(world: World, dispatcher: Dispatcher) -> None:
    for n in range(5):
        world.person(f"P{n}", phone=f"+8491200008{n}")
    world.launch(campaign("thu"))
    world.plan()


def test_an_address_that_cannot_be_opened_holds_up_nobody_else(world: World, dispatcher: Dispatcher) -> None:
    people(world, dispatcher)
    execute(world, "UPDATE addresses SET key_version = 7 WHERE contact_id = :c", c=world.people["P2"])
    for _ in range(4):
        dispatcher.drain("sms-main", Lane.BULK)
        world.later(seconds=61)
    assert [row.state for row in world.rows()].count("accepted") == 4


def test_an_answer_the_database_cannot_store_loses_no_other_record(
    world: World,
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people(world, dispatcher)
    adapter = dispatcher.loop.submit(dispatcher.loop.adapter("sms-main")).result()

    async def send(outgoing: Outgoing) -> Accepted:
        return Accepted("SM\x00" if outgoing.to.endswith("82") else f"SM{outgoing.to}", 1)

    monkeypatch.setattr(adapter, "send", send)
    with contextlib.suppress(Exception):
        dispatcher.drain("sms-main", Lane.BULK)
    assert [row.state for row in world.rows()].count("accepted") >= 4


def test_an_answer_with_impossible_parts_loses_no_other_record(
    world: World,
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people(world, dispatcher)
    adapter = dispatcher.loop.submit(dispatcher.loop.adapter("sms-main")).result()

    async def send(outgoing: Outgoing) -> Accepted:
        return Accepted(f"SM{outgoing.to}", 70_000 if outgoing.to.endswith("82") else 1)

    monkeypatch.setattr(adapter, "send", send)
    with contextlib.suppress(Exception):
        dispatcher.drain("sms-main", Lane.BULK)
    assert [row.state for row in world.rows()].count("accepted") >= 4
