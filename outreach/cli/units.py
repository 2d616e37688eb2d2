"""`outreach units`: the tree of administrative units."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from outreach.audience.units import load_official, load_tree
from outreach.cli.options import Json
from outreach.cli.output import print_json, print_table, say
from outreach.cli.session import session_of
from outreach.domain.errors import NotFound
from outreach.domain.scope import EVERYTHING
from outreach.store import units

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Administrative units: load them, find their codes."""


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


@app.command(epilog="Example: outreach units find dong anh")
def find(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="Part of its name, or its code.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """The codes of units by name, with or without diacritics: the nearest names first."""
    wanted = " ".join(words)
    with session_of(context).runtime().engine.connect() as connection:
        loaded = units.count(connection)
        found = _found(connection, wanted, limit)
        provinces = {root: units.by_code(connection, root).name for root in {_root(unit) for unit in found}}
    lines = [(unit.code, unit.name, unit.kind, provinces[_root(unit)]) for unit in found]
    if as_json:
        print_json({"units": [dict(zip(("code", "name", "kind", "province"), line, strict=True)) for line in lines]})
        return
    print_table("", ("code", "name", "kind", "province"), lines)
    if not loaded:
        say("no units are loaded yet: outreach units load")
    elif len(lines) == limit:
        say("there may be more: --limit N, or more of the name")


def _found(connection: Connection, wanted: str, limit: int) -> list[units.Unit]:
    try:
        return [units.by_code(connection, wanted)]
    except NotFound:
        return units.search(connection, wanted, scope=EVERYTHING, limit=limit)


def _root(unit: units.Unit) -> str:
    return unit.path.split("/", 1)[0]
