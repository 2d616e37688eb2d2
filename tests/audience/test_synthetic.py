"""The invented population: the same for a seed, plausible, and unable to reach anybody."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from audience_files import TODAY, everything, load_units
from sqlalchemy import Engine, text

from outreach.audience.synthetic import BLOCK, synthesise, synthesise_cases
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.phones import parse_phone
from outreach.domain.privacy import KeyRing

SOURCE = "synthetic:all:1"


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)))


def make(engine: Engine, keys: KeyRing, n: int, *, unit: str | None = None, seed: int = 1) -> int:
    return synthesise(engine, n, unit=unit, seed=seed, keys=keys, today=TODAY)


def test_a_population_grows_to_its_number_and_is_the_same_however_it_grew(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    assert make(engine, keys, 1300) == 1300
    assert make(engine, keys, 1300) == 0
    first = everything(engine, SOURCE)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM contacts"))
    assert make(engine, keys, 700) == 700
    assert make(engine, keys, 1300) == 600
    assert everything(engine, SOURCE) == first


def test_whoever_waits_is_told_how_many_people_are_stored(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    heard: list[tuple[int, int]] = []
    synthesise(engine, BLOCK + 200, seed=1, keys=keys, today=TODAY, told=lambda *figures: heard.append(figures))
    assert heard == [(0, BLOCK + 200), (0, BLOCK + 200), (BLOCK, BLOCK + 200), (BLOCK + 200, BLOCK + 200)]
    numbers = [row.external_id for row in everything(engine, SOURCE)]
    assert sorted(numbers) == [f"{number:08}" for number in range(BLOCK + 200)]


def test_another_seed_is_another_population(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    make(engine, keys, 200)
    make(engine, keys, 200, seed=2)
    names = [[row.full_name for row in everything(engine, f"synthetic:all:{seed}")] for seed in (1, 2)]
    assert names[0] != names[1]


def test_a_unit_holds_all_its_people(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    make(engine, keys, 300, unit="01")
    (outside,) = rows(engine, "SELECT count(*) FROM contacts c JOIN units u ON u.code = c.unit_code "
                              "WHERE NOT starts_with(u.path, '01/')")  # fmt: skip
    assert outside[0] == 0


def test_the_mix_is_that_of_a_country(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    make(engine, keys, 5000)
    people = everything(engine, SOURCE)
    share = Counter(row.kind for row in people)["business"] / len(people)
    assert 0.02 < share < 0.07
    ages = [(TODAY - row.birth_date).days / 365.25 for row in people if row.birth_date]
    assert 0.2 < sum(age < 18 for age in ages) / len(ages) < 0.33
    assert 0.1 < sum(age >= 60 for age in ages) / len(ages) < 0.22
    assert 0.4 < sum(row.sex == "female" for row in people) / len(people) < 0.55
    assert 0.03 < sum(row.language != "vi" for row in people) / len(people) < 0.2
    assert (
        0.25 < rows(engine, "SELECT avg(u.urban::int) FROM contacts c JOIN units u ON u.code = c.unit_code")[0][0] < 0.5
    )
    occupations = Counter(row.occupation for row in people)
    assert {"student", "civil_servant", "farmer", "retired"} <= set(occupations)
    with_phone, numbers = rows(
        engine, "SELECT count(*), count(DISTINCT fingerprint) FROM addresses WHERE channel = 'sms'"
    )[0]
    assert 0.7 < with_phone / len(people) < 0.95
    assert numbers < 0.95 * with_phone


def test_no_address_belongs_to_anybody(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    make(engine, keys, 2000)
    for row in rows(engine, "SELECT channel, value, key_version FROM addresses"):
        value = keys.open(row.value, row.key_version)
        if row.channel == "email":
            assert re.fullmatch(r"[a-z]+\d+@example\.(org|net|com)", value)
        else:
            assert value.startswith(("+8430", "+8431"))
            assert int(value[-7:]) >= 100
            assert parse_phone(value).e164 == value


def test_some_adults_have_open_cases_soon_due(engine: Engine, keys: KeyRing) -> None:
    load_units(engine)
    make(engine, keys, 500)
    assert synthesise_cases(engine, 60, seed=1, today=TODAY) == 60
    assert synthesise_cases(engine, 60, seed=1, today=TODAY) == 0
    found = rows(engine, "SELECT k.due_at, k.state, c.birth_date FROM cases k JOIN contacts c ON c.id = k.contact_id")
    assert {row.state for row in found} == {"open"}
    assert all(1 <= (row.due_at.date() - TODAY).days <= 30 for row in found)
    assert all((TODAY - row.birth_date).days > 18 * 365 for row in found)


def test_where_nobody_can_live_nobody_is_invented(engine: Engine, keys: KeyRing) -> None:
    with pytest.raises(OutreachError, match="load the units first"):
        make(engine, keys, 10)
    load_units(engine)
    with pytest.raises(NotFound):
        make(engine, keys, 10, unit="99")
    with pytest.raises(OutreachError, match="give a number from 0"):
        make(engine, keys, -1)
