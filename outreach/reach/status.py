"""How a campaign stands right now: deliveries by state, its runs, what comes next, and what holds it up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.circuits import Circuit
from outreach.domain.definition import Definition
from outreach.domain.definition.parts import Message
from outreach.domain.hours import earliest_send
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.schedule import BeforeCase, next_occurrence
from outreach.domain.scope import Scope
from outreach.domain.states import DeliveryState
from outreach.domain.trial import accounts_in_trial
from outreach.reach import errors
from outreach.reach.errors import Trouble
from outreach.reach.explanations import Meaning, no_meaning
from outreach.store import bounces, campaigns, circuits, error_counts, moves, runs
from outreach.store import status as store
from outreach.store.accounts import AccountState
from outreach.store.bounces import Held
from outreach.store.campaigns import Campaign
from outreach.store.runs import Run
from outreach.store.versions import read_version

NEXT_SHOWN = 5
_LEFT = ("accepted", "delivered", "read", "failed", "unknown")
"""States of deliveries that went out to a provider."""

Counts = Mapping[str, int]
"""Deliveries by state, with their `total`."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run. `audience` counts the people (or cases) in the caller's scope, `cost` (VND) is for the whole run.

    `reason`: why it is held or expired; like `cost` shown only to those who see everything. `waits_until`: when its
    class may be sent again, where something of it waits and the open hours are over. `archived_at`: since when its
    deliveries are counts.
    """

    id: int
    message: str
    scheduled_for: datetime
    state: RunState
    reason: str
    audience: int | None
    cost: int | None
    deliveries: Counts
    waits_until: datetime | None = None
    trial: bool = False
    errors: tuple[Trouble, ...] = ()
    archived_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.id,
            "message": self.message,
            "scheduled_for": self.scheduled_for.isoformat(),
            "state": str(self.state),
            "reason": self.reason,
            "trial": self.trial,
            "audience": self.audience,
            "cost": self.cost,
            "deliveries": dict(self.deliveries),
            "waits_until": None if self.waits_until is None else self.waits_until.isoformat(),
            "errors": [one.to_json() for one in self.errors],
            "archived_at": None if self.archived_at is None else self.archived_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Coming:
    """A message and when it leaves next; `at` is None for reminders, which follow the dates of cases."""

    message: str
    at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"message": self.message, "at": None if self.at is None else self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class IllAccount:
    """An account whose provider does not work: tried again by itself. `waiting`: deliveries nobody else can send."""

    name: str
    cause: str
    since: datetime | None
    waiting: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        since = None if self.since is None else self.since.isoformat()
        return {"name": self.name, "cause": self.cause, "since": since, "waiting": self.waiting}


@dataclass(frozen=True, slots=True)
class Status:
    """A campaign at the moment `at`. `rate_per_s`: deliveries gone out a second since the reading before, if any.

    `trial`: it writes to listed test addresses only; `trial_accounts`: the accounts of its channels that do.
    `held_bounces`: what came back of it and bars nobody before a person has looked.
    `launched_at`: runs scheduled before it were past dates of the plan, which nobody meant to send.
    """

    campaign: str
    title: str
    state: CampaignState
    at: datetime
    deliveries: Counts
    by_channel: Mapping[str, Counts]
    runs: tuple[RunStatus, ...]
    coming: tuple[Coming, ...]
    paused_accounts: tuple[AccountState, ...]
    rate_per_s: float | None
    launched_at: datetime | None = None
    ill_accounts: tuple[IllAccount, ...] = ()
    trial: bool = False
    trial_accounts: tuple[str, ...] = ()
    errors: tuple[Trouble, ...] = ()
    held_bounces: tuple[Held, ...] = ()

    @property
    def gone_out(self) -> int:
        """Deliveries that were handed to a provider."""
        return sum(self.deliveries[state] for state in _LEFT)

    @property
    def waits(self) -> bool:
        """Whether anything is still planned or on its way: while it does, watching goes on."""
        return any(self.deliveries[state] for state in ("planned", "sending"))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "campaign": self.campaign,
            "title": self.title,
            "state": str(self.state),
            "trial": self.trial,
            "trial_accounts": list(self.trial_accounts),
            "at": self.at.isoformat(),
            "deliveries": dict(self.deliveries),
            "by_channel": {channel: dict(counts) for channel, counts in self.by_channel.items()},
            "rate_per_s": self.rate_per_s,
            "runs": [run.to_json() for run in self.runs],
            "next": [one.to_json() for one in self.coming],
            "paused_accounts": [
                {"name": one.name, "code": one.code, "reason": one.reason, "since": one.since.isoformat()}
                for one in self.paused_accounts
            ],
            "ill_accounts": [one.to_json() for one in self.ill_accounts],
            "errors": [one.to_json() for one in self.errors],
            "held_bounces": [
                {"account": one.account, "n": one.n, "since": one.since.isoformat()} for one in self.held_bounces
            ],
        }


def status(
    connection: Connection,
    slug: str,
    *,
    now: datetime,
    scope: Scope,
    previous: Status | None = None,
    accounts: Mapping[str, Account] | None = None,
    meaning: Meaning = no_meaning,
) -> Status:
    """Read a campaign's standing; raises NotFound.

    `previous` is the reading before (of the same caller), from which the rate is reckoned; `accounts`, where given,
    tells which of them are in trial mode. `meaning`: the providers' words for their codes.
    """
    campaign = campaigns.get(connection, slug)
    n = campaign.approved_version or campaign.version
    definition = read_version(connection, slug, n, campaign.shift_days).definition
    zone = ZoneInfo(campaign.timezone)
    providers = {name: one.provider for name, one in (accounts or {}).items()}
    given = runs.of_campaign(connection, slug)
    standing = store.standing(connection, given, scope=scope)
    counted = standing.deliveries
    wrong = error_counts.counted(connection, [run.id for run in given], scope=scope)
    by_run = errors.by_run(wrong, meaning, providers)
    channels = sorted({channel for _, channel, _ in counted})
    deliveries = _counts(counted.items())
    reading = Status(
        campaign=slug, title=campaign.title, state=campaign.state, at=now, deliveries=deliveries,
        by_channel={one: _counts(item for item in counted.items() if item[0][1] == one) for one in channels},
        runs=tuple(replace(_run(run, standing, scope, now, zone), errors=by_run.get(run.id, ())) for run in given),
        coming=_coming(campaign, definition, now), errors=errors.troubles(wrong, meaning, providers),
        paused_accounts=tuple(store.paused_accounts(connection, slug)) if scope.everything else (), rate_per_s=None,
        launched_at=campaign.launched_at, trial=campaign.trial,
        trial_accounts=accounts_in_trial(definition, accounts or {}),
        held_bounces=bounces.held_of(connection, [run.id for run in given]) if scope.everything else (),
    )  # fmt: skip
    if scope.everything and reading.waits:
        reading = replace(reading, ill_accounts=_ill(connection))
    return reading if previous is None else _with_rate(reading, previous)


def _ill(connection: Connection) -> tuple[IllAccount, ...]:
    """The accounts whose provider fails, whichever campaign they fail: what one cannot send another one may get."""
    found = [one for one in circuits.standings(connection).values() if one.circuit is Circuit.OPEN]
    waiting = moves.waiting(connection, [one.name for one in found]) if found else {}
    return tuple(IllAccount(one.name, one.cause, one.since, waiting.get(one.name, 0)) for one in found)


def _counts(items: Iterable[tuple[tuple[int, str, str], int]]) -> Counts:
    by_state = {str(state): 0 for state in DeliveryState}
    for (_, _, state), n in items:
        by_state[state] += n
    return {"total": sum(by_state.values()), **by_state}


def _run(run: Run, standing: store.Standing, scope: Scope, now: datetime, zone: ZoneInfo) -> RunStatus:
    counts = _counts(item for item in standing.deliveries.items() if item[0][0] == run.id)
    return RunStatus(
        id=run.id, message=run.message, scheduled_for=run.scheduled_for, state=run.state,
        reason=run.reason if scope.everything else "", audience=standing.audience.get(run.id),
        cost=run.cost if scope.everything else None, deliveries=counts,
        waits_until=_waits_until(run, counts, now, zone), trial=run.trial,
        archived_at=run.archived_at,
    )  # fmt: skip


def _waits_until(run: Run, counts: Counts, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the hours of its class open again, for a run that has something to send and may not now."""
    to_send = run.state is RunState.SCHEDULED or (run.state is RunState.SENDING and counts["planned"] > 0)
    opens = earliest_send(run.message_class, now, zone)
    return opens if to_send and opens > now else None


