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

from outreach.domain.email_addresses import mask_email
from outreach.domain.errors import OutreachError
from outreach.domain.phones import mask_phone

HEADINGS = ("row", "columns", "values", "reasons")
SUFFIX = ".rejects.csv"
_SEPARATOR = "; "
_RISKY = ("=", "+", "-", "@", "\t", "\r")
_UNIT = re.compile(r"[0-9A-Za-z_.-]{1,10}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell. `masked`: its value as it may be shown; `column` "": the row as a whole."""

    column: str
    masked: str
    reason: str


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

    def __init__(self, source: Path, folder: Path | None) -> None:
        self.path = (folder or source.parent) / (source.stem + SUFFIX)
        self.written = 0
        self._file: TextIOWrapper | None = None

    def __enter__(self) -> RejectsFile:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutreachError(f"{self.path}: cannot be replaced: {error.strerror}") from None
        return self

    def add(self, rejects: Iterable[Reject]) -> None:
        """Write the rejects, a line each; raises OutreachError if the file cannot be made."""
        for reject in rejects:
            if self._file is None:
                self._file = self._open()
                self._write(HEADINGS)
            parts = zip(*((p.column, p.masked, p.reason) for p in reject.problems), strict=True)
            self._write((str(reject.line), *(_SEPARATOR.join(dict.fromkeys(filter(None, part))) for part in parts)))
            self.written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> TextIOWrapper:
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise OutreachError(f"{self.path}: cannot write the rejects file: {error.strerror}") from None
        return os.fdopen(handle, "w", encoding="utf-8-sig", newline="")

    def _write(self, cells: Iterable[str]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow([_harmless(cell) for cell in cells])


def _harmless(cell: str) -> str:
    """The cell as text even for a spreadsheet that takes `=…` for a formula."""
    return f"'{cell}" if cell.startswith(_RISKY) else cell
