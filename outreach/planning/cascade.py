"""Handing people on to the next channel where the last one did not reach them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.hours import earliest_send
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.planning.planner import plan_steps
from outreach.store import campaigns, cascades, plans, runs
from outreach.store.cascades import Waiting
from outreach.store.versions import read_version


def cascade_due(engine: Engine, accounts: Mapping[str, Account], clock: Clock) -> int:
    """Plan the next channel for everyone whose time has come; returns how many people were handed on.

    A transaction for each step and hour: killed at any moment it goes on where it stopped.
    """
    with engine.connect() as connection:
        waiting = cascades.due(connection, clock.now())
    return sum(_hand_on(engine, one, accounts, clock.now()) for one in waiting)


def _hand_on(engine: Engine, waiting: Waiting, accounts: Mapping[str, Account], now: datetime) -> int:
    with engine.begin() as connection:
        plans.one_planner(connection)
        run = runs.get(connection, waiting.run, lock=True)
        campaign = campaigns.get(connection, run.campaign)
        if run.state not in (RunState.SENDING, RunState.DONE) or campaign.state is not CampaignState.RUNNING:
            return 0
        handed_on = cascades.take(connection, waiting)
        if handed_on:
            frozen = read_version(connection, run.campaign, run.version, campaign.shift_days)
            due = earliest_send(run.message_class, waiting.since, frozen.definition.zone)
            cascades.remember(connection)
            plan_steps(connection, run, frozen, due, first=waiting.step + 1, now=now, accounts=accounts, batch=True)
            cascades.reach_with_others(connection, run.id, now)
            cascades.follow_the_failed(connection, run.id, now)
            if run.state is RunState.DONE:
                runs.move(connection, run, RunState.SENDING, finished_at=None)
    return handed_on
