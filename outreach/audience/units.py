"""Units in: the official ones that come with the program, or a tree of one's own from CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import Connection

from outreach.audience.headings import Vocabulary
from outreach.audience.records import Broken
from outreach.audience.tables import open_table
from outreach.domain.errors import OutreachError
from outreach.domain.mistakes import Mistakes
from outreach.domain.vietnamese import nfc, search_key
from outreach.store import stations, units
from outreach.store.units import Unit

OFFICIAL = Path(__file__).parent / "data" / "units-2025-07-01.csv"
"""The official codes and names, 34 provinces and 3,321 communes (Decision 19/2025/QĐ-TTg's list as public fact)."""
TWO_TIERS = date(2025, 7, 1)
"""Since when provinces and communes are what they are (districts abolished)."""

URBAN_KINDS = frozenset({"thanh_pho", "phuong"})
"""Wards and centrally run cities; special zones are islands and count as rural, as do communes and provinces."""


@dataclass(frozen=True, slots=True)
class LoadedUnits:
    """What a load did. `units`: how many the list has; `changed`: added or altered; `stations`: default ones added."""

    units: int
    changed: int
    stations: int


def load_official(connection: Connection) -> LoadedUnits:
    """Store the 34 provinces and 3,321 communes in force since 1 July 2025; loading again alters nothing."""
    return load_tree(connection, OFFICIAL)


def _store(connection: Connection, given: list[Unit]) -> LoadedUnits:
    changed = units.put(connection, given)
    return LoadedUnits(len(given), changed, stations.add_defaults(connection))


_NAMES = {
    "code": ("Mã đơn vị", "Mã"),
    "parent": ("Mã đơn vị cấp trên", "Cấp trên", "Đơn vị cấp trên"),
    "name": ("Tên đơn vị", "Tên"),
    "kind": ("Loại", "Loại đơn vị", "Cấp"),
    "urban": ("Đô thị",),
    "languages": ("Ngôn ngữ", "Tiếng dân tộc"),
    "valid_from": ("Hiệu lực từ", "Ngày hiệu lực"),
}
_CODE = re.compile(r"[0-9A-Za-z_-]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TRUE = frozenset({"1", "true", "yes", "x", "co", "dung", "do thi"})
_FALSE = frozenset({"", "0", "false", "no", "khong", "sai", "nong thon"})


def load_tree(connection: Connection, file: Path) -> LoadedUnits:
    """Store a tree of one's own (columns code, parent, name, kind, urban, languages, valid_from); loading updates.

    A parent may stand anywhere in the file or be stored already. Raises OutreachError with every mistake, a line each;
    then nothing is stored.
    """
    mistakes = Mistakes(str(file))
    lines = {row.code: row for row in _rows(file, mistakes)}
    stored = units.parents(connection)
    for row in lines.values():
        if row.parent is not None and row.parent not in lines and row.parent not in stored:
            mistakes.add(row.line, f'no unit has the code "{row.parent}" of the parent: add it, or mend the code')
    tree = {**stored, **{code: row.parent for code, row in lines.items()}}
    paths = _Paths(tree)
    given = []
    for row in lines.values():
        path = paths.of(row.code)
        if path is None:
            mistakes.add(row.line, f'"{row.code}" would lie below itself: mend a parent on the way up')
        else:
            given.append(Unit(row.code, row.parent, path, row.name, row.kind, row.urban, row.languages, row.valid_from))
    if mistakes:
        raise OutreachError("\n".join(str(mistake) for mistake in mistakes.sorted()))
    if not given:
        raise OutreachError(f"{file}: there is no unit below the heading line")
    return _store(connection, given)


class _Paths:
    """Paths by code in a map of parents that may hold cycles and unknown codes."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._known: dict[str, str | None] = {}

    def of(self, code: str) -> str | None:
        """The path; None below a cycle."""
        way: list[str] = []
        above: str | None = code
        while above is not None and above not in self._known and above not in way:
            way.append(above)
            above = self._parents.get(above)
        path = "" if above is None else self._known.get(above) if above not in way else None
        for step in reversed(way):
            path = None if path is None else f"{path}{step}/"
            self._known[step] = path
        return self._known[code]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    code: str
    parent: str | None
    name: str
    kind: str
    urban: bool
    languages: tuple[str, ...]
    valid_from: date


@dataclass(slots=True)
class _Cells:
    """The named cells of one row, and what is wrong with them."""

    line: int
    values: Mapping[str, str]
    mistakes: Mistakes
    good: bool = field(default=True)

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def wrong(self, what: str) -> None:
        self.mistakes.add(self.line, what)
        self.good = False

    def row(self) -> _Row | None:
        code, parent = self._code("code"), self._code("parent")
        if not code:
            self.wrong("the code is missing")
        name, kind = self.get("name"), search_key(self.get("kind")).replace(" ", "_")
        if not 0 < len(name) <= 200:
            self.wrong("the name must have 1 to 200 characters")
        if not kind:
            self.wrong('the kind is missing: like "xa", "phuong", "thon", "to_dan_pho"')
        urban, languages, valid_from = self._urban(kind), self._languages(), self._valid_from()
        return _Row(self.line, code, parent or None, name, kind, urban, languages, valid_from) if self.good else None

    def _code(self, name: str) -> str:
        code = self.get(name)
        if code and not _CODE.fullmatch(code):
            self.wrong(f'the {name} may hold only letters A–Z, digits, "-" and "_", at most 40')
        return code

    def _urban(self, kind: str) -> bool:
        if "urban" not in self.values:
            return kind in URBAN_KINDS
        word = search_key(self.get("urban"))
        if word not in _TRUE | _FALSE:
            self.wrong(f'urban must be 1 or 0, not "{self.get("urban")[:40]}"')
        return word in _TRUE

    def _languages(self) -> tuple[str, ...]:
        codes = tuple(dict.fromkeys(self.get("languages").replace(",", " ").replace(";", " ").split())) or ("vi",)
        if bad := [code for code in codes if not _LANGUAGE.fullmatch(code)]:
            self.wrong(f'"{bad[0][:40]}" is not a language code like vi or hmn')
        return codes

    def _valid_from(self) -> date:
        text = self.get("valid_from")
        try:
            return date.fromisoformat(text) if text else TWO_TIERS
        except ValueError:
            self.wrong(f'valid_from must be a date like {TWO_TIERS}, not "{text[:40]}"')
            return TWO_TIERS


def _rows(file: Path, mistakes: Mistakes) -> Iterable[_Row]:
    table = open_table(file, Vocabulary(_NAMES, required=("code", "name", "kind")))
    seen: dict[str, int] = {}
    for record in table.rows():
        if isinstance(record, Broken):
            mistakes.add(record.line, record.reason)
            continue
        values = {name: nfc(cell).strip() for name, cell in zip(table.columns, record.cells, strict=True)}
        row = _Cells(record.line, values, mistakes).row()
        if row is None:
            continue
        if row.code in seen:
            mistakes.add(row.line, f'"{row.code}" stands on line {seen[row.code]} already')
            continue
        seen[row.code] = row.line
        yield row
