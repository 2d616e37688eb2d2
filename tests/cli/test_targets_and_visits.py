"""Targets and home visits by command, and the report's files."""

from __future__ import annotations

import csv
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.cli.commands import Commands
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Chiến dịch thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    targets:
      - {id: tiep-can, title: Được tiếp cận, measure: reached_share, goal: 60%}
      - {id: truc-tuyen, title: Nộp trực tuyến, measure: external, goal: 80, baseline: 60, suffix: "%",
         scope: {agency: Trung tâm hành chính công}}
      - {id: hai-long, title: Hài lòng, measure: satisfaction, goal: 90%}
      - {id: tap-huan, title: Tập huấn, measure: external, goal: done}
      - {id: duoc-huong-dan, title: Được hướng dẫn, measure: guided, goal: 3}
    messages:
      - {id: gui, segment: {kind: person}, text: {sms: "Kinh moi ong/ba."}, channels: [sms], schedule: {at: launch}}
"""
SECRET = "a secret of these tests, long enough to be one"
EVENING = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


@pytest.fixture
def sent(outreach: Commands, engine: Engine, clock: VirtualClock) -> Commands:
    """Three people of 76 years, looked at in the evening: one reached, one whose SMS failed, one without a phone."""
    world = World(engine, KeyRing({1: SECRET}), clock)
    for name, phone in (("An", "+84912345678"), ("Bình", "+84987654321"), ("=Chi", None)):
        world.person(name, phone=phone, born=datetime(1950, 1, 1, tzinfo=UTC).date())
    world.launch(CAMPAIGN)
    world.plan()
    with engine.begin() as connection:
        for row in world.rows("d.state = 'planned'"):
            arrived = row.name == "An"
            state = DeliveryState.DELIVERED if arrived else DeliveryState.FAILED
            deliveries.advance(connection, [Change(row.run_id, row.id, DeliveryState.SENDING)], now=clock.now())
            deliveries.advance(connection, [Change(row.run_id, row.id, state, proves=arrived)], now=clock.now())
    shift = int((EVENING - datetime.now(UTC)).total_seconds())
    return outreach.changed(secret_key=SECRET, clock_shift_seconds=shift)


def test_a_figure_is_entered_corrected_taken_back_and_kept_in_the_history(sent: Commands) -> None:
    day = ("--date", "2026-11-20", "--as", "an@xa.vn", "--json")
    first = sent("target", "set", "thu", "truc-tuyen", "64,5", *day)
    assert (first.status, "with a point" in first.err) == (1, True)
    first = sent("target", "set", "thu", "truc-tuyen", "64.5", *day, "--note", "báo cáo").json()
    assert (first["value"], first["before"], first["who"], first["note"]) == (64.5, None, "an@xa.vn", "báo cáo")
    assert sent("target", "set", "thu", "truc-tuyen", "66", *day).json()["before"] == 64.5
    assert sent("target", "set", "thu", "truc-tuyen", "66", *day).json()["again"] is True
    assert sent("target", "unset", "thu", "truc-tuyen", *day).json()["value"] is None
    words = sent("target", "history", "thu", "truc-tuyen", "--json").json()["values"]
    assert [(one["value"], one["holds"]) for one in words] == [(64.5, False), (66, False), (None, True)]
    assert "taken back" in sent("target", "history", "thu", "truc-tuyen").err


def test_a_slip_in_a_target_is_told_with_the_nearest_name(sent: Commands) -> None:
    said = sent("target", "set", "thu", "truc-tuyn", "64")
    assert (said.status, 'did you mean "truc-tuyen"' in said.err) == (1, True)
    assert sent("target", "set", "thu", "tiep-can", "64").status == 1
    assert sent("target", "set", "nothing", "tiep-can", "64").status == 1
    assert sent("target", "set", "thu", "hai-long", "91").status == 1
    assert sent("target", "set", "thu", "truc-tuyen", "64", "--date", "2026-12-01").status == 1
    assert sent("target", "set", "thu", "truc-tuyen", "64", "--date", "soon").status == 2


def test_a_share_typed_as_a_fraction_is_pointed_out(sent: Commands) -> None:
    said = sent("target", "set", "thu", "hai-long", "0.91", "--answers", "40")
    assert (said.status, "a share of 0.91 would be 91" in said.err) == (0, True)


def test_the_report_shows_every_target_with_its_gap_trend_and_standing(sent: Commands) -> None:
    sent("target", "set", "thu", "truc-tuyen", "62", "--date", "2026-11-01")
    sent("target", "set", "thu", "truc-tuyen", "64.5", "--date", "2026-11-20")
    sent("target", "set", "thu", "hai-long", "91", "--answers", "40")
    sent("target", "set", "thu", "tap-huan", "done", "--note", "lớp ngày 20/11")
    found = {one["id"]: one for one in sent("reach", "thu", "--json").json()["targets"]}
    reached = found["tiep-can"]
    assert (reached["now"], reached["gap"], reached["status"]) == (33.33, 26.67, "on_track")
    assert (found["truc-tuyen"]["gap"], found["truc-tuyen"]["trend"]["days_7"]) == (15.5, 2.5)
    assert found["truc-tuyen"]["scope"] == {"agency": "Trung tâm hành chính công", "unit": ""}
    assert [found[one]["status"] for one in ("hai-long", "tap-huan")] == ["met", "met"]
    shown = sent("reach", "thu").err
    for words in ("Nộp trực tuyến", "64.5%", "+2.5 / 7 ngày", "chậm tiến độ", "xong", "Trung tâm hành chính công"):
        assert words in shown, words
    listed = sent("target", "list", "thu", "--json").json()
    assert [one["entered_by_people"] for one in listed["targets"]] == [False, True, True, True, False]
    assert "outreach reach" in sent("target", "list", "thu").err


def test_the_report_goes_to_a_workbook_with_its_targets(sent: Commands, tmp_path: Path) -> None:
    file = tmp_path / "reach.xlsx"
    assert sent("reach", "thu", "--by", "unit", "--xlsx", file).out == ""
    book = load_workbook(file)
    assert book.sheetnames == ["reach", "targets"]
    lines = list(book["reach"].iter_rows(values_only=True))
    assert lines[0] == ("unit", "name", "audience", "measured", "share", "estimated", "combined")
    assert lines[-1][1:5] == ("all", 3, 1, 0.3333)
    assert [row[0] for row in book["targets"].iter_rows(values_only=True)][1:3] == ["tiep-can", "truc-tuyen"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_list_of_visits_shows_names_and_hides_phones_but_in_its_files(sent: Commands, tmp_path: Path) -> None:
    found = sent("visits", "list", "thu", "--json").json()
    assert [(one["name"], one["has_phone"]) for one in found["people"]] == [("=Chi", False), ("Bình", True)]
    shown = sent("visits", "list", "thu")
    assert "Bình" in shown.err
    assert "8765" not in shown.err + shown.out + str(found)
    file = tmp_path / "den-nha.csv"
    said = sent("visits", "list", "thu", "--csv", file, "--json")
    assert said.json()["people"] == 2
    assert "8765" not in said.out + said.err
    with file.open(encoding="utf-8-sig", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["Họ và tên"], row["Điện thoại"]) for row in rows] == [("'=Chi", ""), ("Bình", "0987 654 321")]
    page = tmp_path / "den-nha.html"
    assert sent("visits", "list", "thu", "--unit", "00454", "--print", page).status == 0
    assert "0987 654 321" in page.read_text(encoding="utf-8")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (file, page)} == {0o600}


def test_what_makes_no_list_is_refused(sent: Commands, tmp_path: Path) -> None:
    file = str(tmp_path / "a.csv")
    assert sent("visits", "list", "thu", "--csv", file, "--print", file).status == 2
    assert sent("visits", "list", "thu", "--xlsx", file).status == 2
    assert sent("visits", "list", "thu", "--unit", "77777").status == 1
    said = sent("visits", "list", "thu", "--segment", "elderli")
    assert (said.status, 'did you mean "elderly"' in said.err) == (1, True)


def test_a_visit_is_recorded_taken_back_and_counted(sent: Commands) -> None:
    person = sent("visits", "list", "thu", "--json").json()["people"][1]["contact"]
    done = sent("visits", "record", "thu", person, "--date", "23/11/2026", "--guided", "2", "--json").json()
    assert (done["guided"], done["again"]) == (2, False)
    report = sent("reach", "thu", "--by", "channel", "--json").json()
    assert (report["people_reached"], report["by"]["visit"]["measured"], report["visits"]) == (2, 1, {"people": 1})
    assert report["targets"][-1]["now"] == 2
    assert "1 people visited" in sent("reach", "thu").err
    recorded = sent("visits", "recorded", "thu", "--json").json()
    assert (recorded["people"], recorded["guided"]) == (1, 2)
    assert "Bình" in sent("visits", "recorded", "thu").err
    assert sent("visits", "undo", "thu", person, "--date", "2026-11-23", "--json").json()["undone"] is True
    assert sent("reach", "thu", "--json").json()["people_reached"] == 1
    assert sent("visits", "undo", "thu", person, "--date", "2026-11-23").status == 1
    assert sent("visits", "record", "thu", person, "--date", "2026-11-24").status == 1


def test_a_list_comes_back_and_says_what_was_wrong(sent: Commands, tmp_path: Path) -> None:
    person = sent("visits", "list", "thu", "--json").json()["people"][1]["contact"]
    file = tmp_path / "back.csv"
    file.write_text(f"contact;visited;guided\n{person};23/11/2026;1\n999;23/11/2026;1\n", encoding="utf-8")
    done = sent("visits", "import", "thu", file, "--as", "canbo@xa.vn", "--json")
    assert (done.json()["recorded"], done.json()["rejected"]) == (1, 1)
    assert "why they were rejected" in done.err
    assert sent("visits", "recorded", "thu", "--json").json()["visits"][0]["recorded_by"] == "canbo@xa.vn"
    assert sent("visits", "import", "thu", tmp_path / "none.csv").status == 1
