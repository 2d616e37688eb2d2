"""An Excel or OpenDocument workbook as rows: read by a process with bounded memory, kept in a file nobody can open."""

from __future__ import annotations

import csv
import io
import json
import mmap
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from outreach.audience.delimited import HEAD
from outreach.audience.records import Broken, Record, excess_cells
from outreach.audience.text_lines import MAX_LINE
from outreach.domain.errors import OutreachError

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MAX_BOOK = 200 << 20
"""Bytes of a workbook's file."""
MAX_UNPACKED = 2 << 30
"""Bytes of everything in a workbook's archive: a few kilobytes can hold gigabytes."""
MAX_MEMORY = 1536 << 20
"""Bytes the reading process may have: enough for about ten million filled cells."""
MAX_SECONDS = 300
"""Processor time of the reading process."""

_PROCESS = Path(__file__).with_name("sheet_process.py")
_INSIDE = {"xl/workbook.xml": "", "xl/workbook.bin": "", "content.xml": "", "word/document.xml": "a Word document"}
_STREAMS = {"EncryptedPackage": "password", "WordDocument": "word", "Workbook": "", "Book": ""}
_AS_CSV = "save the sheet as CSV UTF-8 and import that"


def is_workbook(head: bytes) -> bool:
    """Whether a file with these first bytes is an archive or an old Office file, and no text."""
    return head.startswith((ZIP, OLE))


