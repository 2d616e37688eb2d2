"""`outreach visits`: whom nothing reached, and what the community digital team brings back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from outreach.cli.archive import tell_archived
from outreach.cli.campaign_life import tell_trial
from outreach.cli.options import MOST_ID, As, Json, Slug, UnitCode
from outreach.cli.output import print_json, print_table, progress, say
from outreach.cli.session import Session, acting, session_of
from outreach.domain.errors import OutreachError
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import load_segments
from outreach.domain.segments import Segment
from outreach.reach import visits
from outreach.reach.visit_files import write_list
from outreach.reach.visit_import import import_visits
from outreach.reach.visit_pages import write_page
from outreach.reach.visits import ONLY_HEARD, Line, VisitList, to_visit

app = typer.Typer(no_args_is_help=True, add_completion=False)
_SHOWN = 100

Person = Annotated[
    int, typer.Argument(metavar="CONTACT_ID", min=1, max=MOST_ID, help="The person's number, as the list shows it.")
]
Day = Annotated[
    datetime, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d", "%d/%m/%Y"], help="The day of the visit.")
]


@app.callback()
def group() -> None:
    """Home visits: list whom nothing reached, record who was visited and guided, take a mistake back."""


@app.command("list", epilog="Example: outreach visits list ha-noi-2025 --unit 00454 --print den-nha.html")
def list_(
    context: typer.Context,
    slug: Slug,
    unit: UnitCode = None,
    segment: Annotated[
        str, typer.Option("--segment", metavar="NAME", help="Of whom. Default: elderly and vulnerable people.")
    ] = "",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the list to this file.")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="Write it to this workbook.")] = None,
    page: Annotated[Path | None, typer.Option("--print", metavar="FILE.html", help="Write a page to print.")] = None,
    as_json: Json = False,
) -> None:
    """People whom nothing of the campaign reached, by unit and name; phone numbers stand in the files alone."""
    files = [one for one in (csv, xlsx, page) if one is not None]
    if len(files) > 1:
        raise typer.BadParameter("one file at a time: --csv, --xlsx or --print")
    if xlsx is not None and xlsx.suffix.lower() != ".xlsx":
        raise typer.BadParameter("the workbook's name must end with .xlsx")
    session = session_of(context)
    tell_trial(session, slug)
    runtime = session.runtime()
    tell_archived(runtime, slug, session.settings().zone)
    with to_visit(
        runtime.engine, slug, keys=runtime.keys, clock=runtime.clock, scope=EVERYTHING, known=_segments(session),
        unit=unit or "", segment=segment,
    ) as found:  # fmt: skip
        if not files:
            _show(found, session.settings().language, as_json=as_json)
            return
        written = write_page(files[0], found) if page is not None else write_list(files[0], found)
        if as_json:
            print_json({"campaign": slug, "file": files[0], "people": written, "waiting": found.waiting})
        say(f"{written:,} people written to {files[0]}: it holds names and phone numbers, keep it safe")
        _say_waiting(found)


def _segments(session: Session) -> dict[str, Segment]:
    try:
        return dict(load_segments(session.settings().campaigns_dir / "segments.yaml"))
    except OutreachError:
        return {}


def _show(found: VisitList, language: str, *, as_json: bool) -> None:
    if as_json:
        people = [line.to_json() for line in found.lines]
        document = {"campaign": found.campaign, "day": found.day, "segments": list(found.groups)}
        print_json({**document, "waiting": found.waiting, "people": people})
        return
    rows, total = [], 0
    for line in found.lines:
        total += 1
        if total <= _SHOWN:
            rows.append(_cells(line, language))
    columns = ("contact", "name", "born", "unit", "phone", "why nothing reached them", "last visit")
    more = f" ({total - _SHOWN:,} more in --csv, --xlsx or --print)" if total > _SHOWN else ""
    print_table(f"{found.title}: {total:,} people to visit{more}", columns, rows)
    _say_waiting(found)


def _cells(line: Line, language: str) -> tuple[object, ...]:
    person = line.person
    heard = f"{ONLY_HEARD['vi' if language == 'vi' else 'en']}. " if person.heard else ""
    phone = "yes" if line.phone else "–"
    return (
        str(person.contact_id), person.name, "" if line.born is None else str(line.born), person.unit or "", phone,
        heard + line.why(language), "" if person.visited is None else f"{person.visited}",
    )  # fmt: skip


def _say_waiting(found: VisitList) -> None:
    if found.waiting:
        say(f"{found.waiting:,} more have a message on its way: they are listed when that is settled")


@app.command(epilog="Example: outreach visits record ha-noi-2025 1207 --date 2025-06-12 --guided 2")
def record(
    context: typer.Context,
    slug: Slug,
    contact: Person,
    date: Day,
    guided: Annotated[int, typer.Option("--guided", metavar="N", help="How many people were guided there.")] = 0,
    note: Annotated[str, typer.Option("--note", help="Anything worth keeping; nothing personal.")] = "",
    who: As = None,
    as_json: Json = False,
) -> None:
    """Record a visit: the person counts as reached, those guided count toward targets."""
    runtime = session_of(context).runtime()
    done = visits.record(
        runtime.engine, slug, contact, day=date.date(), guided=guided, clock=runtime.clock, scope=EVERYTHING,
        who=acting(who), note=note,
    )  # fmt: skip
    if as_json:
        print_json(
            {"campaign": slug, "contact": contact, "date": done.day, "guided": done.guided, "again": done.again,
             "corrected": done.corrected}
        )  # fmt: skip
    was = "" if done.corrected is None else f" (was {done.corrected})"
    say(f"person {contact}, {done.day}: " + ("so recorded already" if done.again else f"{done.guided} guided{was}"))


@app.command("import", epilog="Example: outreach visits import ha-noi-2025 den-nha.xlsx --as can-bo@xa.example")
def import_(
    context: typer.Context,
    slug: Slug,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list that came back, CSV or XLSX.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Record the visits of a list that came back filled in; rows that cannot be go to a rejects file."""
    runtime = session_of(context).runtime()
    with progress("rows") as told:
        done = import_visits(
            runtime.engine, slug, file, clock=runtime.clock, scope=EVERYTHING, who=acting(who), progress=told
        )
    if as_json:
        print_json(done.to_json())
    say(
        f"{done.rows:,} rows: {done.recorded:,} visits recorded, {done.corrected:,} corrected, {done.again:,} known "
        f"already, {done.blank:,} not visited, {done.rejected:,} rejected"
    )
    if done.rejects_file is not None:
        say(f"why they were rejected stands in {done.rejects_file}")


