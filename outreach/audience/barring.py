"""A list of addresses that are not to be written to: who refused by phone, a do-not-call list, dead mailboxes.

Nothing but the columns of phone numbers and e-mail addresses is read; what is kept of them are fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from outreach.audience import person_columns
from outreach.audience.cells import CLEAR, tidy
from outreach.audience.headings import Vocabulary
from outreach.audience.records import Record
from outreach.audience.tables import Choice, open_table
from outreach.domain.addresses import normal_address
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.states import Reason
from outreach.domain.words import Channel, MessageClass
from outreach.store import barred, suppressions
from outreach.store.campaigns import note

_COLUMNS: Final = {"phone": Channel.SMS, "email": Channel.EMAIL}
_OTHERS: Final = tuple(
    name for ours, others in person_columns.NAMES.items() if ours not in _COLUMNS for name in (ours, *others)
)
ADDRESSES: Final = Vocabulary(
    {name: person_columns.NAMES[name] for name in _COLUMNS},
    needless=(*person_columns.NEEDLESS, *_OTHERS),
    adjustable=True,
)
"""The columns of a list of addresses; what else a list of people has is left out."""
_AT_ONCE: Final = 10_000
_TOLD: Final = 1000
"""Rows left out that are named."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A cell that holds no address of its column; never what it holds."""

    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Listed:
    """What a list comes to: fingerprints by channel, under every key; `addresses` counts each once."""

    rows: int = 0
    addresses: int = 0
    rejected: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    fingerprints: dict[Channel, dict[bytes, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What barring a list would do: `people` of ours have its addresses, `barred` of them were barred already."""

    addresses: int
    people: int
    barred: int


def read_addresses(file: Path, keys: KeyRing, choice: Choice, *, told: Callable[[int, int], None]) -> Listed:
    """The addresses of a list; raises OutreachError for a file that cannot be read or has no column of them."""
    table = open_table(file, ADDRESSES, choice)
    columns = [(at, name) for at, name in enumerate(table.columns) if name in _COLUMNS]
    if not columns:
        raise OutreachError(f"{file}: the heading line names neither `phone` nor `email`: one of them is needed")
    found = Listed()
    for row in table.rows():
        found.rows += 1
        if found.rows % _AT_ONCE == 0:
            told(found.rows, table.expected)
        if not isinstance(row, Record):
            _leave_out(found, LeftOut(row.line, "", row.reason))
            continue
        for at, name in columns:
            _take(found, keys, row.line, name, row.cells[at])
    return found


def _take(found: Listed, keys: KeyRing, line: int, name: str, cell: str) -> None:
    channel = _COLUMNS[name]
    try:
        if (text := tidy(cell)) in ("", CLEAR):
            return
        marks = keys.fingerprints(normal_address(channel, text))
    except (OutreachError, ValueError) as error:
        _leave_out(found, LeftOut(line, name, str(error)))
        return
    known = found.fingerprints.setdefault(channel, {})
    if marks[0][1] not in known:
        found.addresses += 1
        known.update((value, version) for version, value in marks)


def _leave_out(found: Listed, one: LeftOut) -> None:
    found.rejected += 1
    if len(found.left_out) < _TOLD:
        found.left_out.append(one)


def standing(engine: Engine, listed: Listed, reason: Reason) -> Standing:
    """What barring the list would do; changes nothing."""
    people = already = 0
    with engine.connect() as connection:
        for channel, marks in listed.fingerprints.items():
            counted = barred.counted(connection, list(marks), channel=str(channel), message_class=class_of(reason))
            people, already = people + counted[0], already + counted[1]
    return Standing(listed.addresses, people, already)


def bar(engine: Engine, listed: Listed, reason: Reason, *, source: str, who: str) -> int:
    """Bar the addresses of a list in one transaction, on the record; returns how many entries are new."""
    new = 0
    with engine.begin() as connection:
        for channel, marks in listed.fingerprints.items():
            for part in _parts(list(marks.items())):
                new += suppressions.suppress(
                    connection, [(version, value) for value, version in part], channel=str(channel),
                    message_class=class_of(reason), reason=reason, source=f"list {source}",
                )  # fmt: skip
        detail = {"reason": str(reason), "addresses": listed.addresses, "new": new}
        note(connection, who=who, action="bar addresses", what=f"list {source}", detail=detail)
    return new


def class_of(reason: Reason) -> str:
    """What a reason bars: the Do-Not-Call list advertising (Decree 91/2020), the others everything."""
    return str(MessageClass.ADVERTISING) if reason is Reason.DO_NOT_CALL else suppressions.ANY


def _parts(marks: Sequence[tuple[bytes, int]]) -> list[Sequence[tuple[bytes, int]]]:
    return [marks[at : at + _AT_ONCE] for at in range(0, len(marks), _AT_ONCE)]
