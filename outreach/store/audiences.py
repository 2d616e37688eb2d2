"""The audience of one planning: temporary tables that live until the transaction ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Select, Table, insert, text

_temporary = MetaData()
_members = Table("members", _temporary, Column("contact_id", BigInteger), prefixes=["TEMPORARY"])

_DUE_CASES = """
    SELECT k.id AS case_id, k.contact_id, k.due_at FROM cases k JOIN members m ON m.contact_id = k.contact_id
    WHERE k.state = 'open' AND k.due_at > :now AND (k.due_at AT TIME ZONE :zone)::date BETWEEN :first AND :last
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
    """Make the table `audience` of the contacts a segment selects; returns how many."""
    _take_members(connection, contacts)
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE audience ON COMMIT DROP AS"
            " SELECT c.id AS contact_id, CAST(0 AS bigint) AS subject_id, c.unit_code"
            " FROM members m JOIN contacts c ON c.id = m.contact_id"
        )
    )
    return _ready(connection)


def gather_cases(connection: Connection, contacts: Select[Any], window: CaseWindow, *, run: int | None) -> int:
    """Make the table `audience` of a segment's people with a case in `window`, one row a case; returns how many.

    With `run`, each case and due date is taken down, so that no other run reminds of it; without, nothing is kept.
    """
    _take_members(connection, contacts)
    connection.execute(text("CREATE TEMPORARY TABLE due_cases ON COMMIT DROP AS " + _DUE_CASES), window.values())
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
    return _ready(connection)


def due_case_dates(connection: Connection, contacts: Select[Any], window: CaseWindow) -> list[date]:
    """The local due dates in `window` on which at least one case waits for a reminder."""
    _take_members(connection, contacts)
    rows = connection.execute(
        text(f"SELECT DISTINCT (due_at AT TIME ZONE :zone)::date AS day FROM ({_DUE_CASES}) AS due ORDER BY day"),
        window.values(),
    )
    days = [row.day for row in rows]
    connection.execute(text("DROP TABLE members"))
    return days


def gather_rows(connection: Connection, deliveries: str, values: dict[str, Any]) -> int:
    """Make the table `audience` of the people of existing deliveries, chosen by the SQL condition `deliveries`."""
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE audience ON COMMIT DROP AS"
            f" SELECT d.recipient_id AS contact_id, d.subject_id, d.unit_code FROM deliveries d WHERE {deliveries}"
        ),
        values,
    )
    return _ready(connection)


def drop(connection: Connection) -> None:
    """Forget the audience before the transaction ends, so that another may be gathered in it."""
    connection.execute(text("DROP TABLE IF EXISTS audience, members, due_cases, later"))


def _take_members(connection: Connection, contacts: Select[Any]) -> None:
    connection.execute(text("CREATE TEMPORARY TABLE members (contact_id bigint) ON COMMIT DROP"))
    connection.execute(insert(_members).from_select(["contact_id"], contacts))
    connection.execute(text("ANALYZE members"))


def _ready(connection: Connection) -> int:
    connection.execute(text("ANALYZE audience"))
    return int(connection.execute(text("SELECT count(*) FROM audience")).scalar_one())
