"""Headings as lists have them: below titles, split, numbered, with columns nobody needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from audience_files import bring_in, counts, person, rejects, write
from sqlalchemy import Engine

from outreach.audience.headings import IGNORED, Wishes
from outreach.audience.person_columns import PEOPLE
from outreach.audience.records import Record
from outreach.audience.tables import Choice, Table, open_table
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def opened(file: Path, *ignore: str, **rename: str) -> Table:
    return open_table(file, PEOPLE, Choice(wishes=Wishes(ignore, rename)))


def lines(table: Table) -> list[int]:
    return [row.line for row in table.rows() if isinstance(row, Record)]


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("HỌ VÀ TÊN", "full_name"),
        ("Ho va ten", "full_name"),
        ("Ho\u0323 va\u0300 te\u0302n", "full_name"),
        ("  họ_tên ", "full_name"),
        ("2. Họ và tên (*)", "full_name"),
        ('"Họ và\ntên"', "full_name"),
        ("Họ và tên;SĐT (nếu có)", "phone"),
        ("Họ và tên;ngày tháng năm sinh", "birth_date"),
        ("Họ và tên;GIỚI TÍNH", "sex"),
        ("Họ và tên;Địa chỉ", "attr.dia_chi"),
        ("Họ và tên;Nam/Nữ", "sex"),
    ],
)
def test_a_heading_is_known_however_it_is_written(file: Path, heading: str, column: str) -> None:
    table = opened(write(file, heading, "Lê An"))
    assert table.columns[-1] == column
    assert lines(table) == [heading.count("\n") + 2]


def test_titles_above_the_headings_are_passed_over(file: Path) -> None:
    table = opened(
        write(
            file, "UBND XÃ ĐÔNG ANH;;", "Danh sách người cao tuổi, email kèm theo;;", ";;", "STT;Họ tên;Email", "1;An;"
        )
    )
    assert (table.notes.heading_line, lines(table)) == (4, [5])


def test_a_row_that_numbers_the_columns_is_no_person(file: Path) -> None:
    assert lines(opened(write(file, "STT;Họ tên;Email;SĐT", "(1);(2);(3);(4)", "1;An;;"))) == [3]
    assert lines(opened(write(file, "STT;Họ tên;Email;SĐT", "1;2;;", "1;An;;"))) == [2, 3]


def test_columns_that_tell_nothing_are_left_out_and_named(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(engine, keys, write(file, "STT;Họ tên;Ghi chú;Chữ ký", "1;Lê An;đã gặp;x"))
    assert counts(report) == {"rows": 1, "added": 1}
    assert report.ignored == ("STT", "Ghi chú", "Chữ ký")
    assert person(engine, "Lê An").attrs == {}


def test_a_column_is_left_out_or_named_on_demand(file: Path) -> None:
    write(file, "Họ tên;Số CCCD;Số ĐT liên hệ;Tổ", "An;012;;")
    with pytest.raises(OutreachError) as raised:
        opened(file)
    assert '--ignore "Số CCCD"' in str(raised.value)
    assert '--map "Số CCCD=phone"' in str(raised.value)
    table = opened(file, "so cccd", **{"số đt liên hệ": "phone", "Tổ": "attr.to"})
    assert table.columns == ("full_name", IGNORED, "phone", "attr.to")
    assert table.notes.ignored == ("Số CCCD",)


@pytest.mark.parametrize(
    ("ignore", "rename", "message"),
    [
        (("CMND",), {}, '--ignore: there is no column "CMND"'),
        ((), {"Số máy": "phone"}, '--map: there is no column "Số máy"'),
        ((), {"Họ tên": "fullname"}, '--map: unknown column "fullname"; did you mean "full_name"'),
    ],
)
def test_a_wish_that_fits_nothing_is_an_error(
    file: Path, ignore: tuple[str, ...], rename: dict[str, str], message: str
) -> None:
    with pytest.raises(OutreachError, match=message):
        opened(write(file, "Họ tên", "An"), *ignore, **rename)


@pytest.mark.parametrize(
    ("head", "row"),
    [("Họ đệm;Tên", "Nguyễn Văn;An"), ("Họ;Tên đệm;Tên", "Nguyễn; Văn ;An"), ("Tên;Họ và chữ lót", "An;Nguyễn  Văn")],
)
def test_a_name_in_two_or_three_columns_is_put_together(
    engine: Engine, keys: KeyRing, file: Path, head: str, row: str
) -> None:
    assert counts(bring_in(engine, keys, write(file, head, row, ";;"[: head.count(";")]))) == {"rows": 1, "added": 1}
    assert person(engine, "Nguyễn Văn An").search_key == "nguyen van an"


def test_a_name_that_is_put_together_must_be_one(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(engine, keys, write(file, "Họ đệm;Tên;Email", "-;;a@example.org", "1;2;", "Lê;;b@example.org"))
    assert counts(report) == {"rows": 3, "added": 1, "rejected": 2}
    assert [row["columns"] for row in rejects(report)] == ["full_name", "full_name"]


@pytest.mark.parametrize("head", ["Họ và tên;Tên", "Họ đệm;Email", "Email"])
def test_half_a_name_or_two_are_refused(file: Path, head: str) -> None:
    with pytest.raises(OutreachError, match=r'"full_name" (stands there more than once|is missing)'):
        opened(write(file, head))


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1/3/1960", "1960-03-01"),
        ("01-03-1960", "1960-03-01"),
        ("1.3.1960", "1960-03-01"),
        ("1960/03/01", "1960-03-01"),
        ("1960-03-01 00:00:00", "1960-03-01"),
        ("1960", "1960-01-01"),
    ],
)
def test_a_birth_date_is_read_however_it_is_written(
    engine: Engine, keys: KeyRing, file: Path, written: str, stored: str
) -> None:
    bring_in(engine, keys, write(file, "Họ tên;Ngày sinh", f"Lê An;{written}"))
    assert person(engine, "Lê An").birth_date.isoformat() == stored


@pytest.mark.parametrize("written", ["21916", "1/3/60", "03/1960", "1960-03-01 10:00", "12/31/1960"])
def test_a_birth_date_that_could_be_another_is_refused(engine: Engine, keys: KeyRing, file: Path, written: str) -> None:
    assert counts(bring_in(engine, keys, write(file, "Họ tên;Ngày sinh", f"Lê An;{written}"))) == {
        "rows": 1,
        "rejected": 1,
    }


@pytest.mark.parametrize(
    ("written", "mended"),
    [("912345678", 1), ("912345678.0", 1), ("8.4912345678E+10", 1), ("'0912345678", 0), ("01642345678", 1)],
)
def test_what_spreadsheets_do_to_numbers_is_put_right(
    engine: Engine, keys: KeyRing, file: Path, written: str, mended: int
) -> None:
    assert bring_in(engine, keys, write(file, "Họ tên;SĐT", f"Lê An;{written}")).mended == mended


@pytest.mark.parametrize(("column", "written"), [("SĐT", "8,49E+10"), ("Mã số", "1.23457E+11"), ("Mã Zalo", "1.2E+18")])
def test_a_rounded_number_is_refused(engine: Engine, keys: KeyRing, file: Path, column: str, written: str) -> None:
    assert counts(bring_in(engine, keys, write(file, f"Họ tên;{column}", f"Lê An;{written}"))) == {
        "rows": 1,
        "rejected": 1,
    }
