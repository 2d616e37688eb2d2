"""The list of home visits to print: A4, a page for each unit, with boxes to fill in by hand."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Final, TextIO

from outreach.reach.sheets import private_file
from outreach.reach.visits import ONLY_HEARD, Line, VisitList

_STYLE: Final = files("outreach.reach").joinpath("visit_pages.css").read_text(encoding="utf-8")

_HEAD: Final = (
    ("number", "STT"), ("name", "Họ và tên"), ("born", "Năm sinh"), ("phone", "Điện thoại"),
    ("why", "Vì sao chưa tiếp cận"), ("visited", "Ngày đến"), ("guided", "Số người được hướng dẫn"),
    ("note", "Ghi chú"),
)  # fmt: skip
NO_UNIT: Final = "Chưa rõ đơn vị"
_PRIVATE: Final = (
    '<p class="private">Danh sách có dữ liệu cá nhân: chỉ Tổ công nghệ số cộng đồng dùng để đến hỗ trợ, '
    "không sao chụp, không đăng lên mạng; hủy bản in sau khi đã nhập kết quả.</p>\n"
)
_SIGNED: Final = (
    '<div class="signed"><div>Người lập danh sách<br>(ký, ghi rõ họ tên)</div>'
    "<div>Tổ công nghệ số cộng đồng<br>(ký, ghi rõ họ tên)</div></div>\n"
)


def write_page(path: Path, given: VisitList) -> int:
    """Write the list as one self-contained page to print; returns how many people it has.

    The file holds names and phone numbers: it is readable for its owner alone.
    """

    def fill(draft: Path) -> int:
        with draft.open("w", encoding="utf-8") as out:
            return _page(given, out)

    return private_file(path, fill)


def _page(given: VisitList, out: TextIO) -> int:
    """The page, a unit at a time: memory holds the people of one unit."""
    out.write(_opening(given))
    people = 0
    for (_, name), lines in groupby(given.lines, key=lambda line: (line.person.unit_code, line.person.unit)):
        of_unit = list(lines)
        people += len(of_unit)
        out.writelines(_section(given, name or NO_UNIT, of_unit))
    if not people:
        out.write(_head(given, "Không có ai cần đến"))
        out.write("<p>Mọi người trong nhóm đều đã được tiếp cận, hoặc tin còn đang trên đường tới họ.</p>\n")
    out.write("</body>\n</html>\n")
    return people


def _opening(given: VisitList) -> str:
    return (
        '<!doctype html>\n<html lang="vi">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>Danh sách hỗ trợ tận nơi – {escape(given.title)}</title>\n<style>\n{_STYLE}</style></head>\n<body>\n"
    )


def _head(given: VisitList, name: str, about: str = "") -> str:
    """What stands above the people of a unit: each unit's pages go to other hands."""
    waiting = (
        f" Toàn danh sách còn {given.waiting:,} người có tin đang gửi hoặc chờ báo nhận, chưa ghi vào đây."
        if given.waiting
        else ""
    )
    groups = escape(", ".join(given.groups.values()))
    return (
        f'<header><p class="issuer">{escape(given.issuer)}</p><h1>Danh sách hỗ trợ tận nơi: {escape(name)}</h1>'
        f"<p>{escape(given.title)}</p>"
        f'<p class="about">{about}Người chưa nhận được tin nào của chiến dịch, tính đến ngày {given.day:%d/%m/%Y}. '
        f"Nhóm: {groups}.{waiting}</p></header>\n"
    )


def _section(given: VisitList, name: str, lines: list[Line]) -> Iterator[str]:
    heard = sum(line.person.heard for line in lines)
    more = f", trong đó {heard:,} người chỉ nghe loa" if heard else ""
    yield "<section>\n" + _head(given, name, f"{len(lines):,} người{more}. ") + _PRIVATE + "<table>\n<colgroup>"
    yield "".join(f'<col class="c-{key}">' for key, _ in _HEAD)
    yield "</colgroup>\n<thead><tr>"
    yield "".join(f'<th scope="col">{label}</th>' for _, label in _HEAD)
    yield "</tr></thead>\n<tbody>\n"
    for number, line in enumerate(lines, 1):
        yield _row(number, line)
    yield "</tbody>\n</table>\n" + _SIGNED + "</section>\n"


def _row(number: int, line: Line) -> str:
    person = line.person
    about = [f"Mã {person.contact_id}", *([escape(line.place)] if line.place else []), escape(", ".join(line.groups))]
    name = f'<b>{escape(person.name)}</b><span class="small">{" · ".join(about)}</span>'
    if person.visited is not None:
        name += f'<br><span class="small">Lần đến gần nhất: {person.visited:%d/%m/%Y}</span>'
    heard = f'<span class="heard">{ONLY_HEARD["vi"]}.</span> ' if person.heard else ""
    filled = {
        "number": str(number), "name": name, "born": "" if line.born is None else str(line.born),
        "phone": _phone(line.phone), "why": heard + escape(line.why()), "visited": "", "guided": "", "note": "",
    }  # fmt: skip
    return "<tr>" + "".join(_cell(key, label, filled[key]) for key, label in _HEAD) + "</tr>\n"


def _cell(key: str, label: str, content: str) -> str:
    fill = " fill" if key in ("visited", "guided", "note") else ""
    return f'<td class="{key}{fill}" data-label="{label}">{content}</td>'


def _phone(phone: str) -> str:
    """The number, to be called by a touch."""
    return f'<a href="tel:{escape(phone.replace(" ", ""))}">{escape(phone)}</a>' if phone else "–"
