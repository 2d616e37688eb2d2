"""Where people are counted: at the nearest unit whose station tells of the campaign, and rolled up from there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from outreach.reach.estimates import Figures
from outreach.store.reach import UnitName

NO_UNIT = "Chưa rõ đơn vị"
"""How people without a unit are called."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a report: `key` is the unit's code, the segment, the channel or the message; "" for none of them."""

    key: str
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Areas:
    """The units of a report: all of the scope by code, and those with a station that tells of the campaign."""

    units: Mapping[str, UnitName]
    speaking: Collection[str]

    def home(self, code: str | None) -> str:
        """The unit a person of unit `code` is counted at: the nearest speaking one at or above it, else their own."""
        if code is None or not self.speaking:
            return code or ""
        unit = self.units.get(code)
        if unit is None:
            return code
        above = reversed(unit.path.strip("/").split("/"))
        return next((one for one in above if one in self.speaking), code)

    def rows(self, figures: Mapping[str, Figures], base: str, *, every: bool, descend: bool) -> list[Row]:
        """Figures by home rolled up to the children of the unit at path `base`, in Vietnamese order of names.

        What is counted at `base` itself has a line of its own. `every`: not rolled up. `descend`: while everybody is
        in one line, that unit's children are shown instead.
        """
        if every:
            return self._named(figures)
        rolled = self._rolled(figures, base)
        while descend and len(rolled) == 1:
            (only,) = rolled
            deeper = self.units[only].path if only in self.units else base
            if deeper == base:
                break
            base, rolled = deeper, self._rolled(figures, deeper)
        return self._named(rolled)

    def _rolled(self, figures: Mapping[str, Figures], base: str) -> dict[str, Figures]:
        rolled: dict[str, Figures] = {}
        for home, part in figures.items():
            key = self._child(home, base)
            rolled[key] = rolled.get(key, Figures()) + part
        return rolled

    def _child(self, home: str, base: str) -> str:
        unit = self.units.get(home)
        if unit is None or not unit.path.startswith(base):
            return home
        below = unit.path.removeprefix(base)
        return below.split("/")[0] if below else home

    def _named(self, figures: Mapping[str, Figures]) -> list[Row]:
        return [Row(code, self._name(code), figures[code]) for code in sorted(figures, key=self._order)]

    def _name(self, code: str) -> str:
        return self.units[code].name if code in self.units else code or NO_UNIT

    def _order(self, code: str) -> tuple[bool, str, str]:
        """By name; what has no unit comes last."""
        unit = self.units.get(code)
        return unit is None, unit.sort_key if unit else "", code


def summed(parts: Iterable[tuple[str, Figures]]) -> dict[str, Figures]:
    """Figures with the same key added up."""
    result: dict[str, Figures] = {}
    for key, figures in parts:
        known = result.get(key)
        result[key] = figures if known is None else known + figures
    return result
