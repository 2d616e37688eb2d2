"""Tables for people: no column hides another."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from outreach.cli.output import make_table


def shown(first: str) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(make_table(("target", "goal", "now"), [(first, "80%", "not measured yet")]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("length", [5, 60, 61, 400])
def test_a_long_title_leaves_room_for_what_stands_beside_it(length: int) -> None:
    printed = shown(("chỉ tiêu " * 60)[:length].strip())
    assert "80%" in printed
    assert "measured" in printed


def test_a_long_title_folds_before_the_date_beside_it() -> None:
    console = Console(file=io.StringIO(), width=60)
    console.print(make_table(("target", "by", "of"), [("chỉ tiêu " * 6, "2027-11-21", "Trung tâm Hành chính công")]))
    assert isinstance(console.file, io.StringIO)
    assert "2027-11-21" in console.file.getvalue()


def test_a_name_stays_on_one_line() -> None:
    name = "thong-bao-dich-vu-cong-truc-tuyen-2026"
    assert name in shown(name)
