"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

MOST_ID = 2**63 - 1
"""The largest number of a contact, or of anything else that is stored."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", envvar="OUTREACH_USER", help="Who acts. Default: this system's user."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask back.")]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The campaign.")]
UnitCode = Annotated[str | None, typer.Option("--unit", metavar="CODE", help="Only this unit and all below it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen; store nothing.")]
