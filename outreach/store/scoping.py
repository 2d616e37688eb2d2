"""A scope in SQL: which rows that belong to a unit a caller may see."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true

from outreach.domain.scope import Scope
from outreach.store.tables import units


def in_scope(unit_code: ColumnElement[str | None], scope: Scope) -> ColumnElement[bool]:
    """Whether the unit lies in the caller's subtree; people without a unit are seen by `everything` only."""
    if scope.everything:
        return true()
    return unit_code.in_(select(units.c.code).where(below(scope.path)))


def below(path: str) -> ColumnElement[bool]:
    """Units at `path` and below it; every unit for ""."""
    return units.c.path.startswith(path, autoescape=True) if path else true()
