"""Pages of data: what status, reach and deliveries ask, some dozens of times with different arguments each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from random import Random
from statistics import quantiles

from sqlalchemy import Connection, text

from benchmarks.processes import BenchmarkError
from benchmarks.site import Site
from outreach.domain.clock import VirtualClock
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.reach.counting import group_all, sum_up_all
from outreach.reach.listing import list_deliveries
from outreach.reach.report import By, reach
from outreach.reach.status import status
from outreach.store.explorer import Wanted

WANTED = 0.2
"""Seconds within which 95 of 100 pages are there."""
_PATIENCE_S = 15
"""How long one kind is asked, at most."""
_OFFICER = "officer@example.org"


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of page: seconds of each time it was asked, each with other arguments."""

    name: str
    seconds: Sequence[float]

    @property
    def middle(self) -> float:
        return self._part(50)

    @property
    def p95(self) -> float:
        return self._part(95)

    def _part(self, percent: int) -> float:
        if len(self.seconds) == 1:
            return self.seconds[0]
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class Places:
    """Campaigns with their runs, and paths of units with people, to draw arguments from."""

    runs: Mapping[str, Sequence[tuple[int, int, int]]]
    """By campaign (run, smallest, largest delivery)."""
    provinces: Sequence[str]
    communes: Sequence[str]


def measure(site: Site, campaigns: Sequence[str], times: int) -> list[Asked]:
    """Every kind of page, `times` times (at least 20), over all these campaigns in turn."""
    if times < 20:
        raise BenchmarkError("a p95 needs 20 pages of a kind at least")
    sum_up_all(site.runtime.engine, site.runtime.clock)
    group_all(site.runtime.engine, VirtualClock(site.runtime.clock.now() + timedelta(minutes=5)))
    with site.runtime.engine.connect() as connection:
        places = _places(connection, campaigns)
    return [_asked(site, name, ask, campaigns, times) for name, ask in _kinds(site, places)]


def _places(connection: Connection, campaigns: Sequence[str]) -> Places:
    found: dict[str, list[tuple[int, int, int]]] = {campaign: [] for campaign in campaigns}
    rows = connection.execute(
        text(
            "SELECT r.campaign, r.id, (SELECT min(d.id) FROM deliveries d WHERE d.run_id = r.id) AS least,"
            " (SELECT max(d.id) FROM deliveries d WHERE d.run_id = r.id) AS most"
            " FROM runs r WHERE r.campaign = ANY(:campaigns) ORDER BY r.id"
        ),
        {"campaigns": list(campaigns)},
    )
    for row in rows:
        found[row.campaign].append((row.id, row.least, row.most))
    paths = connection.execute(
        text("SELECT u.path FROM units u WHERE u.code IN (SELECT unit_code FROM contacts) ORDER BY u.path")
    ).scalars()
    communes = list(paths)
    provinces = sorted({path.split("/")[0] + "/" for path in communes})
    return Places(found, provinces, communes)


Ask = Callable[[Connection, Random, str], object]


def _kinds(site: Site, places: Places) -> Iterator[tuple[str, Ask]]:
    yield from _statuses(site, places)
    yield from _reaches(site, places)
    yield from _lists(site, places)


def _scopes(places: Places) -> Iterator[tuple[str, Callable[[Random], Scope]]]:
    yield "everything", lambda random: EVERYTHING
    yield "a province", lambda random: Scope(random.choice(places.provinces), _OFFICER)
    yield "a commune", lambda random: Scope(random.choice(places.communes), _OFFICER)


def _statuses(site: Site, places: Places) -> Iterator[tuple[str, Ask]]:
    def asking(scope: Callable[[Random], Scope]) -> Ask:
        def ask(connection: Connection, random: Random, campaign: str) -> object:
            return status(connection, campaign, now=site.runtime.clock.now(), scope=scope(random))

        return ask

    for name, scope in _scopes(places):
        yield f"status, {name}", asking(scope)


def _reaches(site: Site, places: Places) -> Iterator[tuple[str, Ask]]:
    runtime = site.runtime

    def asking(by: By, scope: Callable[[Random], Scope], units: Sequence[str] = ()) -> Ask:
        def ask(connection: Connection, random: Random, campaign: str) -> object:
            unit = random.choice(units).rstrip("/").rpartition("/")[2] if units else ""
            return reach(runtime.engine, campaign, clock=runtime.clock, scope=scope(random), by=by, unit=unit)

        return ask

    for by in By:
        for name, scope in _scopes(places):
            yield f"reach by {by}, {name}", asking(by, scope)
    yield "reach of a province by unit", asking(By.UNIT, lambda random: EVERYTHING, places.provinces)
    yield "reach of a commune by unit", asking(By.UNIT, lambda random: EVERYTHING, places.communes)


Choose = Callable[[Random, tuple[int, int]], Wanted]
"""What is wanted, given a random delivery of the campaign to go on behind."""

_WANTED: Mapping[str, Choose] = {
    "first page": lambda random, after: Wanted(),
    "deep page": lambda random, after: Wanted(after=after),
    "by state": lambda random, after: Wanted(state=random.choice(list(DeliveryState))),
    "deep page by state": lambda random, after: Wanted(state=random.choice(list(DeliveryState)), after=after),
    "deep page by channel": lambda random, after: Wanted(channel=random.choice(_CHANNELS), after=after),
    "by reason": lambda random, after: Wanted(reason=random.choice(_REASONS)),
    "by a reason few or none have": lambda random, after: Wanted(reason=random.choice(_RARE_REASONS)),
    "deep page of a message": lambda random, after: Wanted(message=random.choice(_MESSAGES), after=after),
}
_CHANNELS = (Channel.SMS, Channel.EMAIL)
_REASONS = ("rejected", "late", "no_address", "shared_address", "opted_out")
_RARE_REASONS = ("uncertain", "erased", "capped")
_MESSAGES = ("thong-bao", "khac")


def _lists(site: Site, places: Places) -> Iterator[tuple[str, Ask]]:
    keys = site.runtime.keys

    def asking(choose: Choose, scope: Callable[[Random], Scope]) -> Ask:
        def ask(connection: Connection, random: Random, campaign: str) -> object:
            run, least, most = random.choice(places.runs[campaign])
            wanted = choose(random, (run, random.randint(least, most)))
            return list_deliveries(connection, campaign, wanted, keys=keys, scope=scope(random), limit=100)

        return ask

    for name, scope in _scopes(places):
        for kind, choose in _WANTED.items():
            yield f"deliveries, {kind}, {name}", asking(choose, scope)


def _asked(site: Site, name: str, ask: Ask, campaigns: Sequence[str], times: int) -> Asked:
    """Ask in an order that a seed gives; a kind that takes seconds is asked a few times only."""
    random, seconds = Random(name), []
    with site.runtime.engine.connect() as connection:
        for campaign in islice(_turns(random, campaigns), times):
            started = time.perf_counter()
            ask(connection, random, campaign)
            seconds.append(time.perf_counter() - started)
            connection.rollback()
            if sum(seconds) > _PATIENCE_S:
                break
    found = Asked(name, seconds)
    print(f"{name}: p95 {1000 * found.p95:.0f} ms of {len(seconds)}", file=sys.stderr, flush=True)
    return found


def _turns(random: Random, campaigns: Sequence[str]) -> Iterator[str]:
    while True:
        yield from random.sample(campaigns, len(campaigns))
