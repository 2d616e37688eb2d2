"""Why an address must not be used: kept by fingerprint, so that it outlives the person's record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from outreach.domain.scope import Scope
from outreach.domain.states import Reason
from outreach.domain.words import Channel, MessageClass
from outreach.store.scoping import in_scope
from outreach.store.tables import addresses, contacts, suppressions

ANY = "*"
"""Stands for every channel, or every message class."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One reason against an address. `channel` and `message_class`: what it bars, `*` for all of them."""

    channel: str
    message_class: str
    reason: Reason
    source: str
    created_at: datetime


_GIVES_WAY = text(
    """
    UPDATE suppressions SET reason = :reason, source = :source, created_at = coalesce(CAST(:at AS timestamptz), now())
    WHERE fingerprint = ANY(CAST(:fingerprints AS bytea[])) AND channel = :channel AND class = :class
        AND reason = 'hard_bounce'
    """
)
_GIVES_WAY_TO_DELIVERIES = text(
    """
    UPDATE suppressions s SET reason = :reason, source = :source,
        created_at = coalesce(CAST(:at AS timestamptz), now())
    FROM unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[])) AS p(run_id, id)
    JOIN deliveries d ON d.run_id = p.run_id AND d.id = p.id
    WHERE s.fingerprint = d.fingerprint AND s.channel = d.channel AND s.class = '*' AND s.reason = 'hard_bounce'
    """
)


def suppress(
    connection: Connection,
    fingerprints: Iterable[tuple[int, bytes]],
    *,
    channel: str,
    message_class: str = ANY,
    reason: Reason,
    source: str,
    at: datetime | None = None,
) -> int:
    """Bar addresses; returns how many entries are new.

    The first reason given stays, but a bounce gives way: who has refused is not written to when the mailbox is back.

    `fingerprints` are (key version, fingerprint), all those of `KeyRing.fingerprints` for each address: people may be
    stored under any of them. `source` says who barred it (an account, a list, an officer). `at`: when it was said, so
    that `narrow` knows what came later; said again, the latest counts. Default: now, and the first counts.
    """
    fixed: dict[str, object] = {"channel": channel, "class": message_class, "reason": reason.value, "source": source}
    if at is not None:
        fixed["created_at"] = at
    rows = [{**fixed, "fingerprint": value, "key_version": version} for version, value in fingerprints]
    if not rows:
        return 0
    statement = insert(suppressions).on_conflict_do_nothing().returning(suppressions.c.key_version)
    new = len(connection.execute(statement, rows).all())
    values = [row["fingerprint"] for row in rows]
    if reason is not Reason.HARD_BOUNCE:
        given = {"channel": channel, "class": message_class, "reason": reason.value, "source": source, "at": at}
        connection.execute(_GIVES_WAY, {"fingerprints": values, **given})
    if at is not None:
        same = (suppressions.c.channel == channel) & (suppressions.c["class"] == message_class)
        again = same & (suppressions.c.reason == reason.value) & (suppressions.c.created_at < at)
        connection.execute(
            update(suppressions).where(suppressions.c.fingerprint.in_(values), again).values(created_at=at)
        )
    return new


def suppress_deliveries(
    connection: Connection,
    places: Iterable[tuple[int, int]],
    *,
    reason: Reason,
    source: str,
    at: datetime | None = None,
) -> None:
    """Bar the addresses that deliveries (run, delivery) went to, on their channel, whoever has them since; from `at`.

    Default: now, by the database's clock.
    """
    found = list(places)
    values = {
        "runs": [run for run, _ in found],
        "ids": [delivery for _, delivery in found],
        "reason": reason.value,
        "source": source,
        "at": at,
    }
    if found:
        connection.execute(
            text(
                """
                INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source, created_at)
                SELECT DISTINCT d.fingerprint, d.channel, '*', coalesce(a.key_version, y.key_version, 1), :reason,
                    :source, coalesce(CAST(:at AS timestamptz), now())
                FROM unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[])) AS p(run_id, id)
                JOIN deliveries d ON d.run_id = p.run_id AND d.id = p.id LEFT JOIN addresses a ON a.id = d.address_id
                LEFT JOIN test_sends y ON d.recipient_kind = 'test' AND y.id = d.recipient_id
                WHERE d.fingerprint IS NOT NULL ON CONFLICT DO NOTHING
                """
            ),
            values,
        )
        if reason is not Reason.HARD_BOUNCE:
            connection.execute(_GIVES_WAY_TO_DELIVERIES, values)


