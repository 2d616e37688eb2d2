"""Hard bounces: one rule for what a server refuses at once and for what comes back, with a brake where it is too much.

A bounce bars its address. Where too many of an account's messages come back (`outreach.domain.bouncing`), they bar
nobody until a person has looked: those of the last day are freed again, and all that follow are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from outreach.domain.bouncing import DAY, BounceState, Returned, mass_bounce
from outreach.domain.scope import Scope
from outreach.domain.states import Reason
from outreach.store import suppressions
from outreach.store.campaigns import note
from outreach.store.deliveries import SHARDS

_HOURS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery of an account that nobody is there for, with the mail server's code.

    `generation`: of the message it is about; one of an older says nothing of the address written to since (None: it is
    of the newest).
    """

    run: int
    delivery: int
    code: str
    generation: int | None = None


def sent(connection: Connection, account: str, n: int, *, now: datetime, shard: int) -> None:
    """Count `n` messages that an account's provider has given its answer to."""
    connection.execute(
        text(
            "INSERT INTO sent_counts (account, hour, shard, n)"
            " VALUES (:account, date_trunc('hour', CAST(:now AS timestamptz), 'UTC'), :shard, :n)"
            " ON CONFLICT (account, hour, shard) DO UPDATE SET n = sent_counts.n + excluded.n"
        ),
        {"account": account, "now": now, "shard": shard % SHARDS, "n": n},
    )


def bounced(connection: Connection, account: str, found: Sequence[Bounce], *, now: datetime) -> Returned | None:
    """Bar the addresses of bounces, or hold them back while an account has too many; one told before changes nothing.

    Returns what came back of how much where these are the ones that made it too much: the operator is told. The caller
    has changed the deliveries already, so that locks are taken in one order.
    """
    if not found:
        return None
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:account, 9))"), {"account": account})
    holding = _holding(connection, account)
    new = _keep(connection, account, found, BounceState.HELD if holding else BounceState.BARRED, now)
    if holding or not new:
        return None
    touched = {left for _, _, left in new}
    since = min(touched) - DAY
    mass = mass_bounce(_hours(connection, account, since, max(touched)), touched)
    if mass is None:
        places = [(run, delivery) for run, delivery, _ in new]
        suppressions.suppress_deliveries(
            connection, places, reason=Reason.HARD_BOUNCE, source=_source(account), at=now
        )  # fmt: skip
        return None
    _hold(connection, account, since)
    detail = {"came_back": mass.bounced, "of": mass.sent}
    note(connection, who="system", action="bounces held", what=account, detail=detail)
    return mass


def _holding(connection: Connection, account: str) -> bool:
    waiting = text("SELECT 1 FROM bounces WHERE account = :account AND state = 'held' LIMIT 1")
    return connection.execute(waiting, {"account": account}).first() is not None


def _source(account: str) -> str:
    return f"provider of {account}"


def _keep(
    connection: Connection, account: str, found: Sequence[Bounce], state: BounceState, now: datetime
) -> list[tuple[int, int, datetime]]:
    """(run, delivery, the hour in which it left) of the bounces that are new."""
    rows = connection.execute(
        text(
            """
            INSERT INTO bounces (run_id, delivery_id, generation, account, channel, fingerprint, key_version, code,
                left_at, at, state)
            SELECT DISTINCT ON (d.run_id, d.id) d.run_id, d.id, d.generation, :account, d.channel, d.fingerprint,
                coalesce(a.key_version, y.key_version, 1), b.code,
                date_trunc('hour', coalesce(d.sent_at, :now), 'UTC'), :now, :state
            FROM unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[]), CAST(:codes AS text[]),
                CAST(:generations AS bigint[])) AS b(run_id, id, code, generation)
            JOIN deliveries d ON d.run_id = b.run_id AND d.id = b.id
                AND coalesce(b.generation, d.generation) = d.generation
            LEFT JOIN addresses a ON a.id = d.address_id
            LEFT JOIN test_sends y ON d.recipient_kind = 'test' AND y.id = d.recipient_id
            WHERE d.fingerprint IS NOT NULL ON CONFLICT DO NOTHING RETURNING run_id, delivery_id, left_at
            """
        ),
        {
            "account": account, "now": now, "state": str(state), "runs": [one.run for one in found],
            "ids": [one.delivery for one in found], "codes": [one.code for one in found],
            "generations": [one.generation for one in found],
        },
    )  # fmt: skip
    return [(row.run_id, row.delivery_id, row.left_at) for row in rows]


def _hours(connection: Connection, account: str, since: datetime, until: datetime) -> dict[datetime, Returned]:
    rows = connection.execute(
        text(
            """
            SELECT hour, sum(sent) AS sent, sum(bounced) AS bounced FROM (
                SELECT hour, n AS sent, 0 AS bounced FROM sent_counts WHERE account = :account
                UNION ALL SELECT left_at, 0, 1 FROM bounces WHERE account = :account AND state = 'barred'
            ) told WHERE hour BETWEEN :since AND :until GROUP BY hour
            """
        ),
        {"account": account, "since": since, "until": until},
    )
    return {row.hour: Returned(int(row.sent), int(row.bounced)) for row in rows}


