"""Drawing lots for messages: what befalls one, and how the log names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.faults import Drawn, Fault, ReceiptFault
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


def befallen(config: SandboxConfig, book: Book, entry: Entry, drawn: Drawn | None) -> Entry:
    """The message with the names of what befalls it, and of what will befall its receipts."""
    names = [] if drawn is None else [drawn.name]
    if entry.callback and (drawn is None or drawn.fault not in (Fault.FAIL, Fault.RESET_BEFORE_READ)):
        one_try = book.next_try(entry)
        names += [
            fault
            for fault, share in (
                (ReceiptFault.LOST, config.lost_receipts),
                (ReceiptFault.DUPLICATE, config.duplicate_receipts),
                (ReceiptFault.DISORDERED, config.disordered_receipts),
            )
            if config.faults.falls(fault, share, entry.provider, one_try)
        ]
    return replace(entry, faults=tuple(map(str, names))) if names else entry
