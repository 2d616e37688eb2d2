"""Loudspeaker stations: a default one for every commune until its real ones are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, RowMapping, bindparam, select, text

from outreach.domain.scope import Scope
from outreach.store.scoping import in_scope
from outreach.store.tables import stations
from outreach.store.units import COMMUNE_KINDS

DEFAULT_NAME = "Đài truyền thanh"
DEFAULT_EARSHOT_RURAL = 2000
"""People in earshot of a commune's horns where nobody has said (our assumption)."""
DEFAULT_EARSHOT_URBAN = 1000
"""The same in a ward, where traffic and walls swallow more (our assumption)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A daily window in which a station may speak, local time."""

    starts: time
    ends: time


DEFAULT_SLOTS = (Slot(time(5, 0), time(5, 30)), Slot(time(17, 0), time(17, 30)))
"""Typical hours of commune radio (from memory, unverified; a station's own hours replace them)."""


@dataclass(frozen=True, slots=True)
class Station:
    """A loudspeaker set of a unit. `earshot`: people who hear it; `is_default`: assumed, not reported by anybody."""

    id: int
    unit_code: str
    name: str
    earshot: int
    slots: tuple[Slot, ...]
    is_default: bool


_DEFAULTS = text("""
    INSERT INTO stations (unit_code, name, earshot, slots, is_default)
    SELECT code, :name, CASE WHEN urban THEN :urban ELSE :rural END, :slots, true FROM units
    WHERE kind = ANY(:kinds) AND NOT EXISTS (SELECT FROM stations WHERE stations.unit_code = units.code)
    ORDER BY path
""").bindparams(bindparam("slots"))


def add_defaults(connection: Connection) -> int:
    """Give a default station to every commune that has none; returns how many were added."""
    given = {
        "name": DEFAULT_NAME,
        "urban": DEFAULT_EARSHOT_URBAN,
        "rural": DEFAULT_EARSHOT_RURAL,
        "slots": Jsonb(_to_json(DEFAULT_SLOTS)),
        "kinds": list(COMMUNE_KINDS),
    }
    return connection.execute(_DEFAULTS, given).rowcount


def add(connection: Connection, unit_code: str, name: str, *, earshot: int, slots: Sequence[Slot]) -> int:
    """Store a real station and return its id; the unit's default one stays for its history and is no longer listed."""
    values = {"unit_code": unit_code, "name": name, "earshot": earshot, "slots": _to_json(slots)}
    return int(connection.execute(stations.insert().values(values).returning(stations.c.id)).scalar_one())


def in_use(connection: Connection, *, scope: Scope) -> list[Station]:
    """The stations that broadcast: a unit's real ones, or its default one where there are none."""
    real = stations.alias("real")
    replaced = select(real.c.id).where(real.c.unit_code == stations.c.unit_code, ~real.c.is_default).exists()
    query = select(stations).where(in_scope(stations.c.unit_code, scope), ~(stations.c.is_default & replaced))
    return [_station(row) for row in connection.execute(query.order_by(stations.c.id)).mappings()]


def _station(row: RowMapping) -> Station:
    slots = tuple(Slot(time.fromisoformat(slot["from"]), time.fromisoformat(slot["to"])) for slot in row["slots"])
    return Station(row["id"], row["unit_code"], row["name"], row["earshot"], slots, row["is_default"])


def _to_json(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    return [{"from": slot.starts.strftime("%H:%M"), "to": slot.ends.strftime("%H:%M")} for slot in slots]
