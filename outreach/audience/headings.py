"""The heading line: where it stands, which columns there are; Vietnamese and English names, with or without marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from outreach.domain.errors import OutreachError
from outreach.domain.mistakes import unknown
from outreach.domain.vietnamese import nfc, search_key

MAX_COLUMNS = 300
ATTR = "attr."
"""Starts the name of a column that holds a free attribute: `attr.ho_ngheo`."""
IGNORED = "-"
"""Stands for a column that is not read."""

_ATTR = re.compile(r"attr\.([\w-]{1,60})")
_TOLD = 10
"""Unknown columns that are named."""
_PERSONAL = re.compile(r"\d(?:[ .-]?\d){6}|@|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\*|^\s*\d+\s*[.)]")
"""What people add to a heading: `Số điện thoại (nếu có)`, `Họ và tên *`, `2. Ngày sinh`."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns a kind of list may have. `names`: ours and what else they are called; `required`: those it needs.

    `instead`: columns that together stand for one; `needless`: headings that are left out by themselves; `arrange`:
    what the columns mean beside one another; `adjustable`: whether a person may ignore and rename columns.
    """

    names: Mapping[str, Collection[str]]
    required: Collection[str] = ()
    instead: Mapping[str, Collection[str]] = field(default_factory=dict)
    needless: Collection[str] = ()
    arrange: Callable[[tuple[str, ...]], tuple[str, ...]] = field(default=lambda columns: columns)
    adjustable: bool = False

    def missing(self, columns: Collection[str]) -> list[str]:
        """The columns it needs that are not there."""
        others = self.instead
        return [n for n in self.required if n not in columns and not (n in others and set(others[n]) <= set(columns))]

    def known(self) -> dict[str, str]:
        """Our name by the folded heading."""
        spoken = {_fold(name): ours for ours, others in self.names.items() for name in (ours, *others)}
        return {**{_fold(name): IGNORED for name in self.needless}, **spoken}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says of the columns: headings not to be read, and what others mean (heading → our name)."""

    ignore: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)


class HeadingReader:
    """Reads heading lines of one kind of list, with a person's wishes; raises OutreachError for a wish of no use."""

    def __init__(self, vocabulary: Vocabulary, wishes: Wishes) -> None:
        for name in wishes.rename.values():
            if name not in vocabulary.names and not _ATTR.fullmatch(name):
                raise OutreachError(f"--map: {unknown('column', name, [*vocabulary.names, 'attr.…'])}")
        self._vocabulary = vocabulary
        self._wishes = wishes
        self._known = vocabulary.known()
        self._known |= {_fold(heading): name for heading, name in wishes.rename.items()}
        self._known |= dict.fromkeys(map(_fold, wishes.ignore), IGNORED)

    def recognised(self, cells: Sequence[str]) -> int:
        """How many cells are headings that are known; 0 for a line without one of a column that is read."""
        found = [name for cell in cells if (name := self._column(cell))]
        return len(found) if any(name != IGNORED for name in found) else 0

    def is_complete(self, cells: Sequence[str]) -> bool:
        """Whether the columns that are needed are among the cells."""
        columns = self._vocabulary.arrange(tuple(self._column(cell) or "" for cell in cells))
        return not self._vocabulary.missing(columns)

    def read(self, cells: list[str], where: str) -> tuple[str, ...]:
        """Our names of the columns, `attr.…`, IGNORED, or "" where nothing stands above.

        Raises OutreachError naming every unknown heading with the nearest known one, every double and missing one.
        """
        while cells and not cells[-1].strip():
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise OutreachError(f"{where}: {len(cells):,} columns: at most {MAX_COLUMNS} are read; remove the others")
        found = tuple(self._column(cell) for cell in cells)
        if not any(found) and any(map(_is_of_somebody, cells)):
            wanted = ", ".join(self._vocabulary.required)
            raise OutreachError(
                f"{where}: this looks like somebody's row, not like headings: write a line above it that names the "
                f"columns ({wanted} and others)"
            )
        columns = self._vocabulary.arrange(tuple(name or "" for name in found))
        if mistakes := self._mistakes(cells, found, columns):
            raise OutreachError(f"{where}: the heading line: " + "; ".join(mistakes))
        return columns

    def _mistakes(self, cells: list[str], found: tuple[str | None, ...], columns: tuple[str, ...]) -> list[str]:
        vocabulary = self._vocabulary
        spoken = [*vocabulary.names, *(other for others in vocabulary.names.values() for other in others)]
        strange = [_shown(cell) for cell, name in zip(cells, found, strict=True) if name is None]
        told = [unknown("column", cell, spoken) for cell in strange[:_TOLD]]
        told += [f"and {len(strange) - _TOLD} more unknown columns"] if len(strange) > _TOLD else []
        doubles = {name for name in columns if name not in ("", IGNORED) and columns.count(name) > 1}
        told += [f'"{name}" stands there more than once' for name in sorted(doubles)]
        told += [f'"{name}" is missing' for name in vocabulary.missing(columns)]
        if strange and vocabulary.adjustable:
            told.append(
                f'leave one out with --ignore "{strange[0]}", or say what it is with --map "{strange[0]}=phone"'
            )
        given = {_fold(cell) for cell in cells}
        told += [f'--ignore: there is no column "{one}"' for one in self._wishes.ignore if _fold(one) not in given]
        return told + [f'--map: there is no column "{one}"' for one in self._wishes.rename if _fold(one) not in given]

    def _column(self, cell: str) -> str | None:
        """Our name, "" for a blank heading, None for an unknown one."""
        text = nfc(cell).strip()
        if not text:
            return ""
        if found := self._known.get(_fold(text)):
            return found
        if attribute := _ATTR.fullmatch(text):
            return ATTR + attribute[1]
        return self._known.get(_fold(_ASIDE.sub(" ", text)))


def _is_of_somebody(cell: str) -> bool:
    """Whether a cell holds a number, an address or a date, which no heading does: it is not to be shown."""
    return _PERSONAL.search(cell) is not None


def _shown(cell: str) -> str:
    return " ".join(nfc(cell).split())[:60]


def _fold(text: str) -> str:
    return search_key(text.replace("_", " "))
