"""History: deliveries of runs that are long over become counts, a slice of people at a time.

A slice is deleted and counted in one statement, so that rows and `archived_counts` together say the same at any moment,
also half-way, and a kill leaves nothing to mend. Loudspeakers' deliveries stay: they are few, and proofs of broadcasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.store import unit_counts


@dataclass(frozen=True, slots=True)
class Old:
    """A run whose deliveries to people may go; `deliveries`: how many it still has."""

    run: int
    campaign: str
    message: str
    scheduled_for: datetime
    finished_at: datetime
    deliveries: int


@dataclass(frozen=True, slots=True)
class Slice:
    """What one call archived: deliveries of people up to and with the contact `last`; none: the run is through."""

    deliveries: int
    last: int


_OVER = """
    k.state IN ('finished', 'cancelled') AND r.state IN ('done', 'expired', 'cancelled') AND r.gathered
    AND r.finished_at < :before
    AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.campaign = r.campaign
        AND (o.state NOT IN ('done', 'expired', 'cancelled') OR coalesce(o.finished_at, o.scheduled_for) >= :before))
    AND NOT EXISTS (SELECT 1 FROM run_counts c WHERE c.run_id = r.id AND c.state IN ('planned', 'sending', 'unknown')
        GROUP BY c.run_id, c.channel, c.state HAVING sum(c.n) > 0)
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.state = 'accepted' AND d.closes_at > :now)
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.cascade_at IS NOT NULL)
"""
"""The whole campaign has been over since before `before`, and nothing of this run can still move by itself."""


def old_runs(connection: Connection, *, before: datetime, now: datetime, campaign: str = "") -> list[Old]:
    """The runs that may be archived and have something left to be, oldest first; of one campaign or ("") all."""
    rows = connection.execute(
        text(
            f"""
            SELECT r.id, r.campaign, r.message, r.scheduled_for, r.finished_at,
                (SELECT sum(c.n) FROM run_counts c WHERE c.run_id = r.id)
                - (SELECT count(*) FROM deliveries d WHERE d.run_id = r.id AND d.recipient_kind = 'station')
                - coalesce((SELECT sum(a.n) FROM archived_counts a WHERE a.run_id = r.id), 0) AS n
            FROM runs r JOIN campaigns k ON k.slug = r.campaign
            WHERE {_OVER} AND (:campaign = '' OR r.campaign = :campaign)
                AND EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id AND d.recipient_kind = 'contact')
            ORDER BY r.finished_at, r.id
            """
        ),
        {"before": before, "now": now, "campaign": campaign},
    )
    return [Old(row.id, row.campaign, row.message, row.scheduled_for, row.finished_at, int(row.n or 0)) for row in rows]


_BEGUN = text(
    f"""
    UPDATE runs SET archived_at = coalesce(runs.archived_at, :now) FROM runs r JOIN campaigns k ON k.slug = r.campaign
    WHERE r.id = runs.id AND runs.id = :run AND {_OVER} RETURNING runs.id
    """
)
_UNTIL = text(
    """
    SELECT max(recipient_id) FROM (
        SELECT recipient_id FROM deliveries
        WHERE run_id = :run AND recipient_kind = 'contact' AND recipient_id > :after ORDER BY recipient_id LIMIT :limit
    ) next
    """
)
_ARCHIVE = text(
    """
