"""The heading line: which separator, which columns; Vietnamese and English names, with or without diacritics."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from outreach.audience.text_lines import MAX_LINE
from outreach.domain.errors import OutreachError
from outreach.domain.mistakes import unknown
from outreach.domain.vietnamese import nfc, search_key

DELIMITERS = (";", "\t", ",")
MAX_COLUMNS = 300
ATTR = "attr."
"""Starts the name of a column that holds a free attribute: `attr.ho_ngheo`."""

_ATTR = re.compile(r"attr\.([\w-]{1,60})")
_HINT = re.compile(r'"?sep=(.)"?')


@dataclass(frozen=True, slots=True)
class Headings:
    """What the columns of a file are. `columns`: our names, `attr.…`, or "" where nothing stands above."""

    delimiter: str
    columns: tuple[str, ...]


def separator_hint(line: str) -> str | None:
    """The separator of Excel's first line `sep=;`, None for any other line."""
    found = _HINT.fullmatch(line.strip())
    return found[1] if found and found[1] in DELIMITERS else None


def read_headings(
    line: str, names: Mapping[str, Collection[str]], *, required: Collection[str], hint: str | None, path: Path
) -> Headings:
    """The columns; `names` maps each of our names to others it goes by.

    Raises OutreachError naming every unknown heading with the nearest known one, every double and missing one.
    """
    if len(line) > MAX_LINE:
        raise OutreachError(f"{path}: the heading line is longer than {MAX_LINE:,} characters: is this a CSV file?")
    known = {_fold(name): ours for ours, others in names.items() for name in (ours, *others)}
    delimiter = hint or max(DELIMITERS, key=lambda sign: _recognised(line, sign, known))
    cells = _split(line, delimiter)
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise OutreachError(f"{path}: {len(cells):,} columns: at most {MAX_COLUMNS} are read; remove those not needed")
    columns = tuple(_column(cell, known) for cell in cells)
    if mistakes := _mistakes(cells, columns, names, required):
        raise OutreachError(f"{path}: the heading line: " + "; ".join(mistakes))
    return Headings(delimiter, tuple(column or "" for column in columns))


def _mistakes(
    cells: list[str], columns: tuple[str | None, ...], names: Mapping[str, Collection[str]], required: Collection[str]
) -> list[str]:
    spoken = [*names, *(other for others in names.values() for other in others)]
    strange = [nfc(cell).strip()[:60] for cell, name in zip(cells, columns, strict=True) if name is None]
    found = [unknown("column", cell, spoken) for cell in strange]
    doubles = {name for name in columns if name and columns.count(name) > 1}
    found += [f'"{name}" stands there more than once' for name in sorted(doubles)]
    return found + [f'"{name}" is missing' for name in required if name not in columns]


def _column(cell: str, known: Mapping[str, str]) -> str | None:
    """Our name, "" for a blank heading, None for an unknown one."""
    text = nfc(cell).strip()
    if not text:
        return ""
    if found := _ATTR.fullmatch(text):
        return ATTR + found[1]
    return known.get(_fold(text))


def _recognised(line: str, delimiter: str, known: Mapping[str, str]) -> tuple[int, int]:
    cells = _split(line, delimiter)
    return sum(bool(_column(cell, known)) for cell in cells), len(cells)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return line.split(delimiter)


def _fold(text: str) -> str:
    return search_key(text.replace("_", " "))
