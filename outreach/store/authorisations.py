"""Permissions that were asked for at a provider: each is good for one answer and for minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, text, update

from outreach.store.tables import authorisations

_KEPT = timedelta(days=1)
_OPEN_AT_ONCE = 10
"""Of one account; beyond them the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Open:
    """A permission that may still be given. `state`: its keyed fingerprint; `verifier`: sealed under `key_version`."""

    id: int
    who: str
    state: bytes = field(repr=False)
    verifier: bytes = field(repr=False)
    key_version: int = 0


def add(
    connection: Connection, account: str, *, state: bytes, verifier: bytes, key_version: int, who: str, now: datetime,
    expires_at: datetime,
) -> int:  # fmt: skip
    """Remember that `who` asks for an account; those long past are forgotten. Returns its number."""
    connection.execute(delete(authorisations).where(authorisations.c.expires_at < now - _KEPT))
    connection.execute(
        text(
            "DELETE FROM authorisations WHERE account = :account AND id NOT IN (SELECT id FROM authorisations"
            " WHERE account = :account ORDER BY id DESC LIMIT :most)"
        ),
        {"account": account, "most": _OPEN_AT_ONCE - 1},
    )
    values = {"state": state, "verifier": verifier, "key_version": key_version, "who": who, "expires_at": expires_at}
    statement = insert(authorisations).values(account=account, **values).returning(authorisations.c.id)
    return int(connection.execute(statement).scalar_one())


def opened(connection: Connection, account: str, now: datetime) -> list[Open]:
    """Those of an account that may still be answered, the newest first."""
    table = authorisations
    wanted = select(table).where(table.c.account == account, table.c.used_at.is_(None), table.c.expires_at > now)
    rows = connection.execute(wanted.order_by(table.c.id.desc()))
    return [Open(row.id, row.who, row.state, row.verifier, row.key_version) for row in rows]


def take(connection: Connection, number: int, now: datetime) -> bool:
    """Use one up; False where somebody else has. The caller commits before the answer is used."""
    table = authorisations
    used = update(table).where(table.c.id == number, table.c.used_at.is_(None)).values(used_at=now)
    return connection.execute(used).rowcount > 0


def settle(connection: Connection, number: int, outcome: str) -> None:
    """Write down what came of the answer."""
    connection.execute(update(authorisations).where(authorisations.c.id == number).values(outcome=outcome))


def outcomes(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """What came of the answers, by number; "" for one that nobody has answered, or whose answer is being used."""
    wanted = select(authorisations.c.id, authorisations.c.outcome).where(authorisations.c.id.in_(list(numbers)))
    return {row.id: row.outcome for row in connection.execute(wanted)}
