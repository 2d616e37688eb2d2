"""Keeping the counts of reach up with what happens, so that a report finds them ready."""

from __future__ import annotations

import logging

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.scope import EVERYTHING
from outreach.domain.segments import Rule
from outreach.store import campaigns, reach_counts
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

COUNTED_AT_ONCE = 20_000


def frozen_of(engine: Engine, slug: str) -> Frozen:
    """The version of a campaign that is reported on: the approved one, else the newest; raises NotFound."""
    with engine.connect() as connection:
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
    with engine.connect() as connection:
        waiting = reach_counts.planned_runs(connection, slug)
    for run in waiting:
        with engine.begin() as connection:
            reach_counts.lock(connection, slug)
            reach_counts.gather(connection, slug, run)
    with engine.begin() as connection:
        reach_counts.lock(connection, slug)
        reach_counts.uncount(connection, slug)
    rules = rules_of(frozen)
    today = clock.now().astimezone(frozen.definition.zone).date()
    counted = COUNTED_AT_ONCE
    while counted == COUNTED_AT_ONCE:
        with engine.begin() as connection:
            reach_counts.lock(connection, slug)
            counted = reach_counts.count_reached(
                connection, slug, rules, today, limit=COUNTED_AT_ONCE, scope=EVERYTHING
            )
