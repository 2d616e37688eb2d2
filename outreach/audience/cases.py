"""A list of cases with due dates, from the one-stop shop, into what reminders are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine

from outreach.audience.case_rows import CASES, CaseRowReader
from outreach.audience.importing import ImportOptions, Stopped, check_source
from outreach.audience.person_rows import Surroundings
from outreach.audience.records import Broken, Record
from outreach.audience.refusals import broken
from outreach.audience.rejects import Problem, Reject, RejectsFile
from outreach.audience.tables import open_table
from outreach.domain.privacy import KeyRing
from outreach.store import cases, units
from outreach.store.cases import CaseRefusal, MergedCases, StagedCase

_REFUSALS = {
    CaseRefusal.NOBODY: (
        "contact_external_id",
        "nobody you may see has this id or phone: import the person first",
        "không thấy ai có mã số hoặc số điện thoại này: nhập danh sách người trước",
    ),
    CaseRefusal.SEVERAL: (
        "phone",
        "several people have this phone: give contact_external_id",
        "nhiều người dùng chung số này: ghi mã số người nộp",
    ),
    CaseRefusal.INCOMPLETE: (
        "due_at",
        "a new case needs its person, a title and a due date",
        "hồ sơ mới phải có người nộp, tên thủ tục và ngày hẹn trả",
    ),
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
    sheet: str = ""
    ignored: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()


def import_cases(
    engine: Engine,
    path: Path,
    *,
    source: str,
    keys: KeyRing,
    options: ImportOptions,
    people: str = "main",
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> CaseReport:
    """Import the cases of a CSV file or a workbook; `people` names the list in which their persons are looked up.

    A case found again (same `source`, external id) is brought up to date; one that left the list stays as it is.
    Raises OutreachError for a file that is not readable text with known headings; then nothing was stored.
    """
    check_source(source)
    table = open_table(path, CASES, options.choice)
    notes = table.notes
    totals = CaseReport(sheet=notes.sheet, ignored=notes.ignored, converted=notes.converted)
    with engine.connect() as connection, RejectsFile(path, options.rejects_dir, options.language) as rejects:
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
                progress(totals.rows, table.expected)
            if stop():
                raise Stopped(totals.rows)
        connection.rollback()
        return replace(totals, rejects_file=str(rejects.path) if totals.rejected else "")


def _chunk(
    connection: Connection,
    reader: CaseRowReader,
    chunk: list[Record | Broken],
    *,
    source: str,
    people: str,
    options: ImportOptions,
) -> tuple[MergedCases, list[Reject]]:
    read = [broken(row) if isinstance(row, Broken) else reader.read(row) for row in chunk]
    good = [row for row in read if isinstance(row, StagedCase)]
    merged = cases.merge(connection, source, good, people=people, scope=options.scope)
    rejects = [row for row in read if isinstance(row, Reject)] + [_refused(line, why) for line, why in merged.refused]
    return merged, sorted(rejects, key=lambda reject: reject.line)


def _sum(totals: CaseReport, rows: int, merged: MergedCases, rejected: int) -> CaseReport:
    return replace(
        totals,
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


def _refused(line: int, why: CaseRefusal) -> Reject:
    column, reason, vietnamese = _REFUSALS[why]
    return Reject(line, (Problem(column, "", reason, vietnamese),))
