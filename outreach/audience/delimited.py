"""Delimited text as rows: comma, semicolon or tab, whichever the headings are known with."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from outreach.audience.records import Broken, Record, RecordReader
from outreach.audience.text_lines import MAX_LINE, TextFile
from outreach.domain.errors import OutreachError

DELIMITERS = (";", "\t", ",")
HEAD = 30
"""Lines in which the headings are looked for, below titles."""
_SPREAD = 64
"""Places of a large file that a sample is taken from."""
_HINT = re.compile(r'"?sep=(.)"?')


@dataclass(frozen=True, slots=True)
class Delimited:
    """A text file read with one delimiter. `skipped`: 1 below Excel's first line `sep=;`, else 0."""

    file: TextFile
    delimiter: str
    skipped: int = 0

    @classmethod
    def variants(cls, file: TextFile) -> list[Delimited]:
        """The file with every delimiter it may have; raises OutreachError for a first line that is no CSV."""
        first = next(file.read(), "")
        if len(first) > MAX_LINE:
            raise OutreachError(
                f"{file.path}: the heading line is longer than {MAX_LINE:,} characters: is this a CSV file?"
            )
        found = _HINT.fullmatch(first.strip().lstrip("\ufeff"))
        if found and found[1] in DELIMITERS:
            return [cls(file, found[1], 1)]
        return [cls(file, delimiter) for delimiter in DELIMITERS]

    @property
    def height(self) -> int:
        """How many lines there are, headings and blank ones included."""
        return self.file.lines

    def head(self) -> list[tuple[int, list[str]]]:
        """The rows among the first lines, with the number of the line each ends on."""
        lines = [line[: MAX_LINE + 1] for line in islice(self.file.read(), HEAD)]
        below = lines[self.skipped :]
        for one_by_one in (False, True):
            rows = _split(below, self.delimiter, one_by_one=one_by_one)
            if rows is not None:
                return [(line + self.skipped, cells) for line, cells in rows if any(cell.strip() for cell in cells)]
        return []

    def records(self, after: int, width: int) -> Iterator[Record | Broken]:
        """Every row below line `after`, as wide as the headings."""
        lines = islice(self.file.read(), after, None)
        return iter(RecordReader(lines, delimiter=self.delimiter, columns=width, first=after + 1))

    def sample(self, after: int, width: int, rows: int) -> Iterator[list[str]]:
        """The first `rows` rows below the headings, and some from all over the file."""
        for record in islice(self.records(after, width), rows):
            if isinstance(record, Record):
                yield record.cells
        yield from self._spread(width)

    def _spread(self, width: int) -> Iterator[list[str]]:
        size = self.file.path.stat().st_size
        if size < 1 << 20 or self.file.codec.startswith("utf-16"):
            return
        with self.file.path.open("rb") as file:
            for place in range(0, size, size // _SPREAD):
                file.seek(place)
                _, *lines, _ = [*file.read(1 << 13).decode(self.file.codec, "ignore").splitlines(), "", ""]
                for line in lines:
                    cells = next(csv.reader([line], delimiter=self.delimiter), [])
                    if len(cells) == width:
                        yield cells


def _split(lines: list[str], delimiter: str, *, one_by_one: bool) -> list[tuple[int, list[str]]] | None:
    """Rows with the line they end on; None where a quotation mark swallows line after line."""
    if one_by_one:
        return [(number, _cells(line, delimiter)) for number, line in enumerate(lines, 1)]
    reader = csv.reader([f"{line}\n" for line in lines], delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if reader.line_num - (rows[-1][0] if rows else 0) > 5:
                return None
            rows.append((reader.line_num, cells))
    except csv.Error:
        return None
    return rows


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)
