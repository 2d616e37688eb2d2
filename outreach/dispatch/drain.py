"""Draining: a worker child claims, sends and records chunks of one account and lane until nothing is due.

While one chunk is on the wire the one before it is recorded; never more than `UNRECORDED` rows of a child are out.
"""

from __future__ import annotations

import asyncio
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

from channels.contract import Accepted, Adapter, Lease, SendError
from outreach.dispatch.breaker import Breaker, tally
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import Composer, Ready, Unready
from outreach.dispatch.outcome import Outcome, outcome, returned, unrenderable
from outreach.dispatch.recording import Recorder
from outreach.domain.accounts import Account
from outreach.domain.circuits import PROBE, Circuit
from outreach.domain.clock import Clock
from outreach.domain.frozen import Frozen
from outreach.domain.hours import HOURS, is_open
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Lane
from outreach.store import circuits, claims
from outreach.store.claims import Claimed, OpenRun
from outreach.store.deliveries import Change
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

UNRECORDED = 100
"""Most rows of one child that are claimed and not yet recorded: what a kill can leave unknown."""
CHUNK = UNRECORDED // 2
LONGEST = {Lane.REPLY: 10.0, Lane.REMINDER: 10.0, Lane.BULK: 4.0}
"""Seconds a drain goes on before it lets other work of the child have its turn."""
_PATIENCE = timedelta(seconds=0.25)
"""How long a drain waits for tokens itself; for more it leaves and is called again."""
_SLICE = 0.1
"""Tokens of this many seconds are waited for together, so that chunks do not shrink to single messages."""
WORTH_HELP = 200
"""From this rate on one child may not be enough for an account; below it a second one would only wait."""
_AFTER_A_BUG = timedelta(seconds=60)
_MARGIN = 0.8
"""The share of a lease in which writing may begin; the rest is for recording."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a chunk, message by message; `seconds`: how long the slowest took."""

    results: Sequence[Accepted | BaseException]
    seconds: float


