"""Two accounts of one channel: what one cannot send the other does, once, and it comes back when it is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from textwrap import dedent
from threading import Thread

import pytest
from sqlalchemy import text

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.drain import UNRECORDED, Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.domain.circuits import PROBE, Circuit, Tally
from outreach.domain.words import Lane
from outreach.planning import actions
from outreach.planning.sharing import share_out
from outreach.store import accounts as account_store
from outreach.store import circuits
from tests.flaky_provider import FlakyProvider, Mood, flaky_provider
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
PEOPLE = 400
TIMEOUT = 3.0
"""Seconds: a busy machine must not make a good provider look ill."""


class Pair:
    """Accounts `a` and `b` with a provider each, and children that send for both."""

    def __init__(self, world: World, a: FlakyProvider, b: FlakyProvider, children: list[Dispatcher]) -> None:
        self.world, self.a, self.b, self.children = world, a, b, children

    def people(self, n: int = PEOPLE) -> None:
        for number in range(n):
            self.world.person(f"P{number}", phone=f"+84912{number:06}")

    def launched(self) -> None:
        self.world.launch(CAMPAIGN)
        self.world.plan()

    def drain(self) -> None:
        """Every child drains both accounts, all at once."""
        threads = [Thread(target=child.drain, args=(name, Lane.BULK)) for child in self.children for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    def tick(self) -> int:
        return share_out(self.world.engine, self.world.accounts, self.world.clock)

    def standing(self, name: str = "a") -> circuits.Standing:
        with self.world.engine.connect() as connection:
            return circuits.standing(connection, name)

    def probe_is_due(self, name: str = "a") -> None:
        """Time passes until the ill account may be tried again."""
        with self.world.engine.begin() as connection:
            connection.execute(text("UPDATE account_states SET probe_at = now() WHERE name = :name"), {"name": name})

    def resumed(self) -> None:
        """A person has mended the accounts."""
        with self.world.engine.begin() as connection:
            for name in ("a", "b"):
                account_store.resume(connection, name)

    def states(self) -> Counter[str]:
        return Counter(row.state for row in self.world.rows())

    def at(self, account: str, state: str = "planned") -> int:
        return sum(row.account == account and row.state == state for row in self.world.rows())

    def nobody_has_two(self) -> bool:
        return max(Counter(self.a.taken + self.b.taken).values(), default=0) <= 1


@pytest.fixture
def made(world: World, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    more = getattr(request, "param", {})
    with flaky_provider() as a, flaky_provider() as b:
        file = tmp_path / "accounts.toml"
        file.write_text(dedent(a.account("a", more.get("a", ""))) + dedent(b.account("b", more.get("b", ""))))
        accounts = load_accounts(file, timeout=TIMEOUT)
        loops = [SendingLoop(accounts.makers) for _ in range(2)]
        children = [child_of(world, accounts.known, loop, redis_url, timeout=TIMEOUT) for loop in loops]
        yield Pair(world, a, b, children)
        for loop in loops:
            loop.close()


def test_what_a_broken_provider_cannot_take_the_other_one_takes(made: Pair) -> None:
    made.people()
    made.launched()
    assert 0.35 * PEOPLE < made.at("a") < 0.65 * PEOPLE, "shared out by weight"
    made.a.breaks_after = 40
    for _ in range(4):
        made.drain()
        made.tick()
    assert made.states() == {"accepted": PEOPLE}
    assert len(made.a.taken) + len(made.b.taken) == PEOPLE
    assert made.nobody_has_two()
    assert made.standing().circuit is Circuit.OPEN
    assert made.a.asked <= 40 + 2 * UNRECORDED, "within a chunk's time of each child"


def test_who_finds_a_provider_broken_tries_it_no_longer_than_a_chunk(made: Pair) -> None:
    made.people()
    made.launched()
    made.a.mood = Mood.BROKEN
    made.drain()
    assert made.a.taken == []
    assert made.a.asked <= 2 * UNRECORDED
    made.tick()
    made.drain()
    assert made.states() == {"accepted": PEOPLE}


def test_what_may_have_left_stays_and_is_never_sent_by_another(made: Pair) -> None:
    made.people(200)
    made.launched()
    made.a.mood = Mood.SILENT
    for _ in range(3):
        made.drain()
        made.tick()
    found = made.states()
    assert found["unknown"] == len(made.a.taken) <= 2 * UNRECORDED
    assert found["accepted"] == 200 - found["unknown"]
    assert made.at("a", "unknown") == found["unknown"]
    assert made.nobody_has_two()


def test_an_ill_account_is_probed_with_a_few_and_left_alone_for_longer_where_that_fails(made: Pair) -> None:
    made.people()
    made.launched()
    made.a.mood = Mood.BROKEN
    made.children[0].drain("a", Lane.BULK)
    before, tries = made.a.asked, made.standing().tries
    made.children[0].drain("a", Lane.BULK)
    assert made.a.asked == before, "nothing goes there before its time"
    made.tick()
    made.probe_is_due()
    made.tick()
    assert made.at("a") == PROBE
    made.drain()
    assert before < made.a.asked <= before + PROBE
    assert (made.standing().circuit, made.standing().tries) == (Circuit.OPEN, tries + 1)
    assert not made.standing().probe_due


def test_an_account_that_is_well_again_gets_its_share_back(made: Pair) -> None:
    made.people()
    made.launched()
    share = made.at("a")
    made.a.mood = Mood.BROKEN
    made.children[0].drain("a", Lane.BULK)
    made.tick()
    assert made.at("a") == 0
    made.a.mood = Mood.WELL
    made.probe_is_due()
    made.tick()
    made.children[0].drain("a", Lane.BULK)
    assert made.standing().circuit is Circuit.RETURNING
    made.tick()
    assert made.standing().circuit is Circuit.CLOSED
    assert share - PROBE <= made.at("a") <= share
    made.drain()
    assert made.states() == {"accepted": PEOPLE}
    assert made.nobody_has_two()


def test_a_new_run_goes_to_those_who_are_well(made: Pair) -> None:
    made.people(50)
    with made.world.engine.begin() as connection:
        circuits.found_ill(connection, "a", cause="thử", pause=lambda tries: timedelta(hours=1))
    made.launched()
    assert (made.at("a"), made.at("b")) == (0, 50)


@pytest.mark.parametrize("made", [{"a": 'unit = "00454"', "b": 'unit = "00004"'}], indirect=True)
def test_who_serves_no_unit_in_common_takes_nothing_over_and_what_waits_loses_no_tries(made: Pair) -> None:
    made.people(60)
    made.launched()
    assert made.at("a") == 60
    made.a.mood = Mood.BROKEN
    made.children[0].drain("a", Lane.BULK)
    made.tick()
    assert made.at("a") == 60
    tried = sum(row.attempt for row in made.world.rows())
    for _ in range(5):
        made.world.later(hours=1)
        made.drain()
    assert sum(row.attempt for row in made.world.rows()) == tried
    made.a.mood = Mood.WELL
    made.probe_is_due()
    for _ in range(2):
        made.drain()
        made.tick()
    assert made.states() == {"accepted": 60}


def test_a_misconfigured_account_waits_for_a_person_and_the_other_sends(made: Pair) -> None:
    made.people(100)
    made.launched()
    made.a.mood = Mood.UNAUTHORISED
    made.drain()
    made.tick()
    made.drain()
    assert made.states() == {"accepted": 100}
    with made.world.engine.begin() as connection:
        assert list(account_store.paused(connection)) == ["a"]
        account_store.resume(connection, "a")
    made.a.mood = Mood.WELL
    made.tick()
    assert made.standing() == circuits.Standing("a", since=made.standing().since)


@pytest.mark.parametrize("made", [{"a": "trial = true"}], indirect=True)
def test_an_ill_account_in_trial_mode_is_tried_with_nobody_elses_messages(made: Pair) -> None:
    made.people(20)
    made.launched()
    with made.world.engine.begin() as connection:
        circuits.found_ill(connection, "a", cause="thử", pause=lambda tries: timedelta())
    made.tick()
    made.drain()
    assert made.states() == {"accepted": 20}
    assert len(made.b.taken) == 20


def test_an_ill_account_that_waits_for_a_person_keeps_and_gets_nothing_to_be_tried_with(made: Pair) -> None:
    made.people(40)
    made.launched()
    with made.world.engine.begin() as connection:
        circuits.found_ill(connection, "a", cause="thử", pause=lambda tries: timedelta())
        account_store.pause(connection, "a", code="401", reason="thử")
    made.tick()
    made.tick()
    assert made.at("a") == 0


def test_sends_from_before_it_fell_ill_do_not_count_once_an_account_is_well_again(made: Pair) -> None:
    made.people()
    made.launched()
    made.a.mood = Mood.BROKEN
    made.children[0].drain("a", Lane.BULK)
    made.a.mood = Mood.WELL
    made.tick()
    made.probe_is_due()
    made.tick()
    breaker = made.children[0].breaker
    breaker.windows.note("a", Tally(ill=50, chunks=1))  # another child's chunk, recorded late
    made.children[0].drain("a", Lane.BULK)
    assert made.standing().circuit is Circuit.RETURNING
    assert breaker.windows.read("a").ill == 0


def test_what_another_child_holds_is_left_to_it(made: Pair) -> None:
    made.people(20)
    made.launched()
    with made.world.engine.begin() as holding:
        holding.execute(text("SELECT 1 FROM deliveries WHERE account = 'a' FOR UPDATE"))
        with made.world.engine.begin() as connection:
            circuits.found_ill(connection, "a", cause="thử", pause=lambda tries: timedelta(hours=1))
        waiting = made.at("a")
        assert made.tick() == 0
    assert made.tick() == waiting
    assert made.at("b") == 20


def test_a_paused_campaign_moves_too_and_sends_nothing(made: Pair) -> None:
    made.people(20)
    made.launched()
    actions.pause(made.world.engine, "thu", who="can-bo@x.example")
    with made.world.engine.begin() as connection:
        circuits.found_ill(connection, "a", cause="thử", pause=lambda tries: timedelta(hours=1))
    made.tick()
    made.drain()
    assert (made.at("b"), made.a.asked + made.b.asked) == (20, 0)


def test_what_happened_is_on_the_record(made: Pair) -> None:
    made.people(100)
    made.launched()
    made.a.mood = Mood.BROKEN
    made.children[0].drain("a", Lane.BULK)
    made.a.mood = Mood.WELL
    made.probe_is_due()
    made.tick()
    made.drain()
    with made.world.engine.connect() as connection:
        rows = connection.execute(text("SELECT action, object, who FROM audit WHERE object = 'a' ORDER BY id"))
        assert [tuple(row) for row in rows] == [("account ill", "a", "system"), ("account well again", "a", "system")]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_befalls_the_accounts_nobody_gets_two_and_nobody_is_forgotten(made: Pair, seed: int) -> None:
    """A random tale of moods, probes, pauses and shared-out work; then everything is well, and all is settled."""
    random = Random(seed)
    made.people(150)
    made.launched()
    doubtful: dict[int, str] = {}
    for _ in range(14):
        one = random.choice((made.a, made.b))
        match random.randrange(7):
            case 0 | 1:
                one.mood = random.choice(list(Mood))
            case 2:
                made.drain()
            case 3:
                made.children[0].drain(random.choice("ab"), Lane.BULK, longest=0.05)
            case 4:
                made.tick()
            case 5:
                made.probe_is_due(random.choice("ab"))
            case 6:
                made.resumed()
        doubtful |= {row.id: row.account for row in made.world.rows("d.state = 'unknown'") if row.id not in doubtful}
        assert made.nobody_has_two()
        assert {row.id: row.account for row in made.world.rows("d.state = 'unknown'")} == doubtful
    made.a.mood = made.b.mood = Mood.WELL
    for _ in range(8):
        made.resumed()
        made.probe_is_due("a")
        made.probe_is_due("b")
        made.world.later(minutes=40)
        made.tick()
        made.drain()
    found = made.states()
    assert set(found) <= {"accepted", "unknown", "failed"}
    assert found["accepted"] + found["unknown"] + found["failed"] == 150
    assert made.nobody_has_two()
    assert made.world.counts_agree()
    assert len(made.a.taken + made.b.taken) == found["accepted"] + found["unknown"]


def test_what_waits_at_an_account_that_was_taken_out_goes_to_the_other_one(made: Pair) -> None:
    made.people(40)
    made.launched()
    waited = made.at("a")
    assert waited
    made.world.accounts = {"b": made.world.accounts["b"]}
    assert made.tick() == waited
    assert made.tick() == 0
    made.children[0].drain("b", Lane.BULK)
    assert (made.states(), len(made.b.taken)) == ({"accepted": 40}, 40)
    assert made.world.counts_agree()


def test_an_account_in_trial_mode_inherits_nobody(made: Pair) -> None:
    made.people(40)
    made.launched()
    waited = made.at("a")
    made.world.accounts = {"b": replace(made.world.accounts["b"], trial=True)}
    assert made.tick() == 0
    assert made.at("a") == waited


def test_an_account_of_a_unit_that_is_not_there_stops_nobody_else(made: Pair) -> None:
    made.people(40)
    made.world.accounts = {**made.world.accounts, "a": replace(made.world.accounts["a"], unit="99999")}
    made.launched()
    assert (made.at("a"), made.at("b")) == (0, 40)
    with made.world.engine.begin() as connection:
        account_store.pause(connection, "b", code="", reason="a test")
    assert made.tick() == 0
    assert (made.at("a"), made.at("b")) == (0, 40)
