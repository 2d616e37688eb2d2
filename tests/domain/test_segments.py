"""Segments: the ten of the project, what rules mean for one person, and what is said of wrong ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unicodedata import normalize

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.errors import OutreachError
from outreach.domain.segment_file import (
    load_segments,
    read_segments,
    rule_definition,
    rule_from_json,
    segment_from_json,
)
from outreach.domain.segments import (
    AllOf,
    AnyOf,
    Field,
    Leaf,
    NoneOf,
    Op,
    Person,
    Rule,
    age_on,
    matches,
    rule_to_json,
    segment_to_json,
)
from outreach.domain.words import Channel

SEGMENTS = load_segments(Path(__file__).parents[2] / "campaigns" / "segments.yaml")
TODAY = date(2026, 11, 21)
RULE_SCHEMA = jsonschema.Draft202012Validator({"$ref": "#/$defs/rule", "$defs": {"rule": rule_definition()}})

LAN = Person(
    birth_date=date(1960, 5, 2), sex="female", units={"01", "00070"}, urban=True, tags={"vulnerable"}, has={Channel.SMS}
)
COMPANY = Person(kind="business", units={"01"}, urban=True, has={Channel.EMAIL}, attrs={"ngành": "in"})
STUDENT = Person(birth_date=date(2007, 11, 22), occupation="student", language="hmn", units={"01"}, urban=False)
NOBODY = Person(language=None)


def test_the_ten_segments_are_there() -> None:
    assert set(SEGMENTS) == {
        *("elderly", "rural", "urban", "business", "students"),
        *("officials", "minority", "vulnerable", "press", "collaborators"),
    }


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (LAN, {"elderly", "vulnerable"}),
        (COMPANY, {"business"}),
        (STUDENT, {"students", "minority", "rural"}),
        (NOBODY, set()),
        (Person(tags={"elderly", "press", "collaborator"}), {"elderly", "press", "collaborators"}),
        (Person(occupation="civil_servant", birth_date=date(1990, 1, 1), urban=True), {"officials", "urban"}),
        (Person(urban=True), {"urban"}),
        (Person(birth_date=date(1960, 5, 2), urban=True), {"elderly"}),
        (Person(birth_date=date(2012, 1, 1), urban=True), set()),
        (Person(birth_date=date(2009, 1, 1), tags={"student"}), {"students"}),
        (Person(birth_date=date(2009, 1, 1)), set()),
    ],
)
def test_people_fall_into_the_segments_meant_for_them(person: Person, expected: set[str]) -> None:
    assert {name for name, segment in SEGMENTS.items() if matches(segment.where, person, TODAY)} == expected


def rule(data: dict[str, Any]) -> Rule:
    RULE_SCHEMA.validate(data)
    return rule_from_json(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"age": {"min": 60}}, Leaf(Field.AGE, Op.MIN, (60,))),
        ({"age": 18}, Leaf(Field.AGE, Op.IS, (18,))),
        ({"tag": {"is": "elderly"}}, Leaf(Field.TAG, Op.IS, ("elderly",))),
        ({"occupation": {"in": ["a", "b"]}}, Leaf(Field.OCCUPATION, Op.IN, ("a", "b"))),
        ({"occupation": ["a", "b"]}, Leaf(Field.OCCUPATION, Op.IN, ("a", "b"))),
        ({"language": {"not": ["vi", "en"]}}, Leaf(Field.LANGUAGE, Op.NOT, ("vi", "en"))),
        ({"unit.urban": True}, Leaf(Field.UNIT_URBAN, Op.IS, (True,))),
        ({"attr.ngành": "in"}, Leaf(Field.ATTR, Op.IS, ("in",), "ngành")),
        ({"case.state": "open"}, Leaf(Field.CASE_STATE, Op.IS, ("open",))),
        (
            {"age": {"min": 15, "max": 22}},
            AllOf((Leaf(Field.AGE, Op.MIN, (15,)), Leaf(Field.AGE, Op.MAX, (22,)))),
        ),
        (
            {"tag": {"none": ["a", "b"]}},
            NoneOf((Leaf(Field.TAG, Op.IS, ("a",)), Leaf(Field.TAG, Op.IS, ("b",)))),
        ),
        ({"any": [{"has": "sms"}]}, AnyOf((Leaf(Field.HAS, Op.IS, ("sms",)),))),
    ],
)
def test_rules_are_read_as_data(data: dict[str, Any], expected: Rule) -> None:
    assert rule(data) == expected


YOUNG = Person(birth_date=date(2007, 1, 1))


@pytest.mark.parametrize(
    ("data", "person", "expected"),
    [
        ({"age": {"min": 66}}, LAN, True),
        ({"age": {"min": 67}}, LAN, False),
        ({"age": {"max": 66}}, LAN, True),
        ({"age": {"not": 66}}, LAN, False),
        ({"age": {"max": 150}}, NOBODY, False),
        ({"unit": "01"}, LAN, True),
        ({"unit": "00070"}, LAN, True),
        ({"unit": "79"}, LAN, False),
        ({"unit": {"not": "79"}}, LAN, True),
        ({"unit": {"not": "79"}}, NOBODY, False),
        ({"language": {"not": "vi"}}, NOBODY, False),
        ({"none": [{"language": "vi"}]}, NOBODY, True),
        ({"tag": {"not": "press"}}, NOBODY, True),
        ({"tag": {"all": ["vulnerable", "press"]}}, LAN, False),
        ({"tag": {"any": ["vulnerable", "press"]}}, LAN, True),
        ({"tag": {"none": ["vulnerable", "press"]}}, LAN, False),
        ({"has": "zalo_zns"}, LAN, True),
        ({"has": "email"}, LAN, False),
        ({"has": {"not": "email"}}, LAN, True),
        ({"attr.ngành": "in"}, COMPANY, True),
        ({"attr.ngành": {"not": "in"}}, COMPANY, False),
        ({"attr.khác": {"not": "in"}}, COMPANY, False),
        ({"unit.urban": False}, STUDENT, True),
        ({"unit.urban": False}, NOBODY, False),
        ({"case.state": "open"}, replace(LAN, case_states={"open", "closed"}), True),
        ({"case.state": {"not": "open"}}, replace(LAN, case_states={"closed"}), True),
        ({"sex": "female"}, LAN, True),
        ({"kind": "person"}, COMPANY, False),
        ({"all": [{"sex": "female"}, {"unit.urban": False}]}, LAN, False),
    ],
)
def test_a_condition_holds_only_for_what_is_known(data: dict[str, Any], person: Person, expected: bool) -> None:
    assert matches(rule(data), person, TODAY) is expected


@pytest.mark.parametrize(
    ("birth", "today", "age"),
    [
        ("1966-11-21", "2026-11-21", 60),
        ("1966-11-22", "2026-11-21", 59),
        ("2004-02-29", "2026-02-28", 21),
        ("2004-02-29", "2026-03-01", 22),
        ("2004-02-29", "2028-02-29", 24),
        ("2026-11-21", "2026-11-21", 0),
    ],
)
def test_age_counts_whole_years(birth: str, today: str, age: int) -> None:
    assert age_on(date.fromisoformat(birth), date.fromisoformat(today)) == age


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8).map(
    lambda word: normalize("NFC", word)
)
LEAVES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Leaf, st.just(Field.AGE), st.sampled_from([Op.IS, Op.MIN, Op.MAX]), st.tuples(st.integers(0, 99))),
    st.builds(Leaf, st.just(Field.TAG), st.just(Op.IN), st.lists(WORDS, min_size=2, max_size=3).map(tuple)),
    st.builds(
        Leaf, st.just(Field.LANGUAGE), st.sampled_from([Op.IS, Op.NOT]), st.tuples(st.sampled_from(["vi", "hmn"]))
    ),
    st.builds(Leaf, st.just(Field.HAS), st.sampled_from([Op.IS, Op.NOT]), st.tuples(st.sampled_from(["sms", "email"]))),
    st.builds(Leaf, st.just(Field.UNIT_URBAN), st.just(Op.IS), st.tuples(st.booleans())),
    st.builds(Leaf, st.just(Field.ATTR), st.just(Op.NOT), st.tuples(WORDS), st.just("x")),
)
RULES: st.SearchStrategy[Rule] = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda group, rules: group(tuple(rules)),
        st.sampled_from([AllOf, AnyOf, NoneOf]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@given(RULES)
def test_a_rule_comes_back_from_json_as_it_was(given_rule: Rule) -> None:
    data = json.loads(json.dumps(rule_to_json(given_rule)))
    assert rule_from_json(data) == given_rule
    RULE_SCHEMA.validate(data)


@given(st.lists(RULES, min_size=1, max_size=3), st.sampled_from([LAN, COMPANY, STUDENT, NOBODY, YOUNG]))
def test_none_is_the_opposite_of_any(rules: list[Rule], person: Person) -> None:
    group = tuple(rules)
    assert matches(NoneOf(group), person, TODAY) is not matches(AnyOf(group), person, TODAY)


def test_a_segment_comes_back_from_json_as_it_was() -> None:
    for name, segment in SEGMENTS.items():
        assert segment_from_json(name, json.loads(json.dumps(segment_to_json(segment)))) == segment


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"any": []},
        {"age": "sáu mươi"},
        {"age": {"in": 60}},
        {"kind": "dog"},
        {"x": 1},
        {"attr.": "a"},
        {"tag": None},
    ],
)
def test_what_is_no_rule_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        rule_from_json(data)


def test_a_wrong_segments_file_is_told_every_mistake() -> None:
    text = """\
