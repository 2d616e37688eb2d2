"""The figures of the status page: counts of deliveries by campaign, no person in sight."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import redis
from sqlalchemy import Connection

from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.reach.errors import Trouble, for_everybody, troubles
from outreach.reach.explanations import Meaning
from outreach.runtime import Runtime
from outreach.store import accounts, bounces, campaigns, error_counts, runs, status

_FRESH_S = 2.0
_ERRORS_SHOWN = 8


class Group(StrEnum):
    """Delivery states as a reader needs them, in the order in which they are shown."""

    ARRIVED = "arrived"
    HANDED_OVER = "handed_over"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    FAILED = "failed"
    NOT_SENT = "not_sent"


GROUPS: Mapping[DeliveryState, Group] = {
    DeliveryState.PLANNED: Group.WAITING,
    DeliveryState.SENDING: Group.WAITING,
    DeliveryState.ACCEPTED: Group.HANDED_OVER,
    DeliveryState.DELIVERED: Group.ARRIVED,
    DeliveryState.READ: Group.ARRIVED,
    DeliveryState.FAILED: Group.FAILED,
    DeliveryState.UNKNOWN: Group.UNKNOWN,
    DeliveryState.SUPPRESSED: Group.NOT_SENT,
    DeliveryState.EXPIRED: Group.NOT_SENT,
    DeliveryState.CANCELLED: Group.NOT_SENT,
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is. `runs` and `groups` count runs and deliveries; `errors`: what went wrong most often."""

    title: str
    state: CampaignState
    runs: Mapping[RunState, int]
    groups: Mapping[Group, int]
    trial: bool = False
    errors: tuple[Trouble, ...] = ()

    @property
    def total(self) -> int:
        """All its deliveries so far."""
        return sum(self.groups.values())

    @property
    def runs_made(self) -> int:
        """All its runs so far."""
        return sum(self.runs.values())

    @property
    def runs_over(self) -> int:
        """Runs in which nothing will happen any more."""
        return sum(self.runs.get(state, 0) for state in (RunState.DONE, RunState.EXPIRED, RunState.CANCELLED))

    @property
    def runs_held(self) -> int:
        """Runs that wait for a person."""
        return self.runs.get(RunState.HELD, 0)


@dataclass(frozen=True, slots=True)
class Overview:
    """What the status page shows, as of `at`."""

    at: datetime
    campaigns: tuple[Progress, ...]
    valkey: bool
    accounts: int
    accounts_paused: int
    accounts_in_trial: int = 0
    bounces_held: int = 0


class Overviews:
    """Hands out the overview, asking the database at most every two seconds however many people look."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._last: Overview | None = None
        self._asked = 0.0

    def latest(self) -> Overview:
        """The overview, at most two seconds old."""
        with self._lock:
            if self._last is None or time.monotonic() - self._asked > _FRESH_S:
                self._last = _look(self._runtime)
                self._asked = time.monotonic()
            return self._last


def _look(runtime: Runtime) -> Overview:
    with runtime.engine.connect() as connection:
        seen = tuple(_progress(connection, campaign, runtime.meaning) for campaign in campaigns.in_states(connection))
        paused = accounts.paused(connection)
        held = bounces.held(connection)
    known = set(runtime.accounts)
    return Overview(
        at=runtime.clock.now(), campaigns=tuple(sorted(seen, key=_interest)), valkey=_answers(runtime.redis),
        accounts=len(known), accounts_paused=len(known & set(paused)),
        accounts_in_trial=sum(account.trial for account in runtime.accounts.values()),
        bounces_held=sum(one.n for one in held.values()),
    )  # fmt: skip


def _progress(connection: Connection, campaign: campaigns.Campaign, meaning: Meaning) -> Progress:
    made = runs.of_campaign(connection, campaign.slug)
    groups: Counter[Group] = Counter()
    for (_, _, state), n in status.standing(connection, made, scope=EVERYTHING).deliveries.items():
        groups[GROUPS[DeliveryState(state)]] += n
    wrong = troubles(error_counts.counted(connection, [run.id for run in made], scope=EVERYTHING), meaning)
    return Progress(
        campaign.title, campaign.state, Counter(run.state for run in made), groups, campaign.trial,
        for_everybody(wrong)[:_ERRORS_SHOWN],
    )  # fmt: skip


def _interest(progress: Progress) -> tuple[int, str]:
    """What goes on comes first, what is over last."""
    over = (CampaignState.FINISHED, CampaignState.CANCELLED)
    going_on = (CampaignState.RUNNING, CampaignState.PAUSED)
    return (0 if progress.state in going_on else 2 if progress.state in over else 1, progress.title)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
