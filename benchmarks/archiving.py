"""The past turned into counts: how long it takes, what it leaves, and that nothing counted has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from benchmarks.processes import BenchmarkError
from benchmarks.site import Site
from outreach.domain.clock import VirtualClock
from outreach.domain.scope import EVERYTHING
from outreach.reach import archiving
from outreach.reach.report import By, reach
from outreach.reach.status import status
from outreach.store import history

_DAYS = 90
_SIZES = ("deliveries", "archived_people", "archived_counts", "archived_audiences")


@dataclass(frozen=True, slots=True)
class Archived:
    """Deliveries archived in so many seconds, the longest slice, and bytes of each table and its indexes after."""

    deliveries: int
    seconds: float
    longest: float
    before: Mapping[str, int]
    after: Mapping[str, int]


def measure(site: Site) -> Archived:
    """Archive the oldest campaign (a million deliveries or so), and compare its status and reach before and after."""
    engine, clock = site.runtime.engine, site.runtime.clock
    later = VirtualClock(clock.now())
    with engine.begin() as connection:  # the past is a few weeks long: let it have ended long ago
        connection.execute(text("UPDATE runs SET finished_at = finished_at - interval '2 years' WHERE state = 'done'"))
    old = archiving.old_runs(engine, later, days=_DAYS)[:1]
    if not old:
        raise BenchmarkError("there is nothing to archive")
    before, sizes = _told(site, old[0].campaign), _sizes(site)
    slices: list[float] = []
    done, after, began = 0, 0, time.monotonic()
    while True:
        started = time.monotonic()
        with engine.begin() as connection:
            one = history.archive(
                connection, old[0].run, after=after, limit=archiving.AT_ONCE,
                before=archiving.moment_before(later, _DAYS), now=later.now(),
            )  # fmt: skip
        if one is None or not one.deliveries:
            break
        slices.append(time.monotonic() - started)
        done, after = done + one.deliveries, one.last
    seconds = time.monotonic() - began
    if _told(site, old[0].campaign) != before:
        raise BenchmarkError("archiving has changed what is counted")
    return Archived(done, seconds, max(slices), sizes, _sizes(site))


def _told(site: Site, campaign: str) -> list[Any]:
    """Status and every report of a campaign, without the moments."""
    runtime = site.runtime
    with runtime.engine.connect() as connection:
        seen = status(connection, campaign, now=runtime.clock.now(), scope=EVERYTHING)
    reports = [reach(runtime.engine, campaign, clock=runtime.clock, scope=EVERYTHING, by=by) for by in By]
    return [seen.deliveries, seen.by_channel, seen.errors, *((one.figures, one.rows) for one in reports)]


def _sizes(site: Site) -> dict[str, int]:
    with site.runtime.engine.connect() as connection:
        return {
            table: int(connection.execute(text(f"SELECT pg_total_relation_size('{table}')")).scalar_one())
            for table in _SIZES
        }
