"""Draining: a worker child claims, sends and records chunks of one account and lane until nothing is due.

While one chunk is on the wire the one before it is recorded; never more than `UNRECORDED` rows of a child are out.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

import redis
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from channels.abilities import SendingMany
from channels.contract import Accepted, Adapter, Lease, SendError
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.lists import send_all, too_few, wait_for_company
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import Composer, Ready, Unready
from outreach.dispatch.outcome import Outcome, gathering, outcome, returned, unrenderable
from outreach.dispatch.recording import Recorder
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.frozen import Frozen
from outreach.domain.hours import HOURS, is_open
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Lane
from outreach.store import accounts as account_store
from outreach.store import claims
from outreach.store.claims import Claimed, OpenRun
from outreach.store.deliveries import Change
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

UNRECORDED = 100
"""Most rows of one child that are claimed and not yet recorded: what a kill can leave unknown."""
CHUNK = UNRECORDED // 2
LIST_CHUNK = UNRECORDED
"""Rows claimed together where they may leave as one request: recorded before the next are claimed."""
LONGEST = {Lane.REPLY: 10.0, Lane.REMINDER: 10.0, Lane.BULK: 4.0}
"""Seconds a drain goes on before it lets other work of the child have its turn."""
_PATIENCE = timedelta(seconds=0.25)
"""How long a drain waits for tokens itself; for more it leaves and is called again."""
_SLICE = 0.1
"""Tokens of this many seconds are waited for together, so that chunks do not shrink to single messages."""
_PATIENCE_FOR_A_LIST = timedelta(seconds=1)
"""The same for an account that sends lists: a whole chunk is worth waiting for, as requests are what it is short of."""
WORTH_HELP = 200
"""From this rate on one child may not be enough for an account; below it a second one would only wait."""
_AFTER_A_BUG = timedelta(seconds=60)
_MARGIN = 0.8
"""The share of a lease in which writing may begin; the rest is for recording."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A chunk on the wire."""

    messages: Sequence[Ready]
    results: Future[list[Accepted | BaseException]]


