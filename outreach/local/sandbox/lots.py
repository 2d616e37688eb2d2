"""Drawing lots for messages: what befalls one, and how the log names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.fault_log import FaultLog
from outreach.local.sandbox.faults import Drawn, Fault, Faults, ReceiptFault
from outreach.local.sandbox.log import Entry

AS_FATES: Final[Mapping[Fault, Fate]] = {
    Fault.RESET_BEFORE_READ: Fate.DROPPED,
    Fault.RESET_AFTER_WRITE: Fate.RESET,
    Fault.SILENT: Fate.SILENT,
    Fault.GARBLED: Fate.GARBLED,
}
"""Faults that are to a message what these fates are to those of known addresses."""
KNOWN: Final = frozenset({Fate.DROPPED, Fate.RESET, Fate.SILENT, Fate.GARBLED})
"""Fates of known addresses that leave nothing to a lot."""
_LATE: Final = f"{ReceiptFault.LATE}:"


class Lots:
    """The faults that are on in a running sandbox; others may be put in their place at any time."""

    def __init__(self, faults: Faults, book: Book, record: FaultLog) -> None:
        self.faults = faults
        self.record = record
        self._book = book

    def drawn(self, entry: Entry, what: Fate) -> tuple[Drawn | None, float]:
        """What befalls this try of a message of that fate, and the seconds before its answer."""
        one_try = self._book.next_try(entry)
        drawn = None if what in KNOWN else self.faults.drawn(entry.provider, one_try)
        if drawn is not None and drawn.fault is Fault.UNDELIVERED and not entry.callback:
            drawn = None  # there is no receipt to tell it by
        return drawn, self.faults.waits(entry.provider, one_try)

    def befallen(self, entry: Entry, drawn: Drawn | None, receipts: int) -> Entry:
        """The message with the names of what befalls it, and its receipts: `receipts` are to come of it."""
        names = [] if drawn is None else [drawn.name]
        taken = drawn is None or drawn.fault not in (Fault.FAIL, Fault.RESET_BEFORE_READ)
        fault = self._of_receipts(entry, receipts) if taken and receipts else None
        if fault is not None:
            names.append(f"{_LATE}{self.faults.late_by:g}s" if fault is ReceiptFault.LATE else str(fault))
        return replace(entry, faults=tuple(names)) if names else entry

    def _of_receipts(self, entry: Entry, receipts: int) -> ReceiptFault | None:
        fault = self.faults.drawn_for_receipts(entry.provider, self._book.next_try(entry))
        return None if fault is ReceiptFault.DISORDERED and receipts < 2 else fault


def late_by(entry: Entry) -> float:
    """Seconds by which the receipts of a message are late."""
    found = next((name.removeprefix(_LATE) for name in entry.faults if name.startswith(_LATE)), "")
    return float(found.removesuffix("s")) if found else 0.0


def of_receipts(entry: Entry) -> list[str]:
    """The names of what befalls the receipts of a message."""
    return [name for name in entry.faults if name.partition(":")[0] in set(ReceiptFault)]
