"""Which accounts a person must mend before anything goes through them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from outreach.domain.circuits import Circuit
from outreach.store.tables import account_states


@dataclass(frozen=True, slots=True)
class AccountState:
    """Why and since when an account is out of service."""

    name: str
    paused: bool
    code: str
    reason: str
    since: datetime


def pause(connection: Connection, name: str, *, code: str, reason: str) -> None:
    """Take an account out of service; its deliveries stay planned."""
    values = {"paused": True, "code": code, "reason": reason, "since": text("now()")}
    statement = insert(account_states).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def pause_unless_out(connection: Connection, name: str, *, code: str, reason: str) -> bool:
    """Take an account out that is in service: another cause, and since when it holds, stay known. Whether it was in."""
    values = {"paused": True, "code": code, "reason": reason, "since": text("now()")}
    statement = insert(account_states).values(name=name, **values)
    in_service = account_states.c.paused.is_(False)
    statement = statement.on_conflict_do_update(index_elements=["name"], set_=values, where=in_service)
    return connection.execute(statement.returning(account_states.c.name)).first() is not None


def resume(connection: Connection, name: str, *, code: str | None = None) -> bool:
    """Put an account back into service, with its share of what waits; returns whether it was out.

    `code`: only where that is what it was taken out with.
    """
    back = {"paused": False, "circuit": str(Circuit.RETURNING), "circuit_since": text("now()"), "probe_at": None}
    out = [account_states.c.name == name, account_states.c.paused]
    if code is not None:
        out.append(account_states.c.code == code)
    result = connection.execute(update(account_states).where(*out).values(back))
    return result.rowcount > 0


def resume_renewed(connection: Connection, name: str, *, lost: Sequence[str], none: Sequence[str]) -> bool:
    """Put an account back that was taken out for its tokens, and has good ones; whether it was.

    With a code of `lost`, where the pair was renewed since; with one of `none` (there was no pair) where there is one.
    """
    code = connection.execute(
        text(
            "SELECT s.code FROM account_states s JOIN account_tokens t ON t.name = s.name"
            " WHERE s.name = :name AND s.paused"
            " AND (s.code = ANY(:none) OR (s.code = ANY(:lost) AND t.renewed_at > s.since))"
        ),
        {"name": name, "lost": list(lost), "none": list(none)},
    ).scalar_one_or_none()
    return code is not None and resume(connection, name, code=code)


def paused(connection: Connection) -> dict[str, AccountState]:
    """The accounts out of service, by name."""
    rows = connection.execute(select(account_states).where(account_states.c.paused))
    return {row.name: AccountState(row.name, row.paused, row.code, row.reason, row.since) for row in rows}
