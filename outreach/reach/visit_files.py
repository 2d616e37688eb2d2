"""The list of home visits as a file: for a spreadsheet, with columns to fill in and send back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from outreach.reach.sheets import Cell, Sheet, write_csv, write_xlsx
from outreach.reach.visits import ONLY_HEARD, Line, VisitList

COLUMNS: Final[Mapping[str, tuple[str, int]]] = {
    "contact": ("Mã người nhận", 10),
    "name": ("Họ và tên", 26),
    "born": ("Năm sinh", 9),
    "unit_code": ("Mã đơn vị", 10),
    "unit": ("Đơn vị", 20),
    "place": ("Chỗ ở", 24),
    "phone": ("Điện thoại", 15),
    "groups": ("Nhóm", 22),
    "heard": ("Ghi chú loa", 14),
    "why": ("Vì sao chưa tiếp cận", 44),
    "last": ("Lần đến gần nhất", 12),
    "visited": ("Ngày đến", 12),
    "guided": ("Số người được hướng dẫn", 12),
    "note": ("Ghi chú", 24),
}
"""The columns with their headings and widths; the last three come back filled in."""


def write_list(path: Path, given: VisitList) -> int:
    """Write the list as XLSX or, for any other ending than `.xlsx`, as CSV; returns how many people it has.

    The file holds names and phone numbers: it is readable for its owner alone.
    """
    headings = [heading for heading, _ in COLUMNS.values()]
    widths = [width for _, width in COLUMNS.values()]
    sheet = Sheet("Hỗ trợ tận nơi", headings, _rows(given.lines), widths=widths, boxed=True)
    return write_xlsx(path, sheet) if path.suffix.lower() == ".xlsx" else write_csv(path, sheet)


def _rows(lines: Iterator[Line]) -> Iterator[tuple[Cell, ...]]:
    for line in lines:
        person = line.person
        yield (
            person.contact_id, person.name, line.born, person.unit_code, person.unit, line.place, line.phone,
            "; ".join(line.groups), ONLY_HEARD["vi"] if person.heard else "", line.why(),
            "" if person.visited is None else f"{person.visited:%d/%m/%Y}", "", "", "",
        )  # fmt: skip
