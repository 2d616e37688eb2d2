"""`outreach units`: the tree of administrative units."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from outreach.audience.units import load_official, load_tree
from outreach.cli.options import Json
from outreach.cli.output import print_json, say
from outreach.cli.session import session_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Administrative units: load them."""


@app.command(epilog="Example: outreach units load")
def load(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="CSV with code, parent, name, kind, urban, languages, valid_from. Default: the official units.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Store the official units of the country, or a tree of your own; loading again brings them up to date."""
    with session_of(context).runtime().engine.begin() as connection:
        loaded = load_official(connection) if file is None else load_tree(connection, file)
    if as_json:
        print_json(asdict(loaded))
    say(f"{loaded.units:,} units, {loaded.changed:,} new or changed; {loaded.stations:,} loudspeaker stations added")
