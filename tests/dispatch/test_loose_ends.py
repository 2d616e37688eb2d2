"""What a child knows of its own deliveries when the database went away in between: nothing is forgotten or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from channels.contract import Accepted, Lease
from outreach.dispatch.accounts_file import Accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.outcome import outcome
from outreach.domain.words import Lane
from outreach.store import claims
from tests.processes import Sandbox
from tests.sending import child_of
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao ong/ba"}
        channels: [sms]
        schedule: {at: launch}
"""
AN, BINH = "+84912200001", "+84912200002"


@pytest.fixture
def child(world: World, accounts: Accounts, redis_url: str) -> Iterator[Dispatcher]:
    loop = SendingLoop(accounts.makers)
    world.person("An", phone=AN)
    made = child_of(world, accounts.known, loop, redis_url)
    world.launch(CAMPAIGN)
    world.plan()
    yield made
    loop.close()


def claimed_by(world: World, child: Dispatcher) -> claims.Claimed:
    """A claim of the child's that holds, whatever it heard of it."""
    with world.engine.begin() as connection:
        now = world.clock.now()
        runs = [run.id for run in claims.open_runs(connection, account="sms-main", lane=Lane.BULK, now=now)]
        [claimed], _ = claims.claim(
            connection, account="sms-main", lane=Lane.BULK, run_ids=runs, limit=1, child=child.child,
            lease_s=child.lease_s, now=now, trial=False,
        )  # fmt: skip
    return claimed


def sent(box: Sandbox, to: str) -> int:
    return sum(entry.to == to for entry in box.accepted())


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_a_claim_that_was_never_heard_of_is_given_back_and_sent_once(
    world: World, child: Dispatcher, box: Sandbox, state: str
) -> None:
    before = sent(box, AN)
    child.ends.unheard(Lease.clock())
    claimed_by(world, child)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET state = :state, reason = 'lease_lost'"), {"state": state})
    child.drain("sms-main", Lane.BULK)
    assert sent(box, AN) == before + 1
    assert world.rows()[0].state == "accepted"
    assert world.rows()[0].attempt == 1


def test_what_was_claimed_before_is_not_given_back(world: World, child: Dispatcher, box: Sandbox) -> None:
    before = sent(box, AN)
    claimed_by(world, child)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET lease_until = lease_until - interval '5 s'"))
    child.ends.unheard(Lease.clock())
    child.drain("sms-main", Lane.BULK)
    assert sent(box, AN) == before
    assert world.rows()[0].state == "sending"


def test_what_the_database_would_not_take_is_recorded_by_the_next_drain_and_never_given_back(
    world: World, child: Dispatcher, box: Sandbox, accounts: Accounts
) -> None:
    before, account = sent(box, AN), accounts.known["sms-main"]
    child.ends.unheard(Lease.clock())
    claimed = claimed_by(world, child)
    told = outcome(claimed, account, Accepted("SM1", 1), child=child.child, spread=0.5)
    child.ends.unrecorded.append(([told], account))
    child.drain("sms-main", Lane.BULK)
    assert world.rows()[0].state == "accepted"
    assert sent(box, AN) == before
    assert child.ends.unrecorded == []


GREETING = CAMPAIGN.replace("Kinh chao ong/ba", "Kinh chao {{ contact.occupation }}")


def test_what_could_leave_is_given_back_where_the_database_goes_away_before_it_has(
    world: World, accounts: Accounts, redis_url: str, box: Sandbox
) -> None:
    """One of the chunk cannot be composed; that is what the database is to be told when it goes away."""
    loop = SendingLoop(accounts.makers)
    world.person("An", phone=AN)
    world.person("Bình", phone=BINH)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE contacts SET occupation = 'nông dân' WHERE full_name = 'An'"))
    child = replace(child_of(world, accounts.known, loop, redis_url), pause=lambda seconds: None)
    world.launch(GREETING)
    world.plan()
    before, away = sent(box, AN), True

    def gone(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if away and "WITH held AS" in statement:
            raise OperationalError(statement, {}, Exception("gone"))

    event.listen(world.engine, "before_cursor_execute", gone)
    try:
        with pytest.raises(OperationalError):
            child.drain("sms-main", Lane.BULK)
        assert sent(box, AN) == before
        away = False
        child.drain("sms-main", Lane.BULK)
    finally:
        event.remove(world.engine, "before_cursor_execute", gone)
        loop.close()
    assert {row.state: row.attempt for row in world.rows()} == {"accepted": 1, "failed": 1}
    assert sent(box, AN) == before + 1
    assert world.counts_agree()
