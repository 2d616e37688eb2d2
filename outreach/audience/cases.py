"""A list of cases with due dates, from the one-stop shop, into what reminders are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine

from outreach.audience.case_rows import NAMES, CaseRowReader
from outreach.audience.delimited import DelimitedFile
from outreach.audience.importing import ImportOptions, check_source
from outreach.audience.person_rows import Surroundings
from outreach.audience.records import Broken, Record
from outreach.audience.rejects import Problem, Reject, RejectsFile
from outreach.domain.privacy import KeyRing
from outreach.store import cases, units
from outreach.store.cases import CaseRefusal, MergedCases, StagedCase

_REFUSALS = {
    CaseRefusal.NOBODY: ("contact_external_id", "nobody you may see has this id or phone: import the person first"),
    CaseRefusal.SEVERAL: ("phone", "several people have this phone: give contact_external_id"),
    CaseRefusal.INCOMPLETE: ("due_at", "a new case needs its person, a title and a due date"),
}


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What became of the rows: `rows` = added + updated + closed + unchanged + duplicates + rejected."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    closed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    rejects_file: str = ""


def import_cases(
    engine: Engine,
    path: Path,
    *,
    source: str,
    keys: KeyRing,
    options: ImportOptions,
    people: str = "main",
    progress: Callable[[int], None] | None = None,
) -> CaseReport:
    """Import the cases of a CSV file; `people` names the list in which their persons are looked up.

    A case found again (same `source`, external id) is brought up to date; one that left the list stays as it is.
    Raises OutreachError for a file that is not readable text with known headings; then nothing was stored.
    """
    check_source(source)
    table = DelimitedFile.open(path, NAMES, required=("external_id",), encoding=options.encoding)
    totals = CaseReport()
    with engine.connect() as connection, RejectsFile(path, options.rejects_dir) as rejects:
        connection.detach()
        cases.prepare(connection)
        reader = CaseRowReader(table.columns, _surroundings(connection, keys, options))
        rows = table.rows()
        while chunk := list(islice(rows, options.chunk_rows)):
            merged, refused = _chunk(connection, reader, chunk, source=source, people=people, options=options)
            rejects.add(refused)
            if not options.dry_run:
                connection.commit()
            totals = _sum(totals, len(chunk), merged, len(refused))
            if progress:
                progress(totals.rows)
        connection.rollback()
        return CaseReport(**{**asdict(totals), "rejects_file": str(rejects.path) if totals.rejected else ""})


def _chunk(
    connection: Connection,
    reader: CaseRowReader,
    chunk: list[Record | Broken],
    *,
    source: str,
    people: str,
    options: ImportOptions,
) -> tuple[MergedCases, list[Reject]]:
    read = [_broken(row) if isinstance(row, Broken) else reader.read(row) for row in chunk]
    good = [row for row in read if isinstance(row, StagedCase)]
    merged = cases.merge(connection, source, good, people=people, scope=options.scope)
    rejects = [row for row in read if isinstance(row, Reject)] + [_refused(line, why) for line, why in merged.refused]
    return merged, sorted(rejects, key=lambda reject: reject.line)


def _sum(totals: CaseReport, rows: int, merged: MergedCases, rejected: int) -> CaseReport:
    return CaseReport(
        rows=totals.rows + rows,
        added=totals.added + merged.added,
        updated=totals.updated + merged.updated,
        closed=totals.closed + merged.closed,
        unchanged=totals.unchanged + merged.unchanged,
        duplicates=totals.duplicates + merged.duplicates,
        rejected=totals.rejected + rejected,
    )


def _surroundings(connection: Connection, keys: KeyRing, options: ImportOptions) -> Surroundings:
    paths = units.paths(connection)
    return Surroundings(keys, paths, options.today, options.zone, options.accounts, options.scope)


def _broken(row: Broken) -> Reject:
    return Reject(row.line, (Problem("", "", row.reason),))


def _refused(line: int, why: CaseRefusal) -> Reject:
    column, reason = _REFUSALS[why]
    return Reject(line, (Problem(column, "", reason),))
