"""Raw events: what providers told us, kept before it is acknowledged, applied when its delivery is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it is stored: `payload` is sealed; (run, delivery) where the provider gave our key back.

    `applied`: it has its effect in the same transaction.
    """

    account: str
    event_key: str
    payload: bytes
    provider_id: str
    run: int | None
    delivery: int | None
    applied: bool = False


_KEEP = text(
    """
    INSERT INTO raw_events (account, event_key, payload, provider_id, run_id, delivery_id, applied_at)
    SELECT account, event_key, payload, provider_id, run_id, delivery_id, CASE WHEN applied THEN now() END
    FROM unnest(CAST(:accounts AS text[]), CAST(:keys AS text[]), CAST(:payloads AS bytea[]),
        CAST(:provider_ids AS text[]), CAST(:runs AS bigint[]), CAST(:deliveries AS bigint[]),
        CAST(:applied AS boolean[]))
        AS e(account, event_key, payload, provider_id, run_id, delivery_id, applied)
    ON CONFLICT (account, event_key) DO NOTHING RETURNING account, event_key
    """
)
"""With the moment of their effect: to put it there afterwards would write every row and its index entries twice."""


def keep(connection: Connection, events: Sequence[RawEvent]) -> set[tuple[str, str]]:
    """Store events; returns (account, key) of those not seen before. A repetition changes nothing."""
    if not events:
        return set()
    values = {
        "accounts": [event.account for event in events],
        "keys": [event.event_key for event in events],
        "payloads": [event.payload for event in events],
        "provider_ids": [event.provider_id or None for event in events],
        "runs": [event.run for event in events],
        "deliveries": [event.delivery for event in events],
        "applied": [event.applied for event in events],
    }
    return {(row.account, row.event_key) for row in connection.execute(_KEEP, values)}


def applied(connection: Connection, account: str, event_keys: Sequence[str]) -> None:
    """Take down that these events have had their effect."""
    connection.execute(
        text(
            "UPDATE raw_events SET applied_at = now(), retry_at = NULL WHERE account = :account"
            " AND event_key = ANY(CAST(:keys AS text[])) AND applied_at IS NULL"
        ),
        {"account": account, "keys": list(event_keys)},
    )


def retry(connection: Connection, account: str, event_key: str, *, at: datetime) -> None:
    """Have an event that failed applied again, at `at` or later."""
    connection.execute(
        text("UPDATE raw_events SET retry_at = :at, applied_at = NULL WHERE account = :account AND event_key = :key"),
        {"at": at, "account": account, "key": event_key},
    )


@dataclass(frozen=True, slots=True)
class Failed:
    """A kept event that could not be applied."""

    account: str
    event_key: str
    payload: bytes
    received_at: datetime


def to_retry(connection: Connection, *, now: datetime, limit: int = 100) -> list[Failed]:
    """Events that failed and are due again, oldest first; locked."""
    rows = connection.execute(
        text(
            "SELECT account, event_key, payload, received_at FROM raw_events WHERE retry_at <= :now"
            " ORDER BY received_at LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "limit": limit},
    )
    return [Failed(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A kept event whose delivery is known by now."""

    account: str
    event_key: str
    payload: bytes
    run: int
    delivery: int
    channel: Channel


def now_known(connection: Connection, *, limit: int = 500) -> list[Waiting]:
    """Events kept before their delivery had its provider id, whose delivery is known by now; locked."""
    rows = connection.execute(
        text(
            """
            SELECT e.account, e.event_key, e.payload, d.run_id, d.id, d.channel FROM raw_events e
            JOIN deliveries d ON d.account = e.account AND d.provider_id = e.provider_id
            WHERE e.applied_at IS NULL AND e.provider_id IS NOT NULL AND e.run_id IS NULL
            ORDER BY e.received_at LIMIT :limit FOR UPDATE OF e SKIP LOCKED
            """
        ),
        {"limit": limit},
    )
    return [Waiting(row.account, row.event_key, row.payload, row.run_id, row.id, Channel(row.channel)) for row in rows]


def by_provider_ids(connection: Connection, account: str, provider_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The deliveries an account's provider knows under these ids."""
    rows = connection.execute(
        text(
            "SELECT provider_id, run_id, id FROM deliveries WHERE account = :account"
            " AND provider_id = ANY(CAST(:ids AS text[])) AND provider_id IS NOT NULL"
        ),
        {"account": account, "ids": list(provider_ids)},
    )
    return {row.provider_id: (row.run_id, row.id) for row in rows}


_OF_ACCOUNTS = text(
    """
    SELECT d.account, d.run_id, d.id, d.channel
    FROM unnest(CAST(:accounts AS text[]), CAST(:runs AS bigint[]), CAST(:ids AS bigint[])) AS p(account, run_id, id)
    JOIN deliveries d ON d.run_id = p.run_id AND d.id = p.id AND d.account = p.account
    """
)


def of_accounts(connection: Connection, places: Sequence[tuple[str, int, int]]) -> dict[tuple[str, int, int], Channel]:
    """Those of `places` (account, run, delivery) that went through the account, with their channels."""
    if not places:
        return {}
    accounts, runs, ids = (list(column) for column in zip(*places, strict=True))
    rows = connection.execute(_OF_ACCOUNTS, {"accounts": accounts, "runs": runs, "ids": ids})
    return {(row.account, row.run_id, row.id): Channel(row.channel) for row in rows}


@dataclass(frozen=True, slots=True)
class Refusable:
    """What an unsubscribe link is about; nothing personal."""

    run: int
    delivery: int
    channel: str
    message_class: str
    campaign_title: str


def refusable(connection: Connection, run: int, delivery: int) -> Refusable | None:
    """The delivery an unsubscribe link stands for; None where it (or its address) is gone."""
    row = connection.execute(
        text(
            """
            SELECT d.run_id, d.id, d.channel, r.class, c.title
            FROM deliveries d JOIN runs r ON r.id = d.run_id JOIN campaigns c ON c.slug = r.campaign
            WHERE d.run_id = :run AND d.id = :id
            """
        ),
        {"run": run, "id": delivery},
    ).one_or_none()
    if row is None:
        return None
    return Refusable(row.run_id, row.id, row.channel, row._mapping["class"], row.title)
