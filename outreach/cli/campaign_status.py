"""How far a campaign is, once or for as long as somebody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from outreach.cli.account_checks import mending
from outreach.cli.options import Json, Slug
from outreach.cli.output import local, make_table, print_json, print_table, say, warn
from outreach.cli.session import session_of
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.domain.trial import notices
from outreach.reach.status import Counts, RunStatus, Status
from outreach.reach.status import status as read
from outreach.runtime import Runtime

app = typer.Typer(add_completion=False)
_EVERY = 1.0
"""Seconds between two looks."""
_RUNS_NAMED = 5
_ERRORS_WATCHED = 6
_WRONG = "what went wrong"
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
        _watch(runtime, standing, zone, session.settings().language)
    else:
        _show(standing, zone, session.settings().language)


def look(runtime: Runtime, slug: str, previous: Status | None = None) -> Status:
    """The campaign's standing at this moment; raises NotFound."""
    with runtime.engine.connect() as connection:
        return read(
            connection,
            slug,
            now=runtime.clock.now(),
            scope=EVERYTHING,
            previous=previous,
            accounts=runtime.accounts,
            meaning=runtime.meaning,
        )


def _watch(runtime: Runtime, standing: Status, zone: ZoneInfo, language: str) -> None:
    with live() as shown:
        shown.update(display(standing, zone, language), refresh=True)
        while standing.state not in _OVER:
            time.sleep(_EVERY)
            standing = look(runtime, standing.campaign, standing)
            shown.update(display(standing, zone, language), refresh=True)


@contextmanager
def live() -> Iterator[Live]:
    """A display on stderr that is drawn anew in its place; where stderr is no terminal only the last state is left."""
    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False) as shown:
        yield shown
    if not console.is_terminal:
        console.print()


def display(standing: Status, zone: ZoneInfo, language: str) -> Group:
    """The standing for a live display, with what went wrong; words of providers in `language` (vi or en)."""
    heading = Text(_heading(standing, zone), "bold")
    shown: list[RenderableType] = [make_table(*_delivery_cells(standing)), Text("")]
    shown.append(make_table(*_run_cells(standing, zone)))
    if standing.errors:
        shown += [Text(""), Text(_WRONG, "bold"), *_error_lines(standing, language)]
    return Group(heading, *shown, *(Text(one, "bold yellow") for one in _held_up(standing, zone)))


def _show(standing: Status, zone: ZoneInfo, language: str) -> None:
    print_table(_heading(standing, zone), *_delivery_cells(standing))
    print_table("runs", *_run_cells(standing, zone))
    coming = [(local(one.at, zone) or "with each case", one.message) for one in standing.coming]
    if coming:
        print_table("next", ("when", "message"), coming)
    if standing.errors:
        print_table(_WRONG, *_error_cells(standing, language))
    if standing.deliveries[DeliveryState.SUPPRESSED]:
        say(f"why some are suppressed: outreach deliveries list {standing.campaign} --state suppressed")
    for one in _held_up(standing, zone):
        warn(one)


def _error_lines(standing: Status, language: str) -> Iterator[Text]:
    """The most frequent troubles, a paragraph each: drawn anew they must fit a narrow terminal."""
    for one in standing.errors[:_ERRORS_WATCHED]:
        words = one.meaning.text(language)
        yield Text(f"{one.n:,} {one.state}, {one.account} {one.code or one.reason}: {words}")
    more = len(standing.errors) - _ERRORS_WATCHED
    if more > 0:
        yield Text(f"and {more} more: outreach campaign status {standing.campaign}")


