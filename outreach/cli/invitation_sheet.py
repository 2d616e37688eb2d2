"""Invitations as labels to print and cut: 24 on an A4 page, each with a name, a unit and a QR code."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path
from typing import TextIO

import segno

from outreach.domain.invitation import VALID_FOR
from outreach.domain.words import Channel
from outreach.reach.sheets import private_file
from outreach.receipts.invitations import Slip

A_PAGE = 24
"""Labels of 70 × 37 mm, three columns, eight rows: a common kind of label sheet."""

_NAMES = {Channel.ZALO_OA: "Zalo", Channel.TELEGRAM: "Telegram"}

_HEAD = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="robots" content="noindex"><title>Giấy mời nhận thông báo</title>
<style>
@page { size: A4; margin: 0; }
* { box-sizing: border-box; }
body { margin: 0; font: 8.5pt/1.22 "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #000; background: #fff; }
.page { display: grid; grid-template-columns: repeat(3, 70mm); grid-auto-rows: 37mm; width: 210mm; height: 297mm;
  break-after: page; overflow: hidden; }
.slip { display: flex; gap: 2.5mm; align-items: center; padding: 2.5mm 3mm; overflow: hidden;
  outline: .2mm dotted #999; }
.slip svg { flex: none; width: 28mm; height: 28mm; }
.slip div { min-width: 0; overflow-wrap: anywhere; }
.slip b, .slip .unit { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.slip .unit { -webkit-line-clamp: 1; }
.slip p { margin: 0 0 .8mm; }
.slip .link { font-size: 5.5pt; }
</style></head><body>
"""


def write_sheet(path: Path, slips: Iterable[Slip]) -> None:
    """Write the labels as a page to print (mode 600: whoever holds it can use them); raises OutreachError."""

    def fill(draft: Path) -> int:
        with draft.open("w", encoding="utf-8") as file:
            file.write(_HEAD)
            _write_pages(file, slips)
            return file.write("</body></html>\n")

    private_file(path, fill)


def _write_pages(file: TextIO, slips: Iterable[Slip]) -> None:
    rest = iter(slips)
    while page := list(islice(rest, A_PAGE)):
        file.write('<section class="page">\n')
        file.writelines(_label(slip) for slip in page)
        file.write("</section>\n")


def _label(slip: Slip) -> str:
    ways = ", ".join(_NAMES[one] for one in slip.ways)
    code = segno.make(slip.link, error="m").svg_inline(border=1, omitsize=True)
    return (
        f'<article class="slip">{code}<div><b>{escape(slip.full_name)}</b><p class="unit">{escape(slip.unit_name)}</p>'
        f"<p>Quét mã để nhận thông báo qua {ways}. Dùng một lần, trong {VALID_FOR.days} ngày.</p>"
        f'<p class="link">{escape(slip.link)}</p></div></article>\n'
    )
