"""Reading delimited text: nothing lost, one bad row alone, the right error for a file that is none."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.audience.delimited import Delimited
from outreach.audience.headings import Vocabulary
from outreach.audience.person_columns import PEOPLE
from outreach.audience.records import Broken, Record, RecordReader
from outreach.audience.tables import Choice, Table, open_table
from outreach.audience.text_lines import MAX_LINE, read_lines
from outreach.domain.errors import OutreachError


def read(*lines: str, columns: int = 3) -> list[tuple[int, list[str] | str]]:
    reader = RecordReader(iter(lines), delimiter=";", columns=columns, first=2)
    return [(row.line, row.cells if isinstance(row, Record) else row.reason) for row in reader]


def headings(tmp_path: Path, data: bytes, encoding: str | None = None) -> Table:
    file = tmp_path / "list.csv"
    file.write_bytes(data)
    return open_table(file, PEOPLE, Choice(encoding))


def delimiter(table: Table) -> str:
    assert isinstance(table.source, Delimited)
    return table.source.delimiter


CELL = st.text(st.characters(exclude_characters="\r", exclude_categories=("Cs",)), max_size=6)


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3).filter(lambda row: any(cell.strip() for cell in row)), max_size=8)
)
def test_whatever_a_csv_writer_writes_is_read_again(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    lines = text.getvalue().split("\n")[:-1] if rows else []
    assert [cells for _, cells in read(*lines)] == rows


def test_blank_rows_are_skipped_and_lines_counted_on() -> None:
    assert read("a;b;c", "", ";;", "  ", "d;e;f") == [(2, ["a", "b", "c"]), (6, ["d", "e", "f"])]


def test_cells_left_out_at_the_end_are_blank_and_empty_ones_beyond_do_not_matter() -> None:
    assert read("a", "b;c;d;;") == [(2, ["a", "", ""]), (3, ["b", "c", "d"])]


def test_cells_beyond_the_headings_break_the_row() -> None:
    ((line, reason),) = read("a;b;c;d")
    assert (line, reason) == (2, "4 cells, but 3 headings: quote cells that hold the separator")


def test_a_quoted_cell_may_span_lines() -> None:
    assert read('a;"b', 'b";c', "d;e;f") == [(2, ["a", "b\nb", "c"]), (4, ["d", "e", "f"])]


@pytest.mark.parametrize(
    "broken",
    ['a;"b;c', '"a;b;c', 'a;b;"c', 'a;"b"b;c'],
)
def test_an_unclosed_quotation_mark_costs_its_own_line_only(broken: str) -> None:
    rows = read("1;2;3", broken, "4;5;6", '7;"8";9', *["10;11;12"] * 30)
    assert rows[0] == (2, ["1", "2", "3"])
    assert rows[1] == (3, "a quotation mark is not closed, or text follows a closing one")
    assert rows[2:4] == [(4, ["4", "5", "6"]), (5, ["7", "8", "9"])]
    assert len(rows) == 34


def test_a_very_long_line_costs_itself_only(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("a;b\n" + "x" * (5 * MAX_LINE) + "\nc;d\n", encoding="utf-8")
    rows = list(RecordReader(read_lines(file, "utf-8"), delimiter=";", columns=2, first=1))
    assert rows == [
        Record(1, ["a", "b"]),
        Broken(2, "the line is longer than 100,000 characters", "dòng dài hơn 100,000 ký tự"),
        Record(3, ["c", "d"]),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_one_line(tmp_path: Path, end: str) -> None:
    file = tmp_path / "ends.csv"
    file.write_bytes(end.join(["a", "b", "c"]).encode())
    assert list(read_lines(file, "utf-8")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("line", "separator", "columns"),
    [
        ("external_id,full_name,phone", ",", ("external_id", "full_name", "phone")),
        ("Mã số;Họ và tên;Số điện thoại", ";", ("external_id", "full_name", "phone")),
        ("\ufeffHO VA TEN\tNgày sinh\tEmail", "\t", ("full_name", "birth_date", "email")),
        ('"Họ và tên","Nhãn","attr.hộ_nghèo"', ",", ("full_name", "tags", "attr.hộ_nghèo")),
        ("full_name", ";", ("full_name",)),
        ("Họ và tên;;Giới tính;;", ";", ("full_name", "", "sex")),
        ("Ho\u0323 va\u0300 te\u0302n;Giới_tính", ";", ("full_name", "sex")),
    ],
)
def test_separators_and_headings_are_recognised(
    tmp_path: Path, line: str, separator: str, columns: tuple[str, ...]
) -> None:
    found = headings(tmp_path, line.encode())
    assert (delimiter(found), found.columns) == (separator, columns)


def test_excels_separator_line_is_understood(tmp_path: Path) -> None:
    found = headings(tmp_path, "sep=;\nHọ và tên;Email\nAn;\n".encode())
    assert (delimiter(found), [row.line for row in found.rows()]) == (";", [3])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"full_nam,phone\n", 'unknown column "full_nam"; did you mean "full_name"'),
        ("Họ và tên;Số diện thoại di\n".encode(), 'unknown column "Số diện thoại di"; did you mean "Số điện thoại"'),
        (b"phone,email\n", '"full_name" is missing'),
        (b"full_name,phone,Phone\n", '"phone" stands there more than once'),
        (b"PK\x03\x04....", "the workbook is damaged"),
        ("full_name\nNguyễn\n".encode("cp1258", errors="replace") + b"\xff", "byte 18 is not UTF-8"),
        (b"full_name," * 1_000_000, "the heading line is longer than 100,000 characters"),
        (b"full_name," + b"x," * 400, "columns: at most 300 are read"),
    ],
)
def test_a_file_that_is_no_audience_says_why(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(OutreachError) as raised:
        headings(tmp_path, data)
    assert message in str(raised.value)
    assert "list.csv" in str(raised.value)


def test_the_place_of_a_wrong_byte_is_exact_in_a_large_file(tmp_path: Path) -> None:
    good = "full_name\n" + "Nguyễn Văn Ơn\n" * 100_000
    with pytest.raises(OutreachError, match=f"byte {len(good.encode()) + 3:,} is not UTF-8"):
        headings(tmp_path, good.encode() + b"ab\xffcd\n")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1258", "utf-8"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    found = headings(tmp_path, "full_name\nTrần Ân\n".encode(encoding, errors="replace"), encoding)
    assert [row.line for row in found.rows()] == [2]


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(OutreachError, match=f'there is no text encoding "{encoding}"'):
        headings(tmp_path, b"full_name\n", encoding)


def test_a_missing_file_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match="cannot be read"):
        open_table(tmp_path / "none.csv", Vocabulary({}))
