"""`outreach units find`: a unit's code from its name."""

from __future__ import annotations

import pytest

from tests.cli.commands import Commands

BA_DINH = {"code": "00004", "name": "Ba Đình", "kind": "phuong", "province": "Hà Nội"}


@pytest.mark.parametrize("words", [["Ba", "Đình"], ["ba dinh"], ["DINH"], ["00004"]])
def test_a_unit_is_found_by_name_or_code(outreach: Commands, units: None, words: list[str]) -> None:
    assert outreach("units", "find", *words, "--json").json() == {"units": [BA_DINH]}


def test_people_get_a_table(outreach: Commands, units: None) -> None:
    said = outreach("units", "find", "ba dinh")
    assert (said.status, said.out) == (0, "")
    assert all(word in said.err for word in BA_DINH.values())


def test_nothing_found_is_no_mistake(outreach: Commands, units: None) -> None:
    assert outreach("units", "find", "xyz", "--json").json() == {"units": []}
    assert "may be more" in outreach("units", "find", "n", "--limit", "1").err


def test_without_units_it_says_how_to_load_them(outreach: Commands) -> None:
    assert "outreach units load" in outreach("units", "find", "ba dinh").err


def test_scripts_of_an_unknown_unit_name_the_way_to_its_code(outreach: Commands, units: None) -> None:
    said = outreach("scripts", "--unit", "Ba Đình")
    assert said.status == 1
    assert "outreach units find" in said.err
