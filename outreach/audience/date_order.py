"""Which number of `03/04/1960` is the day: read as people here write it, asked where a column cannot be written so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from outreach.audience.tables import SAMPLED, Table
from outreach.domain.errors import OutreachError

_DATED = ("birth_date", "consent_date")
_SPOKEN = re.compile(r"(\d{1,2})([-/.])(\d{1,2})([-/.]\d{4}.*)")
_ISO = re.compile(r"(\d{4}-)(\d{2})-(\d{2})(.*)")
_MONTHS = 12
_FEWEST = 2
"""Dates that can be read in one way only, before a column is asked about."""


class DateOrder(StrEnum):
    """What a person says of a list's dates; the value is what `--dates` takes."""

    DAY_FIRST = "dmy"
    """31/12/1990, and what a workbook holds as dates is right."""
    MONTH_FIRST = "mdy"
    """12/31/1990."""
    SWAPPED = "swapped"
    """A spreadsheet took day/month for month/day wherever it could: its own dates are turned round."""


def reordered(text: str, order: DateOrder | None) -> str:
    """The text of a date as people here write it."""
    if order is DateOrder.MONTH_FIRST:
        return _SPOKEN.sub(r"\3\2\1\4", text) if _SPOKEN.fullmatch(text) else text
    if order is DateOrder.SWAPPED:
        return _ISO.sub(r"\1\3-\2\4", text) if _ISO.fullmatch(text) else text
    return text


@dataclass(slots=True)
class _Seen:
    """Dates of a column by what their numbers can be; `either`: both are 12 or less."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0
    stored_early: int = 0
    stored_late: int = 0

    def add(self, text: str) -> None:
        """Count a cell, if it is a date."""
        if spoken := _SPOKEN.fullmatch(text):
            first, second = int(spoken[1]), int(spoken[3])
            self.day_first += second <= _MONTHS < first
            self.month_first += first <= _MONTHS < second
            self.either += first <= _MONTHS and second <= _MONTHS
        elif stored := _ISO.fullmatch(text):
            late = int(stored[3]) > _MONTHS
            self.stored_late += late
            self.stored_early += not late


def check_dates(table: Table, order: DateOrder | None) -> None:
    """Raise OutreachError where the dates of a column were written in another order than is read, and nobody said so.

    Without it, days up to the twelfth would be stored as another day, and nobody would see it.
    """
    if order is not None:
        return
    for place, column in enumerate(table.columns):
        if column not in _DATED:
            continue
        seen = _Seen()
        for cells in table.source.sample(table.after, len(table.columns), SAMPLED):
            seen.add(cells[place].strip())
        if doubt := _doubt(seen, in_workbook=bool(table.notes.sheet)):
            raise OutreachError(f'{table.path}: the dates of "{table.headings[place]}" {doubt}')


def _doubt(seen: _Seen, *, in_workbook: bool) -> str:
    if seen.month_first >= _FEWEST and not seen.day_first:
        return (
            "look like month/day/year, as 12/31/1990; nothing was stored. If they are, add --dates mdy; "
            "if the day does come first, add --dates dmy"
        )
    turned = seen.stored_early > _FEWEST and not seen.stored_late
    if in_workbook and turned and seen.day_first >= _FEWEST and not seen.either:
        return (
            "are half text, half dates, and no date is later than the twelfth: the spreadsheet has probably taken "
            "days for months where it could; nothing was stored. If so, add --dates swapped; "
            "if its dates are right, add --dates dmy"
        )
    return ""
