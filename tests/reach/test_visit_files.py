"""The list of home visits as a file, and the list that comes back filled in."""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from time import process_time
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook, load_workbook

from outreach.domain.errors import OutreachError
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import read_segments
from outreach.domain.states import DeliveryState
from outreach.reach import visits
from outreach.reach.sheets import Sheet, write_csv, write_xlsx
from outreach.reach.visit_files import COLUMNS, write_list
from outreach.reach.visit_import import Imported, import_visits
from outreach.reach.visit_pages import write_page
from outreach.reach.visits import to_visit
from tests.reach.reach_world import OFFICER, RURAL, SEGMENTS, URBAN, ReachWorld, campaign, message

OLD = date(1950, 5, 5)
MONDAY = date(2026, 11, 23)
WHO = "can-bo@xa.example"
KNOWN = read_segments(SEGMENTS.encode(), "segments.yaml").segments
HEADINGS = [heading for heading, _ in COLUMNS.values()]


@pytest.fixture
def village(land: ReachWorld) -> ReachWorld:
    """Three people nothing reached: one with a phone in the village, one whose name is an attack, one in the ward."""
    land.person("Ông An", phone="+84912345678", born=OLD, unit=RURAL)
    land.person('=HYPERLINK("http://x","Bà")', born=None, unit=RURAL)
    land.person("Bà <b>Chi</b>", born=OLD, unit=URBAN)
    land.run(campaign(message("chao", "sms")))
    land.becomes(DeliveryState.FAILED, "true")
    return land


def write(land: ReachWorld, file: Path) -> int:
    with to_visit(
        land.engine, "thu", keys=land.keys, clock=land.clock, scope=EVERYTHING, known=KNOWN, segment="rural"
    ) as found:  # fmt: skip
        return write_page(file, found) if file.suffix == ".html" else write_list(file, found)


@pytest.fixture(autouse=True)
def everybody_is_rural(land: ReachWorld) -> None:
    """The segment the lists are of holds everybody, also those without a birth date."""
    land.sql("UPDATE units SET urban = false")


