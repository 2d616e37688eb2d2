"""How far a campaign is, once or for as long as somebody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from outreach.cli.options import Json, Slug
from outreach.cli.output import local, make_table, print_json, print_table, warn
from outreach.cli.session import session_of
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.reach.status import Counts, RunStatus, Status
from outreach.reach.status import status as read
from outreach.runtime import Runtime

app = typer.Typer()
_EVERY = 1.0
"""Seconds between two looks."""
_OVER = (CampaignState.FINISHED, CampaignState.CANCELLED)


@app.command(epilog="Example: outreach campaign status thong-bao-dich-vu-cong --watch")
def status(
    context: typer.Context,
    slug: Slug,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until Ctrl-C or the campaign's end.")] = False,
    as_json: Json = False,
) -> None:
    """Deliveries by state and channel, the runs, what comes next and what holds it up."""
    if watch and as_json:
        raise typer.BadParameter("one JSON document is a single look: leave out --watch, or --json")
    session = session_of(context)
    runtime, zone = session.runtime(), session.settings().zone
    standing = look(runtime, slug)
    if as_json:
        print_json(standing.to_json())
    elif watch:
        _watch(runtime, standing, zone)
    else:
        _show(standing, zone)


def look(runtime: Runtime, slug: str, previous: Status | None = None) -> Status:
    """The campaign's standing at this moment; raises NotFound."""
    with runtime.engine.connect() as connection:
        return read(connection, slug, now=runtime.clock.now(), scope=EVERYTHING, previous=previous)


def _watch(runtime: Runtime, standing: Status, zone: ZoneInfo) -> None:
    with live() as shown:
        shown.update(display(standing, zone), refresh=True)
        while standing.state not in _OVER:
            time.sleep(_EVERY)
            standing = look(runtime, standing.campaign, standing)
            shown.update(display(standing, zone), refresh=True)


@contextmanager
def live() -> Iterator[Live]:
    """A display on stderr that is drawn anew in its place; where stderr is no terminal only the last state is left."""
    with Live(console=Console(stderr=True, highlight=False), auto_refresh=False) as shown:
        yield shown


def display(standing: Status, zone: ZoneInfo) -> Group:
    """The standing for a live display."""
    heading = Text(_heading(standing, zone), "bold")
    return Group(heading, make_table(*_delivery_cells(standing)), make_table(*_run_cells(standing, zone)))


def _show(standing: Status, zone: ZoneInfo) -> None:
    print_table(_heading(standing, zone), *_delivery_cells(standing))
    print_table("runs", *_run_cells(standing, zone))
    coming = [(local(one.at, zone) or "with each case", one.message) for one in standing.coming]
    if coming:
        print_table("next", ("when", "message"), coming)
    for account in standing.paused_accounts:
        warn(
            f"account {account.name} is paused since {local(account.since, zone)} ({account.code} {account.reason}): "
            f"mend that, then: outreach account resume {account.name}"
        )


def _heading(standing: Status, zone: ZoneInfo) -> str:
    rate = "" if standing.rate_per_s is None else f", {standing.rate_per_s:,.0f} a second"
    return f"{standing.title} ({standing.campaign}): {standing.state} at {local(standing.at, zone)}{rate}"


def _delivery_cells(standing: Status) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    shown = [state for state in DeliveryState if standing.deliveries[state]]
    lines: list[tuple[str, Counts]] = [*standing.by_channel.items(), ("all", standing.deliveries)]
    columns = ("channel", "total", *(str(state) for state in shown))
    return columns, [(name, counts["total"], *(counts[state] for state in shown)) for name, counts in lines]


def _run_cells(standing: Status, zone: ZoneInfo) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The runs, those of a message that came too late together in one line."""
    columns = ("run", "message", "scheduled for", "state", "audience", "VND", "why")
    late = [run for run in standing.runs if run.state is RunState.EXPIRED]
    rows: list[tuple[object, ...]] = [
        (f"{n} runs", message, f"until {local(last, zone)}", str(RunState.EXPIRED), None, None, "late, not sent")
        for message, (n, last) in _counted(late).items()
    ]
    rows += [
        (str(run.id), run.message, local(run.scheduled_for, zone), str(run.state), run.audience, run.cost, run.reason)
        for run in standing.runs
        if run.state is not RunState.EXPIRED
    ]
    return columns, rows


def _counted(late: Sequence[RunStatus]) -> dict[str, tuple[int, datetime]]:
    """By message: how many, and when the last one was to leave."""
    found: dict[str, tuple[int, datetime]] = {}
    for run in late:
        n, last = found.get(run.message, (0, run.scheduled_for))
        found[run.message] = (n + 1, max(last, run.scheduled_for))
    return found
