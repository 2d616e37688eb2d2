"""The goal of a target: a figure, a percentage, a range of either, or a rank."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from outreach.domain.mistakes import Mistakes
from outreach.domain.shape import Key, RecordOf, Scalar, Schema
from outreach.domain.yaml_tree import Kind, Node

_FIGURES = frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER})
_FIGURE = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"


@dataclass(frozen=True, slots=True)
class Goal:
    """At least `least`; where `most` is given, a range; where `rank` is given, a place among the first `rank`.

    `percent`: the figures are percentages (80 is 80 %).
    """

    least: float = 0.0
    most: float | None = None
    percent: bool = False
    rank: int | None = None

    def met_by(self, value: float) -> bool:
        """Whether a measured value (a percentage where the goal is one, a place for a rank) reaches the goal.

        The lower end of a range reaches it; more than its upper end does too.
        """
        return 1 <= value <= self.rank if self.rank is not None else value >= self.least

    def to_json(self) -> Any:
        """In the form of the campaign file."""
        if self.rank is not None:
            return {"rank": self.rank}
        if self.most is None and not self.percent:
            return _number(self.least)
        return str(self)

    def __str__(self) -> str:
        if self.rank is not None:
            return f"rank {self.rank}"
        upper = "" if self.most is None else f"-{_number(self.most)}"
        return f"{_number(self.least)}{upper}{'%' if self.percent else ''}"


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def to_goal(text: str) -> Goal:
    """`80`, `80%`, `10-15` or `10-15%`; raises ValueError."""
    found = re.fullmatch(rf"({_FIGURE}) ?(%?)(?: ?[-–] ?({_FIGURE}) ?(%?))?", text)
    if not found or (found[2] and found[3] and not found[4]):
        raise ValueError(f'"{text}" is not a goal; write 80, 80%, 10-15% or {{rank: 70}}, with a point for decimals')
    least, most = float(found[1]), float(found[3]) if found[3] else None
    if most is not None and most <= least:
        raise ValueError(f'the range "{text}" must go from the smaller to the larger figure')
    return Goal(least, most, percent="%" in text)


def _to_rank(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f'"{text}" is not a place; write a whole number from 1')
    return int(text)


_PLACE = Scalar(_to_rank, {"type": "integer", "minimum": 1}, frozenset({Kind.WHOLE}), "a place like 70")
_RANK = RecordOf(
    "rank goal",
    {"rank": Key(_PLACE, "among the first so many", required=True)},
)


class GoalShape:
    """A goal in a file."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Goal | None:
        """The goal."""
        if node.kind is Kind.MAP:
            record = _RANK.read(node, key, mistakes)
            rank = record.get("rank") if record else None
            return None if rank is None else Goal(rank=rank)
        goal: Goal | None = Scalar(to_goal, {}, _FIGURES, wanted="a figure, a range or {rank: 70}").read(
            node, key, mistakes
        )
        return goal

    def schema(self) -> Schema:
        """A number, a text or a rank."""
        text = {"type": "string", "pattern": rf"^{_FIGURE} ?%?( ?[-–] ?{_FIGURE} ?%?)?$"}
        return {"anyOf": [{"type": "number", "minimum": 0}, text, _RANK.schema()]}
