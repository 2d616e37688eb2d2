"""Which deliveries hand their people on to the next channel, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

HANDED_ON = """
    d.run_id = :run AND d.step = :step AND d.recipient_kind = 'contact' AND NOT d.proved
    AND (
        (d.cascade_at >= :since AND d.cascade_at < :until AND d.state IN ('failed', 'suppressed', 'accepted')
            AND (d.reason IS DISTINCT FROM 'by_station' OR NOT EXISTS (
                SELECT 1 FROM broadcasts b JOIN stations s ON s.id = b.station_id
                JOIN units h ON h.code = s.unit_code JOIN units u ON u.code = d.unit_code
                WHERE b.run_id = d.run_id AND b.confirmed_at IS NOT NULL AND starts_with(u.path, h.path))))
        OR (d.reason = 'shared_address' AND d.shared_with IN (
            SELECT l.recipient_id FROM deliveries l WHERE l.run_id = :run AND l.step = :step AND NOT l.proved
                AND l.recipient_kind = 'contact' AND l.subject_id = 0 AND l.cascade_at >= :since
                AND l.cascade_at < :until AND l.state IN ('failed', 'suppressed', 'accepted')))
    )
"""
"""SQL over `d`: who of a step goes on; those who share an address follow the one the message went to."""


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


def settle(connection: Connection, waiting: Waiting) -> None:
    """Take down that these people have been handed on (or need not be)."""
    connection.execute(
        text(
            "UPDATE deliveries SET cascade_at = NULL"
            " WHERE run_id = :run AND step = :step AND cascade_at >= :since AND cascade_at < :until"
        ),
        {"run": waiting.run, "step": waiting.step, "since": waiting.since, "until": waiting.until},
    )


def _until(hour: datetime, now: datetime) -> datetime:
    return min(hour + timedelta(hours=1), now + timedelta(microseconds=1))
