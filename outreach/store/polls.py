"""Accounts that must be asked for what happened: how far each was asked, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from outreach.store.tables import polls


@dataclass(frozen=True, slots=True)
class Poll:
    """One account. `next_at`: not asked again before; `trouble` since `failing_since`, "" and None where it answers.

    `warning`: what its messages meet that a person should know of, last seen at `warned_at`.
    """

    name: str
    cursor: str = ""
    polled_at: datetime | None = None
    failing_since: datetime | None = None
    trouble: str = ""
    next_at: datetime | None = None
    warned_at: datetime | None = None
    warning: str = ""


def read(connection: Connection, names: Sequence[str]) -> dict[str, Poll]:
    """What is known of these accounts; those never asked are left out."""
    rows = connection.execute(select(polls).where(polls.c.name.in_(list(names)))).mappings()
    return {row["name"]: Poll(**row) for row in rows}


def move(connection: Connection, name: str, *, before: str, after: str, now: datetime) -> bool:
    """Move a cursor on; False, and nothing changed, where it does not stand at `before` any more."""
    moved = connection.execute(
        text(
            """
            INSERT INTO polls (name, cursor, polled_at) SELECT :name, CAST(:after AS text), :now
            WHERE :before = '' OR EXISTS (SELECT 1 FROM polls WHERE name = :name)
            ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, polled_at = excluded.polled_at,
                failing_since = NULL, trouble = '', next_at = NULL
            WHERE polls.cursor = :before
            RETURNING name
            """
        ),
        {"name": name, "before": before, "after": after, "now": now},
    )
    return moved.one_or_none() is not None


def fail(connection: Connection, name: str, *, trouble: str, now: datetime, next_at: datetime) -> None:
    """Take down that an account could not be asked, since when, and when it is asked again."""
    statement = insert(polls).values(name=name, failing_since=now, trouble=trouble, next_at=next_at)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "failing_since": text("coalesce(polls.failing_since, excluded.failing_since)"), "trouble": trouble,
                "next_at": next_at,
            },
        )
    )  # fmt: skip


def warn(connection: Connection, name: str, *, warning: str, now: datetime) -> None:
    """Take down what the account's messages meet."""
    statement = insert(polls).values(name=name, warned_at=now, warning=warning)
    again = {"warned_at": now, "warning": warning}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=again))
