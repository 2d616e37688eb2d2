"""`outreach audience`: people in, people counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from outreach.audience.date_order import DateOrder
from outreach.audience.headings import Wishes
from outreach.audience.importing import ImportOptions, ImportReport, import_file
from outreach.audience.synthetic import synthesise as invent
from outreach.cli.invitations import arrivals, invite
from outreach.cli.lists import Command, Encoding, Ignore, Map, Sheet, import_list, wishes
from outreach.cli.options import DryRun, Json, UnitCode
from outreach.cli.output import print_json, print_table, say
from outreach.cli.progress import progress
from outreach.cli.session import Session, session_of
from outreach.domain.errors import NotFound
from outreach.domain.mistakes import unknown
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import load_segments
from outreach.domain.words import Channel
from outreach.store import segments, units

app = typer.Typer(no_args_is_help=True, add_completion=False)
File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV (with , ; or tabs), XLSX, XLS or ODS, with headings.")]


@app.callback()
def group() -> None:
    """People: import, invent and count them."""


def bound_accounts(session: Session) -> dict[Channel, str]:
    """The account to which a Zalo id or a chat belongs: the one that could write to it, where there is just one."""
    bound: dict[Channel, str] = {}
    for channel in (channel for channel in Channel if channel.account_bound):
        serving = [account.name for account in session.runtime().accounts.values() if account.serves(channel)]
        if len(serving) == 1:
            bound[channel] = serving[0]
    return bound


def import_options(
    session: Session, *, encoding: str | None, dry_run: bool, sheet: str | None, columns: Wishes
) -> ImportOptions:
    """How a file is imported here."""
    settings = session.settings()
    return ImportOptions(
        today=session.today(), encoding=encoding, dry_run=dry_run, accounts=bound_accounts(session), zone=settings.zone,
        sheet=sheet, wishes=columns, language=settings.language,
    )  # fmt: skip


def tell_import(file: Path, report: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """What became of the rows of a file, and where those left out are written down."""
    figures = {name: value for name, value in report.items() if isinstance(value, int)}
    if as_json:
        print_json(report)
    else:
        title = f"{file.name} (dry run: nothing stored)" if dry_run else file.name
        print_table(title, list(figures), [list(figures.values())])
    if report["sheet"]:
        say(f"sheet: {report['sheet']}")
    if report["ignored"]:
        say(f"columns left out: {', '.join(report['ignored'])}")
    if report["converted"]:
        say(f"columns converted to Unicode: {', '.join(report['converted'])}")
    if report["rejected"]:
        say(f"{report['rejected']:,} rows were left out; which and why: {report['rejects_file']}")


@app.command("import", epilog="Example: outreach audience import nguoi-dan.csv --source xa-dong-anh")
def import_(
    context: typer.Context,
    file: File,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="The list these people come from.")] = "main",
    dry_run: DryRun = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    ignore: Ignore = None,
    maps: Map = None,
    to_mend: Annotated[
        Path | None,
        typer.Option("--to-mend", metavar="FILE", help="Write the rows left out here, whole, to be mended."),
    ] = None,
    dates: Annotated[
        DateOrder | None,
        typer.Option("--dates", help="dmy: the day comes first; mdy: the month; swapped: a spreadsheet mixed them up."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Store the good rows of a list; write the others to a rejects file with row, column and reason."""
    columns = wishes(ignore, maps)
    session = session_of(context)
    runtime = session.runtime()
    options = import_options(session, encoding=encoding, dry_run=dry_run, sheet=sheet, columns=columns)
    given = (("--source", None if source == "main" else source), ("--dates", None if dates is None else str(dates)))
    command = Command(("outreach", "audience", "import"), file, given)

    def run(how: ImportOptions, told: Callable[[int, int], None], stop: Callable[[], bool], /) -> ImportReport:
        return import_file(
            runtime.engine, file, source=source, keys=runtime.keys, options=how, progress=told, stop=stop
        )

    report = import_list(command, replace(options, to_mend=to_mend, dates=dates), run)
    tell_import(file, asdict(report), dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: outreach audience synthesise 20000 --unit 01 --seed 7")
def synthesise(
    context: typer.Context,
    n: Annotated[int, typer.Argument(metavar="N", min=0, help="How many people this unit and seed shall have.")],
    unit: UnitCode = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other people.")] = 0,
    as_json: Json = False,
) -> None:
    """Invent a population: never anybody's number or address, the same people for the same seed."""
    session = session_of(context)
    runtime = session.runtime()
    with progress("people") as told:
        added = invent(
            runtime.engine, n, unit=unit, seed=seed, keys=runtime.keys, today=session.today(),
            bound=bound_accounts(session), told=told,
        )  # fmt: skip
    if as_json:
        print_json({"added": added})
    say(f"{added:,} invented people added")


@app.command(epilog="Example: outreach audience count elderly --unit 01")
def count(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="A name from campaigns/segments.yaml.")],
    unit: UnitCode = None,
    as_json: Json = False,
) -> None:
    """How many people a segment has, and how many of them an address for each channel."""
    session = session_of(context)
    file = session.settings().campaigns_dir / "segments.yaml"
    known = load_segments(file)
    if segment not in known:
        raise NotFound(f"{unknown('segment', segment, known)} (in {file})")
    with session.runtime().engine.connect() as connection:
        below = units.path_of(connection, unit) if unit else ""
        rule = known[segment].where
        counted = segments.count(connection, rule, scope=EVERYTHING, today=session.today(), unit=below)
    if as_json:
        print_json({"segment": segment, "contacts": counted.contacts, "by_channel": dict(counted.by_channel)})
        return
    print_table(
        f"{known[segment].title}: {counted.contacts:,} contacts",
        ("channel", "with an address"),
        [(str(channel), people) for channel, people in counted.by_channel.items()],
    )


app.command("invite", epilog="Example: outreach audience invite students --unit 00454 --print giay-moi.html")(invite)
app.command("arrivals", epilog="Example: outreach audience arrivals --link 12 3456")(arrivals)