@app.command(epilog="Example: outreach visits undo ha-noi-2025 1207 --date 2025-06-12")
def undo(context: typer.Context, slug: Slug, contact: Person, date: Day, who: As = None, as_json: Json = False) -> None:
    """Take back a visit that was recorded wrongly; it stays in the record as taken back."""
    runtime = session_of(context).runtime()
    day = date.date()
    visits.undo(runtime.engine, slug, contact, day=day, clock=runtime.clock, scope=EVERYTHING, who=acting(who))
    if as_json:
        print_json({"campaign": slug, "contact": contact, "date": day, "undone": True})
    say(f"person {contact}, {day}: the visit was taken back")


@app.command(epilog="Example: outreach visits recorded ha-noi-2025 --unit 00454")
def recorded(
    context: typer.Context,
    slug: Slug,
    unit: UnitCode = None,
    undone: Annotated[bool, typer.Option("--undone", help="Also those taken back or corrected.")] = False,
    as_json: Json = False,
) -> None:
    """The visits that were recorded: whom, when, by whom, and how many were guided."""
    runtime = session_of(context).runtime()
    found = visits.recorded(runtime.engine, slug, scope=EVERYTHING, unit=unit or "", undone=undone)
    counting = [one for one in found if one.undone_at is None]
    guided = sum(one.guided for one in counting)
    if as_json:
        people = len({one.contact_id for one in counting})
        listed = [
            {"contact": one.contact_id, "name": one.name, "unit": one.unit_code, "date": one.day, "guided": one.guided,
             "note": one.note, "recorded_by": one.recorded_by, "recorded_at": one.recorded_at,
             "undone_by": one.undone_by, "undone_at": one.undone_at}
            for one in found
        ]  # fmt: skip
        print_json({"campaign": slug, "people": people, "guided": guided, "visits": listed})
        return
    rows = [
        (str(one.contact_id), one.name or "", one.unit or "", f"{one.day}", one.guided, one.recorded_by,
         f"by {one.undone_by}" if one.undone_by else "", one.note)
        for one in found
    ]  # fmt: skip
    columns = ("contact", "name", "unit", "date", "guided", "recorded by", "taken back", "note")
    print_table(f"{len(counting):,} visits, {guided:,} people guided", columns, rows)
