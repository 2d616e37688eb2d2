"""The confirmations of refusals that are due: planned with the refusal, claimed one at a time, never sent twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from outreach.domain.words import Channel
from outreach.store.arrivals import Sealed


class State(StrEnum):
    """How a confirmation stands; all but the first two are final."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """It may have left: its sender was killed, or the answer never came. It is not sent again."""
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """The citizen had taken the refusal back before it left."""


def plan(
    connection: Connection, *, account: str, event_key: str, channel: Channel, sender: Sealed, now: datetime,
    expires: datetime, quiet_since: datetime,
) -> bool:  # fmt: skip
    """Plan the one confirmation of a refusal; returns whether there will be one.

    There is none where the refusal was told before, or the address has one under way or had one after `quiet_since`.
    """
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:channel || encode(:fingerprint, 'hex'), 8))"),
        {"channel": str(channel), "fingerprint": sender.newest},
    )
    planned = connection.execute(
        text(
            """
            INSERT INTO confirmations (account, event_key, channel, fingerprint, key_version, value, made_at,
                next_attempt_at, expires_at)
            SELECT :account, :event_key, :channel, :fingerprint, :version, :value, :now, :now, :expires
            WHERE NOT EXISTS (SELECT 1 FROM confirmations c WHERE c.fingerprint = ANY(:fingerprints)
                AND c.channel = :channel AND (c.state IN ('planned', 'sending')
                    OR (c.state IN ('accepted', 'unknown') AND c.settled_at > :quiet_since)))
            ON CONFLICT (account, event_key) DO NOTHING
            """
        ),
        {
            "account": account, "event_key": event_key, "channel": str(channel), "fingerprint": sender.newest,
            "version": sender.version, "value": sender.value, "fingerprints": sender.values, "now": now,
            "expires": expires, "quiet_since": quiet_since,
        },
    )  # fmt: skip
    return bool(planned.rowcount)


def cancel(connection: Connection, sender: Sealed, channel: Channel, *, now: datetime) -> None:
    """The citizen took the refusal back: what has not left says nothing any more."""
    connection.execute(
        text(
            "UPDATE confirmations SET state = 'cancelled', value = NULL, settled_at = :now WHERE state = 'planned'"
            " AND fingerprint = ANY(:fingerprints) AND channel = :channel"
        ),
        {"now": now, "fingerprints": sender.values, "channel": str(channel)},
    )


def waits(connection: Connection, now: datetime) -> bool:
    """Whether there is anything to do: one due, one too late, or one whose sender is gone."""
    found = text(
        "SELECT 1 FROM confirmations WHERE state IN ('planned', 'sending')"
        " AND ((state = 'planned' AND next_attempt_at <= :now) OR lease_until < clock_timestamp()) LIMIT 1"
    )
    return connection.execute(found, {"now": now}).first() is not None


def give_up(connection: Connection, now: datetime) -> int:
    """Expire what is too late, and call unknown what a sender left behind; returns how many of the latter."""
    connection.execute(
        text(
            "UPDATE confirmations SET state = 'expired', value = NULL, settled_at = :now"
            " WHERE state = 'planned' AND expires_at <= :now"
        ),
        {"now": now},
    )
    return connection.execute(
        text(
            "UPDATE confirmations SET state = 'unknown', value = NULL, settled_at = :now"
            " WHERE state = 'sending' AND lease_until < clock_timestamp()"
        ),
        {"now": now},
    ).rowcount


@dataclass(frozen=True, slots=True)
class Claimed:
    """A confirmation that this child alone may send until its lease ends; `attempt` counts from 1."""

    id: int
    account: str
    channel: Channel
    value: bytes
    key_version: int
    attempt: int


def claim(
    connection: Connection, accounts: Collection[str], *, child: int, lease_s: float, now: datetime
) -> Claimed | None:
    """Take the next one due at these accounts; the caller commits before the first byte leaves."""
    connection.execute(text("SET LOCAL synchronous_commit = on"))
    row = connection.execute(
        text(
            """
            UPDATE confirmations SET state = 'sending', attempt = attempt + 1, child_id = :child,
                lease_until = clock_timestamp() + make_interval(secs => :lease_s)
            WHERE id = (SELECT id FROM confirmations WHERE state = 'planned' AND next_attempt_at <= :now
                AND expires_at > :now AND account = ANY(CAST(:accounts AS text[]))
                ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED) AND state = 'planned'
            RETURNING id, account, channel, value, key_version, attempt
            """
        ),
        {"child": child, "lease_s": lease_s, "now": now, "accounts": list(accounts)},
    ).one_or_none()
    if row is None:
        return None
    return Claimed(row.id, row.account, Channel(row.channel), row.value, row.key_version, row.attempt)


def settle(
    connection: Connection, claimed: Claimed, state: State, *, child: int, now: datetime, code: str = "",
) -> None:  # fmt: skip
    """Write down how a claimed one ended; an acceptance also where it had been called unknown meanwhile."""
    before: Sequence[str] = ("sending", "unknown") if state is State.ACCEPTED else ("sending",)
    connection.execute(
        text(
            "UPDATE confirmations SET state = :state, code = :code, value = NULL, settled_at = :now, lease_until = NULL"
            " WHERE id = :id AND child_id = :child AND attempt = :attempt AND state = ANY(CAST(:before AS text[]))"
        ),
        {
            "state": str(state), "code": code, "now": now, "id": claimed.id, "child": child,
            "attempt": claimed.attempt, "before": list(before),
        },
    )  # fmt: skip


def put_off(
    connection: Connection, claimed: Claimed, *, child: int, until: datetime, code: str = "", counts: bool = True
) -> None:
    """Plan a claimed one again that has certainly not left; `counts`: the attempt does."""
    connection.execute(
        text(
            "UPDATE confirmations SET state = 'planned', code = :code, next_attempt_at = :until, child_id = NULL,"
            " lease_until = NULL, attempt = attempt - :refund"
            " WHERE id = :id AND child_id = :child AND attempt = :attempt AND state = 'sending'"
        ),
        {
            "code": code, "until": until, "refund": 0 if counts else 1, "id": claimed.id, "child": child,
            "attempt": claimed.attempt,
        },
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """How the confirmation of a refusal stands; `at`: when it was settled, else planned."""

    account: str
    channel: Channel
    state: State
    at: datetime
    code: str


def of_address(connection: Connection, fingerprints: Iterable[tuple[int, bytes]]) -> list[Told]:
    """The confirmations sent or to be sent to an address the caller has already, oldest first."""
    rows = connection.execute(
        text(
            "SELECT account, channel, state, coalesce(settled_at, made_at) AS at, code FROM confirmations"
            " WHERE fingerprint = ANY(CAST(:marks AS bytea[])) ORDER BY id"
        ),
        {"marks": [value for _, value in fingerprints]},
    )
    return [Told(row.account, Channel(row.channel), State(row.state), row.at, row.code) for row in rows]


def purge(connection: Connection, before: datetime) -> int:
    """Forget the confirmations settled before `before`; returns how many."""
    return connection.execute(text("DELETE FROM confirmations WHERE settled_at < :before"), {"before": before}).rowcount
