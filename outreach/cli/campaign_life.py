"""The life of a campaign: submitted, approved by a second person, launched, paused, resumed, cancelled."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from outreach.cli.campaign_forecast import forecast_json, foreseen, show
from outreach.cli.options import As, Json, Slug, Yes
from outreach.cli.output import ask, local, print_json, print_table, say, warn
from outreach.cli.registered import Unchecked, must_fit, to_json, used_in
from outreach.cli.session import Session, acting, session_of
from outreach.dispatch.template_check import Used, Verdict
from outreach.domain.definition import Definition
from outreach.domain.frozen import Frozen
from outreach.domain.lifecycle import CampaignAction, CampaignState, after
from outreach.domain.states import DeliveryState
from outreach.domain.trial import accounts_in_trial, notices
from outreach.planning import actions
from outreach.planning.actions import Launch
from outreach.planning.forecast import Forecast
from outreach.runtime import Runtime
from outreach.store import campaigns, runs
from outreach.store.versions import read_version

app = typer.Typer(add_completion=False)
_SHOWN = 40
"""Lines of a calendar shown to people; the JSON has all."""
_OUT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.UNKNOWN)


@app.command(epilog="Example: outreach campaign submit thong-bao-dich-vu-cong --as staff@example.vn")
def submit(
    context: typer.Context, slug: Slug, unchecked: Unchecked = False, who: As = None, as_json: Json = False
) -> None:
    """Hand the newest version in for approval; providers are asked whether their templates (ZNS) take its texts."""
    session = session_of(context)
    runtime = session.runtime()
    verdict = Verdict() if unchecked else must_fit(runtime, _registered(runtime, slug, newest=True))
    state = actions.submit(runtime.engine, slug, who=acting(who))
    trial = definition_of(runtime, slug, newest=True).trial
    tell_trial(session, slug, newest=True)
    if as_json:
        told = {"campaign": slug, "state": str(state), "trial": trial}
        print_json(told | {"registered_templates": to_json(verdict)})
    say(f"{slug} is {state}; next: a second person: outreach campaign approve {slug} --as EMAIL")


@app.command(epilog="Example: outreach campaign approve thong-bao-dich-vu-cong --as leader@example.vn")
def approve(context: typer.Context, slug: Slug, who: As = None, yes: Yes = False, as_json: Json = False) -> None:
    """Show the texts the newest version would send, to how many, when and at what cost, and approve exactly that."""
    session = session_of(context)
    runtime = session.runtime()
    n = _newest(runtime, slug)
    figures = foreseen(runtime, slug, n)
    if not as_json:
        show(slug, n, figures, session.settings())
    name = acting(who)
    real = _leaves_trial(runtime, slug, figures)
    if real:
        warn(real)
    kind = "IN TRIAL MODE " if figures.trial else ""
    ask(f"Approve version {n} of {slug} {kind}with these texts, audiences and costs as {name}?", yes=yes)
    state = actions.approve(runtime.engine, slug, figures, n=n, who=name)
    if as_json:
        told = {"campaign": slug, "state": str(state), "version": n, "approved_by": name}
        print_json(told | forecast_json(figures))
    if state is CampaignState.APPROVED:
        say(f"{slug} is {state} by {name}; next: outreach campaign launch {slug}")
    else:
        say(f"version {n} of {slug} is approved by {name}; the campaign stays {state}")


def _leaves_trial(runtime: Runtime, slug: str, figures: Forecast) -> str:
    """What it means that the version to be approved is the first that writes to everybody; "" where it is not."""
    with runtime.engine.connect() as connection:
        before = campaigns.get(connection, slug)
    if figures.trial or not before.trial or before.approved_version is None:
        return ""
    return (
        f"{slug} LEAVES TRIAL MODE with this version: from now on it writes to everybody, and where it is running what"
        " is scheduled `at: launch` leaves at once"
    )


def definition_of(runtime: Runtime, slug: str, *, newest: bool = False) -> Definition:
    """The campaign as it is approved (or stands in its newest version)."""
    return _frozen(runtime, slug, newest=newest).definition


def _frozen(runtime: Runtime, slug: str, *, newest: bool) -> Frozen:
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        n = campaign.version if newest else campaign.approved_version or campaign.version
        return read_version(connection, slug, n, campaign.shift_days)


def _registered(runtime: Runtime, slug: str, *, newest: bool = False) -> list[Used]:
    frozen = _frozen(runtime, slug, newest=newest)
    return used_in(frozen.definition, frozen.templates)


def tell_trial(session: Session, slug: str, *, newest: bool = False) -> None:
    """Say where the campaign, or an account of its channels, is in trial mode."""
    runtime = session.runtime()
    definition = definition_of(runtime, slug, newest=newest)
    accounts = accounts_in_trial(definition, runtime.accounts)
    for line in notices(session.settings().language, campaign=slug if definition.trial else "", accounts=accounts):
        warn(line)


def _newest(runtime: Runtime, slug: str) -> int:
    with runtime.engine.connect() as connection:
        return campaigns.get(connection, slug).version


@app.command(epilog="Example: outreach campaign reject thong-bao-dich-vu-cong --reason 'Sai tên cơ quan'")
def reject(
    context: typer.Context,
    slug: Slug,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What has to change.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Send the submitted version back, saying why."""
    state = actions.reject(session_of(context).runtime().engine, slug, who=acting(who), reason=reason)
    _report(slug, str(state), as_json, next_step="mend the file and load it again")


