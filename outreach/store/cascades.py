"""Which deliveries hand their people on to the next channel, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from outreach.store import audiences


@dataclass(frozen=True, slots=True)
class Waiting:
    """People of one step of a run whose time for the next channel has come: from `since` to before `until`."""

    run: int
    step: int
    since: datetime
    until: datetime


def due(connection: Connection, now: datetime) -> list[Waiting]:
    """The steps with somebody due, an hour of due times at a time, oldest first; paused campaigns wait."""
    rows = connection.execute(
        text(
            """
            SELECT d.run_id, d.step, d.hour, d.since FROM runs r JOIN campaigns c ON c.slug = r.campaign
            CROSS JOIN LATERAL (
                SELECT d.run_id, d.step, date_trunc('hour', d.cascade_at) AS hour, min(d.cascade_at) AS since
                FROM deliveries d WHERE d.run_id = r.id AND d.cascade_at <= :now
                GROUP BY d.run_id, d.step, date_trunc('hour', d.cascade_at)
            ) d
            WHERE c.state = 'running' AND r.state IN ('sending', 'done') AND cardinality(r.steps) > 1
            ORDER BY d.since
            """
        ),
        {"now": now},
    )
    return [Waiting(row.run_id, row.step, row.since, _until(row.hour, now)) for row in rows]


_TAKE = text(
    """
WITH taken AS (
    UPDATE deliveries d SET cascade_at = NULL
    WHERE d.run_id = :run AND d.step = :step AND d.cascade_at >= :since AND d.cascade_at < :until
    RETURNING d.recipient_id, d.subject_id, d.unit_code, d.state, d.reason, d.proved
),
going_on AS (
    SELECT t.* FROM taken t
    WHERE NOT t.proved AND t.state IN ('failed', 'suppressed', 'accepted')
        AND NOT EXISTS (SELECT 1 FROM deliveries n WHERE n.run_id = :run AND n.recipient_kind = 'contact'
            AND n.recipient_id = t.recipient_id AND n.subject_id = t.subject_id AND n.step > :step)
        AND (t.reason IS DISTINCT FROM 'by_station' OR NOT EXISTS (
            SELECT 1 FROM broadcasts b JOIN stations s ON s.id = b.station_id
            JOIN units h ON h.code = s.unit_code JOIN units u ON u.code = t.unit_code
            WHERE b.run_id = :run AND b.confirmed_at IS NOT NULL AND starts_with(u.path, h.path)))
)
INSERT INTO audience (contact_id, subject_id, unit_code)
SELECT recipient_id, subject_id, unit_code FROM going_on
UNION
SELECT d.recipient_id, d.subject_id, d.unit_code FROM going_on g
JOIN deliveries d ON d.run_id = :run AND d.step = :step AND d.shared_with = g.recipient_id
    AND d.reason = 'shared_address'
WHERE g.subject_id = 0
"""
)


def take(connection: Connection, waiting: Waiting) -> int:
    """Take those due out of the waiting and make the table `audience` of who goes on; returns how many.

    Those who share an address follow the one the message went to. Nobody is handed on twice: a failure told late starts
    nothing once the next channel has had its turn. What becomes due meanwhile waits for the next call.
    """
    audiences.empty(connection)
    values = {"run": waiting.run, "step": waiting.step, "since": waiting.since, "until": waiting.until}
    connection.execute(_TAKE, values)
    return audiences.ready(connection)


_REMEMBER = text("CREATE TEMPORARY TABLE handed_on ON COMMIT DROP AS SELECT DISTINCT contact_id FROM audience")

_REACHED_BEFORE = text(
    """
