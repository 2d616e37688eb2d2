"""An audience file into contacts: streamed in chunks, each its own transaction, so that it can be run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from outreach.audience.date_order import DateOrder, check_dates
from outreach.audience.headings import Wishes
from outreach.audience.person_columns import PEOPLE
from outreach.audience.person_rows import Read, RowReader, Surroundings
from outreach.audience.records import Broken, Record
from outreach.audience.refusals import broken, refused
from outreach.audience.rejects import MendFile, Reject, RejectsFile
from outreach.audience.tables import Choice, Table, open_table
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.words import Channel
from outreach.store import contact_import, units
from outreach.store.contact_import import Merged, StagedPerson

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import. `today` bounds dates of birth; `accounts` says to which Zalo OA and bot the file's ids belong.

    `encoding` None: UTF-8, or UTF-16 with its mark; `sheet` None: the only one of a workbook; `wishes`: columns to
    ignore and what others mean. `rejects_dir` None: beside the file; `to_mend`: a file for the rejected rows
    themselves; `language`: of the reasons, `vi` or English. `dry_run` stores nothing. `zone`: of dates and times;
    `dates`: their order (None: the day first, unless that cannot be).
    """

    today: date
    encoding: str | None = None
    dry_run: bool = False
    rejects_dir: Path | None = None
    chunk_rows: int = 5000
    accounts: Mapping[Channel, str] = field(default_factory=dict)
    scope: Scope = EVERYTHING
    zone: ZoneInfo = HANOI
    sheet: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    to_mend: Path | None = None
    language: str = "en"
    dates: DateOrder | None = None

    @property
    def choice(self) -> Choice:
        """How the file is to be read."""
        return Choice(self.encoding, self.sheet, self.wishes)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows: `rows` = added + updated + unchanged + duplicates + rejected.

    `mended`: good rows with a number or code put right; `rejects_file`: "" when nothing was rejected; `sheet`: "" for a
    text file; `ignored`, `converted`: headings of columns that were left out, or turned from an old font into Unicode.
    """

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    mended: int = 0
    rejects_file: str = ""
    sheet: str = ""
    ignored: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()


class Stopped(OutreachError):
    """An import was stopped between two chunks: what is good of the first `rows` rows is stored, all of it whole."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"stopped: {rows:,} rows are in (those that are good); run the same command again to finish")
        self.rows = rows


Progress = Callable[[int, int], None]
"""Told after every stored chunk how many rows are done, and about how many there are."""


