"""`outreach case`: the files at the one-stop shop that reminders are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from outreach.audience.cases import CaseReport, import_cases
from outreach.audience.importing import ImportOptions
from outreach.cli.audience import File, import_options, tell_import
from outreach.cli.lists import Command, Encoding, Ignore, Map, Sheet, import_list, wishes
from outreach.cli.options import DryRun, Json
from outreach.cli.session import session_of

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Cases with due dates, what reminders are made of: import them."""


@app.command("import", epilog="Example: outreach case import ho-so.csv --people xa-dong-anh")
def import_(
    context: typer.Context,
    file: File,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="The list these cases come from.")] = "main",
    people: Annotated[
        str, typer.Option("--people", metavar="NAME", help="The list of people in which their persons are looked up.")
    ] = "main",
    dry_run: DryRun = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    ignore: Ignore = None,
    maps: Map = None,
    as_json: Json = False,
) -> None:
    """Store the good rows of a list of cases; a moved due date is reminded of again, a closed case never."""
    columns = wishes(ignore, maps)
    session = session_of(context)
    runtime = session.runtime()
    options = import_options(session, encoding=encoding, dry_run=dry_run, sheet=sheet, columns=columns)
    named = [
        (option, None if name == "main" else name) for option, name in (("--source", source), ("--people", people))
    ]

    def run(how: ImportOptions, told: Callable[[int, int], None], stop: Callable[[], bool], /) -> CaseReport:
        return import_cases(
            runtime.engine, file, source=source, people=people, keys=runtime.keys, options=how, progress=told, stop=stop
        )

    report = import_list(Command(("outreach", "case", "import"), file, named), options, run)
    tell_import(file, asdict(report), dry_run=dry_run, as_json=as_json)
