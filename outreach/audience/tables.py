"""A list as a table: text or workbook, its headings found and understood, its text in Unicode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from outreach.audience.delimited import Delimited
from outreach.audience.encodings import Asked, Reading, in_doubt, read_columns
from outreach.audience.headings import IGNORED, MAX_COLUMNS, HeadingReader, Vocabulary, Wishes
from outreach.audience.records import Broken, Record
from outreach.audience.text_lines import check_text, first_bytes
from outreach.audience.workbook import Sheet, is_workbook, read_sheet
from outreach.domain.errors import OutreachError
from outreach.domain.legacy_text import Legacy, to_unicode

_WIDEST = MAX_COLUMNS + 1
"""Cells of a row that are looked at to find the headings and the fonts: wider lists are refused."""
SAMPLED = 2000
"""Rows from the top that tell whether a column is text of an old font."""
_NAMES = ("full_name", "family_name", "middle_name", "given_name")
_PLACE = re.compile(r"\(?(\d{1,2})\)?")
"""A cell of the line `(1) (2) (3)` that official forms have below their headings."""


class Source(Protocol):
    """Rows with their numbers, however they are stored."""

    @property
    def height(self) -> int:
        """About how many rows there are."""

    def head(self) -> list[tuple[int, list[str]]]:
        """The first rows."""

    def sample(self, after: int, width: int, rows: int) -> Iterator[list[str]]:
        """Rows from all over."""

    def records(self, after: int, width: int) -> Iterator[Record | Broken]:
        """Every row below a line."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person says of a file. `encoding` None: UTF-8 or what the file's mark says; `sheet` None: the only one."""

    encoding: str | None = None
    sheet: str | None = None
    wishes: Wishes = field(default_factory=Wishes)


