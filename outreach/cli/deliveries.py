"""`outreach deliveries`: who got what, and why not; and sending again."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from outreach.cli.archive import tell_archived
from outreach.cli.campaign_life import counted_states, tell_trial
from outreach.cli.options import As, Json, Slug, Yes
from outreach.cli.output import ask, print_json, print_table, say
from outreach.cli.session import Session, acting, session_of
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.planning import actions
from outreach.reach.listing import Line, after_key, each_line, export_csv, list_deliveries
from outreach.reach.sheets import private_file
from outreach.store import campaigns, history
from outreach.store.explorer import Wanted

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Who got what, and why not; send again."""


@app.command("list", epilog="Example: outreach deliveries list thong-bao-dich-vu-cong --state failed --csv failed.csv")
def list_(
    context: typer.Context,
    slug: Slug,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only those in this state.")] = None,
    channel: Annotated[Channel | None, typer.Option("--channel", help="Only those of this channel.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Only those with this reason.")] = "",
    message: Annotated[str, typer.Option("--message", help="Only those of this message.")] = "",
    after: Annotated[str, typer.Option("--after", metavar="ID", help="Go on behind this delivery.")] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, max=1000, help="At most so many; tables: 100.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write them all to this file.")] = None,
    as_json: Json = False,
) -> None:
    """The deliveries of a campaign with reasons in words; addresses are masked. --json without --limit has them all."""
    session = session_of(context)
    tell_trial(session, slug)
    begin = after_key(after) if after else (0, 0)
    wanted = Wanted(state=state, channel=channel, reason=reason, message=message, after=begin)
    if csv is not None:
        written = _write(session, slug, wanted, csv)
        if as_json:
            print_json({"campaign": slug, "file": str(csv), "rows": written})
        say(f"{written:,} deliveries written to {csv}")
        tell_archived(session.runtime(), slug, session.settings().zone)
    elif as_json:
        _print_all(session, slug, wanted, limit)
    else:
        _show(session, slug, wanted, limit or 100)
        tell_archived(session.runtime(), slug, session.settings().zone)


def _write(session: Session, slug: str, wanted: Wanted, file: Path) -> int:
    """Write beside the file and put it in its place when it is whole; it holds names, so only its owner may read it."""
    runtime, settings = session.runtime(), session.settings()

    def fill(draft: Path) -> int:
        with draft.open("w", encoding="utf-8-sig", newline="") as out:
            return export_csv(
                runtime.engine, slug, wanted, out, keys=runtime.keys, scope=EVERYTHING, language=settings.language,
                zone=settings.zone, meaning=runtime.meaning,
            )  # fmt: skip

    return private_file(file, fill)


def _print_all(session: Session, slug: str, wanted: Wanted, limit: int | None) -> None:
    """One document, written as it is read: a million deliveries need no memory."""
    runtime = session.runtime()
    with runtime.engine.connect() as connection:
        trial = campaigns.get(connection, slug).trial
        given: dict[str, Any] = {"keys": runtime.keys, "scope": EVERYTHING, "meaning": runtime.meaning}
        lines = (
            each_line(connection, slug, wanted, **given)
            if limit is None
            else list_deliveries(connection, slug, wanted, limit=limit, **given)
        )
        sys.stdout.write(f'{{"campaign": {json.dumps(slug)}, "trial": {json.dumps(trial)}, "deliveries": [')
        for at, line in enumerate(lines):
            sys.stdout.write((",\n" if at else "\n") + json.dumps(line.to_json(), ensure_ascii=False))
        archived = [one.to_json() for one in history.archived(connection, slug, scope=EVERYTHING)]
        sys.stdout.write(f'\n], "archived": {json.dumps(archived)}}}\n')


def _show(session: Session, slug: str, wanted: Wanted, limit: int) -> None:
    runtime = session.runtime()
    language = session.settings().language
    with runtime.engine.connect() as connection:
        lines = list_deliveries(
            connection, slug, wanted, keys=runtime.keys, scope=EVERYTHING, limit=limit, meaning=runtime.meaning
        )
    rows = [
        (
            line.id,
            line.listed.message,
            line.listed.name or line.listed.recipient_id,
            str(line.listed.channel),
            line.address or "",
            str(line.listed.state),
            line.why.text(language),
            _code(line, language),
        )
        for line in lines
    ]
    print_table("", ("id", "message", "recipient", "channel", "address", "state", "why", "code"), rows)
    if len(lines) == limit:
        say(f"there may be more: --after {lines[-1].id}, or --csv FILE for all")


def _code(line: Line, language: str) -> str:
    """The provider's code, and what it means to do about it."""
    words = "" if line.advice is None else line.advice.text(language)
    return f"{line.listed.code or ''} {words}".strip()


class Again(StrEnum):
    """Which deliveries a person may send again."""

    FAILED = "failed"
    UNKNOWN = "unknown"


@app.command(epilog="Example: outreach deliveries retry thong-bao-dich-vu-cong --state failed")
def retry(
    context: typer.Context,
    slug: Slug,
    state: Annotated[Again, typer.Option("--state", help="Those that failed, or whose fate is unknown.")],
    who: As = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send just those once more; an unknown one may have arrived, so it may arrive twice."""
    runtime = session_of(context).runtime()
    wanted = DeliveryState(state)
    found = counted_states(runtime, slug).get(wanted, 0)
    if wanted is DeliveryState.UNKNOWN and found:
        say(f"{found:,} messages may have left already: these people may get them twice")
    ask(f"Send {found:,} {state} deliveries of {slug} again?", yes=yes or not found)
    again = actions.retry(runtime.engine, slug, wanted, runtime.clock, who=acting(who))
    if as_json:
        print_json({"campaign": slug, "state": str(state), "retried": again})
    say(f"{again:,} {state} deliveries are planned again")
