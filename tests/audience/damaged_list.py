"""A list of 20,000 rows with a known number of each kind of damage."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HEADINGS = ("Mã số", "Họ và tên", "Ngày sinh", "Giới tính", "Mã đơn vị", "Số điện thoại", "Email", "Nhãn")
ID, NAME, BORN, SEX, UNIT, PHONE, EMAIL, TAGS = range(8)

REJECTED = {
    "bad_phone": (300, "phone"),
    "landline": (200, "phone"),
    "service_number": (60, "phone"),
    "impossible_date": (250, "birth_date"),
    "future_date": (40, "birth_date"),
    "unknown_unit": (150, "unit_code"),
    "empty_name": (100, "full_name"),
    "bad_email": (180, "email"),
    "strange_sex": (30, "sex"),
    "nul": (20, "full_name"),
    "too_many_cells": (30, ""),
    "unclosed_quote": (10, ""),
    "two_mistakes": (25, "phone; email"),
}
"""Kind → how many rows, and the columns the rejects file names."""
MENDED = {"lost_zero": 500, "old_prefix": 350, "country_code_zero": 90, "lost_unit_zeros": 200}
HARMLESS = {"decomposed_name": 600, "spaces": 150, "year_only": 400, "iso_date": 400, "no_phone": 700}
DUPLICATES = 400
ROWS = 20_000
BLANK_LINES = 15

_GIVEN = ["Hùng", "Lan", "Tuấn", "Hòa", "Ngọc", "Thủy", "Dũng", "Hương", "Sơn", "Quỳnh"]
_FAMILY = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi"]


@dataclass
class DamagedList:
    """Where the file is, and what is in it: rejected lines with their columns, secrets no report may repeat."""

    path: Path
    good: int = 0
    duplicates: int = 0
    mended: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)


def write_damaged(path: Path, unit_codes: list[str], *, seed: int = 7) -> DamagedList:
    random = Random(seed)
    made = DamagedList(path)
    kinds = [kind for kind, (number, _) in REJECTED.items() for _ in range(number)]
    kinds += [kind for kind, number in {**MENDED, **HARMLESS}.items() for _ in range(number)]
    kinds += ["good"] * (ROWS - DUPLICATES - len(kinds))
    random.shuffle(kinds)
    rows = [(kind, _damaged(_good(random, number, unit_codes), kind, random)) for number, kind in enumerate(kinds)]
    made.good = sum(kind not in REJECTED for kind, _ in rows)
    repeated = [_again(random.choice(rows), random) for _ in range(DUPLICATES)]
    made.duplicates = sum(kind not in REJECTED for kind, _ in repeated)
    rows += repeated
    made.mended = sum(kind in MENDED for kind, _ in rows)
    blanks = {random.randrange(1, ROWS) for _ in range(BLANK_LINES * 2)}
    lines = [";".join(HEADINGS)]
    for number, (kind, cells) in enumerate(rows):
        if number in blanks:
            lines.append(random.choice(("", ";" * 7, "   ")))
        lines.append(";".join(cells))
        if kind in REJECTED:
            made.rejected[len(lines)] = REJECTED[kind][1]
            made.secrets |= {cells[PHONE], cells[EMAIL], cells[NAME]} if kind != "empty_name" else {cells[PHONE]}
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    made.secrets = {secret for secret in made.secrets if len(secret) > 8}
    return made


def _good(random: Random, number: int, unit_codes: list[str]) -> list[str]:
    name = f"{random.choice(_FAMILY)} Văn {random.choice(_GIVEN)}"
    born = f"{random.randint(1, 28):02}/{random.randint(1, 12):02}/{random.randint(1940, 2020)}"
    phone = f"09{random.choice('01678')}{random.randint(1_000_000, 9_999_999)}"
    sex = random.choice(("Nam", "Nữ", "nam", "NỮ", ""))
    return [f"C{number}", name, born, sex, random.choice(unit_codes), phone, f"c{number}@example.org", "a, b"]


def _damaged(cells: list[str], kind: str, random: Random) -> list[str]:
    if kind in _DAMAGE:
        column, value = _DAMAGE[kind]
        cells[column] = value(cells[column], random) if callable(value) else value
    elif kind == "too_many_cells":
        cells.append("9")
    elif kind == "two_mistakes":
        cells[PHONE], cells[EMAIL] = "12345678901234", "nobody-at-home.example.org"
    return cells


_DAMAGE = {
    "bad_phone": (PHONE, lambda phone, random: random.choice((phone[:-2], phone + "77", "không có", "8.49E+10"))),
    "landline": (PHONE, lambda _, random: f"024{random.randint(30_000_000, 39_999_999)}"),
    "service_number": (PHONE, "19001234"),
    "impossible_date": (BORN, lambda _, random: random.choice(("31/02/1980", "1999-13-01", "12/31/1990", "năm 1980"))),
    "future_date": (BORN, "01/01/2030"),
    "unknown_unit": (UNIT, lambda _, random: random.choice(("99999", "xã A", "00002"))),
    "empty_name": (NAME, lambda _, random: random.choice(("", "-", "   "))),
    "bad_email": (EMAIL, lambda email, _: email.replace("@", " at ")),
    "strange_sex": (SEX, "???"),
    "nul": (NAME, lambda name, _: name.replace(" ", "\x00", 1)),
    "unclosed_quote": (NAME, lambda name, _: f'"{name}'),
    "lost_zero": (PHONE, lambda phone, _: phone[1:]),
    "old_prefix": (PHONE, lambda phone, random: f"016{random.randint(2, 9)}{phone[3:]}"),
    "country_code_zero": (PHONE, lambda phone, _: f"+84{phone}"),
    "lost_unit_zeros": (UNIT, "70"),
    "decomposed_name": (NAME, lambda name, _: unicodedata.normalize("NFD", name)),
    "spaces": (NAME, lambda name, _: f"  {name.replace(' ', '  ')} \u00a0"),
    "year_only": (BORN, lambda born, _: born[-4:]),
    "iso_date": (BORN, lambda born, _: f"{born[-4:]}-{born[3:5]}-{born[:2]}"),
    "no_phone": (PHONE, ""),
}


def _again(row: tuple[str, list[str]], random: Random) -> tuple[str, list[str]]:
    """The same row once more: a good one is a duplicate, however its name is written; a bad one is rejected again."""
    kind, cells = row
    name = cells[NAME]
    return kind, [*cells[:NAME], random.choice((name, name.upper(), unicodedata.normalize("NFD", name))), *cells[BORN:]]
