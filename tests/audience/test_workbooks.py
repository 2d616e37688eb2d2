"""Workbooks as offices keep them: titles above, numbers for text, hidden sheets, and files that are no workbook."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from audience_files import BA_DINH, bring_in, counts, load_units, person, phones, rejects
from sheets import book, old_file
from sqlalchemy import Engine

from outreach.audience import workbook
from outreach.audience.person_columns import PEOPLE
from outreach.audience.records import Record
from outreach.audience.tables import Choice, Table, open_table
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing

HEAD = ("STT", "Mã số", "Họ và tên", "Ngày sinh", "Mã xã", "SĐT")


def opened(path: Path, sheet: str | None = None) -> Table:
    return open_table(path, PEOPLE, Choice(sheet=sheet))


def cells(table: Table) -> list[tuple[int, list[str]]]:
    return [(row.line, row.cells) for row in table.rows() if isinstance(row, Record)]


def test_a_list_below_its_titles_is_imported_with_numbers_dates_and_codes_as_cells_hold_them(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    load_units(engine)
    file = book(
        tmp_path / "list.xlsx",
        ("UBND PHƯỜNG BA ĐÌNH", None, None, None, None, "Mẫu số 01"),
        (None,),
        ("DANH SÁCH NGƯỜI CAO TUỔI", None, None),
        HEAD,
        ("(1)", "(2)", "(3)", "(4)", "(5)", "(6)"),
        (1, 17, "Nguyễn Văn An", date(1950, 3, 1), 4.0, 912345678),
        (2, "C2", "Trần Thị Bình", 21916, BA_DINH, 84987654321.0),
        (3, "C3", "Lê Cúc", 1962, BA_DINH, "0912 345 670"),
        (4, "C4", "Lê Dung", datetime(1962, 12, 31), BA_DINH, "1234"),  # noqa: DTZ001 - as a cell holds it
        (None, "  ", None),
    )
    report = bring_in(engine, keys, file)
    assert counts(report) == {"rows": 4, "added": 2, "rejected": 2, "mended": 1}
    assert (report.sheet, report.ignored) == ("Danh sách", ("STT",))
    assert {row["row"]: row["columns"] for row in rejects(report)} == {"6": "unit_code", "9": "phone"}
    assert person(engine, "Trần Thị Bình").birth_date == date(1960, 1, 1)
    assert person(engine, "Lê Cúc").birth_date == date(1962, 1, 1)
    assert phones(engine, keys, "Trần Thị Bình") == ["+84987654321"]


def test_a_number_with_more_digits_than_a_spreadsheet_keeps_is_refused(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    rows = (
        ("Mã số", "Họ và tên", "Mã Zalo"),
        (1234567890123456789, "Lê An", None),
        (7, "Lê Bình", 1234567890123456789),
    )
    report = bring_in(engine, keys, book(tmp_path / "list.xlsx", *rows))
    assert counts(report) == {"rows": 2, "rejected": 2}
    assert ["rounded" in row["reasons"] or "digits only" in row["reasons"] for row in rejects(report)] == [True, True]


def test_a_formula_gives_its_value_and_an_error_none(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    file = book(tmp_path / "list.xlsx", ("Họ và tên", "attr.so_nha"), ("Lê An", "12"), ("X1", "13"))
    # As Excel saves it: the formula with the value it last had.
    with zipfile.ZipFile(file) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    for cell, what in (
        ("B2", '<c r="B2"><f>10+2</f><v>12</v></c>'),
        ("A3", '<c r="A3" t="e"><f>NA()</f><v>#N/A</v></c>'),
    ):
        start = sheet.index(f'<c r="{cell}"')
        sheet = sheet[:start] + what + sheet[sheet.index("</c>", start) + 4 :]
    with zipfile.ZipFile(file, "w") as after:
        for name, data in (parts | {"xl/worksheets/sheet1.xml": sheet.encode()}).items():
            after.writestr(name, data)
    report = bring_in(engine, keys, file)
    assert counts(report) == {"rows": 2, "added": 1, "rejected": 1}
    assert person(engine, "Lê An").attrs == {"so_nha": "12"}
    assert rejects(report)[0]["reasons"] == "the name is empty"


def test_two_columns_below_one_merged_heading_are_family_and_given_name(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for row in (("STT", "Họ và tên", None, "SĐT"), (1, "Nguyễn Văn", "An", "0912345678"), (2, "Lê", "Bình", None)):
        sheet.append(row)
    sheet.merge_cells("B1:C1")
    made.save(tmp_path / "list.xlsx")
    assert counts(bring_in(engine, keys, tmp_path / "list.xlsx")) == {"rows": 2, "added": 2}
    assert person(engine, "Nguyễn Văn An").search_key == "nguyen van an"


def test_the_only_filled_visible_sheet_is_read_and_a_hidden_one_by_its_name(tmp_path: Path) -> None:
    file = book(tmp_path / "list.xlsx", ("Họ và tên",), ("An",), Trống=(), Ẩn=(("Họ và tên",), ("Bình",)))
    made = openpyxl.load_workbook(file)
    made["Ẩn"].sheet_state = "hidden"
    made.save(file)
    assert cells(opened(file)) == [(2, ["An"])]
    assert cells(opened(file, " ẩn")) == [(2, ["Bình"])]


@pytest.mark.parametrize(
    ("sheet", "message"),
    [(None, 'several sheets hold rows: choose one with --sheet: "Danh sách", "Tổ 2"'), ("Tổ 3", 'no sheet "Tổ 3"')],
)
def test_which_sheet_is_never_guessed(tmp_path: Path, sheet: str | None, message: str) -> None:
    file = book(tmp_path / "list.xlsx", ("Họ và tên",), **{"Tổ 2": (("Họ và tên",),)})
    with pytest.raises(OutreachError, match=message):
        opened(file, sheet)


MANIFEST = '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
    xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="Danh sách">
<table:table-row><table:table-cell office:value-type="string"><text:p>Họ và tên</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>SĐT</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>Lê An</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="912345678"/></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>
"""


