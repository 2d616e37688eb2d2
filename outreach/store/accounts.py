"""Which accounts a person must mend before anything goes through them again."""

from __future__ import annotations

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


def resume(connection: Connection, name: str) -> bool:
    """Put an account back into service, with its share of what waits; returns whether it was out."""
    back = {"paused": False, "circuit": str(Circuit.RETURNING), "circuit_since": text("now()"), "probe_at": None}
    result = connection.execute(
        update(account_states).where(account_states.c.name == name, account_states.c.paused).values(back)
    )
    return result.rowcount > 0


def resume_renewed(connection: Connection, name: str, *, code: str) -> bool:
    """Put an account back that was taken out with `code`, where its tokens were renewed since; whether it was."""
    found = connection.execute(
        text(
            "SELECT 1 FROM account_states s JOIN account_tokens t ON t.name = s.name"
            " WHERE s.name = :name AND s.paused AND s.code = :code AND t.renewed_at > s.since"
        ),
        {"name": name, "code": code},
    ).first()
    return found is not None and resume(connection, name)


def paused(connection: Connection) -> dict[str, AccountState]:
    """The accounts out of service, by name."""
    rows = connection.execute(select(account_states).where(account_states.c.paused))
    return {row.name: AccountState(row.name, row.paused, row.code, row.reason, row.since) for row in rows}
