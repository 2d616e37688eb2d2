"""When the one a shared address was written to falls out, the next who shares it gets the message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.store.deliveries import COUNTED

_TAKE_OVER = text(
    f"""
WITH gone AS (
    SELECT * FROM unnest(CAST(:runs AS bigint[]), CAST(:contacts AS bigint[]), CAST(:channels AS text[]))
        AS g(run_id, contact_id, channel)
),
heirs AS MATERIALIZED (
    SELECT s.run_id, s.id, s.recipient_id,
        min(s.recipient_id) OVER (PARTITION BY s.run_id, s.channel, s.shared_with) AS heir
    FROM gone g JOIN deliveries s ON s.run_id = g.run_id AND s.shared_with = g.contact_id AND s.channel = g.channel
    WHERE s.state = 'suppressed' AND s.reason = 'shared_address'
),
changed AS (
    UPDATE deliveries d SET
        state = CASE WHEN h.recipient_id = h.heir THEN 'planned' ELSE d.state END,
        reason = CASE WHEN h.recipient_id = h.heir THEN NULL ELSE d.reason END,
        shared_with = CASE WHEN h.recipient_id = h.heir THEN NULL ELSE h.heir END,
        next_attempt_at = :now
    FROM heirs h WHERE d.run_id = h.run_id AND d.id = h.id AND d.state = 'suppressed'
    RETURNING d.run_id, d.channel, d.state, 'suppressed' AS was
),
{COUNTED}
SELECT count(*) FROM changed WHERE state = 'planned'
"""
)


def take_over(connection: Connection, gone: Sequence[tuple[int, int, str]], *, now: datetime) -> int:
    """Plan the message for the next who shares the address of each of `gone` (run, contact, channel).

    Returns for how many there was one; the others at the address then follow the heir.
    """
    if not gone:
        return 0
    values = {
        "runs": [run for run, _, _ in gone],
        "contacts": [contact for _, contact, _ in gone],
        "channels": [channel for _, _, channel in gone],
        "now": now,
        "shard": 0,
    }
    return int(connection.execute(_TAKE_OVER, values).scalar_one())
