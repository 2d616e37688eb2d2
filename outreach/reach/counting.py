"""Keeping the counts of reach up with what happens, so that a report finds them ready."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.scope import EVERYTHING
from outreach.domain.segments import Rule
from outreach.store import campaigns, reach_counts, reach_groups, unit_counts
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

COUNTED_AT_ONCE = 20_000


def frozen_of(engine: Engine, slug: str) -> Frozen:
    """The version of a campaign that is reported on: the approved one, else the newest; raises NotFound."""
    with engine.connect() as connection:
        return frozen_in(connection, slug)


def frozen_in(connection: Connection, slug: str) -> Frozen:
    """The same as the connection's transaction sees it."""
    campaign = campaigns.get(connection, slug)
    n = campaign.approved_version or campaign.version
    return read_version(connection, slug, n, campaign.shift_days)


def rules_of(frozen: Frozen) -> dict[str, Rule]:
    """The rules by which people are taken down: the campaign's segments, and its targets' own as `target:ID`."""
    named = {name: segment.where for name, segment in frozen.segments.items()}
    own = {
        f"target:{target.id}": target.segment
        for target in frozen.definition.targets
        if target.segment is not None and not isinstance(target.segment, str)
    }
    return {**named, **own}


def catch_up_all(engine: Engine, clock: Clock) -> int:
    """Catch up with every campaign something has happened in; returns how many.

    One that cannot be is reported and tried again; it keeps no other waiting.
    """
    with engine.connect() as connection:
        waiting = reach_counts.behind(connection)
    return sum(_catch_up_or_report(engine, slug, clock) for slug in waiting)


def _catch_up_or_report(engine: Engine, slug: str, clock: Clock) -> bool:
    try:
        catch_up(engine, slug, frozen_of(engine, slug), clock)
    except (OutreachError, SQLAlchemyError, ValueError) as error:
        log.error("counting reach failed: campaign=%s error=%s", slug, type(error).__name__)
        return False
    return True


def catch_up(engine: Engine, slug: str, frozen: Frozen, clock: Clock) -> None:
    """Count what has happened in a campaign since: runs, proofs taken back, proofs.

    A run or a slice of proofs at a time, a transaction each: receipts never wait long, and killed at any moment it
    goes on where it stopped.
    """
    people = _gather_runs(engine, slug)
    with engine.begin() as connection:
        reach_counts.lock(connection, slug)
        reach_counts.uncount(connection, slug)
    people += _count_reached(engine, slug, frozen, clock)
    if people >= reach_counts.LARGE:
        with engine.begin() as connection:
            reach_counts.refresh_statistics(connection)


def sum_up_all(engine: Engine, clock: Clock) -> int:
    """Sum up by unit the large runs whose sums are missing or old; returns how many."""
    with engine.connect() as connection:
        waiting = unit_counts.behind(connection, clock.now())
    for run in waiting:
        with engine.begin() as connection:
            unit_counts.sum_up(connection, run, clock.now())
    return len(waiting)


def group_all(engine: Engine, clock: Clock) -> int:
    """Count the large campaigns by segment, channel and message whose figures are missing or old; returns how many.

    One that cannot be is reported and tried again; it keeps no other waiting.
    """
    with engine.connect() as connection:
        waiting = reach_groups.behind(connection, clock.now())
    return sum(_group_or_report(engine, slug, clock) for slug in waiting)


def _group_or_report(engine: Engine, slug: str, clock: Clock) -> bool:
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            if not reach_groups.lock(connection, slug):
                return False
            frozen = frozen_in(connection, slug)
            today = clock.now().astimezone(frozen.definition.zone).date()
            reach_groups.keep(connection, slug, rules_of(frozen), today, clock.now())
    except (OutreachError, SQLAlchemyError, ValueError) as error:
        log.error("counting groups failed: campaign=%s error=%s", slug, type(error).__name__)
        return False
    return True


def _gather_runs(engine: Engine, slug: str) -> int:
    with engine.connect() as connection:
        waiting = reach_counts.planned_runs(connection, slug)
    people = 0
    for run in waiting:
        with engine.begin() as connection:
            reach_counts.lock(connection, slug)
            people += reach_counts.gather(connection, slug, run)
    return people


def _count_reached(engine: Engine, slug: str, frozen: Frozen, clock: Clock) -> int:
    rules = rules_of(frozen)
    today = clock.now().astimezone(frozen.definition.zone).date()
    total, counted = 0, COUNTED_AT_ONCE
    while counted == COUNTED_AT_ONCE:
        with engine.begin() as connection:
            reach_counts.lock(connection, slug)
            counted = reach_counts.count_reached(
                connection, slug, rules, today, limit=COUNTED_AT_ONCE, scope=EVERYTHING
            )
        total += counted
    return total
