"""Stranded deliveries: claimed by a sender that fell silent, or of unknown fate; what recovery looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.recipient import Recipient
from outreach.domain.words import Channel, RecipientKind
from outreach.store.recipients import RECIPIENT, RECIPIENT_JOINS, TEST_JOIN, recipient


@dataclass(frozen=True, slots=True)
class Stranded:
    """A delivery whose sender's lease has run out, or whose fate is unknown; who the sender was, what it carried.

    `claimed_at` is on the database's clock, `silent_s` the seconds since the lease ran out on it.
    """

    run: int
    delivery: int
    account: str
    channel: Channel
    generation: int
    attempt: int
    child: int | None
    child_host: str
    child_boot: str
    child_pid: int
    child_started: float
    campaign: str
    message: str
    version: int
    shift_days: int
    sealed: bytes | None
    key_version: int | None
    claimed_at: datetime
    silent_s: float
    recipient_id: int
    recipient_kind: RecipientKind
    who: Recipient
    sealed_who: bytes | None = None
    mark: str = ""
    reason: str = ""
    code: str = ""


def stranded(
    connection: Connection, accounts: Sequence[str], *, lease_s: float, unknown: bool, limit: int = 500
) -> list[Stranded]:
    """Deliveries in `sending` past their lease, of whatever account; or those of `accounts` unknown since a day.

    Where there are more than `limit`, those silent the longest, or any of the unknown ones: each has its turn.
    """
    lost = "d.state = 'sending' AND d.lease_until < clock_timestamp()"
    recently = (
        "d.state = 'unknown' AND d.lease_until > clock_timestamp() - interval '1 day'"
        " AND d.account = ANY(CAST(:accounts AS text[]))"
    )
    condition, order = (recently, "random()") if unknown else (lost, "d.lease_until")
    rows = connection.execute(
        text(
            f"""
            SELECT d.run_id, d.id, d.recipient_id, d.recipient_kind, d.account, d.channel, d.generation, d.attempt,
                d.reason, d.code, d.child_id, h.host, h.boot, h.pid,
                h.started, r.campaign, r.message, r.version, g.shift_days, coalesce(a.value, y.value) AS value,
                coalesce(a.key_version, y.key_version) AS key_version,
                d.lease_until - make_interval(secs => :lease_s) AS claimed_at,
                extract(epoch FROM clock_timestamp() - d.lease_until) AS silent_s, {RECIPIENT},
                y.who AS sealed_who, y.mark
            FROM deliveries d JOIN runs r ON r.id = d.run_id JOIN campaigns g ON g.slug = r.campaign
            LEFT JOIN children h ON h.id = d.child_id {RECIPIENT_JOINS} {TEST_JOIN}
            WHERE {condition} ORDER BY {order} LIMIT :limit
            """
        ),
        {"lease_s": lease_s, "limit": limit} | ({"accounts": list(accounts)} if unknown else {}),
    )
    return [_stranded(row) for row in rows]


def _stranded(row: Any) -> Stranded:
    return Stranded(
        run=row.run_id,
        delivery=row.id,
        account=row.account,
        channel=Channel(row.channel),
        generation=row.generation,
        attempt=row.attempt,
        child=row.child_id,
        child_host=row.host or "",
        child_boot=row.boot or "",
        child_pid=row.pid or 0,
        child_started=float(row.started or 0),
        campaign=row.campaign,
        message=row.message,
        version=row.version,
        shift_days=row.shift_days,
        sealed=row.value,
        key_version=row.key_version,
        claimed_at=row.claimed_at,
        silent_s=float(row.silent_s),
        recipient_id=row.recipient_id,
        recipient_kind=RecipientKind(row.recipient_kind),
        who=recipient(row),
        sealed_who=row.sealed_who,
        mark=row.mark or "",
        reason=row.reason or "",
        code=row.code or "",
    )


_CLAIMED_SINCE = text(
    """
WITH since AS (SELECT clock_timestamp() + make_interval(secs => :lease_s - :seconds) AS at)
SELECT run_id, id, attempt FROM deliveries, since
WHERE state = 'sending' AND child_id = :child AND lease_until >= since.at
UNION ALL
SELECT run_id, id, attempt FROM deliveries, since
WHERE state = 'unknown' AND reason = 'lease_lost' AND child_id = :child AND lease_until >= since.at
"""
)


def claimed_since(connection: Connection, *, child: int, seconds: float, lease_s: float) -> list[tuple[int, int, int]]:
    """(run, delivery, attempt) of what a child has claimed in these last seconds and said nothing of."""
    rows = connection.execute(_CLAIMED_SINCE, {"child": child, "seconds": seconds, "lease_s": lease_s})
    return [(row.run_id, row.id, row.attempt) for row in rows]
