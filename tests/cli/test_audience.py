"""Units, people and cases in by command."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.commands import PEOPLE, Commands

CASES = "external_id,contact_external_id,title,due_at\nH1,1,Đăng ký khai sinh,2030-01-02\nH2,9,Cấp phép,2030-01-02\n"


@pytest.fixture
def people(units: None, tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    return file


def test_the_units_of_the_country_are_loaded_once(outreach: Commands) -> None:
    assert outreach("units", "load", "--json").json() == {"units": 3355, "changed": 3355, "stations": 3321}
    assert outreach("units", "load", "--json").json() == {"units": 3355, "changed": 0, "stations": 0}


def test_good_rows_go_in_and_the_others_are_written_down(outreach: Commands, people: Path) -> None:
    said = outreach("audience", "import", people, "--json")
    report = said.json()
    assert said.status == 0
    assert {name: report[name] for name in ("rows", "added", "updated", "duplicates", "rejected")} == {
        "rows": 4,
        "added": 2,
        "updated": 0,
        "duplicates": 0,
        "rejected": 2,
    }
    with Path(report["rejects_file"]).open(encoding="utf-8-sig", newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)] == ["4", "5"]
    assert "2 rows were left out" in said.err


def test_a_dry_run_stores_nothing(outreach: Commands, people: Path) -> None:
    assert outreach("audience", "import", people, "--dry-run", "--json").json()["added"] == 2
    assert outreach("audience", "count", "elderly", "--json").json()["contacts"] == 0


def test_a_segment_is_counted_with_its_addresses(outreach: Commands, people: Path) -> None:
    outreach("audience", "import", people)
    counted = outreach("audience", "count", "elderly", "--unit", "01", "--json").json()
    assert (counted["segment"], counted["contacts"]) == ("elderly", 1)
    assert (counted["by_channel"]["sms"], counted["by_channel"]["email"]) == (1, 0)
    assert outreach("audience", "count", "elderly", "--unit", "48", "--json").json()["contacts"] == 0


def test_a_population_is_invented_only_as_far_as_it_is_missing(outreach: Commands, people: Path) -> None:
    assert outreach("audience", "synthesise", 50, "--unit", "01", "--seed", 3, "--json").json() == {"added": 50}
    assert outreach("audience", "synthesise", 60, "--unit", "01", "--seed", 3, "--json").json() == {"added": 10}
    assert outreach("audience", "synthesise", "-1").status == 2


def test_cases_find_their_people(outreach: Commands, people: Path, tmp_path: Path) -> None:
    outreach("audience", "import", people)
    file = tmp_path / "cases.csv"
    file.write_text(CASES, encoding="utf-8")
    report = outreach("case", "import", file, "--json").json()
    assert (report["rows"], report["added"], report["rejected"]) == (2, 1, 1)


def test_what_is_not_there_is_said_in_a_line(outreach: Commands, people: Path, tmp_path: Path) -> None:
    for words in (
        ["audience", "count", "eldrly"],
        ["audience", "count", "elderly", "--unit", "77777"],
        ["audience", "import", tmp_path / "nothing.csv"],
        ["case", "import", tmp_path / "nothing.csv"],
        ["units", "load", tmp_path / "nothing.csv"],
        ["audience", "synthesise", "5", "--unit", "77777"],
    ):
        said = outreach(*words)
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1), words
    assert 'did you mean "elderly"?' in outreach("audience", "count", "eldrly").err
