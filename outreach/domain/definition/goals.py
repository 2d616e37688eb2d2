"""The goal of a target: a figure to reach or stay below, a range, a change from a baseline, a rank, a thing done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outreach.domain.mistakes import Mistakes
from outreach.domain.shape import Key, RecordOf, Scalar, Schema
from outreach.domain.yaml_tree import Kind, Node

_FIGURES = frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER})
_FIGURE = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
DONE = "done"
"""The goal of what is either done or not; its figure is 1 or 0."""
NONE = "none"
"""The goal of an indicator the plan follows and sets no level for: it is shown and never judged."""


@dataclass(frozen=True, slots=True)
class Goal:
    """At least `least`, or at most `at_most`, or a place among the first `rank`, or `done`, or `none` at all.

    `most`: the upper end of a range; its lower end reaches the goal. `percent`: the figures are percentages (80 is
    80 %). `change`: 1 or -1 where the figure says by how much the baseline is to rise or to fall; with `percent` it is
    a part of the baseline (+20% of 60 is 72), without it plain units (+20 on 60 is 80).
    """

    least: float = 0.0
    most: float | None = None
    percent: bool = False
    rank: int | None = None
    at_most: float | None = None
    change: int = 0
    done: bool = False
    none: bool = False

    @property
    def downwards(self) -> bool:
        """Whether less is better: a rank, a ceiling, a fall."""
        return self.rank is not None or self.at_most is not None or self.change < 0

    def needed(self, baseline: float | None = None) -> float | None:
        """The figure that reaches the goal; None where there is none or its baseline is not given."""
        if self.rank is not None:
            return float(self.rank)
        if self.at_most is not None:
            return self.at_most
        if self.done:
            return 1.0
        if self.none:
            return None
        if not self.change:
            return self.least
        if baseline is None:
            return None
        by = baseline * self.least / 100 if self.percent else self.least
        return round(baseline + self.change * by, 6)

    def met_by(self, value: float, baseline: float | None = None) -> bool:
        """Whether a value (a percentage where the goal is one, a place for a rank) reaches the goal.

        The lower end of a range reaches it; more than its upper end does too.
        """
        if self.rank is not None and value < 1:
            return False
        return self.gap(value, baseline) == 0

    def gap(self, value: float, baseline: float | None = None) -> float | None:
        """How much is missing to the goal, never negative; None where no figure reaches it (see `needed`)."""
        needed = self.needed(baseline)
        if needed is None:
            return None
        return max(0.0, round(value - needed if self.downwards else needed - value, 6))

    def to_json(self) -> Any:
        """In the form of the campaign file."""
        if self.rank is not None:
            return {"rank": self.rank}
        if self.at_most is not None:
            return {"at_most": f"{_number(self.at_most)}%" if self.percent else _number(self.at_most)}
        if self.most is None and not (self.percent or self.change or self.done or self.none):
            return _number(self.least)
        return str(self)

    def __str__(self) -> str:
        if self.rank is not None:
            return f"rank {self.rank}"
        if self.done or self.none:
            return DONE if self.done else NONE
        if self.at_most is not None:
            return f"at most {_number(self.at_most)}{'%' if self.percent else ''}"
        sign = {1: "+", -1: "-"}.get(self.change, "")
        upper = "" if self.most is None else f"-{_number(self.most)}"
        return f"{sign}{_number(self.least)}{upper}{'%' if self.percent else ''}"


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


_FORMS = "80, 80%, 10-15%, +20%, done, none, {at_most: 30} or {rank: 70}"


def to_goal(text: str) -> Goal:
    """`80`, `80%`, `10-15%`, `+20%`, `-10-15%`, `done` or `none`; raises ValueError."""
    if text in (DONE, NONE):
        return Goal(done=text == DONE, none=text == NONE)
    found = re.fullmatch(rf"([+-]?)({_FIGURE}) ?(%?)(?: ?[-–] ?({_FIGURE}) ?(%?))?", text)
    if not found or (found[3] and found[4] and not found[5]):
        raise ValueError(f'"{text}" is not a goal; write {_FORMS}, with a point for decimals')
    least, most = float(found[2]), float(found[4]) if found[4] else None
    if most is not None and most <= least:
        raise ValueError(f'the range "{text}" must go from the smaller to the larger figure')
    change = {"+": 1, "-": -1, "": 0}[found[1]]
    if change and not least:
        raise ValueError(f'"{text}" changes nothing; write by how much the baseline is to rise or fall')
    return Goal(least, most, percent="%" in text, change=change)


def _to_rank(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f'"{text}" is not a place; write a whole number from 1')
    return int(text)


def _to_ceiling(text: str) -> Goal:
    found = re.fullmatch(rf"({_FIGURE}) ?(%?)", text)
    if not found:
        raise ValueError(f'"{text}" is not a figure; write 30 or 30%, with a point for decimals')
    return Goal(at_most=float(found[1]), percent=bool(found[2]))


_PLACE = Scalar(_to_rank, {"type": "integer", "minimum": 1}, frozenset({Kind.WHOLE}), "a place like 70")
_CEILING_SCHEMA: Schema = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": rf"^{_FIGURE} ?%?$"}]
}
_CEILING = Scalar(_to_ceiling, _CEILING_SCHEMA, _FIGURES, "a figure")
_RANK = RecordOf("rank goal", {"rank": Key(_PLACE, "among the first so many", required=True)})
_AT_MOST = RecordOf("ceiling goal", {"at_most": Key(_CEILING, "no more than this", required=True)})
_RECORDS: Mapping[str, RecordOf] = {"rank": _RANK, "at_most": _AT_MOST}


class GoalShape:
    """A goal in a file."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Goal | None:
        """The goal."""
        if node.kind is Kind.MAP:
            return _record(node, key, mistakes)
        goal: Goal | None = Scalar(to_goal, {}, _FIGURES, wanted="a figure, a range, done or {rank: 70}").read(
            node, key, mistakes
        )
        return goal

    def schema(self) -> Schema:
        """A number, a text, a rank or a ceiling."""
        text = {"type": "string", "pattern": rf"^(done|none|[+-]?{_FIGURE} ?%?( ?[-–] ?{_FIGURE} ?%?)?)$"}
        return {"anyOf": [{"type": "number"}, text, _RANK.schema(), _AT_MOST.schema()]}


def _record(node: Node, key: str, mistakes: Mistakes) -> Goal | None:
    name = "at_most" if node.get("at_most") is not None else "rank"
    record = _RECORDS[name].read(node, key, mistakes)
    value = record.get(name) if record else None
    if value is None or isinstance(value, Goal):
        return value
    return Goal(rank=value)
