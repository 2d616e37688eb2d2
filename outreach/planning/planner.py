"""A due run becomes deliveries: everyone of its segment gets a row, with the reason where nothing will be sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.domain.accounts import Account
from outreach.domain.caps import CAPS
from outreach.domain.clock import Clock
from outreach.domain.dates import local_moment
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.hours import earliest_send
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.schedule import BeforeCase
from outreach.domain.scope import EVERYTHING
from outreach.domain.slots import next_slot
from outreach.domain.words import CascadeMode, Channel
from outreach.planning.costs import estimate
from outreach.store import audiences, campaigns, circuits, people_plans, plans, runs, segments, station_plans
from outreach.store.plans import Step
from outreach.store.runs import Run
from outreach.store.sharing import with_paths
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

LARGE = 5_000
"""From this audience on the database looks at its tables again before workers claim from the run."""
GROWTH_HELD = 1.10
"""A run whose audience or cost is beyond this share of what was approved waits for a person."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of a run that was to be planned."""

    run: int
    state: RunState
    audience: int
    cost: int


def plan_scheduled(engine: Engine, accounts: Mapping[str, Account], clock: Clock) -> list[Planned]:
    """Plan every scheduled run of the running campaigns, oldest first, a transaction each."""
    with engine.connect() as connection:
        waiting = [run.id for run in runs.in_state(connection, RunState.SCHEDULED)]
    planned = (_plan_or_report(engine, run, accounts, clock) for run in waiting)
    return [one for one in planned if one is not None]


def _plan_or_report(engine: Engine, run: int, accounts: Mapping[str, Account], clock: Clock) -> Planned | None:
    """A run that cannot be planned is reported and tried again; it keeps no other run waiting."""
    try:
        return plan_run(engine, run, accounts, clock)
    except (OutreachError, SQLAlchemyError, ValueError) as error:
        log.error("planning failed: run=%s error=%s", run, type(error).__name__)
        return None


def plan_run(engine: Engine, run_id: int, accounts: Mapping[str, Account], clock: Clock) -> Planned | None:
    """Plan one scheduled run; None where it is not to be planned (now), for instance while its campaign is paused.

    Killed at any moment, it leaves no trace and is planned again.
    """
    with engine.begin() as connection:
        plans.one_planner(connection)
        run = runs.lock_scheduled(connection, run_id)
        if run is None:
            return None
        campaign = campaigns.get(connection, run.campaign)
        if campaign.state is not CampaignState.RUNNING:
            return None
        frozen = read_version(connection, run.campaign, run.version, campaign.shift_days)
        now = clock.now()
        due = earliest_send(run.message_class, run.scheduled_for, frozen.definition.zone)
        if due + run.not_after <= now:
            runs.move(connection, run, RunState.EXPIRED, reason="late", finished_at=now)
            return Planned(run.id, RunState.EXPIRED, 0, 0)
        runs.move(connection, run, RunState.PLANNING)
        audience = gather(connection, run, frozen, now, remember=True)
        plan_steps(connection, run, frozen, due, first=0, now=now, accounts=accounts)
        cost = estimate(connection, run, frozen, accounts, target="deliveries").cost
        state, reason = _held(connection, run, audience, cost)
        runs.move(
            connection, replace(run, state=RunState.PLANNING), state, audience=audience, cost=cost, planned_at=now,
            reason=reason,
        )  # fmt: skip
        if audience >= LARGE:
            plans.refresh_statistics(connection)
    log.info("planned run=%s campaign=%s message=%s audience=%s", run.id, run.campaign, run.message, audience)
    return Planned(run.id, state, audience, cost)


