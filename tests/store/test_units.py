"""Units: the official ones, trees of one's own, and the stations that come with communes."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from outreach.audience.units import load_official, load_tree
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.store import stations, units
from outreach.store.stations import Slot


def tree(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "units.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_the_official_units_are_34_provinces_and_3321_communes(engine: Engine) -> None:
    with engine.begin() as connection:
        loaded = load_official(connection)
        everyone = units.communes(connection, "")
    assert (loaded.units, loaded.changed, loaded.stations) == (3355, 3355, 3321)
    assert len(everyone) == 3321
    assert sum(unit.urban for unit in everyone) == 687
    assert {unit.valid_from for unit in everyone} == {date(2025, 7, 1)}


def test_codes_keep_their_zeros_and_paths_lead_from_the_province(engine: Engine) -> None:
    with engine.begin() as connection:
        load_official(connection)
        commune, province = units.by_code(connection, "00070"), units.by_code(connection, "01")
        assert (commune.path, commune.parent, commune.kind) == ("01/00070/", "01", "phuong")
        assert (province.path, province.parent, province.kind) == ("01/", None, "thanh_pho")
        assert units.path_of(connection, "00070") == "01/00070/"


def test_loading_again_alters_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        load_official(connection)
        again = load_official(connection)
    assert (again.units, again.changed, again.stations) == (3355, 0, 0)


def test_a_unit_that_is_not_there_says_what_to_do(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(NotFound, match="outreach units load"):
        units.path_of(connection, "99")


def test_units_are_found_without_diacritics_inside_the_scope(engine: Engine) -> None:
    with engine.begin() as connection:
        load_official(connection)
        everywhere = units.search(connection, "hoan kiem", scope=EVERYTHING)
        elsewhere = units.search(connection, "hoan kiem", scope=Scope("48/", "officer"))
    assert [unit.name for unit in everywhere] == ["Phường Hoàn Kiếm"]
    assert elsewhere == []


def test_a_subtree_is_the_unit_and_all_below_it(engine: Engine) -> None:
    with engine.begin() as connection:
        load_official(connection)
        hanoi = units.subtree(connection, "01")
    assert hanoi[0].code == "01"
    assert len(hanoi) == 127


def test_every_commune_speaks_until_its_real_stations_are_known(engine: Engine) -> None:
    ward = Scope("01/00070/", "officer")
    with engine.begin() as connection:
        load_official(connection)
        (default,) = stations.in_use(connection, scope=ward)
        stations.add(connection, "00070", "Cụm loa số 1", earshot=700, slots=[Slot(time(6), time(6, 20))])
        (real,) = stations.in_use(connection, scope=ward)
        load_official(connection)
        assert stations.in_use(connection, scope=ward) == [real]
    assert (default.name, default.earshot, default.is_default) == ("Đài truyền thanh", 1000, True)
    assert default.slots == (Slot(time(5), time(5, 30)), Slot(time(17), time(17, 30)))
    assert (real.name, real.earshot, real.slots) == ("Cụm loa số 1", 700, (Slot(time(6), time(6, 20)),))


def test_a_tree_of_any_depth_is_read_in_any_order(engine: Engine, tmp_path: Path) -> None:
    file = tree(
        tmp_path,
        "Mã đơn vị;Cấp trên;Tên đơn vị;Loại;Đô thị;Ngôn ngữ;Hiệu lực từ",
        "t1;x1;Thôn Một;Thôn;0;vi, hmn;2026-01-01",
        "x1;h1;Xã Một;xã;;;",
        "p1;;Tỉnh Một;tỉnh;;;",
        "h1;p1;Huyện Một;huyện;;;",
    )
    with engine.begin() as connection:
        loaded = load_tree(connection, file)
        hamlet = units.by_code(connection, "t1")
    assert (loaded.units, loaded.changed, loaded.stations) == (4, 4, 1)
    assert (hamlet.path, hamlet.kind, hamlet.languages) == ("p1/h1/x1/t1/", "thon", ("vi", "hmn"))
    assert hamlet.valid_from == date(2026, 1, 1)


def test_a_unit_that_moves_takes_everything_below_it_along(engine: Engine, tmp_path: Path) -> None:
    head = "code,parent,name,kind"
    with engine.begin() as connection:
        load_tree(connection, tree(tmp_path, head, "a,,A,tinh", "b,,B,tinh", "c,a,C,xa", "d,c,D,thon"))
        moved = load_tree(connection, tree(tmp_path, head, "c,b,C,xa"))
        assert (moved.units, moved.changed) == (1, 1)
        assert units.path_of(connection, "d") == "b/c/d/"


def test_every_mistake_of_a_tree_is_told_with_its_line_and_nothing_is_stored(engine: Engine, tmp_path: Path) -> None:
    file = tree(
        tmp_path,
        "code,parent,name,kind,urban,valid_from",
        "a,,A,tinh,,",
        "b,nowhere,B,xa,,",
        "a,,A again,tinh,,",
        "c,d,C,xa,,",
        "d,c,D,xa,,",
        "e,a,,xa,perhaps,",
        "f/g,a,F,xa,,1.7.2025",
        'h,a,"H,xa,,',
    )
    with engine.begin() as connection:
        with pytest.raises(OutreachError) as raised:
            load_tree(connection, file)
        assert units.count(connection) == 0
    lines = [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]
    assert [line.split(":")[0] for line in lines] == ["3", "4", "5", "6", "7", "7", "8", "8", "9"]
    text = "\n".join(lines)
    assert '3: no unit has the code "nowhere"' in text
    assert '4: "a" stands on line 2 already' in text
    assert '5: "c" would lie below itself' in text
    assert "7: the name must have" in text
    assert '7: urban must be 1 or 0, not "perhaps"' in text
    assert "8: the code may hold only" in text
    assert "9: a quotation mark is not closed" in text


def test_a_cycle_through_a_stored_unit_is_found(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        load_tree(connection, tree(tmp_path, "code,parent,name,kind", "a,,A,tinh", "b,a,B,xa"))
        with pytest.raises(OutreachError, match='"a" would lie below itself'):
            load_tree(connection, tree(tmp_path, "code,parent,name,kind", "a,b,A,tinh"))