WITH proofs AS MATERIALIZED (
    SELECT d.id, d.recipient_id, d.channel, d.sent_at FROM deliveries d
    WHERE d.run_id = :run AND d.recipient_kind = 'contact' AND d.subject_id = 0 AND d.proved
        AND d.recipient_id IN (
            SELECT s.shared_with FROM handed_on h JOIN deliveries s ON s.run_id = :run
                AND s.recipient_kind = 'contact' AND s.recipient_id = h.contact_id AND s.reason = 'shared_address')
    FOR SHARE OF d
)
INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
SELECT DISTINCT ON (s.recipient_id) r.campaign, s.recipient_id, coalesce(p.sent_at, :now), p.channel, :run, p.id,
    s.unit_code
FROM handed_on h JOIN deliveries s ON s.run_id = :run AND s.recipient_kind = 'contact' AND s.recipient_id = h.contact_id
    AND s.state = 'suppressed' AND s.reason = 'shared_address'
JOIN proofs p ON p.recipient_id = s.shared_with AND p.channel = s.channel
JOIN runs r ON r.id = :run
ORDER BY s.recipient_id, p.sent_at
ON CONFLICT (campaign, contact_id) DO NOTHING
"""
)


_REACHED_IN_THE_END = text(
    """
INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
SELECT DISTINCT ON (r.campaign, s.recipient_id) r.campaign, s.recipient_id, coalesce(p.sent_at, :now), p.channel,
    p.run_id, p.id, s.unit_code
FROM runs r
JOIN deliveries s ON s.run_id = r.id AND s.shared_with IS NOT NULL AND s.recipient_kind = 'contact'
    AND s.state = 'suppressed' AND s.reason = 'shared_address'
JOIN deliveries p ON p.run_id = s.run_id AND p.recipient_kind = 'contact' AND p.recipient_id = s.shared_with
    AND p.channel = s.channel AND p.subject_id = 0 AND p.proved
WHERE r.id = ANY(CAST(:runs AS bigint[]))
ORDER BY r.campaign, s.recipient_id, p.sent_at
ON CONFLICT (campaign, contact_id) DO NOTHING
"""
)


def remember(connection: Connection) -> None:
    """Keep who is handed on in the table `handed_on` until the transaction ends: planning uses `audience` up."""
    connection.execute(_REMEMBER)


def reach_with_others(connection: Connection, run: int, now: datetime) -> None:
    """Those of `handed_on` who now share an address whose message has arrived already count as reached with it."""
    connection.execute(_REACHED_BEFORE, {"run": run, "now": now})


_FOLLOW_THE_FAILED = text(
    """
UPDATE deliveries s SET cascade_at = :now
FROM handed_on h, runs r
WHERE r.id = :run AND s.run_id = :run AND s.recipient_kind = 'contact' AND s.recipient_id = h.contact_id
    AND s.state = 'suppressed' AND s.reason = 'shared_address' AND s.cascade_at IS NULL
    AND r.mode = 'cascade' AND s.step + 1 < cardinality(r.steps)
    AND NOT EXISTS (SELECT 1 FROM deliveries n WHERE n.run_id = :run AND n.recipient_kind = 'contact'
        AND n.recipient_id = s.recipient_id AND n.subject_id = s.subject_id AND n.step > s.step)
    AND EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = :run AND d.recipient_kind = 'contact'
        AND d.recipient_id = s.shared_with AND d.channel = s.channel AND d.subject_id = 0
        AND d.state = 'failed' AND d.cascade_at IS NULL)
"""
)


def follow_the_failed(connection: Connection, run: int, now: datetime) -> None:
    """Those of `handed_on` who now share an address that failed before, and whose owner has gone on, go on as well."""
    connection.execute(_FOLLOW_THE_FAILED, {"run": run, "now": now})


def reach_in_the_end(connection: Connection, runs: Sequence[int], now: datetime) -> None:
    """Count everyone of ended runs whose shared address was reached.

    A receipt and a cascade that cross each other within milliseconds each see the state before the other: the receipt
    no new sharer, the cascade no proof.
    """
    if runs:
        connection.execute(_REACHED_IN_THE_END, {"runs": list(runs), "now": now})


def _until(hour: datetime, now: datetime) -> datetime:
    return min(hour + timedelta(hours=1), now + timedelta(microseconds=1))
