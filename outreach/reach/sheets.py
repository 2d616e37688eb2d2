"""Tables as CSV and XLSX files: written as they are read, harmless to open, for their owner's eyes alone."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from outreach.domain.errors import OutreachError
from outreach.domain.spreadsheet_text import harmless

Cell = str | int | float | None
MOST_ROWS: Final = 1_048_575
"""Rows of a worksheet below its headings; what goes beyond goes to another one."""
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NOT_A_TITLE = re.compile(r"[\[\]:*?/\\]")
_LONGEST_TITLE = 31
_HEAD = Font(bold=True)
_SHADE = PatternFill("solid", fgColor="DDE6F0")
_LINE = Side(style="thin", color="999999")
_BOX = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_WRAP = Alignment(wrap_text=True, vertical="top")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its title, its headings, their widths in characters, and its rows, taken one by one."""

    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    widths: Sequence[int] = ()
    boxed: bool = False


def write_csv(path: Path, sheet: Sheet) -> int:
    """Write the table as CSV (UTF-8 with BOM); returns how many rows.

    The file is readable for its owner alone and appears when it is whole. Raises OutreachError where it cannot be
    written.
    """

    def fill(draft: Path) -> int:
        written = 0
        with draft.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(sheet.headings)
            for row in sheet.rows:
                writer.writerow(["" if cell is None else _tame(cell) for cell in row])
                written += 1
        return written

    return private_file(path, fill)


def write_xlsx(path: Path, *sheets: Sheet) -> int:
    """Write the tables as one workbook; returns the rows of all. Like `write_csv` in everything else.

    No cell is ever a formula, whatever it begins with.
    """

    def fill(draft: Path) -> int:
        book = Workbook(write_only=True)
        written = sum(_write(book, sheet) for sheet in sheets)
        book.save(draft)
        return written

    return private_file(path, fill)


def private_file(path: Path, fill: Callable[[Path], int]) -> int:
    """Let `fill` write a draft beside the file and put it in its place when it is whole, for its owner's eyes only."""
    if path.exists() and not path.is_file():
        raise OutreachError(f"{path}: cannot be written: it is no ordinary file; choose another file")
    try:
        with _draft(path) as draft:
            written = fill(draft)
            draft.replace(path)
    except OSError as error:
        raise OutreachError(f"{path}: cannot be written: {error.strerror}; choose another file") from None
    return written


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A file beside `path` with a name of its own: two writers do not meet, and a killed one is in nobody's way."""
    handle, name = mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _write(book: Workbook, sheet: Sheet) -> int:
    """The rows on as many worksheets as they need."""
    rows, part, written = iter(sheet.rows), 1, 0
    while True:
        first = next(rows, None)
        if first is None and part > 1:
            return written
        page = book.create_sheet(_title(sheet.title, part))
        page.freeze_panes = "A2"
        for at, width in enumerate(sheet.widths):
            page.column_dimensions[_letter(at)].width = width
        page.append([_heading(page, text) for text in sheet.headings])
        boxes = [_box(page) for _ in sheet.headings] if sheet.boxed else []
        begun = () if first is None else (first,)
        for row in chain(begun, islice(rows, MOST_ROWS - len(begun))):
            page.append(_cells(boxes, row))
            written += 1
        part += 1


def _heading(page: object, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(page, value=_tame(text))
    cell.font, cell.fill, cell.border, cell.alignment = _HEAD, _SHADE, _BOX, _WRAP
    return cell


def _box(page: object) -> WriteOnlyCell:
    """A cell with a border, used again for every row: rows are written at once, and styling each cell takes long."""
    cell = WriteOnlyCell(page)
    cell.border, cell.alignment = _BOX, _WRAP
    return cell


def _cells(boxes: Sequence[WriteOnlyCell], row: Sequence[Cell]) -> Sequence[WriteOnlyCell | Cell]:
    """The row's cells, in the boxes where there are any."""
    tamed = [_tame(value) for value in row]
    if not boxes:
        return tamed
    for box, value in zip(boxes, tamed, strict=True):
        box.value = value
    return boxes


def _tame(value: Cell) -> Cell:
    """Text that no spreadsheet takes for a formula, without what a workbook cannot hold; numbers as they are."""
    return harmless(_UNWRITABLE.sub("", value)) if isinstance(value, str) else value


def _title(title: str, part: int) -> str:
    more = f" {part}" if part > 1 else ""
    return _NOT_A_TITLE.sub(" ", title)[: _LONGEST_TITLE - len(more)].strip("' ") + more


def _letter(at: int) -> str:
    return chr(ord("A") + at)
