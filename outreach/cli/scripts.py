"""`outreach scripts`: what loudspeakers read out, and the proof that they did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, say
from outreach.cli.session import acting, session_of
from outreach.domain.errors import NotFound
from outreach.domain.scope import EVERYTHING
from outreach.reach.confirming import confirm as confirm_broadcast
from outreach.reach.script_pages import as_html, as_text
from outreach.reach.scripts import scripts

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """In what form scripts are printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@app.callback(
    invoke_without_command=True,
    epilog="Example: outreach scripts --unit 00004 --date 2026-11-23 (confirmed by: outreach scripts confirm ID)",
)
def day(
    context: typer.Context,
    unit: Annotated[str | None, typer.Option("--unit", metavar="CODE", help="The unit, and all below it.")] = None,
    date: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="The day. Default: today.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="The form.")] = Format.TEXT,
    as_json: Json = False,
) -> None:
    """What the stations of a unit read out on a day, in order of their slots, on stdout."""
    if context.invoked_subcommand is not None:
        return
    if unit is None:
        raise typer.BadParameter("--unit CODE is missing: the commune whose scripts you want")
    session = session_of(context)
    wanted = session.today() if date is None else date.date()
    try:
        found = scripts(session.runtime().engine, unit, wanted, scope=EVERYTHING)
    except NotFound:
        raise NotFound(
            f'there is no unit "{unit}": look its code up with `outreach units find NAME` '
            "(`outreach units load` loads the units)"
        ) from None
    if as_json or format_ is Format.JSON:
        print_json({"unit": unit, "date": wanted, "scripts": [one.to_json() for one in found]})
    else:
        typer.echo(as_html(found, wanted) if format_ is Format.HTML else as_text(found, wanted))


@app.command(epilog="Example: outreach scripts confirm 12.3456 --as can-bo@xa.example --note 'phát hai lần'")
def confirm(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The script's id, as `outreach scripts` shows it.")],
    note: Annotated[str, typer.Option("--note", help="Anything worth keeping; nothing personal.")] = "",
    who: As = None,
    as_json: Json = False,
) -> None:
    """Confirm that a script was read out: the proof of the broadcast. A second word changes nothing."""
    session = session_of(context)
    runtime = session.runtime()
    done = confirm_broadcast(runtime.engine, id_, clock=runtime.clock, who=acting(who), note=note, scope=EVERYTHING)
    if as_json:
        print_json(done.to_json())
    when = local(done.confirmed_at, session.settings().zone)
    say(f"{done.station}, script {done.id}: confirmed by {done.confirmed_by} at {when}")