def _error_cells(standing: Status, language: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Troubles with their counts, in words; in which runs, where there are several."""
    rows: list[tuple[object, ...]] = []
    for one in standing.errors:
        kind = (one.account, one.channel, one.state, one.reason, one.code)
        where = [
            f"{run.id}: {own.n:,}"
            for run in standing.runs
            for own in run.errors
            if (own.account, own.channel, own.state, own.reason, own.code) == kind
        ]
        said = one.meaning.vi if language == "vi" else one.meaning.en
        code = f"{one.account} {one.code or one.reason}"
        more = [f"and {len(where) - _RUNS_NAMED} more"] if len(where) > _RUNS_NAMED else []
        rows.append((code, str(one.state), one.n, said.what, said.do, ", ".join([*where[:_RUNS_NAMED], *more])))
    return ("account, code", "state", "deliveries", "what it means", "what to do", "run: deliveries"), rows


def _held_up(standing: Status, zone: ZoneInfo) -> list[str]:
    """Whether it is in trial mode; what keeps the whole campaign waiting, and what to do about it."""
    trial = notices("en", campaign=standing.campaign if standing.trial else "", accounts=standing.trial_accounts)
    paused = standing.state is CampaignState.PAUSED
    own = [*trial, *([f"the campaign is paused: outreach campaign resume {standing.campaign}"] if paused else [])]
    own += [
        f"account {account.name} is paused since {local(account.since, zone)} ({account.code} {account.reason}): "
        f"{mending(account.name, account.code)}"
        for account in standing.paused_accounts
    ]
    own += [
        f"account {one.name} does not work since {local(one.since, zone)} ({one.cause}): it is tried again by itself; "
        f"{one.waiting:,} deliveries wait for it"
        for one in standing.ill_accounts
    ]
    own += [
        f"too much came back through {one.account} since {local(one.since, zone)}: {one.n:,} bounces of this campaign"
        " bar nobody before a person has looked: outreach bounces held list"
        for one in standing.held_bounces
    ]
    return own


def _heading(standing: Status, zone: ZoneInfo) -> str:
    rate = "" if standing.rate_per_s is None else f", {standing.rate_per_s:,.0f} a second"
    trial = " IN TRIAL MODE" if standing.trial else ""
    return f"{standing.title} ({standing.campaign}): {standing.state}{trial} at {local(standing.at, zone)}{rate}"


def _delivery_cells(standing: Status) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """A line for each state there is, a column for each channel: it fits a narrow terminal."""
    named: list[tuple[str, Counts]] = [*standing.by_channel.items(), ("all", standing.deliveries)]
    shown = [*(str(state) for state in DeliveryState if standing.deliveries[state]), "total"]
    return ("", *(name for name, _ in named)), [(one, *(counts[one] for _, counts in named)) for one in shown]


def _run_cells(standing: Status, zone: ZoneInfo) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The runs; behind them those that were past before the launch, a line for each message."""
    columns = ("run", "message", "when", "state", "audience", "VND")
    past = [run for run in standing.runs if _was_past(run, standing)]
    rows: list[tuple[object, ...]] = [
        (str(run.id), _named(run, zone), local(run.scheduled_for, zone), str(run.state), run.audience, run.cost)
        for run in standing.runs
        if run not in past
    ]
    rows += [
        ("–", f"{message}\n{_past_dates(n)}", f"to {last.astimezone(zone):%Y-%m-%d}", "past", None, None)
        for message, (n, last) in _counted(past).items()
    ]
    return columns, rows


def _past_dates(n: int) -> str:
    return f"{n} past date{'s' if n > 1 else ''} of the plan, not sent"


def _was_past(run: RunStatus, standing: Status) -> bool:
    """Whether the plan's date had gone by when the campaign was launched."""
    launched = standing.launched_at
    return run.state is RunState.EXPIRED and launched is not None and run.scheduled_for < launched


def _named(run: RunStatus, zone: ZoneInfo) -> str:
    """The run's message, and below it what holds it up, as far as it is known."""
    waits = "" if run.waits_until is None else f"waits until {run.waits_until.astimezone(zone):%H:%M} (open hours)"
    trial = "trial mode" if run.trial else ""
    archived = "" if run.archived_at is None else f"archived on {run.archived_at.astimezone(zone):%Y-%m-%d}"
    return "\n".join(filter(None, (run.message, run.reason or waits, trial, archived)))


def _counted(late: Sequence[RunStatus]) -> dict[str, tuple[int, datetime]]:
    """By message: how many, and when the last one was to leave."""
    found: dict[str, tuple[int, datetime]] = {}
    for run in late:
        n, last = found.get(run.message, (0, run.scheduled_for))
        found[run.message] = (n + 1, max(last, run.scheduled_for))
    return found