WITH gone AS MATERIALIZED (
    DELETE FROM deliveries d
    WHERE d.run_id = :run AND d.recipient_kind = 'contact' AND d.recipient_id > :after AND d.recipient_id <= :until
    RETURNING d.recipient_id, d.subject_id, d.channel, d.account, d.state, d.reason, d.code, d.unit_code, d.proved,
        d.shared_with, coalesce(d.sent_at, d.due_at) AS at
),
counted AS (
    INSERT INTO archived_counts AS c (run_id, unit_code, channel, account, state, reason, code, n)
    SELECT :run, coalesce(unit_code, ''), channel, account, state, coalesce(reason, ''), coalesce(code, ''), count(*)
    FROM gone GROUP BY 2, 3, 4, 5, 6, 7
    ON CONFLICT (run_id, unit_code, channel, account, state, reason, code) DO UPDATE SET n = c.n + excluded.n
),
audience AS (
    INSERT INTO archived_audiences AS a (run_id, units, n)
    SELECT :run, units, count(*) FROM (
        SELECT array_agg(DISTINCT coalesce(unit_code, '')) AS units FROM gone GROUP BY recipient_id, subject_id
    ) each GROUP BY units
    ON CONFLICT (run_id, units) DO UPDATE SET n = a.n + excluded.n
),
proofs AS (
    SELECT g.*, g.state IN ('accepted', 'unknown', 'failed', 'delivered', 'read') AS sent,
        CASE WHEN g.proved THEN g.at WHEN l.proved THEN coalesce(l.sent_at, l.due_at) WHEN a.proved > 0 THEN a.proved_at
            END AS proved_at
    FROM gone g
    LEFT JOIN deliveries l ON g.state = 'suppressed' AND l.run_id = :run AND l.recipient_kind = 'contact'
        AND l.recipient_id = g.shared_with AND l.channel = g.channel AND l.subject_id = 0
    LEFT JOIN archived_people a ON g.state = 'suppressed' AND a.run_id = :run AND a.contact_id = g.shared_with
        AND a.channel = g.channel
),
people AS (
    INSERT INTO archived_people (run_id, contact_id, channel, unit_code, sent, proved, proved_at)
    SELECT :run, recipient_id, channel, max(unit_code), count(*) FILTER (WHERE sent),
        count(*) FILTER (WHERE sent AND proved), min(proved_at)
    FROM proofs GROUP BY recipient_id, channel ORDER BY recipient_id, channel
)
SELECT count(*) FROM gone
"""
)
"""Who shares an address may come before or after whom they share it with: that proof is a row still, or archived."""


def archive(
    connection: Connection, run: int, *, after: int, limit: int, before: datetime, now: datetime
) -> Slice | None:
    """Archive a run's deliveries to the next people behind the contact `after`, about `limit` of them.

    None where the run may not be archived (any more). Its row is locked until the transaction ends, so that nobody
    plans it again meanwhile; receipts wait for the slice alone.
    """
    values = {"run": run, "after": after, "limit": limit, "before": before, "now": now}
    if connection.execute(_BEGUN, values).first() is None:
        return None
    unit_counts.forget(connection, run)
    until = connection.execute(_UNTIL, values).scalar_one()
    if until is None:
        return Slice(0, after)
    return Slice(int(connection.execute(_ARCHIVE, {**values, "until": until}).scalar_one()), until)


@dataclass(frozen=True, slots=True)
class Archived:
    """A run whose deliveries are counts since `at`; `deliveries`: how many of the caller's scope those are."""

    run: int
    message: str
    scheduled_for: datetime
    at: datetime
    deliveries: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "run": self.run, "message": self.message, "scheduled_for": self.scheduled_for.isoformat(),
            "archived_at": self.at.isoformat(), "deliveries": self.deliveries,
        }  # fmt: skip


def archived(connection: Connection, campaign: str, *, scope: Scope) -> Sequence[Archived]:
    """The archived runs of a campaign, oldest first, also those of which some deliveries are still there."""
    rows = connection.execute(
        text(
            """
            SELECT r.id, r.message, r.scheduled_for, r.archived_at, coalesce(sum(a.n), 0) AS n
            FROM runs r LEFT JOIN (
                SELECT c.run_id, c.n FROM archived_counts c LEFT JOIN units u ON u.code = c.unit_code
                WHERE :path = '' OR starts_with(u.path, :path)
            ) a ON a.run_id = r.id
            WHERE r.campaign = :campaign AND r.archived_at IS NOT NULL
            GROUP BY r.id ORDER BY r.scheduled_for, r.id
            """
        ),
        {"campaign": campaign, "path": scope.path},
    )
    return [Archived(row.id, row.message, row.scheduled_for, row.archived_at, int(row.n)) for row in rows]
