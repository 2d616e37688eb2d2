"""What the database does for a message that is sent: claimed, recorded and told of by a receipt, 100 at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psutil
from sqlalchemy import Connection, Engine, text

from benchmarks import campaigns
from benchmarks.processes import BenchmarkError
from benchmarks.site import ACCOUNT, Site
from benchmarks.usage import tree_seconds
from outreach.domain.states import DeliveryState
from outreach.domain.words import Lane
from outreach.store import claims
from outreach.store.deliveries import Change, advance
from outreach.store.engine import connect

FEW = '{attr.few: "1"}'
_CHUNK = 100
_CHILD = 1


@dataclass(frozen=True, slots=True)
class Hot:
    """Of a run of `messages`: processor milliseconds of PostgreSQL a message, bytes written, and how rows moved.

    `hot` and `newpage`: the share of updates that touched no index, and that went to another page; `grown`: bytes the
    table and its indexes grew by, a message; `dead`: dead rows a message when it was over.
    """

    messages: int
    claimed: float
    told: float
    wal: float
    updates: float
    hot: float
    newpage: float
    grown: float
    dead: float


def choose(site: Site, people: int, wanted: int) -> None:
    """Mark about so many people, evenly spread, as those who are written to here."""
    with site.runtime.engine.begin() as connection:
        connection.execute(
            text('UPDATE contacts SET attrs = attrs || \'{"few": "1"}\' WHERE id % :each = 0'),
            {"each": max(1, people // wanted)},
        )


def measure(site: Site, slug: str) -> Hot:
    """A campaign to those marked, planned as any, then claimed and recorded as accepted, then told of as delivered."""
    plan = campaigns.plan(site, slug, FEW)
    campaigns.resume(site, slug)
    engine = connect(site.runtime.settings.database_url or "", steady=True)
    try:
        return _measured(site, engine, plan.run, plan.messages)
    finally:
        engine.dispose()
        campaigns.actions.pause(site.runtime.engine, slug, who="staff@example.org")


def _measured(site: Site, engine: Engine, run: int, messages: int) -> Hot:
    with engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.execute(text("CHECKPOINT"))
    postmaster = psutil.Process(int(backend)).ppid()
    now = site.runtime.clock.now()
    before, cpu = _statistics(engine), tree_seconds(postmaster)
    sent = _send(engine, run, now)
    between = tree_seconds(postmaster)
    for first in range(0, len(sent), _CHUNK):
        chunk = sent[first : first + _CHUNK]
        with engine.begin() as connection:
            advance(connection, [Change(run, one, DeliveryState.DELIVERED, proves=True) for one in chunk], now=now)
    after = tree_seconds(postmaster)
    engine.dispose()  # a session tells the server what it did when it ends
    seen = _statistics(site.runtime.engine)
    if len(sent) != messages:
        raise BenchmarkError(f"{messages:,} planned, but {len(sent):,} claimed")
    wal, updates, hot, newpage, size = (seen[at] - before[at] for at in range(5))
    return Hot(
        messages, 1000 * (between - cpu) / messages, 1000 * (after - between) / messages, wal / messages,
        updates / messages, hot / updates, newpage / updates, size / messages, seen[5] / messages,
    )  # fmt: skip


def _send(engine: Engine, run: int, now: datetime) -> Sequence[int]:
    """Claim and record everything that is due, each chunk in the transaction that claims the next."""
    sent: list[int] = []
    changes: list[Change] = []
    while True:
        with engine.begin() as connection:
            advance(connection, changes, now=now, shard=_CHILD)
            claimed = _claim(connection, run, now)
        if not claimed:
            return sent
        changes = [
            Change(run, one.delivery, DeliveryState.ACCEPTED, provider_id=f"SM{run:08}{one.delivery:024}", parts=2,
                child=_CHILD, attempt=one.attempt)
            for one in claimed
        ]  # fmt: skip
        sent += [one.delivery for one in claimed]


def _claim(connection: Connection, run: int, now: datetime) -> list[claims.Claimed]:
    claimed, _ = claims.claim(
        connection, account=ACCOUNT, lane=Lane.BULK, run_ids=[run], limit=_CHUNK, child=_CHILD, lease_s=60, now=now,
        trial=False,
    )  # fmt: skip
    return claimed


def _statistics(engine: Engine) -> tuple[float, ...]:
    """Bytes of WAL; updates, HOT ones, ones to another page; bytes of the table; dead rows."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.rollback()
        row = connection.execute(
            text(
                """
                SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal, s.n_tup_upd, s.n_tup_hot_upd,
                    s.n_tup_newpage_upd, pg_total_relation_size(s.relid) AS size, s.n_dead_tup
                FROM pg_stat_user_tables s WHERE s.relname = 'deliveries'
                """
            )
        ).one()
        return tuple(float(value) for value in row)
