"""Lists as they come from offices: what would be misread without a word is refused, asked about or put right."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, text

from outreach.audience.date_order import DateOrder
from outreach.audience.encodings import Asked
from outreach.audience.no_person import is_no_person
from outreach.audience.person_columns import PEOPLE
from outreach.audience.tables import open_table
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from tests.audience.audience_files import BA_DINH, bring_in, counts, load_units, person, rejects, write
from tests.audience.sheets import book


@pytest.fixture(autouse=True)
def units(engine: Engine) -> None:
    load_units(engine)


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT full_name FROM contacts ORDER BY id")).scalars())


def born(engine: Engine) -> list[date]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT birth_date FROM contacts ORDER BY id")).scalars())


class TestLinesThatAreNoPerson:
    def test_sums_parts_headings_and_signatures_are_left_out_with_the_reason(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        lines = ("Tổ dân phố số 2", "Nguyễn Văn An", "Tổng cộng: 1 người", "Họ và tên", "(Ký, ghi rõ họ tên)")
        report = bring_in(engine, keys, write(tmp_path / "l.csv", "Họ và tên;SĐT", *(f"{line};" for line in lines)))
        assert counts(report) == {"rows": 5, "added": 1, "rejected": 4}
        assert names(engine) == ["Nguyễn Văn An"]
        assert {row["columns"] for row in rejects(report)} == {"full_name"}

    @pytest.mark.parametrize("name", ["Người lập bảng", "NGƯỜI LẬP BIỂU", "Ngày 12 tháng 3 năm 2026", "Cộng", "Tổ 5",
                                      "Thôn Đông", "TM. UBND xã", "Danh sách này có 25 người"])  # fmt: skip
    def test_what_forms_have_below_and_between(self, name: str) -> None:
        assert is_no_person(name)

    @pytest.mark.parametrize("name", ["Tống Công An", "Tống", "Bàn Văn Khu", "Trần Thị Tổng", "Y Buôn Niê", "Ngô Ký",
                                      "Lò Văn Thôn", "Công Tằng Tôn Nữ Ngọc", "Hồ Thị Xã"])  # fmt: skip
    def test_names_of_people_are_none_of_them(self, name: str) -> None:
        assert not is_no_person(name)

    def test_a_business_may_be_called_as_it_likes(self, engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
        bring_in(engine, keys, write(tmp_path / "l.csv", "full_name,kind", "Tổ 5 Hợp Lực,doanh nghiệp"))
        assert names(engine) == ["Tổ 5 Hợp Lực"]


MONTH_FIRST = ("Họ và tên,Ngày sinh", "An,12/31/1990", "Bình,03/04/1990", "Chi,05/22/1991")


class TestOrderOfDates:
    def test_month_before_day_is_asked_about_before_a_row_is_stored(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        with pytest.raises(OutreachError, match=r'"Ngày sinh" look like month/day/year.*--dates mdy'):
            bring_in(engine, keys, write(tmp_path / "l.csv", *MONTH_FIRST))
        assert names(engine) == []

    def test_it_is_read_as_was_said(self, engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
        report = bring_in(engine, keys, write(tmp_path / "l.csv", *MONTH_FIRST), dates=DateOrder.MONTH_FIRST)
        assert counts(report) == {"rows": 3, "added": 3, "mended": 3}
        assert born(engine) == [date(1990, 12, 31), date(1990, 3, 4), date(1991, 5, 22)]

    def test_a_slip_among_dates_that_begin_with_the_day_costs_its_row_alone(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        report = bring_in(engine, keys, write(tmp_path / "l.csv", *MONTH_FIRST, "Dung,25/08/1960"))
        assert counts(report) == {"rows": 4, "added": 2, "rejected": 2}

    def swapped(self, folder: Path) -> Path:
        """Typed as 12/03, 05/04, 07/08 and 13/12, 25/08 into a spreadsheet that puts the month first."""
        dates: tuple[Any, ...] = (date(1990, 12, 3), "13/12/1990", date(1991, 5, 4), "25/08/1960", date(1960, 7, 8))
        return book(folder / "l.xlsx", ("Họ và tên", "Ngày sinh"), *zip("ABCDE", dates, strict=True))

    def test_days_that_a_spreadsheet_took_for_months_are_asked_about(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        with pytest.raises(OutreachError, match=r"taken days for months.*--dates swapped"):
            bring_in(engine, keys, self.swapped(tmp_path))
        bring_in(engine, keys, self.swapped(tmp_path), dates=DateOrder.SWAPPED)
        expected = [date(1990, 3, 12), date(1990, 12, 13), date(1991, 4, 5), date(1960, 8, 25), date(1960, 8, 7)]
        assert born(engine) == expected

    def test_right_dates_beside_text_stay_when_that_is_said(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        bring_in(engine, keys, self.swapped(tmp_path), dates=DateOrder.DAY_FIRST)
        assert born(engine)[0] == date(1990, 12, 3)


def dated(folder: Path, *days: object) -> Path:
    """A workbook whose birth dates are numbers, formatted as dates."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["Họ và tên", "Ngày sinh"])
    for number, day in enumerate(days, 2):
        sheet.append(["ABCDEFG"[number], day])
        sheet.cell(number, 2).number_format = "DD/MM/YYYY"
    made.save(folder / "l.xlsx")
    return folder / "l.xlsx"


