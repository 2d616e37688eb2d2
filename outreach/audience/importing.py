"""An audience file into contacts: streamed in chunks, each its own transaction, so that it can be run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from outreach.audience.delimited import DelimitedFile
from outreach.audience.person_rows import NAMES, Read, RowReader, Surroundings
from outreach.audience.records import Broken, Record
from outreach.audience.rejects import Problem, Reject, RejectsFile
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.words import Channel
from outreach.store import contact_import, units
from outreach.store.contact_import import Merged, Refusal, StagedPerson

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")

_REFUSALS = {
    Refusal.OTHER_PERSON: ("external_id", "another person has this id further up in the file"),
    Refusal.AMBIGUOUS: ("external_id", "several people have this name, birth date, sex and unit: give the external id"),
    Refusal.FOREIGN: ("unit_code", "the person is not of your unit: you cannot add or change them"),
    Refusal.ERASED: ("external_id", "the person asked to be erased: take them off the list"),
    Refusal.NO_GUARDIAN: ("guardian_external_id", "nobody in this list has this id"),
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import. `today` bounds dates of birth; `accounts` says to which Zalo OA and bot the file's ids belong.

    `encoding` None: UTF-8, with or without BOM. `rejects_dir` None: beside the file. `dry_run` stores nothing.
    `zone` is that of the file's dates and times.
    """

    today: date
    encoding: str | None = None
    dry_run: bool = False
    rejects_dir: Path | None = None
    chunk_rows: int = 5000
    accounts: Mapping[Channel, str] = field(default_factory=dict)
    scope: Scope = EVERYTHING
    zone: ZoneInfo = HANOI


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows: `rows` = added + updated + unchanged + duplicates + rejected.

    `mended`: good rows with a number or code put right; `rejects_file`: "" when nothing was rejected.
    """

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    mended: int = 0
    rejects_file: str = ""


Progress = Callable[[int], None]
"""Told after every stored chunk how many rows are done."""


def import_file(
    engine: Engine,
    path: Path,
    *,
    source: str,
    keys: KeyRing,
    options: ImportOptions,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the people of a CSV file into the list `source`; the good rows are stored, the others written down.

    Raises OutreachError for a file that is not readable text with known headings; then nothing was stored.
    """
    check_source(source)
    table = DelimitedFile.open(path, NAMES, required=("full_name",), encoding=options.encoding)
    with engine.connect() as connection, RejectsFile(path, options.rejects_dir) as rejects:
        connection.detach()
        work = _Import(connection, table, source, keys, options, rejects, progress)
        return work.run()


def check_source(name: str) -> None:
    """Raise OutreachError unless `name` can be the name of a list."""
    if not re.fullmatch(r"[\w.:@/-]{1,100}", name):
        raise OutreachError(
            "the name of a list (--source) has 1 to 100 letters, digits and . : @ / - _, without blanks"
        )


@dataclass(slots=True)
class _Import:
    """One run over one file."""

    connection: Connection
    table: DelimitedFile
    source: str
    keys: KeyRing
    options: ImportOptions
    rejects: RejectsFile
    progress: Progress | None
    total: Merged = field(default_factory=Merged)
    rows: int = 0
    mended: int = 0

    def run(self) -> ImportReport:
        contact_import.prepare(self.connection, self.source)
        reader = RowReader(self.table.columns, self._surroundings())
        self._end_of_chunk()
        waiting, before = self._pass(reader, self.table.rows()), 0
        while waiting and len(waiting) != before:
            before = len(waiting)
            waiting = self._pass(reader, self._only(waiting))
        self.rows += len(waiting)
        self.rejects.add(_refused(line, Refusal.NO_GUARDIAN) for line in sorted(waiting))
        if self.options.dry_run:
            self.connection.rollback()
        return self._report()

    def _pass(self, reader: RowReader, rows: Iterator[Record | Broken]) -> set[int]:
        """Read rows chunk by chunk; returns the lines that must wait for a guardian further down."""
        all_waiting: set[int] = set()
        while chunk := list(islice(rows, self.options.chunk_rows)):
            waiting = self._chunk(reader, chunk)
            all_waiting |= waiting
            self.rows += len(chunk) - len(waiting)
            self._end_of_chunk()
            if self.progress:
                self.progress(self.rows)
        return all_waiting

    def _chunk(self, reader: RowReader, chunk: list[Record | Broken]) -> set[int]:
        rejects: list[Reject] = []
        good: dict[int, Read] = {}
        for row in chunk:
            read = _broken(row) if isinstance(row, Broken) else reader.read(row)
            if isinstance(read, Reject):
                rejects.append(read)
            else:
                good[row.line] = read
        merged = self._merge([read.person for read in good.values()])
        waiting = {line for line, why in merged.refused if why is Refusal.NO_GUARDIAN}
        refused = [(line, why) for line, why in merged.refused if line not in waiting]
        rejects += [_refused(line, why) for line, why in refused]
        self.mended += sum(read.mended for read in good.values()) - sum(good[line].mended for line, _ in merged.refused)
        self.rejects.add(sorted(rejects, key=lambda reject: reject.line))
        return waiting

    def _merge(self, people: list[StagedPerson]) -> Merged:
        merged = contact_import.merge(self.connection, self.source, people, scope=self.options.scope)
        self.total.added += merged.added
        self.total.updated += merged.updated
        self.total.unchanged += merged.unchanged
        self.total.duplicates += merged.duplicates
        return merged

    def _only(self, lines: set[int]) -> Iterator[Record | Broken]:
        return (row for row in self.table.rows() if row.line in lines)

    def _end_of_chunk(self) -> None:
        if not self.options.dry_run:
            self.connection.commit()

    def _surroundings(self) -> Surroundings:
        options = self.options
        paths = units.paths(self.connection)
        return Surroundings(self.keys, paths, options.today, options.zone, options.accounts, options.scope)

    def _report(self) -> ImportReport:
        total, rejected = self.total, self.rejects.written
        return ImportReport(
            rows=self.rows,
            added=total.added,
            updated=total.updated,
            unchanged=total.unchanged,
            duplicates=total.duplicates,
            rejected=rejected,
            mended=self.mended,
            rejects_file=str(self.rejects.path) if rejected else "",
        )


def _broken(row: Broken) -> Reject:
    return Reject(row.line, (Problem("", "", row.reason),))


def _refused(line: int, why: Refusal) -> Reject:
    column, reason = _REFUSALS[why]
    return Reject(line, (Problem(column, "", reason),))