elderly:
  title: Người cao tuổi
  where: {any: [{age: {mim: 60}}, {tog: elderly}]}
Trẻ em:
  where: {kind: child}
elderly:
  title: Lần nữa
  where: {age: {min: sixty}}
press: báo chí
"""
    assert [str(mistake) for mistake in read_segments(text.encode(), "s.yaml").errors] == [
        's.yaml:3: unknown field "tog"; did you mean "tag"?',
        's.yaml:3: unknown operator of "age": "mim"; did you mean "min"?',
        's.yaml:4: "Trẻ em" is no name for a segment; use a–z, 0–9, _ and -, a letter first',
        's.yaml:5: "kind": unknown value "child"; known: person, business',
        's.yaml:5: a segment has no "title" (what people call it)',
        's.yaml:6: key "elderly" is written twice (first on line 1)',
        's.yaml:9: a segment must be a mapping with "title", "where", not text',
    ]


def test_loading_wrong_or_missing_segments_says_where(tmp_path: Path) -> None:
    path = tmp_path / "segments.yaml"
    with pytest.raises(OutreachError, match="cannot read the segments: No such file"):
        load_segments(path)
    path.write_text("elderly: 60\n", encoding="utf-8")
    with pytest.raises(OutreachError, match=r"segments\.yaml:1: a segment must be a mapping"):
        load_segments(path)
