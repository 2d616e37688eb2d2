"""What the commands that import a list share: its options, Ctrl-C, the question of encoding."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Annotated, TypeVar

import typer

from outreach.audience.encodings import EncodingInDoubt
from outreach.audience.headings import Wishes
from outreach.audience.importing import ImportOptions
from outreach.cli.output import say
from outreach.cli.progress import progress
from outreach.domain.errors import OutreachError

Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="utf-8, utf-16, windows-1258, tcvn3 or vni (old fonts). Default: UTF-8, or what the file's mark says.",
    ),
]
Sheet = Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="The sheet of a workbook with several.")]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="COLUMN", help="A column not to be read; may be repeated.")
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="HEADING=COLUMN", help='What a column is, as "Số máy=phone"; may be repeated.'),
]

Report = TypeVar("Report")


Run = Callable[[ImportOptions, Callable[[int, int], None], Callable[[], bool]], Report]
"""Imports a list: with these options, telling how far it is, stopping when it is asked to."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was given, to be repeated: its words, the file, and the options that are not the file's."""

    words: Sequence[str]
    file: Path
    options: Sequence[tuple[str, str | None]] = ()

    def with_encoding(self, options: ImportOptions, encoding: str) -> str:
        """The whole command line, with an encoding."""
        named = [*self.options, ("--sheet", options.sheet), ("--encoding", encoding)]
        named += [("--ignore", name) for name in options.wishes.ignore]
        named += [("--map", f"{heading}={name}") for heading, name in options.wishes.rename.items()]
        named += [("--to-mend", str(options.to_mend) if options.to_mend else None)]
        flags = ["--dry-run"] if options.dry_run else []
        given = [word for name, value in named if value is not None for word in (name, value)]
        return shlex.join([*self.words, str(self.file), *given, *flags])


def wishes(ignore: Sequence[str] | None, maps: Sequence[str] | None) -> Wishes:
    """What a person says of the columns; raises OutreachError for a `--map` that is no pair."""
    pairs = [text.rpartition("=") for text in maps or ()]
    for heading, sign, column in pairs:
        if not (sign and heading.strip() and column.strip()):
            raise OutreachError('--map: write the heading, "=" and our name of the column, as --map "Số ĐT=phone"')
    return Wishes(tuple(ignore or ()), {heading.strip(): column.strip() for heading, _, column in pairs})


def import_list(command: Command, options: ImportOptions, run: Run[Report]) -> Report:
    """Run an import with a progress bar; Ctrl-C ends it after a chunk; a terminal is asked about the encoding."""
    try:
        return _bar(options, run)
    except EncodingInDoubt as doubt:
        if not sys.stdin.isatty():
            raise OutreachError(_whole(doubt, command, options)) from None
        _show(doubt)
        if not typer.confirm(f"Convert it (--encoding {doubt.encoding})?", err=True):
            keep = command.with_encoding(options, "utf-8")
            raise OutreachError(f"nothing was stored; to keep the text as it stands: {keep}") from None
        return _bar(replace(options, encoding=doubt.encoding), run)


def _whole(doubt: EncodingInDoubt, command: Command, options: ImportOptions) -> str:
    shown = "".join(f'; "{before}" → "{after}"' for before, after in doubt.samples)
    convert, keep = (command.with_encoding(options, name) for name in (doubt.encoding, "utf-8"))
    stays = "" if doubt.bytes_differ else f"; to keep it as it stands: {keep}"
    return f"{doubt.where}: {doubt.what}{shown}; nothing was stored. To convert it: {convert}{stays}"


def _show(doubt: EncodingInDoubt) -> None:
    say(f"{doubt.where}: {doubt.what}. It would be read so:")
    for before, after in doubt.samples:
        say(f"  {before}  →  {after}")


def _bar(options: ImportOptions, run: Run[Report]) -> Report:
    with progress("rows") as told, _stopping() as stop:
        return run(options, told, stop)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Ctrl-C asks to stop after the chunk under way; a second one breaks off at once, and the chunk is not stored."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("stopping after the rows under way; Ctrl-C again breaks off at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