def _with_rate(reading: Status, previous: Status) -> Status:
    seconds = (reading.at - previous.at).total_seconds()
    if seconds <= 0:
        return reading
    rate = max(0.0, round((reading.gone_out - previous.gone_out) / seconds, 1))
    return replace(reading, rate_per_s=rate)


def _coming(campaign: Campaign, definition: Definition, now: datetime) -> tuple[Coming, ...]:
    if campaign.state in (CampaignState.FINISHED, CampaignState.CANCELLED):
        return ()
    today = now.astimezone(definition.zone).date()
    dated = sorted(
        (moment, message.id)
        for message in definition.messages
        if not isinstance(message.schedule, BeforeCase)
        for moment in islice(_after(message, definition, now, campaign.launched_at), NEXT_SHOWN)
    )
    reminders = [
        Coming(message.id, None)
        for message in definition.messages
        if isinstance(message.schedule, BeforeCase) and today <= message.schedule.last
    ]
    return (*(Coming(message, moment) for moment, message in dated[:NEXT_SHOWN]), *reminders)


def _after(message: Message, definition: Definition, now: datetime, launched_at: datetime | None) -> Iterable[datetime]:
    moment: datetime | None = now
    while moment is not None:
        moment = next_occurrence(message.schedule, zone=definition.zone, after=moment, launched_at=launched_at)
        if moment is not None:
            yield moment