def lift(
    connection: Connection,
    fingerprints: Iterable[tuple[int, bytes]],
    *,
    channel: str,
    message_class: str = ANY,
    reason: Reason | None = None,
) -> int:
    """Take back what `suppress` did for exactly this channel and class, where it has this reason (None: any).

    Returns how many entries went.
    """
    values = [value for _, value in fingerprints]
    barred = (suppressions.c.channel == channel) & (suppressions.c["class"] == message_class)
    if reason is not None:
        barred &= suppressions.c.reason == reason.value
    return connection.execute(delete(suppressions).where(suppressions.c.fingerprint.in_(values), barred)).rowcount


def narrow(connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, channel: str, until: datetime) -> int:
    """Leave of the refusals on exactly this channel, said until then, only that of advertising; returns how many.

    Any other reason against an address stays as it is.
    """
    return int(
        connection.execute(
            text(
                """
                WITH taken_back AS (
                    DELETE FROM suppressions WHERE fingerprint = ANY(:fingerprints) AND channel = :channel
                        AND class = '*' AND reason = :reason AND created_at <= :until RETURNING *
                ), kept AS (
                    INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source, created_at)
                    SELECT fingerprint, channel, :advertising, key_version, reason, source, created_at FROM taken_back
                    ON CONFLICT DO NOTHING
                )
                SELECT count(*) FROM taken_back
                """
            ),
            {
                "fingerprints": [value for _, value in fingerprints], "channel": channel, "until": until,
                "reason": str(Reason.OPTED_OUT), "advertising": str(MessageClass.ADVERTISING),
            },
        ).scalar_one()
    )  # fmt: skip


def of_contact(connection: Connection, contact_id: int, *, scope: Scope) -> list[Suppression]:
    """Everything that bars an address of this person, oldest first; nothing for people outside the scope."""
    query = (
        select(suppressions)
        .distinct()
        .join(addresses, addresses.c.fingerprint == suppressions.c.fingerprint)
        .join(contacts, contacts.c.id == addresses.c.contact_id)
        .where(contacts.c.id == contact_id, in_scope(contacts.c.unit_code, scope))
        .order_by(suppressions.c.created_at, suppressions.c.channel, suppressions.c["class"])
    )
    return [
        Suppression(row["channel"], row["class"], Reason(row["reason"]), row["source"], row["created_at"])
        for row in connection.execute(query).mappings()
    ]


def reason_against(
    connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, channel: Channel, message_class: MessageClass
) -> Reason | None:
    """Why an address that a person typed is barred for this channel and class, as a claim would judge; or None."""
    row = connection.execute(
        text(
            """
            SELECT min(s.reason) AS reason FROM suppressions s
            WHERE s.fingerprint = ANY(CAST(:marks AS bytea[])) AND s.channel IN ('*', :channel, :addressed)
                AND s.class IN ('*', :class)
                AND (:class <> 'emergency' OR s.class = :class OR s.reason = 'hard_bounce')
            """
        ),
        {
            "marks": [value for _, value in fingerprints], "channel": str(channel),
            "addressed": str(channel.addressed_by), "class": str(message_class),
        },
    ).one()  # fmt: skip
    return None if row.reason is None else Reason(row.reason)


def is_suppressed(
    connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, channel: str, message_class: str
) -> bool:
    """Whether any of the fingerprints is barred for this channel and class."""
    values = [value for _, value in fingerprints]
    query = select(suppressions.c.fingerprint).where(
        suppressions.c.fingerprint.in_(values),
        suppressions.c.channel.in_((channel, ANY)),
        suppressions.c["class"].in_((message_class, ANY)),
    )
    return connection.execute(query.limit(1)).first() is not None
