"""What an operator wants to know of the database: its version, and who says they work on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from outreach.store.tables import children


@dataclass(frozen=True, slots=True)
class Child:
    """A worker child that is not known to have ended; host, boot, pid and start make it unmistakable."""

    host: str
    boot: str
    pid: int
    started: float


def server_version(connection: Connection) -> str:
    """PostgreSQL's version, as it calls itself (`18.1`)."""
    return str(connection.execute(text("SHOW server_version")).scalar_one()).split()[0]


def open_children(connection: Connection) -> list[Child]:
    """The worker children that have not been found dead, in the order of their enrolment."""
    rows = connection.execute(select(children).where(children.c.ended_at.is_(None)).order_by(children.c.id))
    return [Child(row.host, row.boot, row.pid, float(row.started)) for row in rows]


def end_child(connection: Connection, child: int) -> None:
    """Take down that a child has ended of its own accord, with nothing left to record."""
    connection.execute(update(children).where(children.c.id == child).values(ended_at=text("now()")))


def bound_to_nobody(connection: Connection, known: Collection[str]) -> dict[str, int]:
    """How many addresses (Zalo user ids, chats) belong to accounts that are not among those known, by account."""
    rows = connection.execute(
        text(
            "SELECT account, count(*) AS n FROM addresses"
            " WHERE account <> '' AND account <> ALL(CAST(:known AS text[])) GROUP BY account ORDER BY account"
        ),
        {"known": list(known)},
    )
    return {row.account: row.n for row in rows}
