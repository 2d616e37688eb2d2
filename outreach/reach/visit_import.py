"""Lists of home visits that come back filled in: each row recorded or refused on its own."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from sqlalchemy import Engine

from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.domain.scope import Scope
from outreach.domain.vietnamese import search_key
from outreach.reach.sheets import Cell, Sheet, write_csv
from outreach.reach.visit_files import COLUMNS
from outreach.reach.visits import record
from outreach.store import campaigns

SUFFIX: Final = ".rejects.csv"
MOST_BYTES: Final = 50_000_000
MOST_UNPACKED: Final = 256 << 20
MOST_COLUMNS: Final = 100
_NEEDED: Final = ("contact", "visited")
_NAMES: Final[Mapping[str, str]] = {
    **{search_key(heading): key for key, (heading, _) in COLUMNS.items()},
    **{search_key(key): key for key in COLUMNS},
    "contact id": "contact", "ma": "contact", "ho ten": "name", "da den": "visited", "ngay tham": "visited",
    "visited date": "visited", "guided count": "guided", "so nguoi huong dan": "guided",
}  # fmt: skip
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]0{1,2}:00(?::00)?)?")
_VIETNAMESE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a list. `blank`: rows with nobody visited; `rejects_file` says why the rejected ones were."""

    rows: int
    recorded: int
    again: int
    corrected: int
    blank: int
    rejected: int
    rejects_file: Path | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rows": self.rows, "recorded": self.recorded, "again": self.again, "corrected": self.corrected,
            "blank": self.blank, "rejected": self.rejected,
            "rejects_file": None if self.rejects_file is None else str(self.rejects_file),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the file: its line, and its cells by our names of the columns."""

    line: int
    cells: Mapping[str, Cell | datetime | date]

    def text(self, name: str) -> str:
        value = self.cells.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value).strip().lstrip("'").strip()


def import_visits(
    engine: Engine,
    slug: str,
    path: Path,
    *,
    clock: Clock,
    scope: Scope,
    who: str,
    progress: Callable[[int], None] = lambda done: None,
) -> Imported:
    """Record every visit of a returned list (CSV or XLSX); a row that cannot be goes to the rejects file.

    The same file again changes nothing. Rows without a visiting day are people who were not visited. Raises
    OutreachError for a file that cannot be read or lacks a column, NotFound for an unknown campaign.
    """
    with engine.connect() as connection:
        campaigns.get(connection, slug)
    counts = {"recorded": 0, "again": 0, "corrected": 0, "blank": 0}
    rejects: list[tuple[Cell, ...]] = []
    rows = 0
    for row in _rows(path):
        rows += 1
        try:
            counts[_take(engine, slug, row, clock, scope, who)] += 1
        except OutreachError as error:
            rejects.append((row.line, row.text("contact")[:20], str(error)))
        progress(rows)
    return Imported(rows=rows, **counts, rejected=len(rejects), rejects_file=_write_rejects(path, rejects))


def _take(engine: Engine, slug: str, row: _Row, clock: Clock, scope: Scope, who: str) -> str:
    """Which of the counts the row belongs to; raises OutreachError for one that cannot be recorded."""
    if not row.text("visited"):
        if row.text("guided") not in ("", "0"):
            raise OutreachError("people were guided, but the day of the visit is missing")
        return "blank"
    done = record(
        engine, slug, _number(row, "contact"), day=_day(row), guided=_number(row, "guided", blank=0), clock=clock,
        scope=scope, who=who, note=row.text("note"), name=row.text("name"),
    )  # fmt: skip
    if done.again:
        return "again"
    return "recorded" if done.corrected is None else "corrected"


def _number(row: _Row, name: str, *, blank: int | None = None) -> int:
    text = row.text(name)
    if not text and blank is not None:
        return blank
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise OutreachError(f'"{COLUMNS[name][0]}" must be a whole number')
    return int(text)


def _day(row: _Row) -> date:
    value = row.cells.get("visited")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = row.text("visited")
    if found := _ISO.fullmatch(text):
        year, month, day = found.groups()
    elif found := _VIETNAMESE.fullmatch(text):
        day, month, year = found.groups()
    else:
        raise OutreachError("the day of the visit is not a date: write DD/MM/YYYY or YYYY-MM-DD")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise OutreachError("the day of the visit is not in the calendar") from None


def _write_rejects(path: Path, rejects: Sequence[tuple[Cell, ...]]) -> Path | None:
    """The rejects beside the file that was read; an older one of the same name goes when there are none."""
    file = path.with_name(path.stem + SUFFIX)
    if not rejects:
        file.unlink(missing_ok=True)
        return None
    write_csv(file, Sheet("rejects", ("row", "contact", "reason"), rejects))
    return file


def _rows(path: Path) -> Iterator[_Row]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OutreachError(f"{path}: larger than {MOST_BYTES // 1_000_000} MB; send the list in parts")
        table = _workbook(path) if path.suffix.lower() in (".xlsx", ".xlsm") else _delimited(path)
        _, headings = next(table, (0, ()))
        columns = _columns(path, headings)
        for line, cells in table:
            named = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
            if any(cell not in (None, "") for cell in cells):
                yield _Row(line, named)
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read: {error.strerror}") from None
    except (BadZipFile, InvalidFileException, KeyError, ValueError):
        raise OutreachError(f"{path}: is no XLSX workbook: save it as .xlsx or as CSV UTF-8") from None


def _columns(path: Path, headings: Sequence[Any]) -> list[str]:
    columns = [_NAMES.get(search_key(str(heading or "").lstrip("'")), "") for heading in headings]
    missing = [COLUMNS[name][0] for name in _NEEDED if name not in columns]
    if missing:
        raise OutreachError(f"{path}: line 1 has no column {', '.join(missing)}: send back the list as it was exported")
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise OutreachError(f"{path}: there are two columns {', '.join(COLUMNS[name][0] for name in sorted(twice))}")
    return columns


def _workbook(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows of the first worksheet and of those with the same headings, read as they come."""
    with ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
            raise OutreachError(f"{path}: unpacked it is larger than {MOST_UNPACKED >> 20} MB; send the list in parts")
    book = load_workbook(path, read_only=True, data_only=True)
    try:
        first: Sequence[Any] | None = None
        for page in book.worksheets:
            # A stray cell at the far end of a sheet makes every row as wide: no more is read than a list may have.
            rows = page.iter_rows(values_only=True, max_col=MOST_COLUMNS)
            headings = next(rows, ())
            if first is None:
                first = headings
                yield 1, headings
            elif headings != first:
                continue
            yield from enumerate(rows, 2)
    finally:
        book.close()


def _delimited(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            if head.lower().startswith("sep="):
                file.readline()
            separator = max(",;\t", key=head.count) if not head.lower().startswith("sep=") else head[4:5]
            reader = csv.reader(file, delimiter=separator)
            for cells in reader:
                yield reader.line_num, cells
    except UnicodeDecodeError:
        raise OutreachError(f"{path}: is not UTF-8: save it as CSV UTF-8 or as .xlsx") from None
    except csv.Error as error:
        raise OutreachError(f"{path}: cannot be read as CSV: {error}") from None
