"""Cases: files at the one-stop shop with a due date, merged set-wise from lists, looked up one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select, text

from outreach.domain.errors import NotFound
from outreach.domain.scope import Scope
from outreach.store import case_sql as sql
from outreach.store.contact_import_sql import BY_INDEX
from outreach.store.copying import copy_rows
from outreach.store.scoping import in_scope
from outreach.store.tables import cases, contacts


class CaseState(StrEnum):
    """Whether a case still waits for somebody."""

    OPEN = "open"
    CLOSED = "closed"


class CaseRefusal(StrEnum):
    """Why a valid row cannot be merged."""

    NOBODY = "nobody"
    """No person has this external id or this phone, or not in the caller's scope."""
    SEVERAL = "several"
    """Several people share the phone."""
    INCOMPLETE = "incomplete"
    """A new case without person, title or due date."""


@dataclass(slots=True)
class StagedCase:
    """One valid row; None keeps what is stored. `fingerprints`: of the phone, under every key version."""

    line: int
    external_id: str
    contact: str | None = None
    fingerprints: Sequence[bytes] = ()
    title: str | None = None
    due_at: datetime | None = None
    state: str | None = None
    unit_code: str | None = None
    attrs: str = "{}"
    attrs_cleared: list[str] = field(default_factory=list)


@dataclass(slots=True)
class MergedCases:
    """What a merge did; every staged row is counted once. `closed`: were open before; not counted as updated too."""

    added: int = 0
    updated: int = 0
    closed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: list[tuple[int, CaseRefusal]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as stored; `due_at` is aware."""

    id: int
    source: str
    external_id: str
    contact_id: int
    title: str
    state: CaseState
    due_at: datetime
    unit_code: str | None


def prepare(connection: Connection) -> None:
    """Make this session's staging tables; they last until it ends, so the caller detaches and closes its connection."""
    for statement in sql.STAGING:
        connection.execute(text(statement))


def merge(
    connection: Connection, source: str, given: Collection[StagedCase], *, people: str, scope: Scope
) -> MergedCases:
    """Merge valid rows into `source`, after `prepare`; persons are looked up in the list `people`.

    Of rows with one external id the first counts, across all calls since `prepare`. A case that is in no row stays.
    """
    values = {"source": source, "people": people, "path": scope.path}
    connection.execute(text("TRUNCATE import_cases"))
    copy_rows(connection, "import_cases", sql.COLUMNS, map(_row, given))
    connection.execute(text("ANALYZE import_cases"))
    for statement in (*BY_INDEX, *sql.MERGE):
        connection.execute(text(statement), values)
    row = connection.execute(text(sql.COUNTS)).one()
    refused = [(line, CaseRefusal(verdict)) for line, verdict in connection.execute(text(sql.REFUSED))]
    return MergedCases(row.added, row.updated, row.closed, row.unchanged, row.duplicates, refused)


def _row(case: StagedCase) -> Sequence[object]:
    who = (case.line, case.external_id, case.contact, list(case.fingerprints))
    return (*who, case.title, case.due_at, case.state, case.unit_code, case.attrs, case.attrs_cleared)


def next_open(connection: Connection, contact_id: int, *, scope: Scope) -> Case | None:
    """The open case of a person that is due first; None where there is none, or the person is outside the scope."""
    columns = [cases.c[name] for name in Case.__dataclass_fields__]
    query = (
        select(*columns)
        .join(contacts, contacts.c.id == cases.c.contact_id)
        .where(cases.c.contact_id == contact_id, cases.c.state == CaseState.OPEN, in_scope(contacts.c.unit_code, scope))
        .order_by(cases.c.due_at, cases.c.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Case(**{**row, "state": CaseState(row["state"])})


def by_external_id(connection: Connection, source: str, external_id: str, *, scope: Scope) -> Case:
    """The case; raises NotFound also for one whose person is outside the scope."""
    columns = [cases.c[name] for name in Case.__dataclass_fields__]
    query = (
        select(*columns)
        .join(contacts, contacts.c.id == cases.c.contact_id)
        .where(cases.c.source == source, cases.c.external_id == external_id, in_scope(contacts.c.unit_code, scope))
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such case among those you may see")
    return Case(**{**row, "state": CaseState(row["state"])})
