"""Administrative units: a tree of any depth, addressed by code, held together by paths (`01/00070/`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, RowMapping, func, select, text

from outreach.domain.errors import NotFound
from outreach.domain.scope import Scope
from outreach.domain.vietnamese import search_key, sort_key
from outreach.store.copying import copy_rows
from outreach.store.scoping import below
from outreach.store.tables import units

COMMUNE_KINDS = ("phuong", "xa", "dac_khu")
"""Kinds of the commune tier since July 2025: they have loudspeakers."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit. `path`: codes from the root to it, each followed by `/`; `valid_from`: since when it is what it is."""

    code: str
    parent: str | None
    path: str
    name: str
    kind: str
    urban: bool
    languages: tuple[str, ...]
    valid_from: date


_COLUMNS = ("code", "parent", "path", "name", "kind", "urban", "languages", "valid_from", "search_key", "sort_key")
_UPSERT = """
    INSERT INTO units ({columns}) SELECT {columns} FROM unit_rows ORDER BY path
    ON CONFLICT (code) DO UPDATE SET ({columns}) = ROW ({excluded})
    WHERE ({current}) IS DISTINCT FROM ({excluded})
"""
_REPATH = """
    WITH RECURSIVE tree (code, path) AS (
        SELECT code, code || '/' FROM units WHERE parent IS NULL
        UNION ALL
        SELECT units.code, tree.path || units.code || '/' FROM units JOIN tree ON units.parent = tree.code
    )
    UPDATE units SET path = tree.path FROM tree WHERE units.code = tree.code AND units.path <> tree.path
"""


def put(connection: Connection, given: Iterable[Unit]) -> int:
    """Add the units or bring them up to date, with the paths of everything below them; returns how many changed.

    Parents must be among the given or stored, without a cycle: the caller has checked that.
    """
    connection.execute(text("CREATE TEMP TABLE unit_rows (LIKE units INCLUDING DEFAULTS) ON COMMIT DROP"))
    copy_rows(connection, "unit_rows", _COLUMNS, (_row(unit) for unit in given))
    joined = ", ".join(_COLUMNS)
    changed = connection.execute(
        text(
            _UPSERT.format(
                columns=joined,
                excluded=", ".join(f"excluded.{name}" for name in _COLUMNS),
                current=", ".join(f"units.{name}" for name in _COLUMNS),
            )
        )
    ).rowcount
    connection.execute(text(_REPATH))
    connection.execute(text("DROP TABLE unit_rows"))
    return changed


def _row(unit: Unit) -> Sequence[object]:
    name = unit.name
    fixed = (unit.code, unit.parent, unit.path, name, unit.kind, unit.urban, list(unit.languages), unit.valid_from)
    return (*fixed, search_key(name), sort_key(name))


def parents(connection: Connection) -> dict[str, str | None]:
    """Every stored code with its parent's."""
    return {row.code: row.parent for row in connection.execute(select(units.c.code, units.c.parent))}


def paths(connection: Connection) -> dict[str, str]:
    """Every stored code with its path."""
    return {row.code: row.path for row in connection.execute(select(units.c.code, units.c.path))}


def count(connection: Connection) -> int:
    """How many units are stored."""
    return connection.execute(select(func.count()).select_from(units)).scalar_one()


def by_code(connection: Connection, code: str) -> Unit:
    """The unit; raises NotFound."""
    row = connection.execute(select(units).where(units.c.code == code)).mappings().one_or_none()
    if row is None:
        raise NotFound(f'there is no unit "{code}": look it up by name, or load the units first (outreach units load)')
    return _unit(row)


def path_of(connection: Connection, code: str) -> str:
    """The unit's path, the `path` of a Scope that sees it and everything below; raises NotFound."""
    return by_code(connection, code).path


def subtree(connection: Connection, code: str) -> list[Unit]:
    """The unit and everything below it, parents before children; raises NotFound."""
    top = path_of(connection, code)
    rows = connection.execute(select(units).where(below(top)).order_by(func.length(units.c.path), units.c.path))
    return [_unit(row) for row in rows.mappings()]


def communes(connection: Connection, path: str) -> list[Unit]:
    """The units of the commune tier at `path` and below it ("" for all), in the order of paths."""
    wanted = select(units).where(units.c.kind.in_(COMMUNE_KINDS), below(path))
    return [_unit(row) for row in connection.execute(wanted.order_by(units.c.path)).mappings()]


def search(connection: Connection, words: str, *, scope: Scope, limit: int = 20) -> list[Unit]:
    """Units whose name holds `words`, with or without diacritics: shortest names first, then in Vietnamese order."""
    wanted = units.c.search_key.contains(search_key(words), autoescape=True)
    query = select(units).where(wanted, below(scope.path))
    rows = connection.execute(
        query.order_by(func.length(units.c.search_key), units.c.sort_key.collate("C"), units.c.code).limit(limit)
    )
    return [_unit(row) for row in rows.mappings()]


def _unit(row: RowMapping) -> Unit:
    plain: Mapping[str, object] = {name: row[name] for name in _COLUMNS[:8]}
    return Unit(**{**plain, "languages": tuple(row["languages"])})  # type: ignore[arg-type]
