"""What citizens write to us, kept for people to read and answer; sender and text are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, text

from outreach.domain.errors import NotFound
from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.store.arrivals import Sealed

ANSWERS_WITHIN: Final = timedelta(days=7)
"""A text is taken for the answer to the latest message its sender's address got within this time."""
_CLOCKS_APART: Final = timedelta(minutes=2)
"""How far a provider's clock may be behind ours."""


class State(StrEnum):
    """Whether somebody has dealt with it."""

    NEW = "new"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it came in; `body` is sealed under the sender's key version."""

    account: str
    event_key: str
    channel: Channel
    sender: Sealed
    body: bytes
    at: datetime


_KEEP = text(
    """
WITH prints AS MATERIALIZED (
    SELECT p.n, array_agg(p.fingerprint) AS fingerprints
    FROM unnest(CAST(:of AS integer[]), CAST(:prints AS bytea[])) AS p(n, fingerprint) GROUP BY p.n
),
written AS MATERIALIZED (
    SELECT w.*, p.fingerprints FROM unnest(
        CAST(:numbers AS integer[]), CAST(:accounts AS text[]), CAST(:keys AS text[]), CAST(:channels AS text[]),
        CAST(:addressed AS text[]), CAST(:newest AS bytea[]), CAST(:versions AS smallint[]), CAST(:senders AS bytea[]),
        CAST(:bodies AS bytea[]), CAST(:moments AS timestamptz[])
    ) AS w(n, account, event_key, channel, addressed, fingerprint, key_version, sender, body, at)
    JOIN prints p ON p.n = w.n
)
INSERT INTO inbound (account, event_key, channel, fingerprint, key_version, sender, body, contacts, at, run_id,
    delivery_id)
SELECT w.account, w.event_key, w.channel, w.fingerprint, w.key_version, w.sender, w.body, k.contacts, w.at,
    a.run_id, a.id
FROM written w
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT DISTINCT a.contact_id FROM addresses a WHERE a.fingerprint = ANY(w.fingerprints)
            AND a.channel = w.addressed AND a.account IN ('', w.account) ORDER BY a.contact_id
    ) AS contacts
) k
LEFT JOIN LATERAL (
    SELECT d.run_id, d.id FROM runs r
    JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact' AND d.channel = w.channel
        AND d.recipient_id IN (
            SELECT unnest(k.contacts) UNION SELECT c.id FROM contacts c WHERE c.guardian_id = ANY(k.contacts)
        )
    WHERE k.contacts <> '{}' AND r.planned_at IS NOT NULL
        AND (r.finished_at IS NULL OR r.finished_at > w.at - CAST(:within AS interval))
        AND d.account = w.account AND d.fingerprint = ANY(w.fingerprints)
        AND d.sent_at > w.at - CAST(:within AS interval) AND d.sent_at <= w.at + CAST(:apart AS interval)
    ORDER BY d.sent_at DESC, d.run_id DESC, d.id DESC LIMIT 1
) a ON true
ORDER BY w.n
ON CONFLICT (account, event_key) DO NOTHING
"""
)


def keep(connection: Connection, written: Sequence[Written]) -> int:
    """Store texts in this order, each with whom it is from and what it answers, as far as that can be told.

    Returns how many were new: a repetition changes nothing.
    """
    prints = [(n, value) for n, one in enumerate(written) for value in one.sender.values]
    values = {
        "of": [n for n, _ in prints],
        "prints": [value for _, value in prints],
        "numbers": list(range(len(written))),
        "accounts": [one.account for one in written],
        "keys": [one.event_key for one in written],
        "channels": [str(one.channel) for one in written],
        "addressed": [str(one.channel.addressed_by) for one in written],
        "newest": [one.sender.newest for one in written],
        "versions": [one.sender.version for one in written],
        "senders": [one.sender.value for one in written],
        "bodies": [one.body for one in written],
        "moments": [one.at for one in written],
        "within": ANSWERS_WITHIN,
        "apart": _CLOCKS_APART,
    }
    return connection.execute(_KEEP, values).rowcount


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text as it is stored. `names`, `contacts`: those of the sender's people whom the caller may see."""

    id: int
    account: str
    channel: Channel
    at: datetime
    state: State
    key_version: int
    sender: bytes
    body: bytes
    contacts: Sequence[int]
    names: Sequence[str]
    unit_code: str | None
    campaign: str | None
    message: str | None
    run: int | None
    delivery: int | None
    settled_at: datetime | None
    settled_by: str


_SELECT = """
    SELECT i.*, r.campaign, r.message, w.contacts AS seen, w.names, w.unit_code
    FROM inbound i LEFT JOIN runs r ON r.id = i.run_id
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(c.id ORDER BY c.id), '{}') AS contacts, min(c.unit_code) AS unit_code,
            coalesce(array_agg(c.full_name ORDER BY c.id), '{}') AS names
        FROM contacts c LEFT JOIN units u ON u.code = c.unit_code
        WHERE c.id = ANY(i.contacts) AND c.erased_at IS NULL AND (:path = '' OR starts_with(u.path, :path))
    ) w
    WHERE (:path = '' OR cardinality(w.contacts) > 0)
"""


def page(
    connection: Connection, *, scope: Scope, state: State | None = None, before: int | None = None, limit: int = 100
) -> list[Inbound]:
    """Texts, the latest first, of people in the scope; who sees everything sees those of strangers too.

    `before`: only those with a smaller number, to turn the page.
    """
    rows = connection.execute(
        text(
            f"{_SELECT} AND (CAST(:state AS text) IS NULL OR i.state = :state)"
            " AND (CAST(:before AS bigint) IS NULL OR i.id < :before) ORDER BY i.id DESC LIMIT :limit"
        ),
        {"path": scope.path, "state": state and str(state), "before": before, "limit": limit},
    )
    return [_inbound(row) for row in rows]


def by_id(connection: Connection, number: int, *, scope: Scope) -> Inbound:
    """One text; raises NotFound for one that is not there, or not for the caller."""
    row = connection.execute(text(f"{_SELECT} AND i.id = :id"), {"path": scope.path, "id": number}).one_or_none()
    if row is None:
        raise NotFound(f"there is no inbound text {number}: `outreach inbound list` shows them")
    return _inbound(row)


def settle(connection: Connection, number: int, state: State, *, who: str, now: datetime, scope: Scope) -> Inbound:
    """Take down that somebody has dealt with a text, or that it is new again; raises NotFound."""
    found = by_id(connection, number, scope=scope)
    new = state is State.NEW
    connection.execute(
        text("UPDATE inbound SET state = :state, settled_at = :at, settled_by = :who WHERE id = :id"),
        {"state": str(state), "at": None if new else now, "who": "" if new else who, "id": found.id},
    )
    return by_id(connection, number, scope=scope)


def purge(connection: Connection, *, settled_before: datetime, before: datetime) -> int:
    """Forget texts that came before `before`, and those dealt with that came before `settled_before`; how many."""
    return connection.execute(
        text("DELETE FROM inbound WHERE at < :before OR (state <> 'new' AND at < :settled_before)"),
        {"before": before, "settled_before": settled_before},
    ).rowcount


def _inbound(row: Any) -> Inbound:
    return Inbound(
        id=row.id, account=row.account, channel=Channel(row.channel), at=row.at, state=State(row.state),
        key_version=row.key_version, sender=row.sender, body=row.body, contacts=tuple(row.seen),
        names=tuple(row.names), unit_code=row.unit_code, campaign=row.campaign, message=row.message, run=row.run_id,
        delivery=row.delivery_id, settled_at=row.settled_at, settled_by=row.settled_by,
    )  # fmt: skip
