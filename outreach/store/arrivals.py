"""Who came to an account of a bound channel, and how they stand with it: one row for each sender of an account.

Its moments are those of the events, so that what comes late cannot undo what happened after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.errors import NotFound
from outreach.domain.invitation import Why
from outreach.domain.scope import Scope

Fingerprints = Sequence[tuple[int, bytes]]
"""(key version, fingerprint) of one address, newest version first: `KeyRing.fingerprints`."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An address as it is stored: its fingerprints under every key version, and its value under the newest."""

    fingerprints: Fingerprints
    value: bytes

    @property
    def values(self) -> list[bytes]:
        """The fingerprints without their versions."""
        return [value for _, value in self.fingerprints]

    @property
    def version(self) -> int:
        """The key version new rows are stored under."""
        return self.fingerprints[0][0]

    @property
    def newest(self) -> bytes:
        """The fingerprint new rows are stored under."""
        return self.fingerprints[0][1]


@dataclass(frozen=True, slots=True)
class Arrival:
    """How one sender stands with one account; `contacts` are those the sender was ever linked with.

    `wrong` counts unreadable tokens since `wrong_since`; `name` and `phone` are sealed under `key_version`.
    """

    id: int
    account: str
    channel: str
    contacts: tuple[int, ...] = ()
    came_at: datetime | None = None
    left_at: datetime | None = None
    agreed_at: datetime | None = None
    refused_at: datetime | None = None
    wrong: int = 0
    wrong_since: datetime | None = None
    key_version: int = 0
    name: bytes | None = None
    phone: bytes | None = None


_FIELDS = ", ".join(Arrival.__dataclass_fields__)
_GONE = "coalesce(left_at > coalesce(came_at, '-infinity'), false)"
_NOTHING_WAITS = "why = NULL, value = NULL, name = NULL, phone = NULL"


def lock(connection: Connection, account: str, senders: Sequence[Sealed]) -> None:
    """One transaction at a time deals with a sender of an account; taken in one order, held until its end."""
    for fingerprint in sorted(sender.newest for sender in senders):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:account || encode(:fingerprint, 'hex'), 7))"),
            {"account": account, "fingerprint": fingerprint},
        )


def of(connection: Connection, account: str, channel: str, sender: Sealed, *, at: datetime) -> Arrival:
    """The sender's row, made where there is none; the caller holds the lock."""
    known = text(f"SELECT {_FIELDS} FROM arrivals WHERE account = :account AND fingerprint = ANY(:fingerprints)")
    row = connection.execute(known, {"account": account, "fingerprints": sender.values}).first()
    if row is None:
        made = text(
            "INSERT INTO arrivals (account, channel, fingerprint, key_version, seen_at)"
            f" VALUES (:account, :channel, :fingerprint, :version, :at) RETURNING {_FIELDS}"
        )
        row = connection.execute(
            made,
            {
                "account": account, "channel": channel, "fingerprint": sender.newest, "version": sender.version,
                "at": at,
            },
        ).one()  # fmt: skip
    return _arrival(row)


def _arrival(row: Any) -> Arrival:
    return Arrival(**{**row._mapping, "contacts": tuple(row.contacts)})


def linked(connection: Connection, arrival: Arrival, contacts: Sequence[int], *, at: datetime) -> None:
    """The sender is linked with these contacts; what they brought is not needed any more.

    Wrong tokens go on being counted: whoever has one good token could try any number of others between its uses.
    """
    _change(
        connection, arrival,
        "contacts = :contacts, why = NULL, value = NULL, name = NULL, phone = NULL,"
        " came_at = greatest(came_at, :at), seen_at = greatest(seen_at, :at)",
        contacts=sorted({*arrival.contacts, *contacts}), at=at,
    )  # fmt: skip


def unmatched(
    connection: Connection, arrival: Arrival, sender: Sealed, why: Why, *,
    at: datetime, name: bytes | None, phone: bytes | None,
) -> None:  # fmt: skip
    """Nobody could be linked with the sender: kept for staff to decide, all of it sealed under the sender's version."""
    _change(
        connection, arrival,
        "why = :why, value = :value, key_version = :version, fingerprint = :fingerprint, name = :name, phone = :phone,"
        " came_at = greatest(came_at, :at), seen_at = greatest(seen_at, :at)",
        why=str(why), value=sender.value, version=sender.version, fingerprint=sender.newest, name=name, phone=phone,
        at=at,
    )  # fmt: skip