@app.command(epilog="Example: outreach campaign launch ha-noi-2025 --starting 2026-12-01")
def launch(
    context: typer.Context,
    slug: Slug,
    starting: Annotated[
        datetime | None,
        typer.Option("--starting", metavar="DATE", formats=["%Y-%m-%d"], help="Move all dates, to start on this day."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why: needed where it has emergency messages.")] = "",
    unchecked: Unchecked = False,
    who: As = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let an approved campaign go; what is late already stays unsent, and a past calendar is moved only when asked."""
    session = session_of(context)
    runtime = session.runtime()
    if session.settings().approval == "on":
        _must_be_approved(runtime, slug)
    first_day = None if starting is None else starting.date()
    prepared = actions.prepare_launch(runtime.engine, slug, runtime.clock, starting=first_day)
    verdict = Verdict() if unchecked else must_fit(runtime, _registered(runtime, slug))
    if prepared.overdue:
        say(f"{prepared.overdue:,} of {len(prepared.calendar):,} runs are overdue: they will be expired, not sent")
    tell_trial(session, slug)
    if first_day is not None:
        if not as_json:
            _show_calendar(prepared, first_day, session.settings().zone)
        kind = " IN TRIAL MODE" if prepared.trial else ""
        ask(f"Launch {slug}{kind} with all dates moved by {prepared.shift_days} days?", yes=yes)
    _approve_alone(session, slug, acting(who))
    state = actions.launch(runtime.engine, prepared, runtime.clock, who=acting(who), reason=reason)
    if as_json:
        calendar = [{"at": moment, "message": message} for moment, message in prepared.calendar]
        extra = {"shift_days": prepared.shift_days, "overdue": prepared.overdue, "trial": prepared.trial}
        asked = {"registered_templates": to_json(verdict)}
        print_json({"campaign": slug, "state": str(state), **extra, "calendar": calendar, **asked})
    kind = " in trial mode" if prepared.trial else ""
    say(f"{slug} is {state}{kind}; outreach campaign status {slug} --watch shows how far it is")


def _must_be_approved(runtime: Runtime, slug: str) -> None:
    """Refuse before anybody is asked anything."""
    with runtime.engine.connect() as connection:
        after(CampaignAction.LAUNCH, campaigns.get(connection, slug).state)


def _approve_alone(session: Session, slug: str, who: str) -> None:
    if session.settings().approval == "off":
        runtime = session.runtime()
        actions.approve_alone(runtime.engine, slug, foreseen(runtime, slug, _newest(runtime, slug)), who=who)


def _show_calendar(prepared: Launch, first_day: date, zone: ZoneInfo) -> None:
    rows = [(local(moment, zone), message) for moment, message in prepared.calendar[:_SHOWN]]
    title = f"{prepared.slug} from {first_day}: every date moved by {prepared.shift_days} days"
    print_table(title, ("when", "message"), rows)
    if len(prepared.calendar) > _SHOWN:
        last = local(prepared.calendar[-1][0], zone)
        say(f"and {len(prepared.calendar) - _SHOWN:,} more until {last}; --json shows all")


@app.command(epilog="Example: outreach campaign pause thong-bao-dich-vu-cong")
def pause(context: typer.Context, slug: Slug, who: As = None, as_json: Json = False) -> None:
    """Let nothing more leave; what is on the wire ends there."""
    state = actions.pause(session_of(context).runtime().engine, slug, who=acting(who))
    _report(slug, str(state), as_json, next_step=f"outreach campaign resume {slug}")


@app.command(epilog="Example: outreach campaign resume thong-bao-dich-vu-cong")
def resume(context: typer.Context, slug: Slug, who: As = None, as_json: Json = False) -> None:
    """Go on exactly where it stopped."""
    state = actions.resume(session_of(context).runtime().engine, slug, who=acting(who))
    _report(slug, str(state), as_json)


@app.command(epilog="Example: outreach campaign cancel thong-bao-dich-vu-cong --yes")
def cancel(context: typer.Context, slug: Slug, who: As = None, yes: Yes = False, as_json: Json = False) -> None:
    """End a campaign for good: what is planned is cancelled, what has left stays as it is."""
    runtime = session_of(context).runtime()
    states = counted_states(runtime, slug)
    out = sum(states.get(state, 0) for state in _OUT)
    waiting = states.get(DeliveryState.PLANNED, 0) + states.get(DeliveryState.SENDING, 0)
    notice = f"{slug}: {out:,} messages are already out and stay out, {waiting:,} wait and will never be sent"
    say(notice)
    ask("Cancel it for good?", yes=yes)
    state = actions.cancel(runtime.engine, slug, runtime.clock, who=acting(who))
    _report(slug, str(state), as_json)


def counted_states(runtime: Runtime, slug: str) -> dict[DeliveryState, int]:
    """Deliveries of a campaign by state, from the counters; raises NotFound."""
    found: dict[DeliveryState, int] = {}
    with runtime.engine.connect() as connection:
        campaigns.get(connection, slug)
        ids = [run.id for run in runs.of_campaign(connection, slug)]
        for (_, _, state), rows in runs.counts(connection, ids).items():
            found[DeliveryState(state)] = found.get(DeliveryState(state), 0) + rows
    return found


@app.command(epilog="Example: outreach campaign release thong-bao-dich-vu-cong 12")
def release(
    context: typer.Context,
    slug: Slug,
    run: Annotated[int, typer.Argument(metavar="RUN", help="The held run, as `campaign status` shows it.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Let a held run go, though its audience or cost has grown beyond what was approved."""
    runtime = session_of(context).runtime()
    state = actions.release(runtime.engine, slug, run, who=acting(who))
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug).state
    if as_json:
        print_json({"campaign": slug, "state": str(campaign), "run": run, "run_state": str(state)})
    say(f"run {run} of {slug} is {state}")


def _report(slug: str, state: str, as_json: bool, *, next_step: str = "") -> None:
    if as_json:
        print_json({"campaign": slug, "state": state})
    say(f"{slug} is {state}" + (f"; next: {next_step}" if next_step else ""))
