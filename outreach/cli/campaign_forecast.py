"""What a campaign would do: who, when, at what cost, who is left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from outreach.cli.options import Json, Slug
from outreach.cli.output import local, print_json, print_table, print_text, warn
from outreach.cli.session import session_of
from outreach.domain.errors import OutreachError
from outreach.domain.trial import notices
from outreach.planning.forecast import Forecast, Foreseen
from outreach.planning.forecast import forecast as foresee
from outreach.planning.samples import Sample
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import campaigns
from outreach.store.versions import read_version

app = typer.Typer(add_completion=False)


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
    show(slug, n, figures, session.settings())


def foreseen(runtime: Runtime, slug: str, n: int) -> Forecast:
    """The forecast of version `n` at this moment."""
    with runtime.engine.connect() as connection:
        shift = campaigns.get(connection, slug).shift_days
        frozen = read_version(connection, slug, n, shift)
    return foresee(runtime.engine, frozen, runtime.accounts, runtime.clock.now())


def forecast_json(figures: Forecast) -> dict[str, Any]:
    """The forecast as plain data."""
    return {
        "messages": [_message_json(message) for message in figures.messages],
        "recipients": figures.recipients,
        "parts": figures.parts,
        "cost": figures.cost,
        "left_out": figures.left_out,
        "warnings": list(figures.warnings),
        "trial": figures.trial,
        "trial_accounts": list(figures.trial_accounts),
    }


def _message_json(message: Foreseen) -> dict[str, Any]:
    return asdict(message) | {"samples": [sample.to_json() for sample in message.samples]}


def show(slug: str, n: int, figures: Forecast, settings: Settings) -> None:
    """The forecast as a table, with its warnings and a text of each message on each channel."""
    zone = settings.zone
    tell_trial(figures, slug, settings.language)
    title = f"{slug}, version {n}: {figures.cost:,} VND, {figures.parts:,} SMS parts over all runs"
    print_table(title, ("message", "audience", "one run sends", "with another's", "left out"), _who(figures))
    print_table("", ("message", "when", "SMS parts", "VND a run"), _costs(figures, zone))
    for message in figures.messages:
        for sample in message.samples:
            print_text(_heading(message.message, sample), _words(sample))
    for warning in figures.warnings:
        warn(warning)


def tell_trial(figures: Forecast, slug: str, language: str) -> None:
    """Say who is in trial mode, where anybody is."""
    for line in notices(language, campaign=slug if figures.trial else "", accounts=figures.trial_accounts):
        warn(line)


def _who(figures: Forecast) -> list[tuple[object, ...]]:
    return [
        (one.message, one.audience, _listed(one.by_channel), one.shared, _listed(one.left_out))
        for one in figures.messages
    ]


def _costs(figures: Forecast, zone: ZoneInfo) -> list[tuple[object, ...]]:
    return [(one.message, _when(one, zone), one.parts, _cost(one)) for one in figures.messages]


def _heading(message: str, sample: Sample) -> str:
    """Of which message and channel a text is, for whom it was made, and how long it is."""
    told = [f"{message}, {sample.channel} ({sample.language})"]
    told.append(f"for {sample.who}" if sample.who else "nobody is planned: for an invented recipient")
    if sample.parts is not None:
        told.append(_size(sample))
    if sample.reading_seconds is not None:
        told.append(f"{sample.reading_seconds} s to read it twice")
    return ", ".join(told)


def _size(sample: Sample) -> str:
    if sample.accented_parts is None:
        return f"{_parts(sample.parts)} ({sample.encoding})"
    return f"unaccented: {_parts(sample.parts)} instead of {sample.accented_parts} ({sample.encoding})"


def _parts(count: int | None) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def _words(sample: Sample) -> str:
    if sample.problem:
        return f"THE TEXT CANNOT BE MADE: {sample.problem}"
    return f"{sample.subject}\n\n{sample.text}" if sample.subject else sample.text


def _listed(amounts: Mapping[str, int]) -> str:
    return "\n".join(f"{name} {amount:,}" for name, amount in amounts.items())


def _cost(message: Foreseen) -> str:
    exact = message.cost_low == message.cost_high
    return f"{message.cost:,}" if exact else f"{message.cost_low:,}\nto {message.cost_high:,}"


def _when(message: Foreseen, zone: ZoneInfo) -> str:
    if message.first_at is None:
        return "with each case"
    first = local(message.first_at, zone) + _deferred(message, zone)
    if message.occurrences < 2:
        return first
    return f"{message.occurrences:,} times, {first}\nto {local(message.last_at, zone)}"


def _deferred(message: Foreseen, zone: ZoneInfo) -> str:
    if message.leaves_at is None or message.leaves_at == message.first_at:
        return ""
    return f"\n(waits for {message.leaves_at.astimezone(zone):%H:%M})"
