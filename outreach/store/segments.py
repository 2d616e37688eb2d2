"""Segment rules in SQL: a rule is one condition over `contacts`, true or false for everybody, never null.

The meaning is that of `outreach.domain.segments.matches`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, assert_never

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.types import Text

from outreach.domain.scope import Scope
from outreach.domain.segments import AllOf, AnyOf, Field, Leaf, NoneOf, Op, Rule
from outreach.domain.words import Channel
from outreach.store.scoping import below, in_scope
from outreach.store.tables import cases, contacts, units

BITS = {Channel.SMS: 1, Channel.EMAIL: 2, Channel.ZALO_OA: 4, Channel.TELEGRAM: 8}
"""The bit of `contacts.addressed` that says whether somebody has an address on a channel; the database's
`channel_bit` says the same, and triggers on `addresses` keep it."""


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many people a rule selects, and how many of them have an address for each channel that goes to people."""

    contacts: int
    by_channel: Mapping[Channel, int]


def select_contacts(rule: Rule, *, scope: Scope, today: date, unit: str = "") -> Select[tuple[int]]:
    """The ids of the people the rule selects on the day `today`, inside the scope; the erased are never among them.

    `unit` narrows it to a unit's path and everything below it.
    """
    query = select(contacts.c.id).where(
        contacts.c.erased_at.is_(None), in_scope(contacts.c.unit_code, scope), condition(rule, today)
    )
    return query.where(contacts.c.unit_code.in_(select(units.c.code).where(below(unit)))) if unit else query


def count(connection: Connection, rule: Rule, *, scope: Scope, today: date, unit: str = "") -> SegmentCount:
    """Count the rule's people and their addresses, in one look at everybody."""
    people = select_contacts(rule, scope=scope, today=today, unit=unit)
    grouped = people.with_only_columns(contacts.c.addressed, func.count().label("people"))
    counted = {row.addressed: row.people for row in connection.execute(grouped.group_by(contacts.c.addressed))}
    by_channel = {
        channel: sum(people for addressed, people in counted.items() if addressed & bits_of([channel]))
        for channel in Channel
        if channel.to_people
    }
    return SegmentCount(sum(counted.values()), by_channel)


def bits_of(channels: Iterable[Channel]) -> int:
    """The bits of these channels: ZNS goes to the number SMS goes to. Raises KeyError for one without addresses."""
    bits = 0
    for channel in channels:
        bits |= BITS[channel.addressed_by]
    return bits


def sample(connection: Connection, rule: Rule, size: int, *, scope: Scope, today: date, seed: int = 0) -> list[int]:
    """Ids of at most `size` of the rule's people, evenly drawn; the same seed draws the same people again."""
    people = select_contacts(rule, scope=scope, today=today).subquery()
    drawn = select(people.c.id).order_by(func.hashint8extended(people.c.id, seed), people.c.id).limit(size)
    return list(connection.execute(drawn).scalars())


def condition(rule: Rule, today: date) -> ColumnElement[bool]:
    """Whether a row of `contacts` fits the rule on the day `today`; without regard to scope and erasure."""
    match rule:
        case AllOf(rules):
            return and_(true(), *(condition(part, today) for part in rules))
        case AnyOf(rules):
            return or_(false(), *(condition(part, today) for part in rules))
        case NoneOf(rules):
            return not_(or_(false(), *(condition(part, today) for part in rules)))
        case Leaf():
            return func.coalesce(_leaf(rule, today), false())
        case _:
            assert_never(rule)


def names(rules: Mapping[str, Rule], today: date) -> ColumnElement[list[str]]:
    """The names of the rules a row of `contacts` fits on the day `today`."""
    if not rules:
        return literal([], ARRAY(Text))
    each = [case((condition(rule, today), literal(name, Text)), else_=null()) for name, rule in sorted(rules.items())]
    fitting: array[Any] = array(each, type_=Text())
    return func.array_remove(fitting, null(), type_=ARRAY(Text))


def _leaf(leaf: Leaf, today: date) -> ColumnElement[bool]:
    words = [str(value) for value in leaf.values]
    match leaf.field:
        case Field.AGE:
            return _age(leaf.op, [int(value) for value in leaf.values], today)
        case Field.SEX | Field.KIND | Field.OCCUPATION | Field.LANGUAGE:
            return _word(contacts.c[leaf.field.value], leaf.op, words)
        case Field.ATTR:
            return _word(contacts.c.attrs[leaf.name].astext, leaf.op, words)
        case Field.UNIT:
            return _in_units(leaf.op, _under(words))
        case Field.UNIT_URBAN:
            return _in_units(leaf.op, units.c.urban.in_([bool(value) for value in leaf.values]))
        case Field.TAG:
            return _turned(leaf.op, contacts.c.tags.overlap(literal(words, ARRAY(Text))))
        case Field.HAS:
            return _turned(leaf.op, contacts.c.addressed.bitwise_and(bits_of(map(Channel, words))) != 0)
        case Field.CASE_STATE:
            owned = select(cases.c.id).where(cases.c.contact_id == contacts.c.id, cases.c.state.in_(words))
            return _turned(leaf.op, owned.correlate(contacts).exists())
        case _:
            assert_never(leaf.field)


def _turned(op: Op, holds: ColumnElement[bool]) -> ColumnElement[bool]:
    return not_(holds) if op is Op.NOT else holds


def _word(column: ColumnElement[str], op: Op, words: Sequence[str]) -> ColumnElement[bool]:
    """Null where the column is: a value that is not known fits no condition."""
    return column.not_in(words) if op is Op.NOT else column.in_(words)


def _in_units(op: Op, which: ColumnElement[bool]) -> ColumnElement[bool]:
    codes = select(units.c.code).where(which)
    return contacts.c.unit_code.not_in(codes) if op is Op.NOT else contacts.c.unit_code.in_(codes)


def _under(codes: Sequence[str]) -> ColumnElement[bool]:
    top = units.alias("top")
    above = select(top.c.code).where(top.c.code.in_(codes), func.starts_with(units.c.path, top.c.path))
    return above.correlate(units).exists()


def _age(op: Op, years: Sequence[int], today: date) -> ColumnElement[bool]:
    born = contacts.c.birth_date
    match op:
        case Op.MIN:
            return born <= latest_birth(years[0], today)
        case Op.MAX:
            return born > latest_birth(years[0] + 1, today)
        case Op.IS | Op.IN | Op.NOT:
            each = (and_(born <= latest_birth(y, today), born > latest_birth(y + 1, today)) for y in years)
            return _turned(op, or_(false(), *each))
        case _:
            assert_never(op)


def latest_birth(years: int, today: date) -> date:
    """The last date of birth of somebody who is at least `years` old on the day `today`.

    Who is born on 29 February has the birthday on 1 March of common years.
    """
    try:
        return today.replace(year=today.year - years)
    except ValueError:
        return today.replace(year=today.year - years, day=28)
