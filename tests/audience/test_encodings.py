"""Text of old fonts is recognised column by column and asked about; nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from audience_files import bring_in, counts, person, rejects, write
from hypothesis import given
from hypothesis import strategies as st
from old_fonts import tcvn3, vni
from sheets import book
from sqlalchemy import Engine

from outreach.audience.encodings import EncodingInDoubt, read_columns
from outreach.audience.person_columns import PEOPLE
from outreach.audience.records import Record
from outreach.audience.tables import Choice, Table, open_table
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing

HEAD = "Mã số;Họ và tên;Địa chỉ"
ROWS = ("1;Nguyễn Văn Hùng;Số 5 đường Láng", "2;Trần Thị ủy;thôn Ngoài", "3;Lê Bưởi;ấp Giữa")
PEOPLE_THERE = [["1", "Nguyễn Văn Hùng", "Số 5 đường Láng"], ["2", "Trần Thị Ủy", "thôn Ngoài"]]
Writer = Callable[[str], str]


def opened(path: Path, encoding: str | None = None) -> Table:
    return open_table(path, PEOPLE, Choice(encoding))


def cells(table: Table) -> list[list[str]]:
    return [row.cells for row in table.rows() if isinstance(row, Record)]


def in_bytes(path: Path, write_as: Writer, encoding: str = "cp1252") -> Path:
    path.write_bytes("\r\n".join(map(write_as, (HEAD, *ROWS))).encode(encoding))
    return path


@pytest.mark.parametrize(("write_as", "name"), [(tcvn3, "tcvn3"), (vni, "vni")])
def test_a_file_of_an_old_font_is_asked_about_and_converted_only_by_name(
    tmp_path: Path, write_as: Writer, name: str
) -> None:
    file = in_bytes(tmp_path / "list.csv", write_as)
    with pytest.raises(EncodingInDoubt) as doubt:
        opened(file)
    assert doubt.value.encoding == name
    assert len(doubt.value.samples) == 3
    assert all(before == write_as(after) for before, after in doubt.value.samples)
    assert f"--encoding {name}" in str(doubt.value)
    assert "nothing was stored" in str(doubt.value)
    converted = opened(file, name)
    assert converted.columns == ("external_id", "full_name", "attr.dia_chi")
    assert cells(converted)[0] == PEOPLE_THERE[0]
    assert converted.notes.converted


def test_tcvn3_gets_the_capital_a_name_begins_with(tmp_path: Path) -> None:
    assert cells(opened(in_bytes(tmp_path / "list.csv", tcvn3), "tcvn3"))[:2] == PEOPLE_THERE


def test_windows_1258_is_asked_about_too(tmp_path: Path) -> None:
    def with_marks(text: str) -> str:
        pairs = {"ễ": "ê\u0303", "ầ": "â\u0300", "ị": "i\u0323", "ủ": "u\u0309", "ở": "ơ\u0309", "ố": "ô\u0301",
                 "ấ": "â\u0301", "ữ": "ư\u0303", "ọ": "o\u0323", "ã": "a\u0303", "ỉ": "i\u0309", "ờ": "ơ\u0300",
                 "ò": "o\u0300", "ì": "i\u0300"}  # fmt: skip
        return "".join(pairs.get(letter, letter) for letter in text)

    file = in_bytes(tmp_path / "list.csv", with_marks, "cp1258")
    with pytest.raises(EncodingInDoubt) as doubt:
        opened(file)
    assert doubt.value.encoding == "windows-1258"
    assert opened(file, "windows-1258").columns == ("external_id", "full_name", "attr.dia_chi")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_asked_about(tmp_path: Path, codec: str) -> None:
    file = write(tmp_path / "list.csv", "full_name\temail", "An\tan@example.org", encoding=codec)
    with pytest.raises(EncodingInDoubt) as doubt:
        opened(file)
    assert doubt.value.encoding == codec
    assert cells(opened(file, codec)) == [["An", "an@example.org"]]


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_the_mark_of_unicode_is_believed(tmp_path: Path, codec: str) -> None:
    file = write(tmp_path / "list.txt", "Họ và tên\tĐịa chỉ", "Trần Ân\tthôn Đông", encoding=codec)
    assert cells(opened(file)) == [["Trần Ân", "thôn Đông"]]


@pytest.mark.parametrize(("write_as", "name"), [(tcvn3, "tcvn3"), (vni, "vni")])
def test_one_column_of_an_old_font_is_found_in_a_unicode_file(tmp_path: Path, write_as: Writer, name: str) -> None:
    rows = [row.split(";") for row in ROWS]
    file = book(tmp_path / "list.xlsx", HEAD.split(";"), *((n, write_as(who), where) for n, who, where in rows))
    with pytest.raises(EncodingInDoubt, match='the text of "Họ và tên" looks like'):
        opened(file)
    table = opened(file, name)
    assert cells(table)[0] == PEOPLE_THERE[0]
    assert table.notes.converted == ("Họ và tên",)


def test_columns_of_two_old_fonts_are_named_together(tmp_path: Path) -> None:
    rows = [row.split(";") for row in ROWS]
    file = book(tmp_path / "list.xlsx", HEAD.split(";"), *((n, tcvn3(who), vni(where)) for n, who, where in rows))
    with pytest.raises(EncodingInDoubt) as doubt:
        opened(file)
    assert doubt.value.encoding == "tcvn3,vni"
    with pytest.raises(EncodingInDoubt):
        opened(file, "tcvn3")
    assert cells(opened(file, "tcvn3,vni"))[0] == PEOPLE_THERE[0]


def test_rows_typed_in_unicode_stay_as_they_are_in_a_column_of_an_old_font(tmp_path: Path) -> None:
    names = ["Nguyễn Văn Hùng", "Trần Thị Bưởi", "Phạm Quỳnh", "Đỗ Tuyết"]
    file = book(tmp_path / "list.xlsx", ("Họ và tên",), *([tcvn3(name)] for name in names), ["Vũ Ngọc Ánh"], ["Lê Hoà"])
    assert [row[0] for row in cells(opened(file, "tcvn3"))] == [*names, "Vũ Ngọc Ánh", "Lê Hoà"]


def test_a_column_may_turn_into_an_old_font_far_down(tmp_path: Path) -> None:
    good = [f"Nguyễn Văn Hùng;{number}" for number in range(60_000)]
    bad = [f"{tcvn3('Nguyễn Văn Hùng')};{number}" for number in range(20_000)]
    with pytest.raises(EncodingInDoubt):
        opened(write(tmp_path / "list.csv", "Họ và tên;Mã số", *good, *bad))


def test_it_can_be_kept_as_it_stands_and_the_names_it_spoils_are_refused(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "list.csv", HEAD, f"1;{tcvn3('Nguyễn Văn Hùng')};x", f"2;{tcvn3('Trần Thị Lan')};x", "3;Lê An;x"
    )
    with pytest.raises(EncodingInDoubt):
        bring_in(engine, keys, file)
    report = bring_in(engine, keys, file, encoding="utf-8")
    assert counts(report) == {"rows": 3, "added": 2, "rejected": 1}
    assert "text of an old font" in rejects(report)[0]["reasons"]
    assert counts(bring_in(engine, keys, file, encoding="tcvn3")) == {
        "rows": 3,
        "added": 1,
        "updated": 1,
        "unchanged": 1,
    }
    assert person(engine, "Nguyễn Văn Hùng").external_id == "1"


@pytest.mark.parametrize(
    "names",
    [
        ["Nguyễn Văn Hùng", "Trần Thị Thuỷ", "Lê Hoà", "Vò", "Đỗ Ý"],
        ["José García", "Zoë Müller", "François Lefèvre", "Ñuñez Peña", "Noël Chloé", "Åse Øre"],
        ["Y Krông Êban", "H'Lơm Niê", "Đinh Păh", "Ksor Phước", "Lò Văn Ơn", "Giàng A Dê"],
        ["Nguyá»…n VÄƒn HÃ¹ng", "Tráº§n Thá»‹ Lan", "Ä\u0090á»— Ã\u0081nh"],
        ["Café “Biển” – số 1…", "№ 5", "20 m² · 5°", "½ đêm"],
        ["An", "Binh", "Chi"],
        ["안녕하세요", "北京", "ភូមិ", "Иван"],
    ],
    ids=["vietnamese", "western", "highlands", "mojibake", "signs", "ascii", "scripts"],
)
@pytest.mark.parametrize("copies", [1, 40])
def test_other_text_is_not_taken_for_an_old_font(names: list[str], copies: int) -> None:
    assert read_columns([[name] for name in names] * copies) == {}


WORDS = "Nguyễn Văn Hùng Trần Thị Thuỷ ủy ban nhân dân xã đường thôn Đông Láng Bưởi Quỳnh giữa Vũ Ý Hoà Lê"


@given(st.lists(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=5).map(" ".join), max_size=30))
def test_vietnamese_in_unicode_is_never_asked_about(texts: list[str]) -> None:
    assert read_columns([[text] for text in texts]) == {}


@pytest.mark.parametrize("name", ["klingon", "base64", "tcvn3,utf-8", ""])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutreachError, match="there is no text encoding"):
        opened(write(tmp_path / "list.csv", "full_name"), name)
