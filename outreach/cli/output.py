"""What commands print: JSON for programs on stdout, tables for people, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from outreach.domain.errors import OutreachError

_WIDE = 140
"""Columns of a table that goes to no terminal."""
_NAME, _ID = 32, 60
"""Up to so many characters a name or (without a blank) an id stays on one line in the first column, though the table is
too wide; longer ones fold there, before dates and words of the other columns do."""


def say(text: str) -> None:
    """A line for the person at the keyboard, on stderr."""
    print(text, file=sys.stderr, flush=True)


def say_long(text: str) -> None:
    """A paragraph on stderr, broken between words at the width of the terminal."""
    say(fill(text, width=max(20, get_terminal_size().columns), break_long_words=False, break_on_hyphens=False))


def warn(text: str) -> None:
    """A line that must not be overlooked, on stderr."""
    typer.secho(text, file=sys.stderr, err=True, fg=typer.colors.YELLOW, bold=True)


def print_json(document: Mapping[str, Any]) -> None:
    """The one JSON document of a command, on stdout."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=_plain), flush=True)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people: on stdout at a terminal, on stderr where a pipe or a file takes stdout."""
    file = sys.stdout if sys.stdout.isatty() else sys.stderr
    console = Console(file=file, highlight=False, width=None if file.isatty() else _WIDE)
    listed = [list(row) for row in rows]
    if title:
        console.print(Text(title, "bold"))
    console.print(make_table(columns, listed) if listed else Text("  none"))
    console.print()


def print_text(title: str, text: str) -> None:
    """A longer text under its title, for people: where `print_table` prints."""
    file = sys.stdout if sys.stdout.isatty() else sys.stderr
    console = Console(file=file, highlight=False, width=None if file.isatty() else _WIDE)
    console.print(Text(title, "bold"))
    console.print(Padding(Text(text), (0, 0, 1, 4)))


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """The table itself, for a live display; columns that hold only numbers stand to the right."""
    listed = [[_cell(cell) for cell in row] for row in rows]
    numeric = [bool(listed) and all(_is_number(row[at]) for row in listed) for at in range(len(columns))]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for at, name in enumerate(columns):
        whole = at == 0 and all(len(row[0]) <= (_NAME if " " in row[0] else _ID) for row in listed)
        table.add_column(Text(name), justify="right" if numeric[at] else "left", overflow="fold", no_wrap=whole)
    for row in listed:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(cell: str) -> bool:
    return cell == "" or cell.replace(",", "").replace(".", "").rstrip("%").strip().isdigit()


def local(moment: datetime | None, zone: ZoneInfo) -> str:
    """A moment as people of `zone` read it, "" for none."""
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def ask(question: str, *, yes: bool) -> None:
    """Ask at a terminal and stop (exit 1) at anything but yes; whoever calls without a terminal has decided."""
    if yes or not sys.stdin.isatty():
        return
    if not typer.confirm(question, err=True):
        raise OutreachError("nothing was done")


class Told(Protocol):
    """Takes how far something has come."""

    def __call__(self, done: int) -> None:
        """`done` of the things counted are finished."""
        ...


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """A running count on stderr while the block lasts; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)
