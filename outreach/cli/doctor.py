"""`outreach doctor`: what is broken or dangerous here, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from outreach.cli.checks import examine
from outreach.cli.findings import Check, Finding
from outreach.cli.options import Json
from outreach.cli.output import print_json
from outreach.cli.session import session_of

app = typer.Typer(add_completion=False)
_SIGNS = {Finding.GOOD: ("✓", "green"), Finding.DOUBTFUL: ("!", "yellow"), Finding.BROKEN: ("✗", "red")}


@app.command(epilog="Example: outreach doctor")
def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Look at settings, data folder, servers, schema, accounts, workers; ends with 1 where something is broken."""
    checks: list[Check] = []
    for check in examine(session_of(context)):
        checks.append(check)
        if not as_json:
            _tell(check)
    broken = [check for check in checks if check.finding is Finding.BROKEN]
    if as_json:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    if broken:
        raise typer.Exit(1)


def _tell(check: Check) -> None:
    sign, colour = _SIGNS[check.finding]
    typer.secho(f"{sign} {check.name}: ", fg=colour, nl=False)
    typer.echo(check.what + (f"; {check.do}" if check.do else ""))
