"""Callbacks that come at once share a commit; a bad one among them spoils nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from accepted_world import receipt
from joining_world import Citizens
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from channels.contract import Receipt, ReceiptState
from outreach.receipts.taking import Told
from outreach.receipts.together import Together
from outreach.store.engine import connect
from tests.world import SMS, World


class Gate:
    """Work that waits at its first batch until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def work(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(20)
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


def gathered(together: Together[int, int], gate: Gate, first: int, others: Sequence[int]) -> list[int | str]:
    """What each caller got: `first` works while `others` come."""

    def call(item: int) -> int | str:
        try:
            return together.do(item, gate.work)
        except ValueError as error:
            return f"error of {error}"

    with ThreadPoolExecutor(20) as threads:
        leading = threads.submit(call, first)
        assert gate.entered.wait(20)
        following = [threads.submit(call, item) for item in others]
        while len(together._waiting) < len(others):
            threading.Event().wait(0.001)
        gate.open.set()
        return [leading.result(20), *(one.result(20) for one in following)]


def test_who_comes_while_one_works_shares_the_next_batch_and_gets_their_own_answer() -> None:
    gate = Gate()
    assert gathered(Together(), gate, 1, [2, 3, 4]) == [10, 20, 30, 40]
    assert [sorted(batch) for batch in gate.batches] == [[1], [2, 3, 4]]


def test_a_batch_is_bounded_and_everybody_is_served() -> None:
    gate = Gate()
    assert gathered(Together(most=2), gate, 1, [2, 3, 4, 5, 6]) == [10, 20, 30, 40, 50, 60]
    assert [len(batch) for batch in gate.batches] == [1, 2, 2, 1]


def test_an_error_is_its_own_callers() -> None:
    assert gathered(Together(), Gate(), 1, [-2, 3]) == [10, "error of -2", 30]


def test_work_that_fails_as_a_whole_fails_for_all_and_the_next_is_served() -> None:
    together: Together[int, int] = Together()

    def broken(items: Sequence[int]) -> Sequence[int | Exception]:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        together.do(1, broken)
    assert together.do(2, lambda items: [item + 1 for item in items]) == 3


def test_receipts_that_come_at_once_all_count_once(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    told = [receipt(world, place, f"k{n}") for n, place in enumerate(places) for _ in range(3)]
    with ThreadPoolExecutor(16) as threads:
        new = list(threads.map(lambda one: citizens.receiver.take("sms-main", [one]), told))
    assert sum(new) == len(places)
    assert {row.state for row in world.rows("d.address_id IS NOT NULL AND d.reason IS NULL")} == {"delivered"}
    assert len(citizens.select("SELECT 1 FROM raw_events WHERE applied_at IS NOT NULL")) == len(places)
    assert world.counts_agree()


def test_one_that_cannot_be_stored_fails_alone(citizens: Citizens, world: World, places: list[tuple[int, int]]) -> None:
    good, bad = receipt(world, places[0], "good"), receipt(world, places[1], "bad\x00")
    answers = citizens.receiver.take_all([Told(SMS, [good]), Told(SMS, [bad]), Told(SMS, [good])])
    assert answers[0] == 1
    assert isinstance(answers[1], DataError)
    assert answers[2] == 0
    assert [row.event_key for row in citizens.select("SELECT event_key FROM raw_events")] == ["good"]


def test_two_receipts_of_one_delivery_are_judged_one_after_the_other(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    """Bad news of an older sending must not hide good news of the newest that came with it."""
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET generation = 1, state = 'sending'"))
    run, delivery = places[0]
    failed = receipt(world, places[0], "old", ReceiptState.FAILED)
    taken = Receipt("new", world.clock.now(), key=f"{run}.{delivery}.1", provider_id="SM7", state=ReceiptState.ACCEPTED)
    assert citizens.receiver.take_all([Told(SMS, [failed]), Told(SMS, [taken])]) == [1, 1]
    [row] = [row for row in world.rows() if row.id == delivery]
    assert (row.state, row.provider_id) == ("accepted", "SM7")


def test_while_the_database_is_away_nobody_is_told_it_was_kept(
    citizens: Citizens, world: World, places: list[tuple[int, int]], database_url: str
) -> None:
    gone = connect(database_url.replace("/test_", "/gone_"), name="gone")
    away = replace(citizens.receiver, engine=gone)
    answers = away.take_all([Told(SMS, [receipt(world, place, f"k{n}")]) for n, place in enumerate(places)])
    assert {type(answer) for answer in answers} == {OperationalError}
    with pytest.raises(OperationalError):
        away.take("sms-main", [receipt(world, places[0], "k")])
    assert citizens.select("SELECT 1 FROM raw_events") == []


def test_one_that_the_database_cannot_take_fails_alone(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    """A key too long for its index is an error of the same class as a server that is away; only the latter is all's."""
    endless = receipt(world, places[1], "".join(chr(0x4E00 + n) for n in range(6000)))
    answers = citizens.receiver.take_all([Told(SMS, [receipt(world, places[0], "good")]), Told(SMS, [endless])])
    assert answers[0] == 1
    assert isinstance(answers[1], OperationalError)
