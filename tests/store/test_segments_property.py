"""Whatever rule a file holds, the database selects whom a plain reading of the file's own words selects.

The evaluator here knows nothing of the program's: it walks the words as they are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from outreach.audience.units import load_tree
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import read_segments
from outreach.store import segments

TREE = (
    "code,parent,name,kind,urban",
    "p,,P,tinh,0",
    "pp,,PP,tinh,1",  # begins like p and is none of its units
    "p1,p,P1,xa,0",
    "p2,p,P2,phuong,1",
    "t,p1,T,thon,0",
)
ABOVE = {"p": {"p"}, "pp": {"pp"}, "p1": {"p1", "p"}, "p2": {"p2", "p"}, "t": {"t", "p1", "p"}}
URBAN = {"p": False, "pp": True, "p1": False, "p2": True, "t": False}
STORED = ("sms", "email", "zalo_oa", "telegram")
PHONE = {"zalo_zns": "sms"}


@dataclass(frozen=True)
class Somebody:
    """A person as they stand in the tables."""

    born: date | None = None
    sex: str | None = None
    kind: str = "person"
    occupation: str | None = None
    language: str = "vi"
    unit: str | None = None
    tags: tuple[str, ...] = ()
    attrs: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()


def birthday(born: date, year: int) -> date:
    """The day somebody has a birthday; who is born on 29 February on 1 March of common years."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def age(born: date, today: date) -> int:
    return today.year - born.year - (1 if birthday(born, today.year) > today else 0)


def fits(rule: Mapping[str, Any], who: Somebody, today: date) -> bool:
    """Whether somebody fits a rule, read as a person would read it."""
    ((word, said),) = rule.items()
    if word == "all":
        return all(fits(part, who, today) for part in said)
    if word == "any":
        return any(fits(part, who, today) for part in said)
    if word == "none":
        return not any(fits(part, who, today) for part in said)
    if isinstance(said, list):
        return compare(word, "in", said, who, today)
    if not isinstance(said, dict):
        return compare(word, "is", said, who, today)
    return all(compare(word, operator, value, who, today) for operator, value in said.items())


def compare(word: str, operator: str, value: Any, who: Somebody, today: date) -> bool:
    listed = value if isinstance(value, list) else [value]
    if word in ("tag", "has", "case.state"):
        owned = {"tag": who.tags, "has": who.channels, "case.state": who.cases}[word]
        each = [PHONE.get(one, one) in owned for one in listed]
        return all(each) if operator == "all" else not any(each) if operator in ("not", "none") else any(each)
    if word == "unit":
        if who.unit is None:
            return False
        below = any(one in ABOVE[who.unit] for one in listed)
        return not below if operator == "not" else below
    known = knowledge(word, who, today)
    if known is None:
        return False
    if operator == "min":
        return bool(known >= value)
    if operator == "max":
        return bool(known <= value)
    same = known in [str(one) if word.startswith("attr.") else one for one in listed]
    return not same if operator == "not" else same


def knowledge(word: str, who: Somebody, today: date) -> Any:
    if word == "age":
        return None if who.born is None else age(who.born, today)
    if word == "unit.urban":
        return None if who.unit is None else URBAN[who.unit]
    if word.startswith("attr."):
        return who.attrs.get(word.removeprefix("attr."))
    return {"sex": who.sex, "kind": who.kind, "occupation": who.occupation, "language": who.language}[word]


def some(*words: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


def equal(word: str, *known: Any) -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from(known)
    said = st.one_of(
        one, some(*known), one.map(lambda v: {"is": v}), some(*known).map(lambda v: {"in": v}),
        one.map(lambda v: {"not": v}), some(*known).map(lambda v: {"not": v}),
    )  # fmt: skip
    return said.map(lambda value: {word: value})


def of_a_set(word: str, *known: str) -> st.SearchStrategy[dict[str, Any]]:
    grouped = st.tuples(st.sampled_from(("all", "any", "none")), some(*known)).map(lambda pair: {pair[0]: pair[1]})
    return st.one_of(equal(word, *known), grouped.map(lambda value: {word: value}))


YEARS = st.integers(0, 65)
BOUNDS = st.fixed_dictionaries({}, optional={"min": YEARS, "max": YEARS}).filter(bool)
OF_AGE = st.one_of(
    BOUNDS, YEARS, YEARS.map(lambda v: {"is": v}), YEARS.map(lambda v: {"not": v}),
    st.lists(YEARS, min_size=1, max_size=3), st.lists(YEARS, min_size=1, max_size=3).map(lambda v: {"not": v}),
).map(lambda value: {"age": value})  # fmt: skip
CONDITIONS = st.one_of(
    OF_AGE,
    equal("sex", "male", "female", "other"),
    equal("kind", "person", "business"),
    equal("occupation", "student", "farmer", "nobody"),
    equal("language", "vi", "hmn", "km"),
    equal("unit", "p", "pp", "p1", "p2", "t", "unknown"),
    st.booleans().map(lambda urban: {"unit.urban": urban}),
    of_a_set("tag", "a", "b", "c"),
    of_a_set("has", *STORED, "zalo_zns"),
    equal("case.state", "open", "closed"),
    equal("attr.poor", "yes", "no"),
    equal("attr.children", 2, 3, "many"),
)
RULES = st.recursive(
    CONDITIONS,
    lambda rules: st.tuples(
        st.sampled_from(("all", "any", "none")), st.lists(rules, min_size=1, max_size=3)
    ).map(lambda pair: {pair[0]: pair[1]}),
    max_leaves=8,
)  # fmt: skip
TODAYS = st.one_of(
    st.sampled_from((date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2028, 2, 29))),
    st.dates(date(2020, 1, 1), date(2032, 12, 31)),
)


