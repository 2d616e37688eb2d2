"""Deliveries that move to another account: only what waits and cannot have left, and only where it makes no difference.

A row in `sending` or `unknown` stays with its provider, and so does one that is to be sent again under its key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.domain.accounts import Account
from outreach.domain.states import Reason
from outreach.domain.words import Channel
from outreach.store.deliveries import ERRORS_COUNTED
from outreach.store.sharing import choice, choice_values

_MOVABLE = """
    d.channel = :channel AND d.state = 'planned' AND d.recipient_kind = 'contact' AND d.resend_until IS NULL
    AND r.state IN ('sending', 'held')
"""
_MOVED = """
    UPDATE deliveries d SET account = c.account, attempt = 0, code = NULL,
        reason = CASE WHEN d.reason IN ('transient', 'throttled', 'misconfigured') THEN :reason ELSE d.reason END,
        next_attempt_at = CASE WHEN d.reason IN ('transient', 'throttled', 'misconfigured')
            THEN least(d.next_attempt_at, CAST(:now AS timestamptz)) ELSE d.next_attempt_at END
    FROM chosen c WHERE d.run_id = c.run_id AND d.id = c.id AND d.state = 'planned' AND d.resend_until IS NULL
    RETURNING d.run_id, d.channel, d.state, d.account AS given_to, d.lane, d.reason, d.code, c.was_account,
        c.was_reason, c.was_code
"""
"""What only waited for its old account's sake is due at once; its tries there do not count at the new one."""
_COUNTED = f"""
    changed AS (SELECT *, was_account AS account, 'planned' AS was FROM moved),
    {ERRORS_COUNTED}
"""
"""The old account's trouble is over; there is none at the new one yet."""


def share_out(
    connection: Connection, channel: Channel, accounts: Sequence[Account], resting: Collection[str], *,
    of: Collection[str], to: str = "", keep: int = 0, now: datetime, limit: int,
) -> Mapping[tuple[str, str], int]:  # fmt: skip
    """Give deliveries that wait at the accounts `of` to those who should have them; how many, by (account, lane).

    `accounts` with the paths of their units (`sharing.with_paths`). `to`: only what this one should have. `keep`: so
    many stay, to try the account with. At most `limit` at a time; rows another transaction holds are left out.
    """
    statement = f"""
        WITH chosen AS MATERIALIZED (
            SELECT d.run_id, d.id, s.account, d.account AS was_account, d.reason AS was_reason, d.code AS was_code
            FROM deliveries d JOIN runs r ON r.id = d.run_id
            LEFT JOIN units u ON u.code = d.unit_code
            CROSS JOIN LATERAL (
                SELECT {choice(channel, accounts)} AS account
                FROM (SELECT d.recipient_id AS contact_id, u.path, CAST('' AS text) AS bound) l
            ) s
            WHERE d.account = ANY(CAST(:of AS text[])) AND {_MOVABLE} AND s.account <> d.account
                AND (:to = '' OR s.account = :to)
            LIMIT :limit OFFSET :keep FOR UPDATE OF d SKIP LOCKED
        ),
        moved AS ({_MOVED}),
        {_COUNTED}
        SELECT given_to, lane, count(*) AS n FROM moved GROUP BY given_to, lane
    """
    values = {
        **choice_values(channel, accounts, resting),
        "channel": str(channel), "of": list(of), "to": to, "limit": limit, "keep": keep, "now": now,
        "reason": str(Reason.MOVED), "shard": 0,
    }  # fmt: skip
    return {(row.given_to, row.lane): row.n for row in connection.execute(text(statement), values)}


def lend(
    connection: Connection, channel: Channel, account: Account, *, of: Collection[str], now: datetime, most: int
) -> int:
    """Give an ill account a few deliveries of others to be tried with, unless it has some of its own; returns how many.

    `account` with the path of its unit.
    """
    statement = f"""
        WITH chosen AS MATERIALIZED (
            SELECT d.run_id, d.id, CAST(:account AS text) AS account, d.account AS was_account,
                d.reason AS was_reason, d.code AS was_code
            FROM deliveries d JOIN runs r ON r.id = d.run_id
            LEFT JOIN units u ON u.code = d.unit_code
            WHERE d.account = ANY(CAST(:of AS text[])) AND {_MOVABLE} AND d.next_attempt_at <= :now
                AND (:path = '' OR starts_with(u.path, :path))
                AND NOT EXISTS (SELECT 1 FROM deliveries o JOIN runs q ON q.id = o.run_id WHERE o.account = :account
                    AND o.state = 'planned' AND o.next_attempt_at <= :now AND q.state = 'sending')
            LIMIT :most FOR UPDATE OF d SKIP LOCKED
        ),
        moved AS ({_MOVED}),
        {_COUNTED}
        SELECT count(*) FROM moved
    """
    values = {
        "channel": str(channel), "account": account.name, "path": account.unit, "of": list(of), "now": now,
        "most": most, "reason": str(Reason.MOVED), "shard": 0,
    }  # fmt: skip
    return int(connection.execute(text(statement), values).scalar_one())


def waiting(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """How many deliveries wait at these accounts, by name; none for one where nothing does."""
    rows = connection.execute(
        text(
            "SELECT d.account, count(*) AS n FROM deliveries d JOIN runs r ON r.id = d.run_id"
            " WHERE d.account = ANY(CAST(:names AS text[])) AND d.state = 'planned' AND r.state IN ('sending', 'held')"
            " GROUP BY d.account"
        ),
        {"names": list(names)},
    )
    return {row.account: row.n for row in rows}


_GONE = text(
    """
    WITH RECURSIVE found(account) AS (
        (SELECT account FROM deliveries WHERE state = 'planned' AND account > '' ORDER BY account LIMIT 1)
        UNION ALL
        SELECT (SELECT d.account FROM deliveries d WHERE d.state = 'planned' AND d.account > f.account
            ORDER BY d.account LIMIT 1)
        FROM found f WHERE f.account IS NOT NULL
    )
    SELECT account FROM found WHERE account <> ALL(CAST(:known AS text[]))
    """
)
"""From name to name along the index of what is due: a million rows of an account cost as much as one."""


def gone(connection: Connection, known: Collection[str]) -> list[str]:
    """Accounts at which deliveries wait and that are not among those known: renamed, or taken out of their file."""
    return list(connection.execute(_GONE, {"known": list(known)}).scalars())
