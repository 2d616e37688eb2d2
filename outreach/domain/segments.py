"""Segment rules: named or in place, as data. Pure: they are read, written, tried on one person; SQL is the store's.

What a rule means, for every evaluator: a condition on a value that is not known does not hold, `not` included
(`{language: {not: vi}}` selects people known to speak another language); `none` turns whole rules round and so selects
people whose value is unknown too.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, assert_never

from outreach.domain.words import Channel


class Op(StrEnum):
    """How a condition compares. `in` and `not` take several values; `not` selects what is known and none of them."""

    IS = "is"
    IN = "in"
    NOT = "not"
    MIN = "min"
    MAX = "max"


class Field(StrEnum):
    """What a condition looks at; `attr` goes with a name."""

    AGE = "age"
    SEX = "sex"
    KIND = "kind"
    OCCUPATION = "occupation"
    LANGUAGE = "language"
    UNIT = "unit"
    UNIT_URBAN = "unit.urban"
    TAG = "tag"
    HAS = "has"
    CASE_STATE = "case.state"
    ATTR = "attr"


Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition. `values`: one for `is`, `min`, `max`; one or more for `in` and `not`. `name`: of an attribute.

    `unit` holds with everything below it; `tag`, `has` and `case.state` hold when one of the person's is meant (their
    `not` when none is, also where there is none at all).
    """

    field: Field
    op: Op
    values: tuple[Value, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every rule holds."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one rule holds."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """No rule holds."""

    rules: tuple[Rule, ...]


Rule = Leaf | AllOf | AnyOf | NoneOf


@dataclass(frozen=True, slots=True)
class Segment:
    """A named rule."""

    name: str
    title: str
    where: Rule


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """The rule in the form of the file."""
    match rule:
        case AllOf(rules):
            return {"all": [rule_to_json(part) for part in rules]}
        case AnyOf(rules):
            return {"any": [rule_to_json(part) for part in rules]}
        case NoneOf(rules):
            return {"none": [rule_to_json(part) for part in rules]}
        case Leaf(on, op, values, name):
            key = f"attr.{name}" if on is Field.ATTR else on.value
            if op is Op.IS:
                return {key: values[0]}
            single = op in (Op.MIN, Op.MAX) or (op is Op.NOT and len(values) == 1)
            return {key: {op.value: values[0] if single else list(values)}}
        case _:
            assert_never(rule)


def segment_to_json(segment: Segment) -> dict[str, Any]:
    """The segment in the form of the file, without its name."""
    return {"title": segment.title, "where": rule_to_json(segment.where)}


@dataclass(frozen=True, slots=True)
class Person:
    """What rules may know of somebody. `units`: codes of their unit and of all above it; `case_states`: of their cases.

    `has`: channels under which an address is stored (`Channel.addressed_by`).
    """

    birth_date: date | None = None
    sex: str | None = None
    kind: str = "person"
    occupation: str | None = None
    language: str | None = "vi"
    units: Set[str] = frozenset()
    urban: bool | None = None
    tags: Set[str] = frozenset()
    has: Set[Channel] = frozenset()
    attrs: Mapping[str, str] = field(default_factory=dict)
    case_states: Set[str] = frozenset()


def age_on(birth_date: date, today: date) -> int:
    """Whole years at `today`; who is born on 29 February has the birthday on 1 March of common years."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def matches(rule: Rule, person: Person, today: date) -> bool:
    """Whether the rule selects the person on the day `today`: the meaning every other evaluator must agree with."""
    match rule:
        case AllOf(rules):
            return all(matches(part, person, today) for part in rules)
        case AnyOf(rules):
            return any(matches(part, person, today) for part in rules)
        case NoneOf(rules):
            return not any(matches(part, person, today) for part in rules)
        case Leaf():
            return _holds(rule, person, today)
        case _:
            assert_never(rule)


def _holds(leaf: Leaf, person: Person, today: date) -> bool:
    if leaf.field in (Field.UNIT, Field.TAG, Field.HAS, Field.CASE_STATE):
        return _set_holds(leaf, person)
    known = _known(leaf, person, today)
    if known is None:
        return False
    match leaf.op:
        case Op.IS | Op.IN:
            return known in leaf.values
        case Op.NOT:
            return known not in leaf.values
        case Op.MIN:
            return int(known) >= int(leaf.values[0])
        case Op.MAX:
            return int(known) <= int(leaf.values[0])
        case _:
            assert_never(leaf.op)


def _set_holds(leaf: Leaf, person: Person) -> bool:
    """`not` on a set: none of the values is in it; a person without a unit is in no unit, known or not."""
    owned: Set[Any] = {
        Field.UNIT: person.units,
        Field.TAG: person.tags,
        Field.HAS: person.has,
        Field.CASE_STATE: person.case_states,
    }[leaf.field]
    asked = [Channel(str(value)).addressed_by for value in leaf.values] if leaf.field is Field.HAS else leaf.values
    if leaf.op is Op.NOT:
        known = bool(owned) or leaf.field is not Field.UNIT
        return known and not any(value in owned for value in asked)
    return any(value in owned for value in asked)


def _known(leaf: Leaf, person: Person, today: date) -> Value | None:
    match leaf.field:
        case Field.AGE:
            return None if person.birth_date is None else age_on(person.birth_date, today)
        case Field.UNIT_URBAN:
            return person.urban
        case Field.ATTR:
            return person.attrs.get(leaf.name)
        case _:
            value = getattr(person, leaf.field.value)
            return None if value is None else str(value)
