"""Communes that speak several languages: what their stations read out, how long it takes, when it does not fit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.audience.units import load_tree
from outreach.domain.definition import read_definition
from outreach.domain.rendering import TemplateSource
from outreach.domain.scope import EVERYTHING
from outreach.planning import actions
from outreach.planning.forecast import forecast
from outreach.reach.scripts import Script, scripts
from outreach.store.versions import read_version
from tests.reach.reach_world import RURAL, ReachWorld, campaign

TODAY = date(2026, 11, 23)
LOUD = campaign(
    "id: loa, title: Tin loa, segment: {kind: person}, channels: [loudspeaker], schedule: {at: launch}, "
    'text: {loudspeaker: "Kính thưa"}'
)
PARTS = {
    "vi": "Kính thưa bà con {{ unit.full_name }}. Mời họp lúc 8h.",
    "hmn": "Nyob zoo {{ unit.full_name }}. Tuaj sib tham 8h.",
}


def run(land: ReachWorld, languages: str, *, samples: tuple[str, ...] = ()) -> None:
    """Let the rural commune speak these languages (as a units file says) and launch the message."""
    with land.engine.begin() as connection:
        connection.execute(
            text("UPDATE units SET languages = :languages WHERE code = :code"),
            {"languages": languages.split(), "code": RURAL},
        )
    land.person("An", unit=RURAL)
    loaded = read_definition(LOUD.encode(), "thu.yaml", segments={}).definition
    assert loaded is not None
    source = TemplateSource("loa", "", {}, {"loudspeaker": PARTS}, samples)
    actions.load(land.engine, loaded, templates={"loa": source}, segments={}, source_text=LOUD, who="staff@demo.vn")
    actions.submit(land.engine, "thu", who="staff@demo.vn")
    land.approve("thu")
    prepared = actions.prepare_launch(land.engine, "thu", land.clock, starting=None)
    actions.launch(land.engine, prepared, land.clock, who="staff@demo.vn")
    land.plan()


def read_out(land: ReachWorld) -> Script:
    (script,) = scripts(land.engine, RURAL, TODAY, scope=EVERYTHING)
    return script


def test_both_languages_are_read_in_the_units_order_each_twice(land: ReachWorld) -> None:
    run(land, "hmn vi")
    script = read_out(land)
    assert script.text.startswith("[Nhạc hiệu]\n\n[Đọc bằng tiếng Mông]\n\nNyob zoo xã Đông Anh.")
    assert script.text.index("[Đọc bằng tiếng Mông]") < script.text.index("[Đọc bằng tiếng Việt]")
    assert (script.text.count("Tuaj sib tham 8h"), script.text.count("Mời họp lúc tám giờ")) == (2, 2)
    assert script.to_json()["languages"] == ["hmn", "vi"]
    assert script.warnings == (), "the figure in the other language is its translator's own affair"


def test_a_language_without_a_text_is_read_in_vietnamese(land: ReachWorld) -> None:
    run(land, "km")
    assert "Kính thưa bà con xã Đông Anh." in read_out(land).text
    assert "[Đọc bằng" not in read_out(land).text


def test_a_sample_is_not_read_out_and_the_forecast_says_so(land: ReachWorld) -> None:
    run(land, "hmn vi", samples=("hmn",))
    assert "Nyob zoo" not in read_out(land).text
    with land.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    foreseen = forecast(land.engine, frozen, land.accounts, land.clock.now())
    assert [warning for warning in foreseen.warnings if "its text in hmn" in warning]
    (sample,) = foreseen.messages[0].samples
    assert (sample.language, "Nyob" in sample.text) == ("vi", False)


def test_the_reading_time_and_the_slot_count_every_language(land: ReachWorld) -> None:
    land.sql("""UPDATE stations SET slots = '[{"from": "17:00", "to": "17:01"}]'""")
    run(land, "vi hmn")
    both = read_out(land).reading_seconds
    land.sql("UPDATE units SET languages = '{vi}'")
    alone = read_out(land).reading_seconds
    assert alone < both < 60
    land.sql("""UPDATE broadcasts SET slot_ends = slot_starts + interval '10 seconds'""")
    assert read_out(land).warnings == (f"takes {alone} s to read, the slot has 10 s",)
    land.sql("UPDATE units SET languages = '{vi,hmn}'")
    assert read_out(land).warnings == (f"takes {both} s to read, the slot has 10 s",)


def test_the_approver_is_shown_the_whole_broadcast(land: ReachWorld) -> None:
    run(land, "vi hmn")
    with land.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    (sample,) = forecast(land.engine, frozen, land.accounts, land.clock.now()).messages[0].samples
    assert sample.language == "vi, hmn"
    assert "Mời họp lúc tám giờ." in sample.text and "Tuaj sib tham 8h." in sample.text
    assert sample.reading_seconds == read_out(land).reading_seconds


@pytest.mark.parametrize("heading", ["languages", "Tiếng dân tộc", "Ngôn ngữ"])
def test_a_units_file_says_what_a_commune_speaks(land: ReachWorld, tmp_path: Path, heading: str) -> None:
    file = tmp_path / "units.csv"
    file.write_text(
        f"code,parent,name,kind,{heading}\n{RURAL},01,Đông Anh,xa,hmn; vi\nX1,{RURAL},Bản Lác,thon,\n", encoding="utf-8"
    )
    with land.engine.begin() as connection:
        load_tree(connection, file)
    with land.engine.connect() as connection:
        stored = connection.execute(text("SELECT code, languages FROM units ORDER BY code")).all()
    known = {row.code: row.languages for row in stored}
    assert (known[RURAL], known["X1"], known["00004"]) == (["hmn", "vi"], ["vi"], ["vi"])
