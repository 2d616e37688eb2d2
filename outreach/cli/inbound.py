"""`outreach inbound`: what citizens wrote to us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from outreach.cli.options import MOST_ID, As, Json, UnitCode
from outreach.cli.output import local, print_json, print_table, print_text, say
from outreach.cli.session import Session, acting, session_of
from outreach.domain.scope import EVERYTHING, Scope
from outreach.reach.sheets import Sheet, write_csv
from outreach.receipts import inbox
from outreach.receipts.inbox import HEADINGS, Line
from outreach.store import units
from outreach.store.inbound import State

app = typer.Typer(no_args_is_help=True, add_completion=False)
_SHOWN = 100
_SHORT = 120
"""Characters of a text in the table."""

Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=MOST_ID, help="Its number, as the list shows it.")]


@app.callback()
def group() -> None:
    """What citizens wrote to us: list it, read one, note that it was dealt with."""


@app.command("list", epilog="Example: outreach inbound list --unit 00454 --state new --csv tin-den.csv")
def list_(
    context: typer.Context,
    unit: UnitCode = None,
    state: Annotated[State | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many; tables: 100.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write them all to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Texts of citizens, the latest first; refusals and words for coming back are not among them."""
    session = session_of(context)
    runtime = session.runtime()
    most = None if csv is not None or as_json else _SHOWN
    lines = inbox.lines(
        runtime.engine, runtime.keys, scope=_scope(session, unit), state=state, limit=limit or most
    )  # fmt: skip
    if csv is not None:
        written = write_csv(csv, Sheet("inbound", _headings(session), _rows(session, lines)))
        if as_json:
            print_json({"file": csv, "rows": written})
        say(f"{written:,} texts written to {csv}: it holds names and what people wrote, keep it safe")
    elif as_json:
        print_json({"inbound": [line.to_json() for line in lines]})
    else:
        _show(session, list(lines), limit or _SHOWN)


def _scope(session: Session, unit: str | None) -> Scope:
    if unit is None:
        return EVERYTHING
    with session.runtime().engine.connect() as connection:
        return Scope(units.path_of(connection, unit), EVERYTHING.who)


def _headings(session: Session) -> list[str]:
    return list(HEADINGS.values() if session.settings().language == "vi" else HEADINGS)


def _rows(session: Session, lines: Iterator[Line]) -> Iterator[list[str]]:
    return (line.cells(local(line.of.at, session.settings().zone)) for line in lines)


def _show(session: Session, lines: list[Line], limit: int) -> None:
    zone = session.settings().zone
    rows = [
        (
            str(line.of.id), local(line.of.at, zone), str(line.of.channel), ", ".join(line.of.names) or line.sender,
            line.of.unit_code or "", _shortened(line.text), line.of.message or "", str(line.of.state),
        )
        for line in lines
    ]  # fmt: skip
    print_table("", ("id", "when", "channel", "from", "unit", "text", "answers", "state"), rows)
    if len(lines) == limit:
        say("there may be more: --csv FILE has them all")


def _shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _SHORT else f"{plain[:_SHORT]}…"


@app.command(epilog="Example: outreach inbound show 17")
def show(context: typer.Context, number: Number, as_json: Json = False) -> None:
    """One text in full, with whom it is from and what it answers."""
    session = session_of(context)
    runtime = session.runtime()
    _tell(session, inbox.show(runtime.engine, runtime.keys, number, scope=EVERYTHING), as_json=as_json)


@app.command(epilog="Example: outreach inbound mark 17 --state answered --as can-bo@xa.example")
def mark(
    context: typer.Context,
    number: Number,
    state: Annotated[State, typer.Option("--state", help="What has become of it.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Note that a text was answered or needs no answer; `new` takes it back."""
    session = session_of(context)
    runtime = session.runtime()
    line = inbox.settle(
        runtime.engine, runtime.keys, number, state, who=acting(who), now=runtime.clock.now(), scope=EVERYTHING
    )
    if as_json:
        print_json(line.to_json())
    say(f"text {number} is {state}")


def _tell(session: Session, line: Line, *, as_json: bool) -> None:
    if as_json:
        print_json(line.to_json())
        return
    one, zone = line.of, session.settings().zone
    known = ", ".join(f"{name} ({number})" for number, name in zip(one.contacts, one.names, strict=True))
    rows = [
        ("when", local(one.at, zone)),
        ("channel", f"{one.channel}, account {one.account}"),
        ("from", known or f"{line.sender}, not on any list"),
        ("unit", one.unit_code or ""),
        ("answers", f"{line.answers}: {one.campaign}, {one.message}" if line.answers else "nothing we know of"),
        ("state", f"{one.state} {one.settled_by}".strip()),
    ]
    print_table(f"text {one.id}", ("", ""), rows)
    print_text("it says", line.text)
