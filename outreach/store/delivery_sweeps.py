"""Sweeps: all deliveries that fulfil a condition change at once, with their counts; single ones `advance`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.states import DeliveryState, sources
from outreach.store.deliveries import COUNTED, ERRORS_COUNTED, MAY_HAVE_LEFT

_UNSPENT = """
    gone AS (
        SELECT c.fingerprint, c.channel, r.class, array_agg(c.due_at) AS times,
            min(c.due_at)::date AS first, max(c.due_at)::date AS last
        FROM changed c JOIN runs r ON r.id = c.run_id
        WHERE c.state IN ('cancelled', 'expired') AND c.attempt = 0 AND c.fingerprint IS NOT NULL
        GROUP BY c.fingerprint, c.channel, r.class
    ),
    unspent AS (
        UPDATE contact_ledger g SET times = ARRAY(
            SELECT u.t FROM (
                SELECT t, row_number() OVER (PARTITION BY t) AS nth FROM unnest(g.times) AS t
            ) u WHERE u.nth > (SELECT count(*) FROM unnest(w.times) AS x(t) WHERE x.t = u.t))
        FROM gone w
        WHERE g.fingerprint = w.fingerprint AND g.channel = w.channel AND g.class = w.class
            AND g.day BETWEEN w.first - 1 AND w.last + 1
    )
"""
"""What was never sent does not count against the caps of its address."""


def advance_where(
    connection: Connection,
    condition: str,
    values: Mapping[str, Any],
    *,
    state: DeliveryState,
    reason: str,
    now: datetime,
    limit: int = 100_000,
) -> int:
    """Move every delivery that fulfils the SQL `condition` (over `d`) to `state`; returns how many moved.

    What may have left before it was planned again becomes unknown instead: it cannot be said that it was not sent.
    At most `limit` at a time, so that a cancelled run of a million does not hold its locks for long; call again
    while it returns `limit`. Rows another transaction holds are left for the next call.
    """
    statement = f"""
        WITH picked AS MATERIALIZED (
            SELECT d.run_id, d.id, d.state, d.reason, d.code FROM deliveries d
            WHERE ({condition}) AND d.state = ANY(CAST(:sources AS text[]))
            LIMIT :limit FOR UPDATE OF d SKIP LOCKED
        ),
        changed AS (
            UPDATE deliveries d SET state = CASE WHEN {MAY_HAVE_LEFT} THEN 'unknown' ELSE :state END,
                reason = CASE WHEN {MAY_HAVE_LEFT} THEN 'lease_lost' ELSE :reason END, lease_until = NULL,
                child_id = NULL, cascade_at = NULL
            FROM picked p WHERE d.run_id = p.run_id AND d.id = p.id AND d.state = p.state
            RETURNING d.run_id, d.channel, d.state,
                CASE WHEN d.recipient_kind = 'contact' THEN d.fingerprint END AS fingerprint, d.due_at, d.attempt,
                p.state AS was, d.account, d.reason, d.code, p.reason AS was_reason, p.code AS was_code
        ),
        {_UNSPENT},
        {COUNTED},
        {ERRORS_COUNTED}
        SELECT count(*) FROM changed
    """
    bound = {
        **values,
        "state": str(state),
        "reason": reason,
        "now": now,
        "limit": limit,
        "shard": 0,
        "sources": [str(source) for source in sources(state)],
    }
    return int(connection.execute(text(statement), bound).scalar_one())


def retry(connection: Connection, run: int, state: DeliveryState, *, now: datetime, until: datetime) -> int:
    """Plan a run's failed or unknown deliveries to people once more, as a new generation; returns how many.

    Only a person asks for this: it is what may send a message a second time. The run is locked, so that it is not
    ended meanwhile.
    """
    connection.execute(text("SELECT 1 FROM runs WHERE id = :run FOR UPDATE"), {"run": run})
    statement = f"""
        WITH picked AS MATERIALIZED (
            SELECT d.run_id, d.id, d.state, d.reason, d.code FROM deliveries d
            WHERE d.run_id = :run AND d.state = :wanted AND d.state IN ('failed', 'unknown')
                AND d.recipient_kind = 'contact' FOR UPDATE OF d
        ),
        changed AS (
            UPDATE deliveries d SET state = 'planned', reason = 'retried', code = NULL, attempt = 0,
                generation = d.generation + 1, next_attempt_at = :now, due_at = :now, expires_at = :until,
                cascade_at = NULL, child_id = NULL, lease_until = NULL, provider_id = NULL, closes_at = NULL,
                resend_until = NULL
            FROM picked p WHERE d.run_id = p.run_id AND d.id = p.id
            RETURNING d.run_id, d.channel, d.state, p.state AS was, d.account, d.reason, d.code,
                p.reason AS was_reason, p.code AS was_code
        ),
        {COUNTED},
        {ERRORS_COUNTED}
        SELECT count(*) FROM changed
    """
    values = {"run": run, "wanted": str(state), "now": now, "until": until, "shard": 0}
    return int(connection.execute(text(statement), values).scalar_one())