@dataclass(slots=True)
class Drained:
    """What one drain did; `more`: it stopped for time, work is left. `weight`: tokens of the last chunk's heaviest."""

    sent: int = 0
    refused: int = 0
    more: bool = False
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What draining needs; one per worker child."""

    engine: Engine
    buckets: Buckets
    loop: SendingLoop
    accounts: Mapping[str, Account]
    keys: KeyRing
    clock: Clock
    child: int
    public_url: str
    lease_s: float
    stopping: Callable[[], bool] = field(default=lambda: False)
    help: Callable[[str, Lane], object] = field(default=lambda account, lane: None)
    pause: Callable[[float], None] = time.sleep

    @property
    def _recorder(self) -> Recorder:
        return Recorder(self.engine, self.clock, self.child, self.pause)

    def drain(self, account_name: str, lane: Lane, *, longest: float | None = None) -> Drained:
        """Send what is due for an account and lane, for at most `longest` seconds.

        Does nothing while the account is paused, the bucket is empty for long, or Valkey is away.
        """
        account = self.accounts[account_name]
        done = Drained()
        flight: Flight | None = None
        ends = time.monotonic() + (LONGEST[lane] if longest is None else longest)
        adapter = self.loop.submit(self.loop.adapter(account_name)).result(timeout=30)
        composer = Composer(account, self.keys, self.public_url)
        in_lists = lane is Lane.BULK and isinstance(adapter, SendingMany)
        try:
            while not self.stopping():
                if in_lists and flight is not None:
                    landed, flight = flight, None
                    if self._record(account, landed):
                        break
                if time.monotonic() >= ends:
                    done.more = True
                    break
                started = self._next_flight(account, lane, adapter, composer, done, in_lists=in_lists)
                before, flight = flight, started
                trouble = before is not None and self._record(account, before)
                if trouble or flight is None:
                    break
        finally:
            if flight is not None:
                self._record(account, flight)
        return done

    def _next_flight(
        self, account: Account, lane: Lane, adapter: Adapter, composer: Composer, done: Drained, *, in_lists: bool
    ) -> Flight | None:
        """Claim, render and put on the wire one chunk; None where nothing is due or may leave now."""
        granted = self._tokens(account, done.weight if in_lists else None)
        if granted == 0:
            return None
        limit = max(1, min(LIST_CHUNK, granted // done.weight)) if in_lists else granted
        try:
            claimed, runs, refused, lease = self._claim(account, lane, limit, one_run=in_lists)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s claims nothing", account.name)
            self._settle(account, granted)
            return None
        if len(claimed) >= CHUNK and done.sent == 0 and account.rate >= WORTH_HELP:
            self.help(account.name, lane)
        done.refused += refused
        try:
            ready, changes = self._compose(claimed, runs, adapter, composer, lease)
        except Exception as error:
            # Nothing has left: give everything back, so that a bug or a missing key costs time, not messages.
            log.exception("composing failed: account=%s error=%s", account.name, type(error).__name__, exc_info=False)
            ready, changes = [], [returned(claim, self.child, delay=_AFTER_A_BUG) for claim in claimed]
        leaving, short = self._afford(account, granted, ready)
        leaving, waiting = self._gather(account, adapter, leaving, short)
        changes += waiting
        done.weight = max((message.tokens for message in ready), default=done.weight)
        if changes:
            self._recorder.write([Outcome(change) for change in changes], account)
        if not leaving:
            return self._empty(bool(claimed) or refused > 0)
        done.sent += len(leaving)
        return Flight(leaving, self.loop.submit(send_all(adapter, leaving)))

    def _tokens(self, account: Account, weight: int | None) -> int:
        """Tokens for a chunk, waited for a little where the bucket is empty; 0: nothing may leave now.

        `weight`: tokens a message of a list takes, for whole chunks; None: as many as there are.
        """
        wanted, patience = max(1, min(CHUNK, int(account.rate))), _PATIENCE
        least = max(1, min(wanted, int(account.rate * _SLICE)))
        if weight is not None:
            wanted = least = max(1, min(LIST_CHUNK * weight, account.burst))
            patience = _PATIENCE_FOR_A_LIST
        for _ in range(2):
            try:
                grant = self.buckets.take(account, wanted, least=least)
            except redis.RedisError:
                log.warning("rate limiter is away: account=%s sends nothing", account.name)
                return 0
            if grant.tokens or grant.wait > patience:
                return grant.tokens
            self.pause(grant.wait.total_seconds())
        return 0

    def _empty(self, again: bool) -> Flight | None:
        """A chunk of which nothing could leave: an empty flight where another may follow, else None."""
        if not again:
            return None
        nothing: Future[list[Accepted | BaseException]] = Future()
        nothing.set_result([])
        return Flight((), nothing)

    def _claim(
        self, account: Account, lane: Lane, limit: int, *, one_run: bool
    ) -> tuple[list[Claimed], dict[int, OpenRun], int, Lease]:
        """Claim due deliveries, of all open runs or (for lists: what one run says is the same) of any one of them."""
        now = self.clock.now()
        lease = Lease.lasting(self.lease_s * _MARGIN)
        with self.engine.begin() as connection:
            if account.name in account_store.paused(connection):
                return [], {}, 0, lease
            runs = {
                run.id: run
                for run in claims.open_runs(connection, account=account.name, lane=lane, now=now)
                if is_open(HOURS[run.message_class], now, ZoneInfo(run.timezone))
            }
            order = random.sample(sorted(runs), min(len(runs), 1) if one_run else len(runs))
            claimed, refused = claims.claim(
                connection, account=account.name, lane=lane, run_ids=order, limit=limit, child=self.child,
                lease_s=self.lease_s, now=now,
            )  # fmt: skip
        return claimed, runs, refused, lease

    def _compose(
        self,
        claimed: Sequence[Claimed],
        runs: Mapping[int, OpenRun],
        adapter: Adapter,
        composer: Composer,
        lease: Lease,
    ) -> tuple[list[Ready], list[Change]]:
        ready: list[Ready] = []
        changes: list[Change] = []
        now = self.clock.now()
        frozen = self._versions({claim.run: runs[claim.run] for claim in claimed})
        for claim in claimed:
            version = frozen[claim.run]
            today = now.astimezone(version.definition.zone).date()
            try:
                made = composer.make(claim, runs[claim.run], version, adapter, today=today, lease=lease)
            except Exception as error:  # a missing key, a bug: this one waits, its neighbours leave
                log.error("composing failed: run=%s delivery=%s error=%s", claim.run, claim.delivery, _kind(error))
                changes.append(returned(claim, self.child, delay=_AFTER_A_BUG))
                continue
            if isinstance(made, Unready):
                changes.append(unrenderable(claim, self.child, made.code))
            else:
                ready.append(made)
        return ready, changes

    def _versions(self, runs: Mapping[int, OpenRun]) -> dict[int, Frozen]:
        if not runs:
            return {}
        # Committed, although only read: psycopg forgets its prepared statements at every rollback.
        with self.engine.begin() as connection:
            return {
                number: read_version(connection, run.campaign, run.version, run.shift_days)
                for number, run in runs.items()
            }

    def _afford(self, account: Account, granted: int, ready: Sequence[Ready]) -> tuple[list[Ready], list[Ready]]:
        """Split into what the bucket pays for and what must wait; unused tokens go back."""
        needed = sum(message.tokens for message in ready)
        if needed > granted:
            try:
                granted += self.buckets.take(account, needed - granted, least=1).tokens
            except redis.RedisError:
                return [], list(ready)
        leaving: list[Ready] = []
        left = granted
        for position, message in enumerate(ready):
            # A message of more parts than the burst goes alone, and the bucket owes the rest.
            if message.tokens > left and not (not leaving and message.tokens > account.burst):
                self._settle(account, left)
                return leaving, list(ready[position:])
            leaving.append(message)
            left -= message.tokens
        self._settle(account, left)
        return leaving, []

    def _gather(
        self, account: Account, adapter: Adapter, leaving: list[Ready], short: Sequence[Ready]
    ) -> tuple[list[Ready], list[Change]]:
        """What leaves now; what waits for tokens, or for more of its kind where a gateway takes no smaller list."""
        a_second = timedelta(seconds=1)
        changes = [returned(message.claimed, self.child, delay=a_second) for message in short]
        few = too_few(adapter, leaving) if isinstance(adapter, SendingMany) else set()
        if not few:
            return leaving, changes
        now, left = self.clock.now(), 0
        staying: list[Ready] = []
        for place, message in enumerate(leaving):
            wait = wait_for_company(message.claimed, now) if place in few else None
            if place in few and short:  # of its kind are those without tokens: no reason to give up
                changes.append(returned(message.claimed, self.child, delay=a_second))
            elif wait is not None:
                changes.append(gathering(message.claimed, self.child, delay=wait))
            else:
                staying.append(message)
                continue
            left += message.tokens
        self._settle(account, left)
        return staying, changes

    def _settle(self, account: Account, tokens: int) -> None:
        try:
            self.buckets.settle(account, tokens)
        except redis.RedisError:
            log.warning("rate limiter is away: account=%s", account.name)

    def _record(self, account: Account, flight: Flight) -> bool:
        """Wait for a chunk and write what became of it; returns whether the account must rest or be mended."""
        results = flight.results.result()
        outcomes = [
            outcome(message.claimed, account, result, child=self.child, spread=random.random())  # noqa: S311
            for message, result in zip(flight.messages, results, strict=True)
        ]
        for message, result in zip(flight.messages, results, strict=True):
            if not isinstance(result, Accepted | SendError):
                kind = type(result).__name__
                log.error("adapter failed: account=%s delivery=%s error=%s", account.name, message.outgoing.key, kind)
        self._recorder.write(outcomes, account)
        hold = max((one.hold for one in outcomes if one.hold), default=None)
        if hold is not None:
            try:
                self.buckets.hold(account, hold)
            except redis.RedisError:
                log.warning("rate limiter is away: account=%s", account.name)
        return hold is not None or any(one.broken for one in outcomes)


def _kind(error: BaseException) -> str:
    return type(error).__name__
