"""Segment rules in SQL select exactly whom the plain-Python rules select."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random

import pytest
from audience_people import Somebody, put_people
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, column, insert, table, text

from outreach.audience.units import load_tree
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segments import AllOf, AnyOf, Field, Leaf, NoneOf, Op, Rule, matches
from outreach.domain.words import Channel
from outreach.store import segments, units
from outreach.store.segments import latest_birth

TREE = (
    "code,parent,name,kind,urban",
    "p,,P,tinh,0",
    "q,,Q,tinh,0",
    "p1,p,P1,xa,0",
    "p2,p,P2,phuong,1",
    "t,p1,T,thon,0",
)
DAYS = (date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2026, 11, 21))
BIRTHDAYS = (None, date(1964, 2, 29), date(1965, 2, 28), date(1965, 3, 1), date(2004, 2, 29), date(1966, 11, 21),
             date(1966, 11, 22), date(2010, 1, 1))  # fmt: skip


def population() -> list[Somebody]:
    random = Random(3)
    return [
        Somebody(
            birth_date=random.choice(BIRTHDAYS),
            sex=random.choice((None, "male", "female")),
            kind=random.choice(("person", "person", "business")),
            occupation=random.choice((None, "student", "farmer")),
            language=random.choice(("vi", "hmn", "km")),
            unit_code=random.choice((None, "p", "q", "p1", "p2", "t")),
            tags=tuple(random.sample(("a", "b", "c"), random.randint(0, 2))),
            attrs={"poor": random.choice(("yes", "no"))} if random.random() < 0.5 else {},
            channels=tuple(random.sample((Channel.SMS, Channel.EMAIL, Channel.ZALO_OA), random.randint(0, 2))),
            case_states=tuple(random.sample(("open", "closed"), random.randint(0, 2))),
        )
        for _ in range(120)
    ]


@pytest.fixture
def connection(engine: Engine, tmp_path: Path) -> Iterator[Connection]:
    file = tmp_path / "units.csv"
    file.write_text("\n".join(TREE), encoding="utf-8")
    with engine.connect() as connection:
        load_tree(connection, file)
        yield connection


def words(*known: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True).map(tuple)


def equal(field: Field, values: st.SearchStrategy[tuple[str, ...]], name: str = "") -> st.SearchStrategy[Rule]:
    def leaf(op: Op, given: tuple[str, ...]) -> Leaf:
        return Leaf(field, op, given[:1] if op is Op.IS else given, name)

    return st.builds(leaf, st.sampled_from((Op.IS, Op.IN, Op.NOT)), values)


AGES = st.integers(0, 62)
LEAVES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(lambda op, age: Leaf(Field.AGE, op, (age,)), st.sampled_from((Op.MIN, Op.MAX, Op.IS)), AGES),
    st.builds(lambda op, ages: Leaf(Field.AGE, op, tuple(ages)), st.sampled_from((Op.IN, Op.NOT)),
              st.lists(AGES, min_size=1, max_size=3)),
    equal(Field.SEX, words("male", "female")),
    equal(Field.KIND, words("person", "business")),
    equal(Field.OCCUPATION, words("student", "farmer", "retired")),
    equal(Field.LANGUAGE, words("vi", "hmn", "km")),
    equal(Field.UNIT, words("p", "q", "p1", "t", "unknown")),
    st.booleans().map(lambda urban: Leaf(Field.UNIT_URBAN, Op.IS, (urban,))),
    equal(Field.TAG, words("a", "b", "c", "d")),
    equal(Field.HAS, words("sms", "zalo_zns", "zalo_oa", "email", "telegram")),
    equal(Field.CASE_STATE, words("open", "closed")),
    equal(Field.ATTR, words("yes", "no"), "poor"),
)  # fmt: skip
RULES = st.recursive(
    LEAVES,
    lambda rules: st.builds(
        lambda group, parts: group(tuple(parts)), st.sampled_from((AllOf, AnyOf, NoneOf)), st.lists(rules, max_size=3)
    ),
    max_leaves=6,
)


def test_sql_and_python_select_the_same_people(connection: Connection) -> None:
    people = population()
    ids = put_people(connection, people)
    paths = units.paths(connection)
    urban = {"p": False, "q": False, "p1": False, "p2": True, "t": False}
    known = [(key, somebody.person(paths, urban)) for key, somebody in zip(ids, people, strict=True)]

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(RULES, st.sampled_from(DAYS))
    def agree(rule: Rule, today: date) -> None:
        query = segments.select_contacts(rule, scope=EVERYTHING, today=today)
        selected = set(connection.execute(query).scalars())
        assert selected == {key for key, person in known if matches(rule, person, today)}
        complement = set(
            connection.execute(segments.select_contacts(NoneOf((rule,)), scope=EVERYTHING, today=today)).scalars()
        )
        assert complement == set(ids) - selected

    agree()


EVERYONE = AllOf(())


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(1966, 11, 21), date(2026, 11, 20), 59),
        (date(1966, 11, 21), date(2026, 11, 21), 60),
        (date(1964, 2, 29), date(2024, 2, 28), 59),
        (date(1964, 2, 29), date(2024, 2, 29), 60),
        (date(1964, 2, 29), date(2025, 2, 28), 60),
        (date(1964, 2, 29), date(2025, 3, 1), 61),
    ],
)
def test_age_changes_on_the_birthday(connection: Connection, born: date, today: date, age: int) -> None:
    (key,) = put_people(connection, [Somebody(birth_date=born)])
    for asked, op, holds in (
        (age, Op.MIN, True),
        (age + 1, Op.MIN, False),
        (age, Op.MAX, True),
        (age - 1, Op.MAX, False),
    ):
        rule = Leaf(Field.AGE, op, (asked,))
        found = connection.execute(segments.select_contacts(rule, scope=EVERYTHING, today=today)).scalars().all()
        assert found == ([key] if holds else [])


def test_the_latest_birth_in_a_year_without_29_february_is_the_28th() -> None:
    assert latest_birth(1, date(2024, 2, 29)) == date(2023, 2, 28)
    assert latest_birth(4, date(2024, 2, 29)) == date(2020, 2, 29)


def people_of(connection: Connection, scope: Scope, unit: str = "") -> Sequence[int]:
    query = segments.select_contacts(EVERYONE, scope=scope, today=DAYS[0], unit=unit)
    return sorted(connection.execute(query).scalars())


def test_a_scope_sees_its_subtree_and_only_everything_sees_people_without_a_unit(connection: Connection) -> None:
    nowhere, above, inside, below, other = put_people(
        connection, [Somebody(unit_code=code) for code in (None, "p", "p1", "t", "q")]
    )
    assert people_of(connection, EVERYTHING) == [nowhere, above, inside, below, other]
    assert people_of(connection, Scope("p/p1/", "officer")) == [inside, below]
    assert people_of(connection, Scope("p/", "officer"), unit="p/p1/t/") == [below]
    assert people_of(connection, Scope("q/", "officer"), unit="p/p1/") == []


def test_the_erased_are_never_selected(connection: Connection) -> None:
    kept, erased = put_people(connection, [Somebody(), Somebody()])
    connection.execute(text("UPDATE contacts SET erased_at = now() WHERE id = :id"), {"id": erased})
    assert people_of(connection, EVERYTHING) == [kept]


def test_a_count_tells_people_and_who_of_them_has_which_channel(connection: Connection) -> None:
    put_people(
        connection,
        [Somebody(channels=(Channel.SMS, Channel.EMAIL)), Somebody(channels=(Channel.SMS,)), Somebody()],
    )
    counted = segments.count(connection, EVERYONE, scope=EVERYTHING, today=DAYS[0])
    expected: Mapping[Channel, int] = {
        Channel.SMS: 2, Channel.ZALO_ZNS: 2, Channel.EMAIL: 1, Channel.ZALO_OA: 0, Channel.TELEGRAM: 0
    }  # fmt: skip
    assert (counted.contacts, counted.by_channel) == (3, expected)


def test_a_sample_is_the_same_for_the_same_seed(connection: Connection) -> None:
    ids = put_people(connection, [Somebody() for _ in range(50)])
    first = segments.sample(connection, EVERYONE, 10, scope=EVERYTHING, today=DAYS[0], seed=1)
    assert first == segments.sample(connection, EVERYONE, 10, scope=EVERYTHING, today=DAYS[0], seed=1)
    assert first != segments.sample(connection, EVERYONE, 10, scope=EVERYTHING, today=DAYS[0], seed=2)
    assert set(first) < set(ids)
    assert len(set(first)) == 10


def test_the_selection_keeps_its_values_inside_another_statement(connection: Connection) -> None:
    young, old = put_people(connection, [Somebody(birth_date=date(2004, 2, 29)), Somebody(birth_date=date(1950, 1, 1))])
    chosen = segments.select_contacts(Leaf(Field.AGE, Op.MIN, (60,)), scope=EVERYTHING, today=date(2026, 1, 1))
    connection.execute(text("CREATE TEMP TABLE chosen (id bigint)"))
    connection.execute(insert(table("chosen", column("id"))).from_select(["id"], chosen))
    assert connection.execute(text("SELECT id FROM chosen")).scalars().all() == [old]
    assert young != old