def import_file(
    engine: Engine,
    path: Path,
    *,
    source: str,
    keys: KeyRing,
    options: ImportOptions,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Import the people of a CSV file or a workbook into the list `source`; good rows are stored, others written down.

    Raises OutreachError for a file that is not readable text with known headings, EncodingInDoubt where its text looks
    like an old font's; then nothing was stored. Raises Stopped after the chunk in which `stop` begins to be true.
    """
    check_source(source)
    table = open_table(path, PEOPLE, options.choice)
    check_dates(table, options.dates)
    with (
        engine.connect() as connection,
        RejectsFile(path, options.rejects_dir, options.language) as rejects,
        MendFile(options.to_mend, table, options.language, rejects.path) as to_mend,
    ):
        connection.detach()
        work = _Import(connection, table, source, keys, options, rejects, to_mend, progress, stop)
        return work.run()


def check_source(name: str) -> None:
    """Raise OutreachError unless `name` can be the name of a list."""
    if not re.fullmatch(r"[\w.:@/-]{1,100}", name):
        raise OutreachError(
            "the name of a list (--source) has 1 to 100 letters, digits and . : @ / - _, without blanks"
        )


class _Lines:
    """A set of line numbers in a bit each: a million rows may wait for their guardians."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, lines: Iterable[int]) -> None:
        """Add lines that are not in it."""
        for line in lines:
            if line >= 8 * len(self._bits):
                self._bits.extend(bytes(line // 8 + 1024 - len(self._bits)))
            self._bits[line >> 3] |= 1 << (line & 7)
            self.count += 1

    def __contains__(self, line: int) -> bool:
        return line < 8 * len(self._bits) and bool(self._bits[line >> 3] >> (line & 7) & 1)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows as they stand, those that can be stored by their lines, and the others."""

    rows: list[Record | Broken]
    good: dict[int, Read]
    rejects: list[Reject]


def _read_chunk(reader: RowReader, rows: Iterator[Record | Broken], size: int) -> _Chunk:
    chunk = _Chunk(list(islice(rows, size)), {}, [])
    for row in chunk.rows:
        read = broken(row) if isinstance(row, Broken) else reader.read(row)
        if isinstance(read, Reject):
            chunk.rejects.append(read)
        else:
            chunk.good[row.line] = read
    return chunk


@dataclass(slots=True)
class _Import:
    """One run over one file."""

    connection: Connection
    table: Table
    source: str
    keys: KeyRing
    options: ImportOptions
    rejects: RejectsFile
    to_mend: MendFile
    progress: Progress | None
    stop: Callable[[], bool]
    total: Merged = field(default_factory=Merged)
    rows: int = 0
    mended: int = 0

    def run(self) -> ImportReport:
        contact_import.prepare(self.connection, self.source)
        reader = RowReader(self.table.columns, self._surroundings())
        self._end_of_chunk()
        waiting, before = self._pass(reader, self.table.rows(), last=False), 0
        while waiting.count and waiting.count != before:
            before = waiting.count
            waiting = self._pass(reader, self._only(waiting), last=False)
        if waiting.count:
            self._pass(reader, self._only(waiting), last=True)
        if self.options.dry_run:
            self.connection.rollback()
        return self._report()

    def _pass(self, reader: RowReader, rows: Iterator[Record | Broken], *, last: bool) -> _Lines:
        """Read rows chunk by chunk; returns the lines that must wait for a guardian, none in the last pass."""
        all_waiting = _Lines()
        with ThreadPoolExecutor(1) as ahead:
            # The next chunk is read while the database works on this one.
            reading = ahead.submit(_read_chunk, reader, rows, self.options.chunk_rows)
            while (chunk := reading.result()).rows:
                reading = ahead.submit(_read_chunk, reader, rows, self.options.chunk_rows)
                waiting = self._store(chunk, last=last)
                all_waiting.add(waiting)
                self.rows += len(chunk.rows) - len(waiting)
                self._end_of_chunk()
                if self.progress:
                    self.progress(self.rows, self.table.expected)
                if self.stop():
                    raise Stopped(self.rows)
        return all_waiting

    def _store(self, chunk: _Chunk, *, last: bool) -> set[int]:
        good = chunk.good
        merged = self._merge([read.person for read in good.values()])
        waiting = {line for line, why in merged.refused if why.may_pass and not last}
        rejects = chunk.rejects + [refused(line, why) for line, why in merged.refused if line not in waiting]
        self.mended += sum(read.mended for read in good.values()) - sum(good[line].mended for line, _ in merged.refused)
        rejects.sort(key=lambda reject: reject.line)
        self.rejects.add(rejects)
        self.to_mend.add(rejects, chunk.rows)
        return waiting

    def _merge(self, people: list[StagedPerson]) -> Merged:
        options = self.options
        merged = contact_import.merge(self.connection, self.source, people, scope=options.scope, today=options.today)
        self.total.added += merged.added
        self.total.updated += merged.updated
        self.total.unchanged += merged.unchanged
        self.total.duplicates += merged.duplicates
        return merged

    def _only(self, lines: _Lines) -> Iterator[Record | Broken]:
        return (row for row in self.table.rows() if row.line in lines)

    def _end_of_chunk(self) -> None:
        if not self.options.dry_run:
            self.connection.commit()

    def _surroundings(self) -> Surroundings:
        options, serials = self.options, bool(self.table.notes.sheet)
        paths = units.paths(self.connection)
        return Surroundings(
            self.keys, paths, options.today, options.zone, options.accounts, options.scope, serials, options.dates
        )

    def _report(self) -> ImportReport:
        total, rejected, notes = self.total, self.rejects.written, self.table.notes
        return ImportReport(
            rows=self.rows,
            added=total.added,
            updated=total.updated,
            unchanged=total.unchanged,
            duplicates=total.duplicates,
            rejected=rejected,
            mended=self.mended,
            rejects_file=str(self.rejects.path) if rejected else "",
            sheet=notes.sheet,
            ignored=notes.ignored,
            converted=notes.converted,
        )
