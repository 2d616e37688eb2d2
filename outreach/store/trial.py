"""The test addresses: all that accounts and campaigns in trial mode may write to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from outreach.store.tables import test_addresses

ANY = "*"
"""Stands for every channel that takes the address."""


@dataclass(frozen=True, slots=True)
class TestAddress:
    """An address of the list, sealed; `KeyRing.open(value, key_version)` reads it."""

    __test__ = False

    id: int
    channel: str
    key_version: int
    value: bytes
    label: str
    added_by: str
    added_at: datetime


def is_listed(fingerprint: str, channel: str, addressed: str) -> str:
    """SQL: whether an address may be written to in trial mode; three SQL expressions, of which none is a value.

    `addressed`: the channel under which addresses of `channel` are stored.
    """
    return f"""EXISTS (SELECT 1 FROM test_addresses t
        WHERE ({fingerprint} = t.fingerprint OR {fingerprint} = ANY(t.older))
            AND t.channel IN ('{ANY}', {channel}, {addressed}))"""


def add(
    connection: Connection,
    fingerprints: Sequence[tuple[int, bytes]],
    *,
    channel: str,
    value: bytes,
    label: str,
    who: str,
    at: datetime,
) -> bool:
    """Put an address on the list; False where it stands there already: the label is then replaced.

    `fingerprints`: those of `KeyRing.fingerprints`, newest first: people may be stored under any of them.
    """
    (version, newest), *older = fingerprints
    mine = [one for _, one in fingerprints]
    known = connection.execute(
        text(
            "UPDATE test_addresses SET label = :label WHERE channel = :channel"
            " AND (fingerprint = ANY(CAST(:mine AS bytea[])) OR older && CAST(:mine AS bytea[]))"
        ),
        {"label": label, "channel": channel, "mine": mine},
    )
    if known.rowcount:
        return False
    values = {
        "channel": channel, "fingerprint": newest, "key_version": version, "older": [one for _, one in older],
        "value": value, "label": label, "added_by": who, "added_at": at,
    }  # fmt: skip
    new = insert(test_addresses).values(**values).on_conflict_do_nothing().returning(test_addresses.c.id)
    return connection.execute(new).first() is not None


def remove(connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, channel: str | None) -> int:
    """Take an address off the list: of this channel, or (None) of all; returns how many entries went."""
    mine = [one for _, one in fingerprints]
    statement = delete(test_addresses).where(
        test_addresses.c.fingerprint.in_(mine) | test_addresses.c.older.overlap(mine)
    )
    if channel is not None:
        statement = statement.where(test_addresses.c.channel == channel)
    return connection.execute(statement).rowcount


def listed(connection: Connection) -> list[TestAddress]:
    """The whole list, oldest first."""
    columns = [test_addresses.c[name] for name in TestAddress.__dataclass_fields__]
    rows = connection.execute(select(*columns).order_by(test_addresses.c.id)).mappings()
    return [TestAddress(**row) for row in rows]


def may_be_written_to(
    connection: Connection, fingerprints: Iterable[tuple[int, bytes]], *, channel: str, addressed: str
) -> bool:
    """Whether an address is on the list for a channel."""
    condition = is_listed("f.mark", ":channel", ":addressed")
    return bool(
        connection.execute(
            text(f"SELECT EXISTS (SELECT 1 FROM unnest(CAST(:marks AS bytea[])) AS f(mark) WHERE {condition})"),
            {"marks": [one for _, one in fingerprints], "channel": channel, "addressed": addressed},
        ).scalar_one()
    )
