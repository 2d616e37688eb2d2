"""What a campaign would do: who, when, at what cost, who is left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from outreach.cli.options import Json, Slug
from outreach.cli.output import local, print_json, print_table, warn
from outreach.cli.session import session_of
from outreach.domain.errors import OutreachError
from outreach.planning.forecast import Forecast, Foreseen
from outreach.planning.forecast import forecast as foresee
from outreach.runtime import Runtime
from outreach.store import campaigns
from outreach.store.versions import read_version

app = typer.Typer()


@app.command(epilog="Example: outreach campaign forecast thong-bao-dich-vu-cong")
def forecast(
    context: typer.Context,
    slug: Slug,
    approved: Annotated[bool, typer.Option("--approved", help="The approved version instead of the newest.")] = False,
    as_json: Json = False,
) -> None:
    """Audience, messages, SMS parts and cost, as if it were planned now; nothing is kept."""
    session = session_of(context)
    runtime = session.runtime()
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
    n = campaign.approved_version if approved else campaign.version
    if n is None:
        raise OutreachError(f"no version of {slug} is approved yet: leave out --approved, or approve one first")
    figures = foreseen(runtime, slug, n)
    if as_json:
        print_json({"campaign": slug, "version": n, **forecast_json(figures)})
        return
    show(slug, n, figures, session.settings().zone)


def foreseen(runtime: Runtime, slug: str, n: int) -> Forecast:
    """The forecast of version `n` at this moment."""
    with runtime.engine.connect() as connection:
        shift = campaigns.get(connection, slug).shift_days
        frozen = read_version(connection, slug, n, shift)
    return foresee(runtime.engine, frozen, runtime.accounts, runtime.clock.now())


def forecast_json(figures: Forecast) -> dict[str, Any]:
    """The forecast as plain data."""
    return {
        "messages": [asdict(message) for message in figures.messages],
        "recipients": figures.recipients,
        "parts": figures.parts,
        "cost": figures.cost,
        "left_out": figures.left_out,
        "warnings": list(figures.warnings),
    }


def show(slug: str, n: int, figures: Forecast, zone: ZoneInfo) -> None:
    """The forecast as a table, with its warnings."""
    columns = ("message", "audience", "one run sends", "left out", "SMS parts", "VND a run", "when")
    rows = [
        (
            message.message,
            message.audience,
            _listed(message.by_channel),
            _listed(message.left_out),
            message.parts,
            _cost(message),
            _when(message, zone),
        )
        for message in figures.messages
    ]
    print_table(f"{slug}, version {n}: {figures.cost:,} VND, {figures.parts:,} SMS parts over all runs", columns, rows)
    for warning in figures.warnings:
        warn(warning)


def _listed(amounts: Mapping[str, int]) -> str:
    return "\n".join(f"{name} {amount:,}" for name, amount in amounts.items())


def _cost(message: Foreseen) -> str:
    exact = message.cost_low == message.cost_high
    return f"{message.cost:,}" if exact else f"{message.cost_low:,}\nto {message.cost_high:,}"


def _when(message: Foreseen, zone: ZoneInfo) -> str:
    if message.occurrences < 2:
        return local(message.first_at, zone) or "with each case"
    return f"{message.occurrences:,} times, {local(message.first_at, zone)}\nto {local(message.last_at, zone)}"