def test_an_opendocument_sheet_is_read_too(tmp_path: Path) -> None:
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    file = archive(
        tmp_path / "list.ods",
        **{"mimetype": kind, "content.xml": ODS.replace(">\n<", "><"), "META-INF/manifest.xml": MANIFEST},
    )
    assert cells(opened(file)) == [(2, ["Lê An", "912345678"])]


def test_rows_are_read_again_from_the_start(tmp_path: Path) -> None:
    table = opened(book(tmp_path / "list.xlsx", ("Họ và tên", "Ghi chú"), *((f"Lê {n}", None) for n in "ABC")))
    next(iter(table.rows()))
    assert cells(table) == cells(table) == [(2, ["Lê A", ""]), (3, ["Lê B", ""]), (4, ["Lê C", ""])]


def bomb(path: Path) -> Path:
    """Two cells, which a reader takes for a table of seventeen thousand million."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "Họ và tên", "x"
    made.save(path)
    return path


def archive(path: Path, **parts: str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, text in parts.items():
            made.writestr(name.replace("__", "/"), text)
    return path


def plain(path: Path, data: bytes, size: int | None = None) -> Path:
    path.write_bytes(data)
    if size is not None:
        with path.open("ab") as file:
            file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: old_file(folder / "a.xlsx", "EncryptedPackage"), "protected by a password"),
        (lambda folder: old_file(folder / "a.xlsx", "WordDocument"), "a Word document, not a workbook"),
        (lambda folder: old_file(folder / "a.xls", "PowerPoint Document"), "an old Office file, but no workbook"),
        (lambda folder: old_file(folder / "a.xls", "Workbook"), "no visible sheet holds a row"),
        (lambda folder: archive(folder / "a.xlsx", word__document="x"), "this is an archive, not a workbook"),
        (lambda folder: archive(folder / "a.xlsx", **{"word/document.xml": "x"}), "a Word document, not a workbook"),
        (lambda folder: archive(folder / "a.xlsx", **{"xl/workbook.xml": "<x>"}), "it is damaged, or no workbook"),
        (lambda folder: plain(folder / "a.xlsx", workbook.ZIP + b"..."), "the workbook is damaged"),
        (lambda folder: bomb(folder / "a.xlsx"), "too large to be read"),
        (lambda folder: plain(folder / "a.xlsx", workbook.ZIP, 300 << 20), "300 MB: a workbook may have 200 MB"),
        (lambda folder: plain(folder / "a.csv", b"full_name\n", 5 << 30), "5.0 GB: a list may have 2 GB"),
        (lambda folder: plain(folder / "a.xlsx", b""), "the file is empty"),
        (lambda folder: book(folder / "a.xlsx"), "no visible sheet holds a row"),
        (lambda folder: folder, "this is a folder"),
    ],
)
def test_a_file_that_is_no_workbook_says_what_it_is_and_what_to_do(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OutreachError, match=message):
        opened(make(tmp_path))


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = book(tmp_path / "list.xlsx", ("Họ và tên",))
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1000)
    with pytest.raises(OutreachError, match="unpacked it has more than"):
        opened(file)


def test_a_sheet_is_for_workbooks_only(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match="--sheet is for workbooks"):
        opened(plain(tmp_path / "list.csv", b"full_name\n"), "Danh sách")
