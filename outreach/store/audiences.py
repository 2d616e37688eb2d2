"""The audience of one planning: temporary tables that live until the transaction ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    insert,
    literal,
    select,
    text,
)

from outreach.store.tables import contacts as contacts_table

_temporary = MetaData()
_audience = Table(
    "audience",
    _temporary,
    Column("contact_id", BigInteger),
    Column("subject_id", BigInteger),
    Column("unit_code", Text),
)
_cases_due = Table("due_cases", _temporary, Column("contact_id", BigInteger))

_DUE_CASES = """
    SELECT k.id AS case_id, k.contact_id, k.due_at FROM cases k
    WHERE k.state = 'open' AND k.due_at > :now
        AND k.due_at >= CAST(:first AS date) - 2 AND k.due_at < CAST(:last AS date) + 3
        AND (k.due_at AT TIME ZONE :zone)::date BETWEEN :first AND :last
        AND NOT EXISTS (SELECT 1 FROM case_reminders r WHERE r.campaign = :campaign AND r.message = :message
            AND r.case_id = k.id AND r.due_at = k.due_at)
"""


@dataclass(frozen=True, slots=True)
class CaseWindow:
    """Which cases a run reminds of: those due on the local dates from `first` to `last` in `zone`."""

    campaign: str
    message: str
    first: date
    last: date
    zone: str
    now: datetime

    def values(self) -> dict[str, Any]:
        """The window as bound values."""
        return {
            "campaign": self.campaign,
            "message": self.message,
            "first": self.first,
            "last": self.last,
            "zone": self.zone,
            "now": self.now,
        }


def gather(connection: Connection, contacts: Select[Any]) -> int:
    """Make the table `audience` of the contacts a segment selects, in their order; returns how many."""
    empty(connection)
    wanted = contacts.add_columns(literal(0), contacts_table.c.unit_code).order_by(contacts_table.c.id)
    connection.execute(insert(_audience).from_select(["contact_id", "subject_id", "unit_code"], wanted))
    return ready(connection)


def gather_cases(connection: Connection, contacts: Select[Any], window: CaseWindow, *, run: int | None) -> int:
    """Make the table `audience` of a segment's people with a case in `window`, one row a case; returns how many.

    With `run`, each case and due date is taken down, so that no other run reminds of it; without, nothing is kept.
    """
    _due_cases(connection, contacts, window)
    if run is not None:
        connection.execute(
            text(
                """
                WITH taken AS (
                    INSERT INTO case_reminders (campaign, message, case_id, due_at, run_id)
                    SELECT :campaign, :message, case_id, due_at, :run FROM due_cases ORDER BY case_id
                    ON CONFLICT DO NOTHING RETURNING case_id
                )
                DELETE FROM due_cases WHERE case_id NOT IN (SELECT case_id FROM taken)
                """
            ),
            {"campaign": window.campaign, "message": window.message, "run": run},
        )
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE audience ON COMMIT DROP AS"
            " SELECT c.id AS contact_id, k.case_id AS subject_id, c.unit_code"
            " FROM due_cases k JOIN contacts c ON c.id = k.contact_id"
        )
    )
    return ready(connection)


_FREE_REMINDERS = text(
    """
    DELETE FROM case_reminders m USING deliveries d
    WHERE m.campaign = :campaign AND d.run_id = m.run_id AND d.subject_id = m.case_id
        AND d.recipient_kind = 'contact' AND d.state = 'suppressed' AND d.reason = 'trial'
    """
)


def forget_trial_reminders(connection: Connection, campaign: str) -> int:
    """Let the cases be reminded of whose people got nothing in trial mode; returns how many rows of theirs went."""
    return connection.execute(_FREE_REMINDERS, {"campaign": campaign}).rowcount


def due_case_dates(connection: Connection, contacts: Select[Any], window: CaseWindow) -> list[date]:
    """The local due dates in `window` on which at least one case waits for a reminder."""
    _due_cases(connection, contacts, window)
    days = connection.execute(
        text("SELECT DISTINCT (due_at AT TIME ZONE :zone)::date AS day FROM due_cases ORDER BY day"),
        {"zone": window.zone},
    ).scalars()
    found = list(days)
    connection.execute(text("DROP TABLE due_cases"))
    return found


def _due_cases(connection: Connection, contacts: Select[Any], window: CaseWindow) -> None:
    """Make the table `due_cases`: the cases first, which are few, then only those whose people are in the segment."""
    connection.execute(text("CREATE TEMPORARY TABLE due_cases ON COMMIT DROP AS " + _DUE_CASES), window.values())
    if connection.execute(text("SELECT 1 FROM due_cases LIMIT 1")).first() is None:
        return
    owners = select(_cases_due.c.contact_id)
    wanted = contacts.where(contacts_table.c.id.in_(owners)).subquery()
    connection.execute(delete(_cases_due).where(_cases_due.c.contact_id.not_in(select(wanted.c[0]))))


def empty(connection: Connection) -> None:
    """Make the table `audience` with nobody in it."""
    connection.execute(
        text("CREATE TEMPORARY TABLE audience (contact_id bigint, subject_id bigint, unit_code text) ON COMMIT DROP")
    )


def ready(connection: Connection) -> int:
    """Let the query planner know of the table `audience`; returns how many are in it."""
    connection.execute(text("ANALYZE audience (contact_id, subject_id)"))
    return int(connection.execute(text("SELECT count(*) FROM audience")).scalar_one())