def left(connection: Connection, arrival: Arrival, contacts: Sequence[int], *, at: datetime) -> None:
    """The sender is gone. Only whom they were linked with is kept, so that coming back links them again."""
    _change(
        connection, arrival,
        "contacts = :contacts, why = NULL, value = NULL, name = NULL, phone = NULL,"
        " left_at = greatest(left_at, :at), seen_at = greatest(seen_at, :at)",
        contacts=sorted({*arrival.contacts, *contacts}), at=at,
    )  # fmt: skip


def agreed(connection: Connection, arrival: Arrival, *, at: datetime) -> None:
    """The sender said by their own act that messages are wanted."""
    _change(connection, arrival, "agreed_at = greatest(agreed_at, :at)", at=at)


def refused(connection: Connection, arrival: Arrival, *, at: datetime) -> None:
    """The sender refused messages."""
    _change(connection, arrival, "refused_at = greatest(refused_at, :at)", at=at)


def guessed(connection: Connection, arrival: Arrival, *, at: datetime, within: timedelta) -> None:
    """The sender brought a token that is none; the count starts anew `within` after its first."""
    _change(
        connection, arrival,
        "wrong = CASE WHEN wrong_since > :after THEN least(wrong + 1, 1000) ELSE 1 END,"
        " wrong_since = CASE WHEN wrong_since > :after THEN wrong_since ELSE :at END",
        at=at, after=at - within,
    )  # fmt: skip


def _change(connection: Connection, arrival: Arrival, settings: str, **values: object) -> None:
    connection.execute(text(f"UPDATE arrivals SET {settings} WHERE id = :id"), {"id": arrival.id, **values})


def refused_elsewhere(connection: Connection, account: str, sender: Sealed) -> list[str]:
    """The other accounts at which this sender's last word was a refusal (a chat id is the same for every bot)."""
    rows = connection.execute(
        text(
            "SELECT account FROM arrivals WHERE fingerprint = ANY(:fingerprints) AND account <> :account"
            " AND refused_at > coalesce(agreed_at, '-infinity')"
        ),
        {"fingerprints": sender.values, "account": account},
    )
    return [row.account for row in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody nobody could be linked with; name and phone are sealed under `key_version`."""

    id: int
    account: str
    channel: str
    why: Why
    came_at: datetime
    key_version: int
    name: bytes | None
    phone: bytes | None


def waiting(connection: Connection, *, scope: Scope, limit: int = 200) -> list[Waiting]:
    """Those who wait for staff to say who they are, latest first; of no unit, so only who sees everything sees them."""
    if not scope.everything:
        return []
    rows = connection.execute(
        text(
            "SELECT id, account, channel, why, came_at, key_version, name, phone FROM arrivals"
            " WHERE why IS NOT NULL ORDER BY seen_at DESC, id DESC LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [Waiting(**{**row._mapping, "why": Why(row.why)}) for row in rows]


def take(connection: Connection, arrival_id: int, *, scope: Scope) -> tuple[Arrival, bytes, int]:
    """(the arrival, its sealed address, the key version); raises NotFound for one that does not wait.

    To change it the caller takes the sender's `lock` and calls again: everybody takes that one first.
    """
    row = None
    if scope.everything:
        row = connection.execute(
            text(f"SELECT {_FIELDS}, value FROM arrivals WHERE id = :id AND why IS NOT NULL"),
            {"id": arrival_id},
        ).first()
    if row is None:
        raise NotFound(f"nobody waits under the number {arrival_id}: `outreach audience arrivals` lists who does")
    given = {name: row._mapping[name] for name in Arrival.__dataclass_fields__}
    return Arrival(**{**given, "contacts": tuple(row.contacts)}), row.value, row.key_version


def purge(connection: Connection, before: datetime) -> int:
    """Forget those who wait, or left, since before `before`; returns how many.

    Of who is linked only what waits is forgotten: how they stand with us counts while they have an address.
    """
    waited = f"why IS NOT NULL AND seen_at < :before AND NOT {_GONE}"
    connection.execute(
        text(f"UPDATE arrivals SET {_NOTHING_WAITS} WHERE {waited} AND contacts <> '{{}}'"), {"before": before}
    )
    gone = f"(why IS NOT NULL OR {_GONE}) AND seen_at < :before"
    return connection.execute(text(f"DELETE FROM arrivals WHERE {gone}"), {"before": before}).rowcount
