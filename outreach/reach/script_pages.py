"""Scripts as a text for the terminal and as a page to print: large type, one script after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from outreach.domain.words import MessageClass
from outreach.reach.scripts import Script

_STYLE = """
body { font: 16pt/1.5 "Noto Serif", "Times New Roman", serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 20pt } h2 { font-size: 18pt; margin-bottom: 0 } .about { font-size: 12pt; color: #333; margin-top: 0 }
.text { white-space: pre-wrap; border-left: 4px solid #005a9c; padding-left: 1rem } .urgent h2 { color: #a40000 }
.warning { font-size: 12pt; color: #7a4100 } .done { font-size: 12pt; color: #0b5d1e }
@media print { article { break-inside: avoid; page-break-after: always } body { margin: 0; max-width: none } }
"""


def as_text(given: Sequence[Script], day: date) -> str:
    """The scripts of a day as plain text."""
    if not given:
        return f"Ngày {day:%d/%m/%Y}: không có bài phát thanh nào."
    return "\n\n".join([f"BÀI PHÁT THANH NGÀY {day:%d/%m/%Y}", *(_text(one) for one in given)])


def _text(one: Script) -> str:
    lines = [
        "=" * 72,
        f"{_slot(one)} · {one.station} ({one.unit_name}) · mã {one.id}",
        f"{'[KHẨN] ' if _urgent(one) else ''}{one.message_title} — {one.issuer}",
        f"Đọc khoảng {_minutes(one)} · {_standing(one)}",
        *(f"! {warning}" for warning in one.warnings),
        "",
        one.text,
    ]
    return "\n".join(lines)


def as_html(given: Sequence[Script], day: date) -> str:
    """The scripts of a day as one self-contained page."""
    heading = f"Bài phát thanh ngày {day:%d/%m/%Y}"
    body = "\n".join(_article(one) for one in given) or "<p>Không có bài phát thanh nào.</p>"
    return (
        f'<!doctype html>\n<html lang="vi">\n<head><meta charset="utf-8"><title>{heading}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{heading}</h1>\n{body}\n</body>\n</html>\n"
    )


def _article(one: Script) -> str:
    urgent = ' class="urgent"' if _urgent(one) else ""
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in one.warnings)
    about = f"{_slot(one)} · {one.station} ({one.unit_name}) · {one.issuer} · khoảng {_minutes(one)} · mã {one.id}"
    return (
        f"<article{urgent}>\n<h2>{'[KHẨN] ' if urgent else ''}{escape(one.message_title)}</h2>"
        f'<p class="about">{escape(about)}</p>\n<div class="text">{escape(one.text)}</div>\n'
        f'{warnings}<p class="done">{escape(_standing(one))}</p>\n</article>'
    )


def _slot(one: Script) -> str:
    return f"{one.starts:%H:%M}–{one.ends:%H:%M}"


def _minutes(one: Script) -> str:
    minutes, seconds = divmod(one.reading_seconds, 60)
    return f"{minutes} phút {seconds:02} giây" if minutes else f"{seconds} giây"


def _urgent(one: Script) -> bool:
    return one.message_class is MessageClass.EMERGENCY


def _standing(one: Script) -> str:
    if one.confirmed_at is None:
        return "Chưa xác nhận phát"
    return f"Đã phát, {one.confirmed_by} xác nhận lúc {one.confirmed_at:%H:%M %d/%m/%Y}"
