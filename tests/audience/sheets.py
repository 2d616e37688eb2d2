"""Workbooks for tests, with what people's workbooks hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl


def book(path: Path, *rows: Sequence[Any], title: str = "Danh sách", **others: Sequence[Sequence[Any]]) -> Path:
    """A workbook with one sheet of rows, and others by name."""
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    first.title = title
    for row in rows:
        first.append(list(row))
    for name, filled in others.items():
        sheet = made.create_sheet(name)
        for row in filled:
            sheet.append(list(row))
    made.save(path)
    return path


def old_file(path: Path, stream: str) -> Path:
    """An old Office file (a compound file of 512-byte sectors) with one stream of this name."""
    header = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + bytes.fromhex("3E000300FEFF0900 06000000 00000000")
    header = header.ljust(44, b"\0") + (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
    sectors = header.ljust(512, b"\0") + b"\xfd\xff\xff\xff\xfe\xff\xff\xff".ljust(512, b"\xff")
    name = f"{stream}\0".encode("utf-16-le")
    root = "Root Entry\0".encode("utf-16-le")
    entries = b"".join(
        text.ljust(64, b"\0") + len(text).to_bytes(2, "little") + kind + bytes(61) for text, kind in
        ((root, b"\x05"), (name, b"\x02"))
    )  # fmt: skip
    path.write_bytes(sectors + entries.ljust(512, b"\0"))
    return path