def read_back(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as written:
            return list(csv.DictReader(written))
    rows = list(load_workbook(file).worksheets[0].iter_rows(values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_the_file_has_who_where_the_phone_and_why_with_columns_to_fill_in(
    village: ReachWorld, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    assert write(village, file) == 3
    rows = read_back(file)
    assert list(rows[0]) == HEADINGS
    an = next(row for row in rows if row["Họ và tên"] == "Ông An")
    assert (str(an["Năm sinh"]), an["Đơn vị"], an["Điện thoại"]) == ("1950", "Đông Anh", "0912 345 678")
    assert an["Vì sao chưa tiếp cận"] == "SMS: Không gửi được."
    assert {an["Ngày đến"] or "", an["Số người được hướng dẫn"] or "", an["Ghi chú"] or ""} == {""}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_no_cell_is_a_formula(village: ReachWorld, tmp_path: Path, name: str) -> None:
    write(village, tmp_path / name)
    names = [str(row["Họ và tên"]) for row in read_back(tmp_path / name)]
    assert '\'=HYPERLINK("http://x","Bà")' in names
    assert not [one for one in names if one.startswith("=")]


def test_a_workbook_takes_text_that_no_workbook_may_hold_and_more_rows_than_a_sheet_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.reach.sheets.MOST_ROWS", 3)
    rows: list[Sequence[str | int]] = [(n, "a\x0bb\n=1") for n in range(7)]
    written = write_xlsx(tmp_path / "x.xlsx", Sheet("Danh sách [a/b]", ("n", "text"), iter(rows)))
    book = load_workbook(tmp_path / "x.xlsx")
    assert written == 7
    assert book.sheetnames == ["Danh sách  a b", "Danh sách  a b 2", "Danh sách  a b 3"]
    pages = [list(page.iter_rows(values_only=True)) for page in book.worksheets]
    assert [row for page in pages for row in page[1:]] == [(n, "ab\n=1") for n in range(7)]
    assert {page[0] for page in pages} == {("n", "text")}


def test_an_empty_table_has_its_headings(tmp_path: Path) -> None:
    assert write_xlsx(tmp_path / "x.xlsx", Sheet("trống", ("a", "b"), ())) == 0
    assert list(load_workbook(tmp_path / "x.xlsx").worksheets[0].values) == [("a", "b")]


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Any:
        yield ("1",)
        raise OutreachError("the database went away")

    with pytest.raises(OutreachError, match="went away"):
        write_csv(tmp_path / "x.csv", Sheet("x", ("a",), broken()))
    with pytest.raises(OutreachError, match="cannot be written"):
        write_xlsx(tmp_path / "no" / "x.xlsx", Sheet("x", ("a",), ()))
    assert list(tmp_path.iterdir()) == []


def test_the_page_to_print_has_a_section_for_each_unit_and_no_markup_of_strangers(
    village: ReachWorld, tmp_path: Path
) -> None:
    file = tmp_path / "list.html"
    assert write(village, file) == 3
    page = file.read_text(encoding="utf-8")
    assert page.count("<section>") == 2
    assert page.index("tận nơi: Ba Đình</h1>") < page.index("tận nơi: Đông Anh</h1>")
    assert "Bà &lt;b&gt;Chi&lt;/b&gt;" in page
    assert "<b>Chi" not in page
    assert '<a href="tel:0912345678">0912 345 678</a>' in page
    assert "<script" not in page
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_columns_of_the_page_fit_any_paper_and_any_screen(village: ReachWorld, tmp_path: Path) -> None:
    write(village, tmp_path / "list.html")
    page = (tmp_path / "list.html").read_text(encoding="utf-8")
    columns = re.findall(r'<col class="(c-\w+)">', page)
    shares = {key: float(share) for key, share in re.findall(r"\.(c-\w+) \{ width: ([\d.]+)% \}", page)}
    assert set(columns) - set(shares) == {"c-why"}
    assert sum(shares.values()) <= 80, "what is left is the reasons', the longest text"


def test_a_page_without_anybody_says_so(land: ReachWorld, tmp_path: Path) -> None:
    land.person("Ông An", phone="+84912345678", born=OLD)
    land.run(campaign(message("chao", "sms")))
    assert write(land, tmp_path / "list.html") == 0
    page = (tmp_path / "list.html").read_text(encoding="utf-8")
    assert "Không có ai cần đến" in page
    assert "còn 1 người có tin đang gửi" in page


# --- the list that comes back


def returned(
    file: Path,
    *rows: Sequence[Any],
    headings: Sequence[str] = ("Mã người nhận", "Họ và tên", "Ngày đến", "Số người được hướng dẫn", "Ghi chú"),
) -> Path:
    if file.suffix == ".xlsx":
        book = Workbook()
        for row in (headings, *rows):
            book.active.append(list(row))  # type: ignore[union-attr]
        book.save(file)
        return file
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, delimiter=";" if file.name.startswith("semicolon") else ",").writerows([headings, *rows])
    return file


def take(land: ReachWorld, file: Path, **more: Any) -> Imported:
    return import_visits(
        land.engine, "thu", file, clock=land.clock, who=WHO, **{"scope": EVERYTHING, **more}
    )  # fmt: skip


def guided(land: ReachWorld) -> dict[str, tuple[date, int]]:
    return {str(one.name): (one.day, one.guided) for one in visits.recorded(land.engine, "thu", scope=EVERYTHING)}


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_the_exported_list_comes_back_filled_in(village: ReachWorld, tmp_path: Path, name: str) -> None:
    write(village, tmp_path / name)
    rows = read_back(tmp_path / name)
    for row in rows[:2]:
        row["Ngày đến"], row["Số người được hướng dẫn"] = "23/11/2026", "2"
    file = returned(tmp_path / f"back.{name}", *(row.values() for row in rows), headings=HEADINGS)
    done = take(village, file)
    assert (done.rows, done.recorded, done.blank, done.rejected, done.rejects_file) == (3, 2, 1, 0, None)
    assert village.report().figures.measured == 2
    assert set(guided(village).values()) == {(MONDAY, 2)}
    again = take(village, file)
    assert (again.recorded, again.again, again.blank) == (0, 2, 1)


@pytest.mark.parametrize("name", ["comma.csv", "semicolon.csv", "book.xlsx"])
def test_every_kind_of_file_and_of_date_is_read(village: ReachWorld, tmp_path: Path, name: str) -> None:
    day: Any = datetime.combine(MONDAY, time()) if name.endswith("xlsx") else "2026-11-23"
    number: Any = 3.0 if name.endswith("xlsx") else "3"
    people = village.people
    file = returned(
        tmp_path / name,
        (people["Ông An"], "ong an", day, number, "đã cài ứng dụng"),
        (people["Bà <b>Chi</b>"], "", "23/11/2026", "", ""),
    )
    assert take(village, file).recorded == 2
    assert guided(village) == {"Ông An": (MONDAY, 3), "Bà <b>Chi</b>": (MONDAY, 0)}


def test_one_bad_row_never_stops_the_rest_and_the_rejects_say_why(village: ReachWorld, tmp_path: Path) -> None:
    people = village.people
    bad = [
        ("", "", "23/11/2026", "1", ""),
        ("x", "", "23/11/2026", "1", ""),
        (999999, "", "23/11/2026", "1", ""),
        (people["Ông An"], "Bà Khác", "23/11/2026", "1", ""),
        (people["Ông An"], "", "31/02/2026", "1", ""),
        (people["Ông An"], "", "hôm qua", "1", ""),
        (people["Ông An"], "", "24/11/2026", "1", ""),
        (people["Ông An"], "", "23/11/2026", "nhiều", ""),
        (people["Ông An"], "", "", "2", ""),
    ]
    file = returned(tmp_path / "list.csv", *bad, (people["Bà <b>Chi</b>"], "", "23/11/2026", "1", ""))
    done = take(village, file)
    assert (done.rows, done.recorded, done.rejected) == (10, 1, 9)
    assert done.rejects_file == tmp_path / "list.rejects.csv"
    assert stat.S_IMODE(done.rejects_file.stat().st_mode) == 0o600
    reasons = [(row["row"], row["reason"]) for row in read_back(done.rejects_file)]
    assert [row for row, _ in reasons] == [str(line) for line in range(2, 11)]
    words = ("whole number", "whole number", "no such person", "not that person", "not in the calendar", "not a date",
             "in the future", "whole number", "day of the visit is missing")  # fmt: skip
    assert [reason for (_, reason), word in zip(reasons, words, strict=True) if word not in reason] == []
    assert (
        take(village, returned(tmp_path / "list.csv", (people["Ông An"], "", MONDAY.isoformat(), "1", ""))).rejected
        == 0
    )
    assert not (tmp_path / "list.rejects.csv").exists()


def test_another_count_for_the_same_day_corrects(village: ReachWorld, tmp_path: Path) -> None:
    person = village.people["Ông An"]
    take(village, returned(tmp_path / "a.csv", (person, "", MONDAY.isoformat(), "1", "")))
    done = take(village, returned(tmp_path / "b.csv", (person, "", MONDAY.isoformat(), "2", "")))
    assert (done.corrected, done.recorded) == (1, 0)
    assert guided(village) == {"Ông An": (MONDAY, 2)}


def test_an_officer_brings_back_only_the_commune_s_own(village: ReachWorld, tmp_path: Path) -> None:
    rows = [(village.people[name], "", MONDAY.isoformat(), "1", "") for name in ("Ông An", "Bà <b>Chi</b>")]
    done = take(village, returned(tmp_path / "a.csv", *rows), scope=OFFICER)
    assert (done.recorded, done.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", "Họ và tên,Ngày đến\nAn,1\n".encode(), "no column Mã người nhận"),
        ("a.csv", b"", "no column"),
        ("a.csv", "Mã người nhận,Ngày đến\n1,Đã\n".encode("cp1258", "replace") + b"\xd0\xff", "not UTF-8"),
        ("a.csv", "Mã người nhận,Mã người nhận,Ngày đến\n".encode(), "two columns"),
        ("a.xlsx", b"not a workbook", "no XLSX workbook"),
    ],
)
def test_a_file_that_is_no_list_is_refused_as_a_whole(
    village: ReachWorld, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutreachError, match=why):
        take(village, tmp_path / name)
    with pytest.raises(OutreachError, match="cannot be read"):
        take(village, tmp_path / "nowhere.csv")


def test_a_cell_at_the_far_end_of_a_sheet_makes_no_list_endless(village: ReachWorld, tmp_path: Path) -> None:
    file = returned(tmp_path / "back.xlsx", (village.people["Ông An"], "", "23/11/2026", 1, ""))
    book = load_workbook(file)
    book.worksheets[0]["XFD60000"] = " "
    book.save(file)
    begun = process_time()
    done = take(village, file)
    assert (done.rows, done.recorded) == (1, 1)
    assert process_time() - begun < 10


def test_a_sheet_with_other_headings_is_not_read_as_people(village: ReachWorld, tmp_path: Path) -> None:
    file = returned(tmp_path / "back.xlsx", (village.people["Ông An"], "", "23/11/2026", 1, ""))
    book = load_workbook(file)
    more = book.create_sheet("Tổng hợp")
    more.append(["Xã", "Tên", "Ngày", "Số", "Ghi chú"])
    more.append([village.people["Bà <b>Chi</b>"], "", "23/11/2026", 9, ""])
    book.save(file)
    assert take(village, file).rows == 1
    assert set(guided(village)) == {"Ông An"}


def test_a_number_beyond_all_numbers_costs_its_row(village: ReachWorld, tmp_path: Path) -> None:
    file = returned(tmp_path / "plain.xlsx", (77, "", "23/11/2026", 1, ""))
    with ZipFile(file) as plain, ZipFile(tmp_path / "back.xlsx", "w") as changed:
        for name in plain.namelist():
            changed.writestr(name, plain.read(name).replace(b"<v>77</v>", b"<v>1E999</v>"))
    assert take(village, tmp_path / "back.xlsx").rejected == 1


def test_a_workbook_that_unpacks_to_much_more_is_refused(village: ReachWorld, tmp_path: Path) -> None:
    file = returned(tmp_path / "back.xlsx", (village.people["Ông An"], "", "23/11/2026", 1, ""))
    with ZipFile(file, "a", ZIP_DEFLATED) as book:
        book.writestr("xl/media/zeros", bytes(257 << 20))
    with pytest.raises(OutreachError, match="unpacked it is larger than 256 MB"):
        take(village, file)


def test_a_draft_of_a_killed_process_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f"x.csv.{os.getpid()}.part").write_text("left behind", encoding="utf-8")
    assert write_csv(tmp_path / "x.csv", Sheet("x", ("a",), [("1",)])) == 1
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) == 0o600


def test_what_is_no_ordinary_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutreachError, match="no ordinary file"):
        write_csv(tmp_path / "pipe", Sheet("x", ("a",), [("1",)]))
    assert (tmp_path / "pipe").is_fifo()