@dataclass(frozen=True, slots=True)
class Flight:
    """A chunk on the wire. `probe`: it finds out whether an ill account is well again."""

    messages: Sequence[Ready]
    landing: Future[Landed]
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What was claimed for a chunk, of which runs, under which lease; `refused`: rows that will not be sent."""

    claimed: Sequence[Claimed]
    runs: Mapping[int, OpenRun]
    refused: int
    lease: Lease
    probe: bool = False


@dataclass(slots=True)
class Drained:
    """What one drain did; `more`: it stopped for time, work is left."""

    sent: int = 0
    refused: int = 0
    more: bool = False


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
    breaker: Breaker
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
        try:
            while not self.stopping():
                if time.monotonic() >= ends:
                    done.more = True
                    break
                started = self._next_flight(account, lane, adapter, composer, done)
                landed, flight = flight, started
                trouble = landed is not None and self._record(account, landed)
                if trouble or flight is None:
                    break
        finally:
            if flight is not None:
                self._record(account, flight)
        return done

    def _next_flight(
        self, account: Account, lane: Lane, adapter: Adapter, composer: Composer, done: Drained
    ) -> Flight | None:
        """Claim, render and put on the wire one chunk; None where nothing is due or may leave now."""
        granted = self._tokens(account)
        if granted == 0:
            return None
        try:
            taken = self._claim(account, lane, granted)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s claims nothing", account.name)
            self._settle(account, granted)
            return None
        claimed = taken.claimed
        if len(claimed) == CHUNK and done.sent == 0 and account.rate >= WORTH_HELP:
            self.help(account.name, lane)
        done.refused += taken.refused
        try:
            ready, changes = self._compose(taken, adapter, composer)
        except Exception as error:
            # Nothing has left: give everything back, so that a bug or a missing key costs time, not messages.
            log.exception("composing failed: account=%s error=%s", account.name, type(error).__name__, exc_info=False)
            ready, changes = [], [returned(claim, self.child, delay=_AFTER_A_BUG) for claim in claimed]
        leaving, short = self._afford(account, granted, ready)
        changes += [returned(message.claimed, self.child, delay=timedelta(seconds=1)) for message in short]
        if changes:
            self._recorder.write([Outcome(change) for change in changes], account)
        if not leaving:
            return self._empty(taken)
        done.sent += len(leaving)
        return Flight(leaving, self.loop.submit(_send_all(adapter, leaving)), taken.probe)

    def _tokens(self, account: Account) -> int:
        """Tokens for a chunk, waited for a little where the bucket is empty; 0: nothing may leave now."""
        wanted = max(1, min(CHUNK, int(account.rate)))
        least = max(1, min(wanted, int(account.rate * _SLICE)))
        for _ in range(2):
            try:
                grant = self.buckets.take(account, wanted, least=least)
            except redis.RedisError:
                log.warning("rate limiter is away: account=%s sends nothing", account.name)
                return 0
            if grant.tokens or grant.wait > _PATIENCE:
                return grant.tokens
            self.pause(grant.wait.total_seconds())
        return 0

    def _empty(self, taken: Taken) -> Flight | None:
        """A chunk of which nothing could leave: an empty flight where another may follow, else None."""
        if not taken.claimed and not taken.refused:
            return None
        nothing: Future[Landed] = Future()
        nothing.set_result(Landed((), 0.0))
        return Flight((), nothing, taken.probe)

    def _claim(self, account: Account, lane: Lane, limit: int) -> Taken:
        now = self.clock.now()
        lease = Lease.lasting(self.lease_s * _MARGIN)
        nothing = Taken((), {}, 0, lease)
        with self.engine.begin() as connection:
            standing = circuits.standing(connection, account.name)
            probe = standing.circuit is Circuit.OPEN
            if standing.paused or (probe and not circuits.take_probe(connection, account.name, lease_s=self.lease_s)):
                return nothing
            runs = {
                run.id: run
                for run in claims.open_runs(connection, account=account.name, lane=lane, now=now)
                if is_open(HOURS[run.message_class], now, ZoneInfo(run.timezone))
            }
            order = random.sample(sorted(runs), len(runs))
            claimed, refused = claims.claim(
                connection, account=account.name, lane=lane, run_ids=order, limit=min(limit, PROBE) if probe else limit,
                child=self.child, lease_s=self.lease_s, now=now,
                windows=account.windows,
            )  # fmt: skip
            if probe and not claimed:
                circuits.give_probe_back(connection, account.name)
        return Taken(claimed, runs, refused, lease, probe and bool(claimed))

    def _compose(self, taken: Taken, adapter: Adapter, composer: Composer) -> tuple[list[Ready], list[Change]]:
        ready: list[Ready] = []
        changes: list[Change] = []
        now = self.clock.now()
        frozen = self._versions({claim.run: taken.runs[claim.run] for claim in taken.claimed})
        for claim in taken.claimed:
            version = frozen[claim.run]
            today = now.astimezone(version.definition.zone).date()
            try:
                made = composer.make(claim, taken.runs[claim.run], version, adapter, today=today, lease=taken.lease)
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

    def _settle(self, account: Account, tokens: int) -> None:
        try:
            self.buckets.settle(account, tokens)
        except redis.RedisError:
            log.warning("rate limiter is away: account=%s", account.name)

    def _record(self, account: Account, flight: Flight) -> bool:
        """Wait for a chunk and write what became of it; returns whether the account must rest or be mended."""
        landed = flight.landing.result()
        results = landed.results
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
        ill = self._judge(account, landed, outcomes, probe=flight.probe)
        return ill or hold is not None or any(one.broken for one in outcomes)

    def _judge(self, account: Account, landed: Landed, outcomes: Sequence[Outcome], *, probe: bool) -> bool:
        """Whether the account is to be left alone; what the database keeps from being judged is judged by the next."""
        try:
            if any(one.broken for one in outcomes):
                self.breaker.paused(account, self.help)
            chunk = tally(landed.results, landed.seconds)
            return self.breaker.judge(account, chunk, probe=probe, hint=self.help)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s is not judged", account.name)
            return False


def _kind(error: BaseException) -> str:
    return type(error).__name__


async def _send_all(adapter: Adapter, messages: Sequence[Ready]) -> Landed:
    began = time.monotonic()
    sends = (adapter.send(message.outgoing) for message in messages)
    results = await asyncio.gather(*sends, return_exceptions=True)
    return Landed(results, time.monotonic() - began)
