"""Reads one sheet of a workbook in a process of its own: `python sheet_process.py FILE SHEET MEMORY SECONDS`.

A workbook is read whole before its first row is known, and a damaged or hostile one may ask for any amount of memory:
here it gets no more than MEMORY bytes and SECONDS of the processor, and nothing but this process ends. It imports
nothing of the engine. On stdout: one JSON line about the sheet, then CSV, a row each: its number in the sheet, then its
cells as text. On stderr, where it cannot: one JSON line with what is wrong. SHEET "" is the only filled, visible one.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

_LONGEST = 40_000
"""Characters of a cell that are handed on; Excel allows 32,767, a list 500."""
_EXACT = 10**15
"""A spreadsheet keeps fifteen digits; a larger number has lost some."""


class Refused(Exception):
    """What is wrong: a kind, and the sheets to choose from."""

    def __init__(self, kind: str, sheets: Sequence[str] = ()) -> None:
        super().__init__(kind)
        self.kind = kind
        self.sheets = list(sheets)


def main(path: str, wanted: str, memory: int, seconds: int) -> int:
    """Write the sheet out; 0, or 3 when it is refused."""
    _limit(memory, seconds)
    try:
        book = CalamineWorkbook.from_path(path)
        sheet = _chosen(book, wanted)
        _write(sheet)
    except Refused as refused:
        json.dump({"kind": refused.kind, "sheets": refused.sheets}, sys.stderr)
        return 3
    except PasswordError:
        json.dump({"kind": "password"}, sys.stderr)
        return 3
    except (CalamineError, OSError, ValueError, MemoryError) as error:
        json.dump({"kind": "memory" if isinstance(error, MemoryError) else "damaged"}, sys.stderr)
        return 3
    return 0


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource  # not on Windows: there only the size of the file is bounded
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _chosen(book: CalamineWorkbook, wanted: str) -> CalamineSheet:
    sheets = [one for one in book.sheets_metadata if one.typ is SheetTypeEnum.WorkSheet]
    if wanted:
        named = [one.name for one in sheets if one.name.strip().casefold() == wanted.strip().casefold()]
        if not named:
            raise Refused("no_such_sheet", [one.name for one in sheets])
        return book.get_sheet_by_name(named[0])
    filled = []
    for one in sheets:
        if one.visible is SheetVisibleEnum.Visible:
            sheet = book.get_sheet_by_name(one.name)
            if sheet.height:
                filled.append(sheet)
    if len(filled) > 1:
        raise Refused("several_sheets", [sheet.name for sheet in filled])
    if not filled:
        raise Refused("empty", [one.name for one in sheets])
    return filled[0]


def _write(sheet: CalamineSheet) -> None:
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="", write_through=False)
    first = (sheet.start or (0, 0))[0] + 1
    about = {"sheet": sheet.name, "rows": sheet.height, "merged": _merged(sheet), "tall": _tall(sheet)}
    out.write(json.dumps(about) + "\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_filled(sheet.iter_rows(), first))
    out.flush()
    out.detach()


def _merged(sheet: CalamineSheet) -> list[tuple[int, int, int]]:
    """Cells of one row merged side by side: row number, first and last column, counted from the first filled one."""
    left = (sheet.start or (0, 0))[1]
    ranges = sheet.merged_cell_ranges or []
    return [(top[0] + 1, top[1] - left, end[1] - left) for top, end in ranges if end[1] > top[1]][:1000]


def _tall(sheet: CalamineSheet) -> list[tuple[int, int, int]]:
    """Cells of one column merged downwards: first and last row number, and the column from the first filled one."""
    left = (sheet.start or (0, 0))[1]
    ranges = sheet.merged_cell_ranges or []
    return [(top[0] + 1, end[0] + 1, top[1] - left) for top, end in ranges if end[0] > top[0] and end[1] == top[1]]


def _filled(rows: Iterable[Sequence[object]], first: int) -> Iterable[list[str]]:
    for number, row in enumerate(rows, first):
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield [str(number), *cells]


def _text(cell: object) -> str:
    """A cell as one would type it: whole numbers without a point, days as YYYY-MM-DD."""
    if isinstance(cell, str):
        return cell[:_LONGEST]
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        whole = cell.is_integer() and abs(cell) < _EXACT
        return str(int(cell)) if whole else format(cell, ".15g") if abs(cell) >= _EXACT else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time(0) else cell.isoformat(" ", "seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.isoformat("minutes") if isinstance(cell, time) else str(cell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
