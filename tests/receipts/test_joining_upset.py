"""Joining when things go wrong: stray words, guessers, changed keys, staff and citizens at once, and time passing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from joining_world import OA, Citizens
from sqlalchemy import text

from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.receipts import invitations
from outreach.receipts.joining import GUESSES
from outreach.store import arrivals
from tests.processes import wait_for
from tests.world import World

HUNG, QUAN = "Nguyễn Văn Hùng", "Lê Minh Quân"
FIRST_KEY = "a secret of this test run, long enough to be one"
STAFF = Scope(path="", who="staff@demo.vn")
REFUSED = ("telegram", "*", "opted_out")
STRAY_WORD = "1" * 25


def test_a_word_that_looks_like_a_token_takes_no_refusal_back(citizens: Citizens) -> None:
    citizens.come("901", citizens.token(HUNG), to="bot", ago=60)
    citizens.write("901", "STOP", to="bot", ago=30)
    citizens.write("901", f"Mã giao dịch {STRAY_WORD} là gì?", to="bot")
    assert citizens.barred() == [REFUSED]


def test_a_start_takes_it_back_whatever_it_brings(citizens: Citizens) -> None:
    citizens.come("901", citizens.token(HUNG), to="bot", ago=60)
    citizens.write("901", "STOP", to="bot", ago=30)
    citizens.come("901", STRAY_WORD, to="bot")
    assert citizens.barred() == [("telegram", "advertising", "opted_out")]


def test_whoever_is_linked_already_may_not_guess_more_than_others(citizens: Citizens) -> None:
    own = citizens.token(QUAN)
    citizens.come("z1", own)
    for _ in range(GUESSES):
        citizens.write("z1", STRAY_WORD)
        citizens.come("z1", own)
    citizens.come("z1", citizens.token(HUNG))
    assert citizens.of(HUNG) == []


def test_what_somebody_gave_before_a_change_of_keys_is_read_after_it(citizens: Citizens) -> None:
    citizens.come("z1", phone="84987654321", name="Người Lạ", ago=60)
    citizens.receiver = replace(citizens.receiver, keys=KeyRing({1: FIRST_KEY, 2: "another secret, " + "x" * 32}))
    citizens.come("z1")
    [waiting] = invitations.newcomers(citizens.world.engine, citizens.receiver.keys, scope=STAFF)
    assert (waiting.name, waiting.phone) == ("Người Lạ", "84987654321")


def test_one_whose_key_is_missing_hides_nobody_else(citizens: Citizens) -> None:
    lost = KeyRing({1: FIRST_KEY, 2: "another secret, " + "x" * 32})
    citizens.receiver = replace(citizens.receiver, keys=lost)
    citizens.come("z1", phone="84987654321", name="Người Lạ", ago=60)
    citizens.receiver = replace(citizens.receiver, keys=KeyRing({1: FIRST_KEY}))
    citizens.come("z2", name="Khách")
    waiting = invitations.newcomers(citizens.world.engine, citizens.receiver.keys, scope=STAFF)
    assert [(one.name, one.phone) for one in waiting] == [("Khách", ""), ("?", "?")]


def test_staff_who_link_somebody_while_they_write_wait_for_them(citizens: Citizens, world: World) -> None:
    """The citizen's event holds the sender's lock and then changes the row; staff must not hold the row meanwhile."""
    citizens.come("z1")
    [row] = citizens.select("SELECT id FROM arrivals")

    def waits() -> bool:
        return bool(citizens.select("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))

    joining = citizens.receiver.joining
    with ThreadPoolExecutor(1) as threads, world.engine.begin() as connection:
        sender = joining(connection, OA).sealed("z1")
        arrivals.lock(connection, "oa", [sender])
        staff = threads.submit(invitations.link, citizens.receiver, row.id, world.people[QUAN], scope=STAFF)
        wait_for("staff at the lock", waits)
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        known = arrivals.of(connection, "oa", "zalo_oa", sender, at=world.clock.now())
        arrivals.agreed(connection, known, at=world.clock.now())
        connection.commit()
        assert staff.result(20) == QUAN
    assert citizens.of(QUAN) == ["z1"]


def test_somebody_who_leaves_before_staff_are_done_is_linked_with_nobody(citizens: Citizens, world: World) -> None:
    citizens.come("z1", ago=60)
    [row] = citizens.select("SELECT id FROM arrivals")

    def waits() -> bool:
        return bool(citizens.select("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))

    with ThreadPoolExecutor(1) as threads, world.engine.begin() as connection:
        sender = citizens.receiver.joining(connection, OA).sealed("z1")
        arrivals.lock(connection, "oa", [sender])
        staff = threads.submit(invitations.link, citizens.receiver, row.id, world.people[QUAN], scope=STAFF)
        wait_for("staff at the lock", waits)
        known = arrivals.of(connection, "oa", "zalo_oa", sender, at=world.clock.now())
        arrivals.left(connection, known, [], at=world.clock.now())
        connection.commit()
        with pytest.raises(Exception, match="nobody waits"):
            staff.result(20)
    assert citizens.addresses() == []


def test_forgetting_who_waited_does_not_forget_a_refusal(citizens: Citizens, world: World) -> None:
    """Whoever refused at one bot and brought it a stray word is still refused there when they start another."""
    citizens.come("901", citizens.token(HUNG), to="bot", ago=60)
    citizens.write("901", STRAY_WORD, to="bot", ago=50)
    citizens.write("901", "STOP", to="bot", ago=40)
    with world.engine.begin() as connection:
        arrivals.purge(connection, world.clock.now() + timedelta(days=1))
    assert citizens.waiting() == []
    accounts = {**citizens.receiver.accounts, "bot-2": replace(citizens.receiver.accounts["bot"], name="bot-2")}
    citizens.receiver = replace(citizens.receiver, accounts=accounts)
    citizens.come("901", to="bot-2")
    assert [where for _, _, where, _ in citizens.addresses()] == []