@st.composite
def people(draw: st.DrawFn, today: date) -> Somebody:
    """Somebody; many have their birthday on that very day, the day before or after, or on 29 February."""
    turning = draw(st.integers(0, 66))
    near = birthday(today, today.year - turning) + timedelta(days=draw(st.integers(-2, 2)))
    leap = date(draw(st.sampled_from((1960, 1964, 2004, 2008))), 2, 29)
    return Somebody(
        born=draw(st.sampled_from((None, near, near, leap))),
        sex=draw(st.sampled_from((None, "male", "female", "other"))),
        kind=draw(st.sampled_from(("person", "business"))),
        occupation=draw(st.sampled_from((None, "student", "farmer"))),
        language=draw(st.sampled_from(("vi", "hmn", "km"))),
        unit=draw(st.sampled_from((None, *ABOVE))),
        tags=tuple(draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True))),
        attrs=draw(
            st.fixed_dictionaries(
                {},
                optional={"poor": st.sampled_from(("yes", "no")), "children": st.sampled_from(("2", "3", "many"))},
            )
        ),
        channels=tuple(draw(st.lists(st.sampled_from(STORED), max_size=3, unique=True))),
        cases=tuple(draw(st.lists(st.sampled_from(("open", "closed")), max_size=2))),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[dict[str, Any], list[Somebody], date]:
    """A rule, a few people and a day."""
    today = draw(TODAYS)
    return draw(RULES), draw(st.lists(people(today), min_size=1, max_size=6)), today


@pytest.fixture
def connection(engine: Engine, tmp_path: Path) -> Iterator[Connection]:
    file = tmp_path / "units.csv"
    file.write_text("\n".join(TREE), encoding="utf-8")
    with engine.connect() as connection:
        load_tree(connection, file)
        yield connection


def put(connection: Connection, everybody: list[Somebody]) -> None:
    """Store them under the numbers 0, 1, …"""
    for number, who in enumerate(everybody):
        connection.execute(
            text(
                "INSERT INTO contacts (id, source, external_id, identity, full_name, search_key, sort_key, kind,"
                " birth_date, sex, occupation, language, unit_code, tags, attrs) VALUES (:id, 'test', :id, '', 'An',"
                " 'an', 'an', :kind, :born, :sex, :occupation, :language, :unit, :tags, CAST(:attrs AS jsonb))"
            ),
            {
                "id": number, "kind": who.kind, "born": who.born, "sex": who.sex, "occupation": who.occupation,
                "language": who.language, "unit": who.unit, "tags": list(who.tags), "attrs": json.dumps(who.attrs),
            },
        )  # fmt: skip
        for channel in who.channels:
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                    " VALUES (:id, :channel, 'x', 1, '')"
                ),
                {"id": number, "channel": channel},
            )
        for nth, state in enumerate(who.cases):
            connection.execute(
                text(
                    "INSERT INTO cases (source, external_id, contact_id, title, state, due_at)"
                    " VALUES ('test', :name, :id, '', :state, '2026-12-01Z')"
                ),
                {"name": f"{number}-{nth}", "id": number, "state": state},
            )


BORN_ON_A_LEAP_DAY = Somebody(born=date(2004, 2, 29))


def test_the_database_selects_whom_the_words_of_a_rule_mean(connection: Connection) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(questions())
    @example(({"age": {"min": 21}}, [BORN_ON_A_LEAP_DAY], date(2025, 2, 28)))
    @example(({"age": {"min": 21}}, [BORN_ON_A_LEAP_DAY], date(2025, 3, 1)))
    @example(({"age": {"max": 20}}, [BORN_ON_A_LEAP_DAY], date(2025, 2, 28)))
    @example(({"none": [{"sex": {"not": "male"}}]}, [Somebody()], date(2026, 1, 1)))
    @example(({"sex": "other"}, [Somebody(sex="other")], date(2026, 1, 1)))
    @example(({"unit": "p"}, [Somebody(unit="pp")], date(2026, 1, 1)))
    def agree(question: tuple[dict[str, Any], list[Somebody], date]) -> None:
        rule, everybody, today = question
        file = json.dumps({"asked": {"title": "Ai", "where": rule}}).encode()
        loaded = read_segments(file, "segments.yaml")
        assert not loaded.errors
        where = loaded.segments["asked"].where
        with connection.begin_nested() as here:
            put(connection, everybody)
            query = segments.select_contacts(where, scope=EVERYTHING, today=today)
            found = set(connection.scalars(query))
            counted = segments.count(connection, where, scope=EVERYTHING, today=today)
            here.rollback()
        meant: set[Any] = {number for number, who in enumerate(everybody) if fits(rule, who, today)}
        assert found == meant
        assert counted.contacts == len(meant)
        assert {channel.value: people for channel, people in counted.by_channel.items()} == {
            channel: sum(PHONE.get(channel, channel) in everybody[number].channels for number in meant)
            for channel in (*STORED, *PHONE)
        }

    agree()
