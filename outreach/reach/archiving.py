"""Archiving: of campaigns that are long over the single deliveries go, the counts and reports stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.store import campaigns, history
from outreach.store.history import Old

LEAST_DAYS = 90
"""Nothing that points at a single delivery (events, bounces, what citizens wrote) is kept longer than that."""
AT_ONCE = 5_000
"""Deliveries in one transaction: about a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was archived."""

    runs: int
    deliveries: int


def moment_before(clock: Clock, days: int) -> datetime:
    """The moment before which a campaign has to have ended; raises OutreachError for too few days."""
    if days < LEAST_DAYS:
        raise OutreachError(f"deliveries are kept for {LEAST_DAYS} days at least, not {days}: receipts may still come")
    return clock.now() - timedelta(days=days)


def old_runs(engine: Engine, clock: Clock, *, days: int, campaign: str = "") -> list[Old]:
    """The runs that may be archived now; raises OutreachError for too few days, NotFound for an unknown campaign."""
    with engine.connect() as connection:
        if campaign:
            campaigns.get(connection, campaign)
        return history.old_runs(connection, before=moment_before(clock, days), now=clock.now(), campaign=campaign)


def archive(
    engine: Engine,
    clock: Clock,
    runs: Iterable[Old],
    *,
    days: int,
    who: str,
    told: Callable[[int], None] = lambda done: None,
    most: int | None = None,
) -> Done:
    """Archive these runs slice by slice, a transaction each; `told` hears how many deliveries are done.

    Killed at any moment it has archived whole slices, and the next call goes on there. At most about `most` deliveries.
    """
    before = moment_before(clock, days)
    begun, total = 0, 0
    for one in runs:
        if most is not None and total >= most:
            break
        left = None if most is None else most - total
        done = _archive_run(engine, clock, one.run, before, partial(_told_more, told, total), left)
        if done:
            begun, total = begun + 1, total + done
            with engine.begin() as connection:
                detail = {"run": one.run, "message": one.message, "deliveries": done}
                campaigns.note(connection, who=who, action="archive", what=one.campaign, detail=detail)
    return Done(begun, total)


def _told_more(told: Callable[[int], None], so_far: int, done: int) -> None:
    told(so_far + done)


def _archive_run(
    engine: Engine, clock: Clock, run: int, before: datetime, told: Callable[[int], None], most: int | None
) -> int:
    done, after = 0, 0
    while most is None or done < most:
        with engine.begin() as connection:
            one = history.archive(connection, run, after=after, limit=AT_ONCE, before=before, now=clock.now())
        if one is None or not one.deliveries:
            break
        done, after = done + one.deliveries, one.last
        told(done)
    return done