@dataclass(frozen=True, slots=True)
class Notes:
    """What was found out about a file. `sheet`: "" for text; `ignored`, `converted`: headings of columns."""

    heading_line: int
    sheet: str = ""
    ignored: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A heading line. `legacy`: the old font it is written in; `score` orders the candidates."""

    score: tuple[bool, int, int, int]
    source: Source
    line: int
    cells: list[str]
    legacy: Legacy | None


@dataclass(frozen=True, slots=True)
class Table:
    """A checked list. `columns`: our names, `IGNORED`, or "" where nothing stands above; `headings`: as they stand."""

    path: Path
    columns: tuple[str, ...]
    headings: tuple[str, ...]
    notes: Notes
    source: Source
    after: int
    converters: tuple[tuple[int, Callable[[str], str]], ...]

    @property
    def expected(self) -> int:
        """About how many rows there are below the headings."""
        return max(self.source.height - self.after, 0)

    def rows(self) -> Iterator[Record | Broken]:
        """Every row below the headings, from the start; one pass at a time."""
        records = self.source.records(self.after, len(self.columns))
        return map(self._converted, records) if self.converters else records

    def _converted(self, row: Record | Broken) -> Record | Broken:
        if isinstance(row, Record):
            for place, convert in self.converters:
                row.cells[place] = convert(row.cells[place])
        return row


def open_table(path: Path, vocabulary: Vocabulary, choice: Choice | None = None) -> Table:
    """Check the file and its headings; raises OutreachError (EncodingInDoubt) before any row is read."""
    choice = choice or Choice()
    asked, reader = Asked.of(choice.encoding), HeadingReader(vocabulary, choice.wishes)
    sources, carried = _sources(path, choice.sheet, asked)
    found = _find_headings(sources, reader, asked)
    source, place = found.source, str(path)
    rows = source.sample(found.line, len(found.cells), SAMPLED)
    sample = [cells[:_WIDEST] for cells in (found.cells, *rows)]
    readings = _readings(place, found, read_columns(sample), asked, carried=carried)
    headings = [
        to_unicode(cell, readings[at].legacy) if found.legacy and at in readings else cell
        for at, cell in enumerate(found.cells)
    ]
    columns = reader.read(headings, place if found.line == 1 else f"{place}, line {found.line}")
    columns = _under_merged(columns, found) if isinstance(source, Sheet) else columns
    headings += [""] * (len(columns) - len(headings))
    sheet = source.name if isinstance(source, Sheet) else ""
    spoken = tuple(" ".join(heading.split()) for heading in headings)
    ignored = tuple(name for name, column in zip(spoken, columns, strict=True) if column == IGNORED)
    used = {at: reading for at, reading in readings.items() if at < len(columns) and columns[at] != IGNORED}
    changed = tuple(spoken[at] for at, reading in sorted(used.items()) if reading.words)
    converters = tuple((at, one.converter(name=columns[at] in _NAMES)) for at, one in sorted(used.items()))
    after = _below_numbers(source, found.line, len(columns))
    return Table(path, columns, spoken, Notes(found.line, sheet, ignored, changed), source, after, converters)


def _sources(path: Path, sheet: str | None, asked: Asked) -> tuple[Sequence[Source], bool]:
    """The ways to read the file, and whether its bytes can only be text of an old font."""
    if is_workbook(first_bytes(path)):
        return [read_sheet(path, sheet)], False
    if sheet is not None:
        raise OutreachError(f"{path}: --sheet is for workbooks: this is a text file, which has no sheets")
    text = check_text(path, asked)
    return Delimited.variants(text), bool(asked.legacy) and not text.codec.startswith("utf")


def _find_headings(sources: Sequence[Source], reader: HeadingReader, asked: Asked) -> _Found:
    """The line with the most known headings near the top; the first line where none is known."""
    fonts = (None, *asked.legacy) if asked.explicit else (None, *Legacy)
    best: _Found | None = None
    for source in sources:
        for place, (line, cells) in enumerate(source.head()):
            for font in fonts:
                near = cells[:_WIDEST]
                read = near if font is None else [to_unicode(cell, font) for cell in near]
                known = reader.recognised(read)
                score = (known > 0 and reader.is_complete(read), known, -place, len(cells))
                if (known or place == 0) and (best is None or score > best.score):
                    best = _Found(score, source, line, cells, font if known else None)
    if best is None:
        return _Found((False, 0, 0, 0), sources[0], 1, [""], None)
    return best


def _readings(
    place: str, found: _Found, readings: dict[int, Reading], asked: Asked, *, carried: bool
) -> dict[int, Reading]:
    """How each column is converted; raises EncodingInDoubt where nobody asked for what the text looks like."""
    if asked.explicit and not asked.legacy:
        return {}
    if found.legacy:
        readings = {**_of_headings(found.cells, found.legacy), **readings}
    if any(reading.legacy not in asked.legacy for reading in readings.values()):
        raise in_doubt(place, readings, found.cells)
    if asked.legacy:
        other = Reading(asked.legacy[0], doubtful=carried)
        return {at: readings.get(at, other) for at in range(len(found.cells))}
    return readings


def _of_headings(cells: Sequence[str], legacy: Legacy) -> dict[int, Reading]:
    return {at: Reading(legacy, doubtful=False) for at, cell in enumerate(cells) if to_unicode(cell, legacy) != cell}


def _under_merged(columns: tuple[str, ...], found: _Found) -> tuple[str, ...]:
    """Two columns below one merged heading `Họ và tên`: family and middle names, and the given name."""
    source = found.source
    if "full_name" not in columns or not isinstance(source, Sheet):
        return columns
    at = columns.index("full_name")
    if (found.line, at, at + 1) not in source.merged or columns[at + 1 : at + 2] not in ((), ("",)):
        return columns
    return (*columns[:at], "family_name", "given_name", *columns[at + 2 :])


def _below_numbers(source: Source, line: int, width: int) -> int:
    """The line after which the people begin: below the headings, or below the row that numbers the columns."""
    first = next(iter(source.records(line, width)), None)
    if not isinstance(first, Record):
        return line
    marks = [_PLACE.fullmatch(cell.strip()) for cell in first.cells if cell.strip()]
    numbers = [int(mark[1]) for mark in marks if mark]
    counted = len(numbers) == len(marks) >= 3 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return first.line if counted and numbers[0] in (0, 1) else line
