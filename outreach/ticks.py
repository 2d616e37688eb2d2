"""What the scheduler does again and again; each tick is safe to run twice, late, or beside another scheduler's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from outreach.domain.states import DeliveryState, Reason
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.planning.occurrences import schedule_due
from outreach.planning.planner import plan_scheduled
from outreach.planning.sharing import share_out
from outreach.reach import archiving
from outreach.reach.counting import catch_up_all, group_all, sum_up_all
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime
from outreach.store import (
    arrivals,
    bounces,
    claims,
    confirmations,
    delivery_sweeps,
    inbound,
    interactions,
    retention,
    test_sends,
)
from outreach.tasks import Hints

EVENTS_KEPT = timedelta(days=90)
"""Raw events, and what citizens wrote once somebody has dealt with it."""
UNANSWERED_KEPT = timedelta(days=365)
"""What citizens wrote and nobody has dealt with."""
CONFIRMATIONS_KEPT = timedelta(days=365)
"""That a refusal was confirmed; without any address."""

ARCHIVED_AN_HOUR = 2_000_000
"""Deliveries: a past of ten million is archived within an afternoon, and nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing to do every `seconds`."""

    name: str
    seconds: int
    run: Callable[[], object]


def ticks(runtime: Runtime, hints: Hints, receiver: Receiver) -> list[Tick]:
    """All ticks of a scheduler."""
    return [
        Tick("due", 1, lambda: plan_due(runtime)),
        Tick("sweep", 1, lambda: sweep(runtime, hints)),
        Tick("cascade", 2, lambda: cascade_due(runtime.engine, runtime.accounts, runtime.clock)),
        Tick("accounts", 2, lambda: share_out(runtime.engine, runtime.accounts, runtime.clock)),
        Tick("recover", 5, hints.recover),
        Tick("ask", 60, lambda: hints.recover(unknown=True)),
        Tick("tokens", 600, hints.keep_fresh),
        Tick("poll", 60, hints.poll),
        Tick("confirm", 1, lambda: confirm(runtime, hints)),
        Tick("expire", 10, lambda: expire(runtime)),
        Tick("cancelled", 5, lambda: actions.sweep_cancelled(runtime.engine, runtime.clock)),
        Tick("replay", 10, receiver.replay),
        Tick("reach", 10, lambda: catch_up_all(runtime.engine, runtime.clock)),
        Tick("units", 60, lambda: sum_up_all(runtime.engine, runtime.clock)),
        Tick("groups", 60, lambda: group_all(runtime.engine, runtime.clock)),
        Tick("finish", 5, lambda: actions.finish_ended(runtime.engine, runtime.clock)),
        Tick("retention", 3600, lambda: retain(runtime)),
        Tick("archive", 3600, lambda: archive(runtime)),
    ]


def plan_due(runtime: Runtime) -> int:
    """Make the runs that have come due and plan them; returns how many were planned."""
    schedule_due(runtime.engine, runtime.clock)
    return len(plan_scheduled(runtime.engine, runtime.accounts, runtime.clock))


def sweep(runtime: Runtime, hints: Hints) -> int:
    """Hint every account and lane with something due; returns how many hints were sent."""
    with runtime.engine.connect() as connection:
        due = claims.due_lanes(connection, list(runtime.accounts), runtime.clock.now())
    return sum(hints.drain(account, lane) for account, lane in due)


def confirm(runtime: Runtime, hints: Hints) -> bool:
    """Hint the confirmations of refusals where one is due; returns whether a hint was sent."""
    with runtime.engine.connect() as connection:
        due = confirmations.waits(connection, runtime.clock.now())
    return due and hints.confirm()


def expire(runtime: Runtime) -> int:
    """Expire planned deliveries past their `not_after`; returns how many."""
    now = runtime.clock.now()
    with runtime.engine.begin() as connection:
        return delivery_sweeps.advance_where(
            connection,
            "d.expires_at <= :now AND d.run_id IN (SELECT r.id FROM runs r"
            " WHERE r.state IN ('sending', 'held', 'expired')"
            " AND r.scheduled_for + make_interval(secs => r.not_after_s) <= :now AND EXISTS (SELECT 1 FROM run_counts k"
            " WHERE k.run_id = r.id AND k.state = 'planned' GROUP BY k.run_id HAVING sum(k.n) > 0))",
            {},
            state=DeliveryState.EXPIRED,
            reason=str(Reason.LATE),
            now=now,
        )


def retain(runtime: Runtime) -> int:
    """Purge what is past its retention; returns how many raw events."""
    with runtime.engine.begin() as connection:
        now = runtime.clock.now()
        inbound.purge(connection, settled_before=now - EVENTS_KEPT, before=now - UNANSWERED_KEPT)
        confirmations.purge(connection, now - CONFIRMATIONS_KEPT)
        arrivals.purge(connection, runtime.clock.now() - EVENTS_KEPT)
        interactions.purge(connection, runtime.clock.now() - EVENTS_KEPT)
        bounces.purge(connection, now - EVENTS_KEPT, now=now)
        retention.purge_ledger(connection, runtime.clock.now())
        test_sends.purge(connection, runtime.clock.now())
        return retention.purge_events(connection, runtime.clock.now() - EVENTS_KEPT)


def archive(runtime: Runtime) -> int:
    """Turn the deliveries of campaigns that are long over into counts; returns how many."""
    days = runtime.settings.archive_after_days
    if not days:
        return 0
    old = archiving.old_runs(runtime.engine, runtime.clock, days=days)
    done = archiving.archive(runtime.engine, runtime.clock, old, days=days, who="scheduler", most=ARCHIVED_AN_HOUR)
    return done.deliveries
