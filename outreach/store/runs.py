"""Runs: one occurrence of a message each; their states, counts and what becomes due in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from outreach.domain.errors import NotFound
from outreach.domain.lifecycle import RunState, run_may_become, run_sources
from outreach.domain.words import CascadeMode, Channel, Lane, MessageClass
from outreach.store.tables import runs


@dataclass(frozen=True, slots=True)
class Run:
    """One occurrence of a message, as it stands."""

    id: int
    campaign: str
    message: str
    scheduled_for: datetime
    version: int
    state: RunState
    reason: str
    lane: Lane
    message_class: MessageClass
    steps: tuple[Channel, ...]
    mode: CascadeMode
    wait: timedelta
    not_after: timedelta
    audience: int | None
    cost: int | None
    finished_at: datetime | None = None
    trial: bool = False
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known of a run before it is planned."""

    campaign: str
    message: str
    scheduled_for: datetime
    version: int
    lane: Lane
    message_class: MessageClass
    steps: tuple[Channel, ...]
    mode: CascadeMode
    wait: timedelta
    not_after: timedelta
    trial: bool = False


def add(connection: Connection, new: NewRun, *, state: RunState = RunState.SCHEDULED, reason: str = "") -> int | None:
    """Store a run; None where this message already has one at this moment (another scheduler was first)."""
    result = connection.execute(
        insert(runs)
        .values(
            campaign=new.campaign, message=new.message, scheduled_for=new.scheduled_for, version=new.version,
            state=str(state), reason=reason, lane=str(new.lane), steps=[str(step) for step in new.steps],
            mode=str(new.mode), wait_s=int(new.wait.total_seconds()), not_after_s=int(new.not_after.total_seconds()),
            trial=new.trial, **{"class": str(new.message_class)},
        )
        .on_conflict_do_nothing(index_elements=["campaign", "message", "scheduled_for"])
        .returning(runs.c.id)
    )  # fmt: skip
    return result.scalar_one_or_none()


def get(connection: Connection, run: int, *, lock: bool = False) -> Run:
    """The run; raises NotFound."""
    query = select(runs).where(runs.c.id == run)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run}: `outreach campaign status` lists the runs of a campaign")
    return _run(row)


def lock_scheduled(connection: Connection, run: int) -> Run | None:
    """The run, locked for planning; None where another planner holds it or it is no longer to be planned."""
    row = connection.execute(
        select(runs).where(runs.c.id == run, runs.c.state == RunState.SCHEDULED).with_for_update(skip_locked=True)
    ).one_or_none()
    return None if row is None else _run(row)


def exists(connection: Connection, campaign: str, message: str, *, trial: bool) -> bool:
    """Whether this message has ever had a run; without `trial` one in trial mode is none: it went to test addresses."""
    query = select(runs.c.id).where(runs.c.campaign == campaign, runs.c.message == message)
    if not trial:
        query = query.where(~runs.c.trial)
    return connection.execute(query.limit(1)).first() is not None


def any_in_trial(connection: Connection, campaign: str) -> bool:
    """Whether a run of this campaign wrote to listed test addresses only."""
    query = select(runs.c.id).where(runs.c.campaign == campaign, runs.c.trial)
    return connection.execute(query.limit(1)).first() is not None


def awaits_planning(connection: Connection, campaign: str, message: str) -> bool:
    """Whether a run of this message is scheduled and not planned yet."""
    query = select(runs.c.id).where(
        runs.c.campaign == campaign, runs.c.message == message, runs.c.state == RunState.SCHEDULED
    )
    return connection.execute(query.limit(1)).first() is not None


def in_state(connection: Connection, state: RunState, campaign: str | None = None) -> list[Run]:
    """The runs in a state, oldest first; of one campaign or all."""
    query = select(runs).where(runs.c.state == str(state)).order_by(runs.c.scheduled_for, runs.c.id)
    if campaign is not None:
        query = query.where(runs.c.campaign == campaign)
    return [_run(row) for row in connection.execute(query)]


def of_campaign(connection: Connection, campaign: str) -> list[Run]:
    """Every run of a campaign, oldest first."""
    query = select(runs).where(runs.c.campaign == campaign).order_by(runs.c.scheduled_for, runs.c.id)
    return [_run(row) for row in connection.execute(query)]


def move(connection: Connection, run: Run, state: RunState, **values: Any) -> None:
    """Set a locked run's state; raises IllegalTransition."""
    run_may_become(run.state, state)
    connection.execute(update(runs).where(runs.c.id == run.id).values(state=str(state), **values))


def finish_done(connection: Connection, now: datetime) -> list[int]:
    """End the runs whose deliveries are all final or closed; returns their ids.

    The runs are locked first and looked at afterwards, so that what joins one meanwhile (a retry, a cascade) is seen.
    """
    states = [str(state) for state in run_sources(RunState.DONE)]
    locked = connection.execute(
        text("SELECT id FROM runs WHERE state = ANY(CAST(:states AS text[])) FOR UPDATE SKIP LOCKED"),
        {"states": states},
    )
    rows = connection.execute(
        text(
            """
            UPDATE runs r SET state = 'done', finished_at = :now
            WHERE r.id = ANY(CAST(:ids AS bigint[])) AND NOT EXISTS (
                SELECT 1 FROM run_counts c WHERE c.run_id = r.id AND c.state IN ('planned', 'sending', 'unknown')
                GROUP BY c.run_id HAVING sum(c.n) > 0)
            AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.state = 'accepted'
                AND d.closes_at > :now)
            AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.cascade_at IS NOT NULL)
            RETURNING r.id
            """
        ),
        {"now": now, "ids": [row.id for row in locked]},
    )
    return [row.id for row in rows]


def expire_held(connection: Connection, now: datetime) -> list[int]:
    """End held runs that nobody released in time: late is not sent. Returns their ids."""
    rows = connection.execute(
        text(
            "UPDATE runs SET state = 'expired', reason = 'held too long', finished_at = :now"
            " WHERE state = 'held' AND scheduled_for + make_interval(secs => not_after_s) <= :now"
            " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = runs.id AND d.expires_at > :now)"
            " RETURNING id"
        ),
        {"now": now},
    )
    return [row.id for row in rows]


def counts(connection: Connection, run_ids: Sequence[int]) -> dict[tuple[int, str, str], int]:
    """Deliveries by (run, channel, state), from the counters: never a scan of deliveries."""
    query = text(
        "SELECT run_id, channel, state, sum(n) AS n FROM run_counts WHERE run_id IN :ids"
        " GROUP BY run_id, channel, state HAVING sum(n) <> 0"
    ).bindparams(bindparam("ids", expanding=True))
    rows = connection.execute(query, {"ids": list(run_ids) or [-1]})
    return {(row.run_id, row.channel, row.state): int(row.n) for row in rows}


def _run(row: Any) -> Run:
    return Run(
        id=row.id, campaign=row.campaign, message=row.message, scheduled_for=row.scheduled_for, version=row.version,
        state=RunState(row.state), reason=row.reason, lane=Lane(row.lane),
        message_class=MessageClass(row._mapping["class"]), steps=tuple(Channel(step) for step in row.steps),
        mode=CascadeMode(row.mode), wait=timedelta(seconds=row.wait_s), not_after=timedelta(seconds=row.not_after_s),
        audience=row.audience, cost=row.cost, finished_at=row.finished_at, trial=row.trial,
        archived_at=row.archived_at,
    )  # fmt: skip