def plan_steps(
    connection: Connection,
    run: Run,
    frozen: Frozen,
    due: datetime,
    *,
    first: int,
    now: datetime,
    accounts: Mapping[str, Account],
    batch: bool = False,
    target: str = "deliveries",
) -> None:
    """Plan the channels of a run from number `first` on for the people of the table `audience`.

    In a cascade the next channel is planned at once only for those the one before left out.
    """
    located = with_paths(connection, accounts.values())
    resting = circuits.resting(connection)
    for index in range(first, len(run.steps)):
        step = replace(_step(run, index, frozen, due, located, batch=batch, target=target), resting=resting)
        if step.channel is Channel.LOUDSPEAKER:
            _plan_stations(connection, step, frozen, now)
        else:
            people_plans.plan_people(connection, step)
        if run.mode is CascadeMode.CASCADE and (
            index + 1 == len(run.steps) or plans.narrow_to_left_out(connection) == 0
        ):
            return


def segment_today(frozen: Frozen, moment: datetime) -> date:
    """The day on which ages are reckoned: the campaign's own calendar day of `moment`."""
    return moment.astimezone(frozen.definition.zone).date()


def gather(connection: Connection, run: Run, frozen: Frozen, now: datetime, *, remember: bool) -> int:
    """Make the table `audience` for a run; returns its size (people, or cases for a reminder).

    `remember`: take down the reminded cases, so that no other run reminds of them.
    """
    message = frozen.definition.message(run.message)
    day = segment_today(frozen, run.scheduled_for)
    contacts = segments.select_contacts(frozen.rule(message.segment), scope=EVERYTHING, today=day)
    if not isinstance(message.schedule, BeforeCase):
        return audiences.gather(connection, contacts)
    window = case_window(run, frozen, message.schedule, now)
    return audiences.gather_cases(connection, contacts, window, run=run.id if remember else None)


def case_window(run: Run, frozen: Frozen, schedule: BeforeCase, now: datetime) -> audiences.CaseWindow:
    """The cases a reminder run is about: those whose moment lies within `not_after` before the run."""
    zone = frozen.definition.zone
    scheduled = run.scheduled_for
    latest = scheduled.astimezone(zone).date()
    if local_moment(datetime.combine(latest, schedule.at), zone) > scheduled:
        latest -= timedelta(days=1)
    earliest = latest
    while local_moment(datetime.combine(earliest - timedelta(days=1), schedule.at), zone) + run.not_after > scheduled:
        earliest -= timedelta(days=1)
    ahead = timedelta(days=schedule.days)
    return audiences.CaseWindow(
        run.campaign, run.message, earliest + ahead, latest + ahead, frozen.definition.timezone, now
    )


def _step(
    run: Run, index: int, frozen: Frozen, due: datetime, accounts: Sequence[Account], *, batch: bool, target: str
) -> Step:
    channel = run.steps[index]
    cap = CAPS.get((run.message_class, channel))
    return Step(
        run=run.id, index=index, channel=channel, message_class=run.message_class, lane=run.lane, due=due,
        not_after=run.not_after, wait=run.wait,
        follows=run.mode is CascadeMode.CASCADE and index + 1 < len(run.steps),
        cap=None if cap is None else cap.most, today=segment_today(frozen, due), accounts=accounts, batch=batch,
        target=target, trial=frozen.definition.trial,
    )  # fmt: skip


def _plan_stations(connection: Connection, step: Step, frozen: Frozen, now: datetime) -> None:
    """Plan the broadcasts of a step into slots still to come."""
    settings = station_plans.station_slots(connection)
    slots = [(setting, *next_slot(setting, max(step.due, now), frozen.definition.zone)) for setting in settings]
    station_plans.plan_stations(connection, step, slots)


def _held(connection: Connection, run: Run, audience: int, cost: int) -> tuple[RunState, str]:
    approved = campaigns.approved_figures(connection, run.campaign, run.version).get(run.message)
    if approved is None:
        return RunState.SENDING, ""
    if audience > approved["audience"] * GROWTH_HELD:
        return RunState.HELD, f"audience is {audience}, {approved['audience']} was approved"
    if cost > approved["cost"] * GROWTH_HELD:
        return RunState.HELD, f"cost is {cost} VND, {approved['cost']} was approved"
    return RunState.SENDING, ""
