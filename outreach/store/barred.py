"""The suppression list as staff read it, and what they take off it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.domain.states import Reason


@dataclass(frozen=True, slots=True)
class Barred:
    """One bar. `channel`, `message_class`: what it bars, `*` for all of them. `sealed`: the address, where somebody of
    the caller's scope has it; `contacts`: who that is. `codes`: what mail servers said of it, where it came back.
    """

    channel: str
    message_class: str
    reason: Reason
    source: str
    at: datetime
    contacts: Sequence[int]
    sealed: bytes | None = None
    key_version: int = 0
    codes: Sequence[str] = ()


_SELECT = """
    SELECT s.channel, s.class, s.reason, s.source, s.created_at, k.value, k.key_version,
        coalesce(k.contacts, '{}') AS contacts, coalesce(b.codes, '{}') AS codes
    FROM suppressions s
    LEFT JOIN LATERAL (
        SELECT (array_agg(a.value ORDER BY a.id))[1] AS value, array_agg(DISTINCT c.id) AS contacts,
            (array_agg(a.key_version ORDER BY a.id))[1] AS key_version
        FROM addresses a JOIN contacts c ON c.id = a.contact_id LEFT JOIN units u ON u.code = c.unit_code
        WHERE a.fingerprint = s.fingerprint AND c.erased_at IS NULL AND (:path = '' OR starts_with(u.path, :path))
    ) k ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT x.code) AS codes FROM bounces x
        WHERE x.fingerprint = s.fingerprint AND x.state IN ('barred', 'applied') AND s.reason = 'hard_bounce'
    ) b ON true
"""


def page(
    connection: Connection, *, scope: Scope, reason: Reason | None = None, channel: str = "", limit: int = 100
) -> list[Barred]:
    """Bars against addresses of people in the scope, the latest first; who sees everything sees those of strangers."""
    rows = connection.execute(
        text(
            f"{_SELECT} WHERE (:path = '' OR k.contacts IS NOT NULL) AND :reason IN ('', s.reason)"
            " AND :channel IN ('', s.channel) ORDER BY s.created_at DESC, s.fingerprint LIMIT :limit"
        ),
        {"path": scope.path, "reason": str(reason or ""), "channel": channel, "limit": limit},
    )
    return [_barred(row) for row in rows]


def of_address(connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, scope: Scope) -> list[Barred]:
    """What bars an address the caller has already, oldest first; the same under several keys is told once."""
    rows = connection.execute(
        text(f"{_SELECT} WHERE s.fingerprint = ANY(CAST(:marks AS bytea[])) ORDER BY s.created_at DESC"),
        {"path": scope.path, "marks": [value for _, value in fingerprints]},
    )
    found = {(one.channel, one.message_class, one.reason): one for one in map(_barred, rows)}
    return sorted(found.values(), key=lambda one: one.at)


def _barred(row: Any) -> Barred:
    return Barred(
        row.channel, row._mapping["class"], Reason(row.reason), row.source, row.created_at, tuple(row.contacts),
        row.value, row.key_version or 0, tuple(row.codes),
    )  # fmt: skip


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many bars there are, by reason and channel."""
    rows = connection.execute(
        text("SELECT reason, channel, count(*) AS n FROM suppressions GROUP BY 1, 2 ORDER BY 3 DESC")
    )
    return {(row.reason, row.channel): row.n for row in rows}


def counted(connection: Connection, marks: Sequence[bytes], *, channel: str, message_class: str) -> tuple[int, int]:
    """(people who have one of these addresses, how many of the marks are barred so already)."""
    row = connection.execute(
        text(
            """
            SELECT
                (SELECT count(DISTINCT a.contact_id) FROM addresses a
                    WHERE a.fingerprint = ANY(CAST(:marks AS bytea[])) AND a.channel = :channel) AS people,
                (SELECT count(*) FROM suppressions s WHERE s.fingerprint = ANY(CAST(:marks AS bytea[]))
                    AND s.channel = :channel AND s.class = :class) AS barred
            """
        ),
        {"marks": list(marks), "channel": channel, "class": message_class},
    ).one()
    return row.people, row.barred
