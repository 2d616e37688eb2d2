"""The counts of reach say what counting everybody would say, whatever has happened and in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, text

from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segments import Field, Leaf, Op
from outreach.domain.states import DeliveryState
from outreach.store import migrate, reach, reach_counts, visits
from outreach.store.deliveries import Change, advance
from tests.world import World

CAMPAIGN = "thu"
RULES = {"old": Leaf(Field.AGE, Op.MIN, (60,))}
UNITS = (None, "00454", "00004", "01")
TODAY = date(2026, 11, 23)


@dataclass
class Past:
    """A campaign things happen to, straight in the tables where planning and providers would write."""

    world: World
    random: Random
    runs: list[int] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.world.engine

    def begin(self, people: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO campaigns (slug, title, state, version, timezone, starts, ends) VALUES"
                    " ('thu', 'Thử', 'running', 1, 'Asia/Ho_Chi_Minh', '2026-01-01', '2026-12-31')"
                )
            )
        for number in range(people):
            self.world.person(f"N{number}", born=date(1950 + 3 * number, 1, 1), unit=self.random.choice(UNITS))

    def plan(self) -> None:
        """A run to some of the people, each as they live now; some have no address, some two cases."""
        chosen = [one for one in self.world.people.values() if self.random.random() < 0.6]
        with self.engine.begin() as connection:
            run = connection.execute(
                text(
                    "INSERT INTO runs (campaign, message, scheduled_for, version, state, lane, class, steps, mode,"
                    " wait_s, not_after_s, audience, planned_at) VALUES ('thu', 'm', :at, 1, 'sending', 'bulk',"
                    " 'service_notice', '{sms}', 'cascade', 0, 0, :n, :at) RETURNING id"
                ),
                {"at": self.world.clock.now() + timedelta(minutes=len(self.runs)), "n": len(chosen)},
            ).scalar_one()
            for contact in chosen:
                for subject in range(1, 3) if self.random.random() < 0.2 else range(1):
                    connection.execute(
                        text(
                            "INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, subject_id, step,"
                            " unit_code, account, lane, state, due_at, next_attempt_at, expires_at)"
                            " SELECT :run, 'contact', id, 'sms', :subject, 0, unit_code, 'a', 'bulk', :state, now(),"
                            " now(), now() FROM contacts WHERE id = :id"
                        ),
                        {
                            "run": run, "id": contact, "subject": subject,
                            "state": "suppressed" if self.random.random() < 0.2 else "sending",
                        },
                    )  # fmt: skip
        self.runs.append(int(run))

    def provider_says(self, *said: DeliveryState, share: float = 0.4) -> None:
        """Receipts for some deliveries: accepted as the proof, or failed, also after they had been accepted."""
        rows = [row for row in self.world.rows() if row.state in ("sending", "accepted")]
        state = self.random.choice(said or (DeliveryState.ACCEPTED, DeliveryState.FAILED))
        told = [
            Change(row.run_id, row.id, state, proves=state is DeliveryState.ACCEPTED)
            for row in rows
            if self.random.random() < share
        ]
        with self.engine.begin() as connection:
            advance(connection, told, now=self.world.clock.now())

    def visit(self) -> None:
        now = self.world.clock.now()
        contact = self.random.choice(list(self.world.people.values()))
        with self.engine.begin() as connection:
            if not visits.lock_deliveries(connection, CAMPAIGN, contact, scope=EVERYTHING):
                return
            before = visits.on_day(connection, CAMPAIGN, contact, TODAY, scope=EVERYTHING)
            if before is None:
                visits.add(connection, CAMPAIGN, contact, day=TODAY, guided=1, note="", at=now, who="an", met=now)
            else:
                visits.take_back(connection, before.id, at=now, who="an")
                visits.prove_otherwise(connection, CAMPAIGN, contact, now=now)

    def move(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE contacts SET unit_code = :unit WHERE id = :id"),
                {"unit": self.random.choice(UNITS), "id": self.random.choice(list(self.world.people.values()))},
            )

    def something(self) -> None:
        happen: list[Callable[[], None]] = [self.plan, self.provider_says, self.provider_says, self.visit, self.move]
        self.random.choice(happen)()

    def catch_up(self, *, limit: int = 3) -> None:
        with self.engine.begin() as connection:
            reach_counts.lock(connection, CAMPAIGN)
            for run in reach_counts.planned_runs(connection, CAMPAIGN):
                reach_counts.gather(connection, CAMPAIGN, run)
            reach_counts.uncount(connection, CAMPAIGN)
            while (
                reach_counts.count_reached(connection, CAMPAIGN, RULES, TODAY, limit=limit, scope=EVERYTHING) == limit
            ):
                pass

    def counted(self, scope: Scope = EVERYTHING) -> dict[str | None, tuple[int, int]]:
        with self.engine.connect() as connection:
            tallies = reach.unit_tallies(connection, CAMPAIGN, scope=scope)
            return {one.unit_code: (one.audience, one.measured) for one in tallies}

    def gathered(self) -> dict[str | None, tuple[int, int]]:
        """The same figures from the people a report gathers one by one."""
        with self.engine.begin() as connection:
            reach.gather_people(connection, CAMPAIGN, RULES, TODAY)
            rows = connection.execute(
                text(
                    "SELECT unit_code, count(*) AS n, count(*) FILTER (WHERE reached) AS m FROM reach_people GROUP BY 1"
                )
            )
            return {row.unit_code: (row.n, row.m) for row in rows}

    def reckoned(self) -> dict[str | None, tuple[int, int]]:
        """The same figures, reckoned from the rows: one person, one place, that of the proof or of the last run."""
        with self.engine.connect() as connection:
            proofs = {
                row.contact_id: row.unit_code
                for row in connection.execute(text("SELECT contact_id, unit_code FROM reached WHERE campaign = 'thu'"))
            }
        places = {row.recipient_id: row.unit_code for row in sorted(self.world.rows(), key=lambda row: row.run_id)}
        places |= {contact: unit for contact, unit in proofs.items() if contact in places}
        audience = Counter(places.values())
        measured = Counter(places[contact] for contact in proofs if contact in places)
        return {unit: (people, measured[unit]) for unit, people in audience.items()}


@pytest.mark.parametrize("seed", range(8))
def test_counts_kept_by_catching_up_are_those_of_everybody_counted(world: World, seed: int) -> None:
    past = Past(world, Random(seed))
    past.begin(people=14)
    for _ in range(25):
        past.something()
        if past.random.random() < 0.4:
            past.catch_up()
            assert past.counted() == past.gathered() == past.reckoned()
    past.catch_up()
    assert past.counted() == past.reckoned()


def test_catching_up_twice_counts_nobody_twice(world: World) -> None:
    past = Past(world, Random(1))
    past.begin(people=8)
    past.plan()
    past.provider_says(DeliveryState.ACCEPTED, share=1.0)
    past.catch_up()
    once = past.counted()
    assert sum(measured for _, measured in once.values()) > 0
    past.catch_up()
    assert past.counted() == once
    with world.engine.connect() as connection:
        assert reach_counts.behind(connection) == []


def test_only_what_has_happened_since_is_named_as_behind(world: World) -> None:
    past = Past(world, Random(2))
    past.begin(people=8)
    with world.engine.connect() as connection:
        assert reach_counts.behind(connection) == []
    past.plan()
    with world.engine.connect() as connection:
        assert reach_counts.behind(connection) == [CAMPAIGN]


def test_a_scope_sees_the_counts_of_its_own_units(world: World) -> None:
    past = Past(world, Random(3))
    past.begin(people=14)
    past.plan()
    past.catch_up()
    commune = {unit: figures for unit, figures in past.counted().items() if unit == "00454"}
    assert commune
    assert past.counted(Scope("01/00454/", "officer")) == commune


def test_segments_are_taken_down_with_the_count(world: World) -> None:
    past = Past(world, Random(4))
    past.begin(people=14)
    past.plan()
    past.provider_says(DeliveryState.ACCEPTED, share=1.0)
    past.catch_up()
    with world.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT f.segments, c.birth_date FROM reached f JOIN contacts c ON c.id = f.contact_id")
        ).all()
    assert rows
    assert all(row.segments == (["old"] if row.birth_date <= date(1966, 11, 23) else []) for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_an_installation_of_the_first_version_keeps_its_figures_through_the_upgrade(world: World, seed: int) -> None:
    past = Past(world, Random(seed))
    past.begin(people=14)
    world.person("Có cả hai", phone="+84912000001", email="an@example.vn")
    world.person("Chỉ có thư", email="binh@example.vn")
    for _ in range(3):
        past.plan()
        past.provider_says(DeliveryState.ACCEPTED)
        past.move()
    past.catch_up()
    figures, channels = past.counted(), addressed(world)
    assert sum(measured for _, measured in figures.values()) > 0
    migrate.downgrade(world.engine, "0001")
    migrate.upgrade(world.engine)
    assert past.counted() == figures == past.reckoned()
    assert addressed(world) == channels
    assert sorted(channels.values())[-2:] == [2, 3]
    past.provider_says()
    past.catch_up()
    assert past.counted() == past.reckoned()


def addressed(world: World) -> dict[int, int]:
    with world.engine.connect() as connection:
        return {row.id: row.addressed for row in connection.execute(text("SELECT id, addressed FROM contacts"))}
