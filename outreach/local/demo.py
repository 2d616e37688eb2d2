"""The steps of `outreach demo`: invented people, and one campaign from its file to its reach table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from outreach.audience.synthetic import synthesise, synthesise_cases
from outreach.audience.units import load_official
from outreach.domain.clock import VirtualClock
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING
from outreach.domain.words import Channel
from outreach.local.demo_stage import Stage
from outreach.local.sandbox import Outcome, read_log
from outreach.local.up import TELEGRAM, ZALO
from outreach.planning import actions
from outreach.planning.actions import Loaded
from outreach.planning.forecast import Forecast, forecast
from outreach.reach.confirming import confirm
from outreach.reach.scripts import Script, scripts
from outreach.reach.status import Status, status
from outreach.settings import PROJECT
from outreach.store import campaigns
from outreach.store.versions import read_version

FILE: Final = PROJECT / "campaigns" / "thong-bao-dich-vu-cong.yaml"
STAFF, LEADER, OFFICER = "can-bo@demo.example", "lanh-dao@demo.example", "dai-truyen-thanh@demo.example"
HOME: Final = "01"
PROVINCES: Final = {HOME: 0.7, "38": 0.2, "79": 0.1}
"""Where the invented people live: Hà Nội, Thanh Hoá, Thành phố Hồ Chí Minh, and their shares."""
BOUND: Final = {Channel.ZALO_OA: ZALO, Channel.TELEGRAM: TELEGRAM}
"""The accounts whose Zalo ids and chats they have."""
CASES_PER_PERSON: Final = 0.03
_LOOK_EVERY = 0.5
_QUIET = 5.0
"""Seconds without any change after which nothing more follows: longer than the scheduler's ticks."""
_WORKERS_PATIENCE, _RECEIPTS_PATIENCE = 45.0, 15.0
"""Seconds without any change after which the demo goes on although something is still open."""


def populate(on: Stage, people: int, *, seed: int) -> tuple[int, int]:
    """Load the units and invent people and cases; returns how many of each there are."""
    runtime = on.runtime
    with runtime.engine.begin() as connection:
        load_official(connection)
    today = _now(on).date()
    rest, invented_cases = people, 0
    for unit in reversed(PROVINCES):
        n = rest if unit == HOME else round(people * PROVINCES[unit])
        rest -= n
        on.go_on()
        synthesise(runtime.engine, n, unit=unit, seed=seed, keys=runtime.keys, today=today, bound=BOUND)
        cases = round(n * CASES_PER_PERSON)
        invented_cases += cases
        synthesise_cases(runtime.engine, cases, unit=unit, seed=seed, today=today, days=3)
    return people, invented_cases


def approved(on: Stage, load: Callable[[Path], Loaded]) -> tuple[str, Forecast | None]:
    """Load the campaign, hand it in, and approve it as a second person; no forecast where that was done before."""
    engine = on.runtime.engine
    loaded = load(FILE)
    with engine.connect() as connection:
        if campaigns.get(connection, loaded.slug).state is not CampaignState.DRAFT:
            return loaded.slug, None
        frozen = read_version(connection, loaded.slug, loaded.version, 0)
    actions.submit(engine, loaded.slug, who=STAFF)
    figures = forecast(engine, frozen, on.runtime.accounts, on.runtime.clock.now())
    actions.approve(engine, loaded.slug, figures, n=loaded.version, who=LEADER)
    return loaded.slug, figures


def launch(on: Stage, slug: str) -> None:
    """Let it go; when its own dates are over, with all of them moved to start today."""
    runtime = on.runtime
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        if campaign.state is not CampaignState.APPROVED:
            return
        definition = read_version(connection, slug, campaign.version, 0).definition
    today = _now(on).date()
    starting = None if definition.starts <= today <= definition.ends else today
    prepared = actions.prepare_launch(runtime.engine, slug, runtime.clock, starting=starting)
    actions.launch(runtime.engine, prepared, runtime.clock, who=STAFF)


def follow(on: Stage, slug: str, show: Callable[[Status], None]) -> bool:
    """Watch until everything that is due has been sent and its receipts are in; whether it came to that.

    What does not move any more (a lost receipt) is waited for only so long.
    """
    standing = _look(on, slug, None)
    changed = time.monotonic()
    while True:
        on.stop.wait(_LOOK_EVERY)
        on.go_on()
        before, standing = standing, _look(on, slug, standing)
        show(standing)
        if (before.by_channel, _states(before)) != (standing.by_channel, _states(standing)):
            changed = time.monotonic()
        patience = _patience(on, standing)
        if time.monotonic() - changed >= patience:
            return patience == _QUIET


def _look(on: Stage, slug: str, previous: Status | None) -> Status:
    with on.runtime.engine.connect() as connection:
        return status(connection, slug, now=on.runtime.clock.now(), scope=EVERYTHING, previous=previous)


def _states(standing: Status) -> list[RunState]:
    return [run.state for run in standing.runs]


def _patience(on: Stage, standing: Status) -> float:
    """Seconds of standstill to bear with, by what is still open."""
    unplanned = {RunState.SCHEDULED, RunState.PLANNING} & set(_states(standing))
    if not standing.runs or unplanned or standing.waits:
        return _WORKERS_PATIENCE
    with_receipts = {
        str(one) for account in on.runtime.accounts.values() if account.receipts for one in account.channels
    }
    waiting = any(standing.by_channel[name]["accepted"] for name in with_receipts & standing.by_channel.keys())
    return _RECEIPTS_PATIENCE if waiting else _QUIET


@dataclass(frozen=True, slots=True)
class Broadcasts:
    """What officers confirmed: `confirmed` of `planned` scripts of one province, as if it were already `at`."""

    confirmed: int
    planned: int
    at: datetime


def confirm_every_other(on: Stage) -> Broadcasts | None:
    """Confirm every other script of the home province that is still to be read; None where there is none.

    Their hour has not come: they are confirmed with a clock of their own, put forward to the end of their slots.
    """
    waiting = [one for one in _upcoming(on) if not one.confirmed]
    if not waiting:
        return None
    later = VirtualClock(max(one.ends for one in waiting))
    chosen = waiting[::2]
    for one in chosen:
        confirm(on.runtime.engine, one.id, clock=later, at=one.ends, who=OFFICER, note="demo", scope=EVERYTHING)
    return Broadcasts(len(chosen), len(waiting), later.now().astimezone(_zone(on)))


def _upcoming(on: Stage) -> list[Script]:
    """The scripts of the next day on which any are to be read."""
    today = _now(on).date()
    for day in (today, today + timedelta(days=1)):
        found = scripts(on.runtime.engine, HOME, day, scope=EVERYTHING)
        if found:
            return found
    return []


def sent_by_sandbox(on: Stage) -> dict[str, int]:
    """Messages the simulator took, by channel, from its own log."""
    taken = Counter(entry.channel for entry in read_log(on.sandbox.data) if entry.outcome is Outcome.ACCEPTED)
    return {str(channel): taken[str(channel)] for channel in Channel if channel.to_people}


def _zone(on: Stage) -> ZoneInfo:
    return on.runtime.settings.zone


def _now(on: Stage) -> datetime:
    """The demo's local time."""
    return on.runtime.clock.now().astimezone(_zone(on))