def test_a_year_in_a_cell_formatted_as_a_date_is_the_year(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    report = bring_in(engine, keys, dated(tmp_path, 1956, 21916))
    assert counts(report) == {"rows": 2, "added": 2, "mended": 1}
    assert born(engine) == [date(1956, 1, 1), date(1960, 1, 1)]


def test_a_day_that_stands_for_none_makes_nobody_126_years_old(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    report = bring_in(engine, keys, dated(tmp_path, 60, 1))
    assert counts(report) == {"rows": 2, "rejected": 2}
    assert {row["reasons"] for row in rejects(report)} == {"more than 120 years ago"}
    report = bring_in(engine, keys, write(tmp_path / "l.csv", "full_name,birth_date", "An,01/01/1900"))
    assert counts(report) == {"rows": 1, "rejected": 1}


def test_a_cell_merged_downwards_is_beside_every_row_it_spans(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    file = book(tmp_path / "l.xlsx", ("Danh sách",), ("Họ và tên", "Mã xã", "SĐT"), (None, None, None),
                ("An", BA_DINH, "0999999901"), ("Bình",), ("Chi", None, "0999999902"), ("Dung",))  # fmt: skip
    made = openpyxl.load_workbook(file)
    sheet = made.active
    assert sheet is not None
    for cells in ("A2:A3", "B2:B3", "B4:B6"):
        sheet.merge_cells(cells)
    made.save(file)
    assert counts(bring_in(engine, keys, file)) == {"rows": 4, "added": 4}
    assert [person(engine, name).unit_code for name in ("An", "Bình", "Chi", "Dung")] == [BA_DINH] * 3 + [None]


def test_a_name_has_plain_blanks_and_no_sign_that_nobody_sees(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", "full_name", "Trần\u00a0Thị \u200bBình", "Lê \u202eVăn\u2028An")
    bring_in(engine, keys, file)
    assert names(engine) == ["Trần Thị Bình", "Lê Văn An"]


def test_a_list_without_headings_is_refused_without_showing_its_first_person(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match="looks like somebody's row, not like headings") as told:
        open_table(write(tmp_path / "l.csv", "Nguyễn Văn An,0999999901,an@example.vn"), PEOPLE)
    assert "An" not in str(told.value)


def test_many_unknown_columns_are_told_in_a_few_lines(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match="and 90 more unknown columns") as told:
        open_table(write(tmp_path / "l.csv", ",".join(f"cot {n}" for n in range(100))), PEOPLE)
    assert len(str(told.value)) < 5000


def test_a_very_wide_file_is_refused_without_reading_all_of_it_again_and_again(tmp_path: Path) -> None:
    cells = ",".join(["Nguyeãn Vaên"] * 4000)
    with pytest.raises(OutreachError) as told:
        open_table(write(tmp_path / "l.csv", *[cells] * 200), PEOPLE)
    assert len(str(told.value)) < 1000


def test_a_codec_that_decodes_nothing_is_refused_in_a_line() -> None:
    with pytest.raises(OutreachError, match='no text encoding "undefined"'):
        Asked.of("undefined")


class TestFilesWritten:
    def wrong(self, folder: Path) -> Path:
        return write(folder / "l.csv", "full_name,phone", " =cmd|' /C calc'!A0,12", "＝1+1,12")

    def test_no_cell_of_the_rejected_rows_is_a_formula_and_they_are_read_back_as_they_were(
        self, engine: Engine, keys: KeyRing, tmp_path: Path
    ) -> None:
        mend = tmp_path / "sua.csv"
        report = bring_in(engine, keys, self.wrong(tmp_path), to_mend=mend)
        assert counts(report) == {"rows": 2, "rejected": 2}
        shown = [line.split(",")[0] for line in mend.read_text("utf-8-sig").splitlines()[1:]]
        assert shown == ["' =cmd|' /C calc'!A0", "'＝1+1"]
        mend.write_text(mend.read_text("utf-8-sig").replace(",12,", ",0999999901,"), encoding="utf-8")
        bring_in(engine, keys, mend)
        assert "=cmd|' /C calc'!A0" in names(engine)

    def test_rows_to_mend_never_go_where_their_reasons_go(self, engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
        with pytest.raises(OutreachError, match="where the reasons go"):
            bring_in(engine, keys, self.wrong(tmp_path), to_mend=tmp_path / "l.rejects.csv")

    def test_what_is_no_ordinary_file_is_never_replaced(self, engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OutreachError, match="no ordinary file"):
            bring_in(engine, keys, self.wrong(tmp_path), to_mend=tmp_path / "pipe")
        assert (tmp_path / "pipe").is_fifo()