@dataclass(frozen=True, slots=True)
class Sheet:
    """The filled rows of one sheet. `merged`: row, first and last column of cells merged side by side.

    `tall`: by the row and column they begin in, the last row of cells merged downwards.
    """

    name: str
    height: int
    merged: frozenset[tuple[int, int, int]]
    tall: Mapping[tuple[int, int], int]
    _data: IO[bytes]
    _start: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every filled row with its number in the sheet, from the top; one pass at a time."""
        self._data.seek(self._start)
        text = io.TextIOWrapper(self._data, encoding="utf-8", newline="")
        try:
            for row in csv.reader(text):
                yield int(row[0]), row[1:]
        finally:
            text.detach()

    def head(self) -> list[tuple[int, list[str]]]:
        """The first filled rows, with their numbers."""
        return list(islice(self.rows(), HEAD))

    def sample(self, after: int, width: int, rows: int) -> Iterator[list[str]]:
        """The first `rows` rows below the headings, and some from all over the sheet."""
        every = max(1, self.height // rows)
        for number, record in enumerate(self.records(after, width)):
            if isinstance(record, Record) and (number < rows or number % every == 0):
                yield record.cells

    def records(self, after: int, width: int) -> Iterator[Record | Broken]:
        """The rows below row `after`, as wide as the headings."""
        downwards = _Downwards(self.tall)
        for line, cells in self.rows():
            if line <= after or not any(cell and not cell.isspace() for cell in cells):
                continue
            downwards.fill(line, cells)
            if sum(map(len, cells)) > MAX_LINE:
                yield Broken(line, f"the row is longer than {MAX_LINE:,} characters", "dòng quá dài")
            elif excess := excess_cells(cells, width):
                yield Broken(
                    line,
                    f"{excess} cells, but {width} headings: name the column, or empty it",
                    f"{excess} ô nhưng chỉ có {width} cột có tiêu đề: đặt tên cột hoặc xoá ô thừa",
                )
            else:
                yield Record(line, cells)


class _Downwards:
    """What stands in cells that are merged downwards, for the rows below: a commune beside all of its people."""

    def __init__(self, tall: Mapping[tuple[int, int], int]) -> None:
        self._tall = tall
        self._columns = sorted({column for _, column in tall})
        self._now: dict[int, tuple[int, str]] = {}

    def fill(self, line: int, cells: list[str]) -> None:
        """Fill in the row that is number `line`; rows come from the top."""
        for column in self._columns:
            last, text = self._now.get(column, (0, ""))
            if (line, column) in self._tall and column < len(cells):
                self._now[column] = (self._tall[line, column], cells[column])
            elif line <= last:
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = cells[column] or text


def read_sheet(path: Path, sheet: str | None) -> Sheet:
    """The rows of the sheet named (any case), else of the only visible sheet that is not empty.

    Raises OutreachError for a file that is no workbook, is protected, damaged or too large, and for a choice that is
    not clear; each says what to do.
    """
    size = path.stat().st_size
    if size > MAX_BOOK:
        raise OutreachError(f"{path}: {size >> 20:,} MB: a workbook may have {MAX_BOOK >> 20} MB; {_AS_CSV}")
    with path.open("rb") as file:
        (_check_archive if file.read(4) == ZIP else _check_old)(path)
    data = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the table; it has no name, so nothing is left
    command = [sys.executable, "-I", str(_PROCESS), str(path), sheet or "", str(MAX_MEMORY), str(MAX_SECONDS)]
    # A session of its own: Ctrl-C is for the import, which then ends the process itself.
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=data, stderr=subprocess.PIPE, check=False, start_new_session=True
    )
    if done.returncode:
        data.close()
        raise OutreachError(f"{path}: {_why(done.returncode, done.stderr, sheet)}")
    data.seek(0)
    about = json.loads(data.readline())
    merged = frozenset((row, first, last) for row, first, last in about["merged"])
    tall = {(first, column): last for first, last, column in about["tall"]}
    return Sheet(about["sheet"], about["rows"], merged, tall, data, data.tell())


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {entry.filename: entry.file_size for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise OutreachError(f"{path}: the workbook is damaged: open and save it again, or {_AS_CSV}") from None
    found = [what for name, what in _INSIDE.items() if name in inside]
    if not found:
        raise OutreachError(f"{path}: this is an archive, not a workbook: unpack it and import the list inside")
    if found[0]:
        raise OutreachError(f"{path}: this is {found[0]}, not a workbook: copy its table into a sheet")
    if sum(inside.values()) > MAX_UNPACKED:
        raise OutreachError(f"{path}: unpacked it has more than {MAX_UNPACKED >> 30} GB; {_AS_CSV}")


def _check_old(path: Path) -> None:
    """An OLE file names its streams in its directory, in UTF-16."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = [kind for name, kind in _STREAMS.items() if data.find(f"{name}\0".encode("utf-16-le")) >= 0]
    if not found:
        raise OutreachError(f"{path}: this is an old Office file, but no workbook; {_AS_CSV}")
    if found[0] == "password":
        raise OutreachError(f"{path}: {_PROTECTED}")
    if found[0] == "word":
        raise OutreachError(f"{path}: this is a Word document, not a workbook: copy its table into a sheet")


_PROTECTED = "the workbook is protected by a password: take the password away in Excel and save it again"
_TOO_MUCH = f"the workbook is too large to be read (about {MAX_MEMORY >> 20:,} MB of memory); {_AS_CSV}"
_DAMAGED = f"the workbook cannot be read: it is damaged, or no workbook; open and save it again, or {_AS_CSV}"


def _why(status: int, said: bytes, wanted: str | None) -> str:
    try:
        told = json.loads(said.decode("utf-8", "replace").splitlines()[-1])
    except (ValueError, IndexError):
        return _TOO_MUCH if status < 0 else _DAMAGED
    names = ", ".join(f'"{name}"' for name in told.get("sheets", ())[:20])
    return {
        "password": _PROTECTED,
        "memory": _TOO_MUCH,
        "no_such_sheet": f'there is no sheet "{wanted}"; there are: {names}',
        "several_sheets": f"several sheets hold rows: choose one with --sheet: {names}",
        "empty": "no visible sheet holds a row"
        + (f"; a hidden one is read by its name (--sheet): {names}" if names else ""),
    }.get(told.get("kind"), _DAMAGED)
