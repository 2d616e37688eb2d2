"""Everything at once that can befall an installation: nobody is lost, nobody gets two, what is unknown is counted.

`make chaos` runs it long. The seed repeats the torments, not the moment at which they strike.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from sqlalchemy import text

from outreach.domain.clock import Clock
from outreach.local.sandbox import Entry
from outreach.settings import Settings
from outreach.store.clock import DatabaseClock
from outreach.wiring import key_ring
from tests.chaos.besieged import CHILDREN, WORKERS, Besieged, besieged
from tests.chaos.test_kills import CAMPAIGN, morning_shift, populate
from tests.chaos.tormentor import Tormentor
from tests.world import World

PEOPLE = int(os.environ.get("OUTREACH_CHAOS_PEOPLE", "20000"))
TORMENTS = int(os.environ.get("OUTREACH_CHAOS_TORMENTS", "26"))
SEED = int(os.environ.get("OUTREACH_CHAOS_SEED", "20261128"))
FILL_DISK = os.environ.get("OUTREACH_CHAOS_DISK") == "fill"
RATE = "400/s"
"""Of each account; the machine is slower than all together."""
UNRECORDED = 100
"""Deliveries of one child that a kill can leave unknown."""
GONE = {"accepted", "delivered", "read"}
PROVIDERS = {"sms-main": "can be asked", "sms-esms": "drops repetitions", "sms-vnpt": "neither"}


class Reckoned:
    """Rows and the provider's log, side by side; a number has one delivery."""

    def __init__(self, site: Besieged) -> None:
        self._site = site
        self.entries: list[Entry] = site.box.accepted()
        self.taken = Counter(entry.to for entry in self.entries)

    @cached_property
    def rows(self) -> list[Any]:
        with self._site.engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT d.recipient_id, d.account, d.state, coalesce(d.reason, '') AS reason,"
                        " '+8491' || lpad(c.external_id, 7, '0') AS number"
                        " FROM deliveries d JOIN contacts c ON c.id = d.recipient_id"
                    )
                )
            )

    @property
    def unknown(self) -> list[Any]:
        return [row for row in self.rows if row.state == "unknown"]

    def left_over(self) -> int:
        """Unknown ones of providers that can be asked, or drop repetitions."""
        return sum(PROVIDERS[row.account] != "neither" for row in self.unknown)

    def lost(self) -> Counter[str]:
        """Those said to have been sent that no provider has, by state."""
        return Counter(row.state for row in self.rows if row.state in GONE and not self.taken[row.number])

    def twice(self) -> Counter[str]:
        """Those who got more than one, by their account."""
        return Counter(PROVIDERS[row.account] for row in self.rows if self.taken[row.number] > 1)


def launch(site: Besieged, people: int) -> World:
    settings = Settings()
    clock: Clock = DatabaseClock(site.engine, shift=timedelta(seconds=settings.clock_shift_seconds))
    world = World(site.engine, key_ring(settings), clock)  # type: ignore[arg-type]
    populate(site.engine, world.keys, people)
    world.launch(CAMPAIGN)
    assert site.wait(lambda: site.gone() > 100, seconds=90), "nothing leaves"
    return world


def calm_down(site: Besieged, people: int) -> Reckoned:
    """All is well again, everything is settled, and what is unknown was asked for or sent again under its key."""
    site.heal()
    assert site.wait(lambda: site.settled(people), seconds=60 + people / 50), f"not settled: {site.counts()}"
    left = Reckoned(site)
    for _ in range(60):
        if not left.left_over():
            break
        site.ask_unknown()
        site.wait(lambda: False, seconds=2)
        left = Reckoned(site)
    assert site.wait(lambda: site.settled(people), seconds=180), f"not settled: {site.counts()}"
    return Reckoned(site)


def report(site: Besieged, tormentor: Tormentor, left: Reckoned, seconds: float) -> None:
    states = Counter(row.state for row in left.rows)
    unknown = Counter((PROVIDERS[row.account], row.reason, _where(row, left)) for row in left.unknown)
    print(f"\nseed {tormentor.seed}: {len(left.rows)} people in {seconds:.0f} s, {len(tormentor.blows)} torments")
    print("torments:", dict(sorted(tormentor.kinds().items())))
    print("harm:", dict(site.harm))
    print("by provider:", dict(Counter(entry.provider for entry in left.entries)))
    print("states:", dict(states), "twice:", dict(left.twice()), "lost:", dict(left.lost()))
    print("unknown:", {" / ".join(cause): n for cause, n in sorted(unknown.items())}, flush=True)


def _where(row: Any, left: Reckoned) -> str:
    return "taken" if left.taken[row.number] else "never taken"


def check(site: Besieged, world: World, left: Reckoned, people: int) -> None:
    assert len({row.recipient_id for row in left.rows}) == len(left.rows) == people, "everybody has one row"
    assert {row.state for row in left.rows} <= {*GONE, "unknown"}, "everybody was written to, or it is unknown"
    assert left.lost() == {}, "said to be sent, but no provider has it"
    assert left.twice() == {}, "sent twice"
    assert left.left_over() == 0, "it could have been asked for, or sent again under its key"
    by_reason = Counter(row.reason for row in left.unknown)
    assert set(by_reason) <= {"lease_lost", "uncertain"}
    harm, everybody = site.harm, CHILDREN * len(WORKERS)
    assert by_reason["lease_lost"] <= UNRECORDED * (harm["children killed"] + harm["children frozen"])
    assert by_reason["uncertain"] <= UNRECORDED * everybody * harm["provider cut off"]
    assert world.counts_agree(), "the counters do not say what the rows say"


@pytest.mark.slow
def test_whatever_is_killed_frozen_wiped_or_cut_off_nobody_is_lost_and_nobody_gets_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, shift = time.monotonic(), morning_shift()
    with besieged(rate=RATE, shift=shift, small_disk=FILL_DISK) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        site.start_all()
        world = launch(site, PEOPLE)
        tormentor = Tormentor(site, SEED)
        tormentor.torment(TORMENTS, people=PEOPLE)
        left = calm_down(site, PEOPLE)
        report(site, tormentor, left, time.monotonic() - began)
        check(site, world, left, PEOPLE)
        assert len(tormentor.blows) >= TORMENTS // 2, "the run was over before half of the torments"