def _hold(connection: Connection, account: str, since: datetime) -> None:
    """Hold the bounces of what left after `since`, and free the addresses that they alone have barred."""
    connection.execute(
        text(
            """
            WITH moved AS (
                UPDATE bounces SET state = 'held' WHERE account = :account AND state = 'barred' AND left_at > :since
                RETURNING fingerprint, channel
            )
            DELETE FROM suppressions s USING (SELECT DISTINCT fingerprint, channel FROM moved) m
            WHERE s.fingerprint = m.fingerprint AND s.channel = m.channel AND s.class = '*'
                AND s.reason = 'hard_bounce' AND s.source = :source AND NOT EXISTS (
                    SELECT 1 FROM bounces o WHERE (o.account <> :account OR o.left_at <= :since)
                        AND o.fingerprint = m.fingerprint AND o.channel = m.channel
                        AND o.state IN ('barred', 'applied'))
            """
        ),
        {"account": account, "since": since, "source": _source(account)},
    )


@dataclass(frozen=True, slots=True)
class Held:
    """How many bounces of an account bar nobody until a person has looked; `since`: the first of them came."""

    account: str
    n: int
    since: datetime


def held(connection: Connection) -> dict[str, Held]:
    """The accounts whose bounces are held, by name."""
    rows = connection.execute(
        text("SELECT account, count(*) AS n, min(at) AS since FROM bounces WHERE state = 'held' GROUP BY account")
    )
    return {row.account: Held(row.account, row.n, row.since) for row in rows}


def held_of(connection: Connection, run_ids: Sequence[int]) -> tuple[Held, ...]:
    """The same, of the messages of these runs alone."""
    rows = connection.execute(
        text(
            "SELECT account, count(*) AS n, min(at) AS since FROM bounces WHERE state = 'held'"
            " AND run_id = ANY(CAST(:runs AS bigint[])) GROUP BY account ORDER BY account"
        ),
        {"runs": list(run_ids)},
    )
    return tuple(Held(row.account, row.n, row.since) for row in rows)


@dataclass(frozen=True, slots=True)
class Kind:
    """So many held bounces of an account with one code, of one campaign."""

    account: str
    code: str
    campaign: str
    n: int


def kinds(connection: Connection) -> list[Kind]:
    """What is held, by account, code and campaign, the most frequent first."""
    rows = connection.execute(
        text(
            "SELECT b.account, b.code, r.campaign, count(*) AS n FROM bounces b JOIN runs r ON r.id = b.run_id"
            " WHERE b.state = 'held' GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3"
        )
    )
    return [Kind(row.account, row.code, row.campaign, row.n) for row in rows]


def sealed(connection: Connection, account: str, *, scope: Scope) -> Iterator[tuple[bytes, int]]:
    """(sealed address, key version) of the held bounces of an account, to people in the scope."""
    rows = connection.execute(
        text(
            """
            SELECT a.value, a.key_version FROM bounces b
            JOIN deliveries d ON d.run_id = b.run_id AND d.id = b.delivery_id JOIN addresses a ON a.id = d.address_id
            LEFT JOIN units u ON u.code = d.unit_code
            WHERE b.account = :account AND b.state = 'held' AND (:path = '' OR starts_with(u.path, :path))
            """
        ),
        {"account": account, "path": scope.path},
    )
    return ((row.value, row.key_version) for row in rows)


def settle(connection: Connection, account: str, state: BounceState, *, code: str = "", who: str, now: datetime) -> int:
    """Have the held bounces of an account barred or forgotten, those of one code or ("") all; returns how many."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:account, 9))"), {"account": account})
    settled = connection.execute(
        text(
            """
            WITH done AS (
                UPDATE bounces SET state = :state, settled_at = :now, settled_by = :who
                WHERE account = :account AND state = 'held' AND :code IN ('', code)
                RETURNING fingerprint, channel, key_version
            ), barred AS (
                INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source, created_at)
                SELECT DISTINCT ON (fingerprint, channel) fingerprint, channel, '*', key_version, 'hard_bounce',
                    :source, :now
                FROM done WHERE :state = 'applied' ON CONFLICT DO NOTHING
            )
            SELECT count(*) FROM done
            """
        ),
        {
            "account": account, "state": str(state), "now": now, "who": who, "code": code,
            "source": f"{_source(account)}, confirmed by {who}",
        },
    ).scalar_one()  # fmt: skip
    if settled:
        note(
            connection, who=who, action=f"bounces {state}", what=account, detail={"n": int(settled), "code": code}
        )  # fmt: skip
    return int(settled)


def purge(connection: Connection, before: datetime, *, now: datetime) -> int:
    """Forget bounces of before `before` that nobody waits for, and old hours; returns how many bounces."""
    connection.execute(text("DELETE FROM sent_counts WHERE hour < :before"), {"before": now - _HOURS_KEPT})
    return connection.execute(
        text("DELETE FROM bounces WHERE at < :before AND state <> 'held'"), {"before": before}
    ).rowcount  # fmt: skip
