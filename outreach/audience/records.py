"""Rows of delimited text: one bad row is given up alone, an unclosed quotation mark swallows nothing."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from outreach.audience.text_lines import MAX_LINE

MAX_LINES_IN_A_ROW = 20
"""How many lines one row may span inside quotation marks; beyond that the mark is taken as never closed."""
_UNCLOSED = "a quotation mark is not closed, or text follows a closing one"


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the line it starts on (the first line of the file is 1) and a cell for every heading."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no row; `reason` and `vietnamese` are for people."""

    line: int
    reason: str
    vietnamese: str = ""


class RecordReader:
    """Reads rows of `columns` cells from `lines`, the next of which is number `first`; blank rows are skipped.

    Cells left out at a row's end are blank (Excel leaves them out); cells beyond the headings break the row.
    """

    def __init__(self, lines: Iterator[str], *, delimiter: str, columns: int, first: int) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._columns = columns
        self._line = first - 1
        self._ahead: deque[str] = deque()

    def __iter__(self) -> Iterator[Record | Broken]:
        """Every row of the file, in order."""
        while (text := self._next()) is not None:
            line = self._line
            if not text or text.isspace():
                continue
            if len(text) > MAX_LINE:
                yield Broken(
                    line, f"the line is longer than {MAX_LINE:,} characters", f"dòng dài hơn {MAX_LINE:,} ký tự"
                )
                continue
            cells = self._quoted(text) if '"' in text else text.split(self._delimiter)
            if cells is None:
                yield Broken(line, _UNCLOSED, "dấu ngoặc kép chưa đóng, hoặc có chữ sau dấu đóng")
            elif excess := excess_cells(cells, self._columns):
                yield Broken(
                    line,
                    f"{excess} cells, but {self._columns} headings: quote cells that hold the separator",
                    f"có {excess} ô nhưng chỉ có {self._columns} tiêu đề: đặt ô có dấu phân cách trong ngoặc kép",
                )
            elif any(cell and not cell.isspace() for cell in cells):
                yield Record(line, cells)

    def _next(self) -> str | None:
        text = self._ahead.popleft() if self._ahead else next(self._lines, None)
        if text is not None:
            self._line += 1
        return text

    def _quoted(self, text: str) -> list[str] | None:
        """The cells of a row that starts with `text`; None, with only that line used up, if it is broken."""
        taken = [text]
        while True:
            try:
                cells: list[str] = next(csv.reader(["\n".join(taken)], delimiter=self._delimiter, strict=True))
            except csv.Error as error:
                if "unexpected end of data" in str(error) and self._extend(taken):
                    continue
            else:
                if len(taken) == 1 or len(cells) == self._columns:
                    return cells
            self._give_back(taken[1:])
            return None

    def _extend(self, taken: list[str]) -> bool:
        if len(taken) == MAX_LINES_IN_A_ROW:
            return False
        following = self._next()
        if following is not None:
            taken.append(following)
        return following is not None

    def _give_back(self, texts: list[str]) -> None:
        self._ahead.extendleft(reversed(texts))
        self._line -= len(texts)


def excess_cells(cells: list[str], columns: int) -> int:
    """Make a row as wide as the headings; the number of its cells if something stands beyond them, else 0."""
    missing = columns - len(cells)
    if missing < 0:
        if any(cell.strip() for cell in cells[columns:]):
            return len(cells)
        del cells[columns:]
    elif missing:
        cells.extend([""] * missing)
    return 0
