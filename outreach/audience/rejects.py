"""The rejects file: which rows were left out and why, with values masked and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

from outreach.audience.headings import IGNORED
from outreach.audience.records import Broken, Record
from outreach.audience.tables import Table
from outreach.domain.email_addresses import mask_email
from outreach.domain.errors import OutreachError
from outreach.domain.phones import mask_phone
from outreach.domain.spreadsheet_text import harmless

HEADINGS = ("row", "columns", "values", "reasons")
SUFFIX = ".rejects.csv"
REASONS = "Lý do"
"""Heading of the reasons in the file of rows to mend; a list may have such a column: it is left out."""
_SEPARATOR = "; "
_UNIT = re.compile(r"[0-9A-Za-z_.-]{1,10}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell. `masked`: its value as it may be shown; `column` "": the row as a whole."""

    column: str
    masked: str
    reason: str
    vietnamese: str = ""

    def told(self, language: str) -> str:
        """The reason in a language (`vi`, else English)."""
        return self.vietnamese if language == "vi" and self.vietnamese else self.reason


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out. `line` is the line of the file it starts on."""

    line: int
    problems: tuple[Problem, ...]


def mask(column: str, value: str) -> str:
    """Enough of a value to find the cell by, never the value: unit codes stay, of the rest a few characters do."""
    text = " ".join(value.split())
    if column == "phone":
        return mask_phone(text)
    if column == "email":
        return mask_email(text)
    if column == "unit_code" and _UNIT.fullmatch(text) and sum(c.isdigit() for c in text) <= 6:
        return text
    shown = min(2, len(text) // 4)
    return text[:shown] + "•••••" + (text[-shown:] if shown else "") if text else ""


class RejectsFile:
    """Writes the rejects as they come; the file appears with the first one, mode 600, replacing an older one."""

    def __init__(self, source: Path, folder: Path | None, language: str = "en") -> None:
        self._language = language
        self.path = (folder or source.parent) / (source.stem + SUFFIX)
        self.written = 0
        self._file: TextIOWrapper | None = None

    def __enter__(self) -> RejectsFile:
        _replaceable(self.path)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutreachError(f"{self.path}: cannot be replaced: {error.strerror}") from None
        return self

    def add(self, rejects: Iterable[Reject]) -> None:
        """Write the rejects, a line each; raises OutreachError if the file cannot be made."""
        for reject in rejects:
            if self._file is None:
                self._file = _create(self.path)
                self._write(HEADINGS)
            told = ((one.column, one.masked, one.told(self._language)) for one in reject.problems)
            parts = zip(*told, strict=True)
            self._write((str(reject.line), *(_SEPARATOR.join(dict.fromkeys(filter(None, part))) for part in parts)))
            self.written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, cells: Iterable[str]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow([harmless(cell) for cell in cells])


class MendFile:
    """Writes the rejected rows themselves, whole, with the reasons: to be mended there and imported like any list.

    Its headings are our own names; columns that were ignored are left out. Rows that are broken as text are not in it.
    """

    def __init__(self, path: Path | None, table: Table, language: str, rejects: Path) -> None:
        self.path = path
        self._rejects = rejects
        self._table = table
        self._language = language
        self._places = [at for at, name in enumerate(table.columns) if name != IGNORED]
        self._file: TextIOWrapper | None = None

    def __enter__(self) -> MendFile:
        if self.path is not None and self.path.resolve() == self._table.path.resolve():
            raise OutreachError(f"{self.path}: this is the list itself: give the rows to mend another file")
        if self.path is not None and self.path.resolve() == self._rejects.resolve():
            raise OutreachError(f"{self.path}: this is where the reasons go: give the rows to mend another file")
        if self.path is not None:
            _replaceable(self.path)
        return self

    def add(self, rejects: Iterable[Reject], rows: Iterable[Record | Broken]) -> None:
        """Write those of `rows` that are among the rejects; raises OutreachError if the file cannot be made."""
        why = {reject.line: reject for reject in rejects} if self.path is not None else {}
        if not why or self.path is None:
            return
        for row in rows:
            if isinstance(row, Record) and row.line in why:
                if self._file is None:
                    self._file = _create(self.path)
                    self._write([*(self._table.columns[at] for at in self._places), REASONS])
                told = dict.fromkeys(problem.told(self._language) for problem in why[row.line].problems)
                self._write([*(row.cells[at] for at in self._places), _SEPARATOR.join(told)])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, cells: Iterable[str]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow([cell if cell == "-" else harmless(cell) for cell in cells])


def _replaceable(path: Path) -> None:
    """Raise OutreachError for what is there and no ordinary file: a device, a folder."""
    if path.exists() and not path.is_file():
        raise OutreachError(f"{path}: cannot be written: it is no ordinary file; choose another file")


def _create(path: Path) -> TextIOWrapper:
    _replaceable(path)
    try:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OutreachError(f"{path}: cannot be written: {error.strerror}") from None
    return os.fdopen(handle, "w", encoding="utf-8-sig", newline="")
