"""Draining: a worker child claims, sends and records chunks of one account and lane until nothing is due.

What became of a chunk is recorded in the transaction that claims the next one; never more than `UNRECORDED` rows of a
child are out.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, InterfaceError, OperationalError

from channels.abilities import SendingMany
from channels.contract import Accepted, Adapter, Lease, SendError
from outreach.dispatch.breaker import Breaker, tally
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.fitting import fitting
from outreach.dispatch.flights import MARGIN, NOTHING, Flight, Landed, Taken, Told, fly
from outreach.dispatch.lists import too_few, wait_for_company
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.loose_ends import LooseEnds
from outreach.dispatch.messages import Composer, Letter, Ready, Unready, letter_of
from outreach.dispatch.metering import note
from outreach.dispatch.outcome import Outcome, gathering, outcome, returned, unrenderable
from outreach.dispatch.purse import Purse
from outreach.dispatch.recording import Recorder
from outreach.domain.accounts import Account
from outreach.domain.circuits import PROBE, Circuit
from outreach.domain.clock import Clock
from outreach.domain.frozen import Frozen
from outreach.domain.hours import HOURS, is_open
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel, Lane
from outreach.store import circuits, claims
from outreach.store.claims import OpenRun
from outreach.store.deliveries import Change
from outreach.store.versions import kept_version, read_version

log = logging.getLogger(__name__)

UNRECORDED = 100
"""Rows of a chunk: most of one child that are claimed and not yet recorded, what a kill can leave unknown."""
LONGEST = {Lane.REPLY: 10.0, Lane.REMINDER: 10.0, Lane.BULK: 4.0}
"""Seconds a drain goes on before it lets other work of the child have its turn."""
WORTH_HELP = 200
"""From this rate on one child may not be enough for an account; below it a second one would only wait."""
_LOOK_AGAIN = 0.5
"""Seconds between two looks whether what is on its way for long has been paused or cancelled meanwhile."""
_AFTER_A_BUG = timedelta(seconds=60)


@dataclass(slots=True)
class Drained:
    """What one drain did; `more`: it stopped for time, work is left. `weight`: tokens of the last chunk's heaviest.

    `ill`: the account was found ill after the chunk that is on its way was claimed. `served`: chunks each run has had,
    where a chunk is one run's.
    """

    sent: int = 0
    refused: int = 0
    more: bool = False
    ill: bool = False
    weight: int = 1
    in_lists: bool = False
    served: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What draining needs; one per worker child.

    `hint`: tells that a lane has work; `help`: calls one more child to a lane that this one is at work for.
    """

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
    hint: Callable[[str, Lane], object] = field(default=lambda account, lane: None)
    help: Callable[[str, Lane], object] = field(default=lambda account, lane: None)
    pause: Callable[[float], None] = time.sleep
    ends: LooseEnds = field(default_factory=LooseEnds)

    @property
    def _recorder(self) -> Recorder:
        return Recorder(self.engine, self.clock, self.child, self.pause, self.ends)

    def drain(self, account_name: str, lane: Lane, *, longest: float | None = None) -> Drained:
        """Send what is due for an account and lane, for at most `longest` seconds.

        Does nothing while the account is paused, the bucket is empty for long, or Valkey is away.
        """
        account = self.accounts[account_name]
        flight: Flight | None = None
        if not self._tied():
            return Drained()
        ends = time.monotonic() + (LONGEST[lane] if longest is None else longest)
        adapter = self.loop.submit(self.loop.adapter(account_name)).result(timeout=30)
        composer = Composer(account, self.keys, self.public_url)
        done = Drained(in_lists=lane is Lane.BULK and isinstance(adapter, SendingMany) and adapter.fewest_at_once < 2)
        try:
            while True:
                told = None if flight is None else self._told(account, flight)
                over = self.stopping() or time.monotonic() >= ends
                if told is not None and (over or done.ill or not told.is_smooth):
                    trouble = self._settle(account, told) or done.ill
                    flight = told = None
                    if trouble:
                        break
                if over:
                    done.more = not self.stopping()
                    break
                flight = self._next_flight(account, lane, adapter, composer, done, told)
                if flight is None:
                    break
        except (OperationalError, InterfaceError):
            raise
        except BaseException:
            self.ends.distrust()
            raise
        finally:
            if flight is not None:
                self._settle(account, self._told(account, flight))
            note(self.engine, account.name, adapter, self.clock)
        return done

    def _tied(self) -> bool:
        """Whether nothing is left from before that the database does not know; nothing is on the wire now."""
        try:
            self.ends.tie(Recorder(self.engine, self.clock, self.child, self.pause).write)
            given_back = self.ends.disown(self.engine, self.clock, self.child, self.lease_s)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: nothing is claimed")
            return False
        if given_back:
            log.warning("given back what was claimed while the database went away: n=%s", given_back)
        return True

    def _next_flight(
        self, account: Account, lane: Lane, adapter: Adapter, composer: Composer, done: Drained, told: Told | None
    ) -> Flight | None:
        """Claim, render and put on the wire one chunk; None where nothing is due or may leave now.

        What is `told` of the chunk before is recorded whatever happens, never later for want of tokens.
        """
        purse = Purse(self.buckets, account, self.pause, urgent=lane is not Lane.BULK)
        granted, told = self._granted(purse, account, adapter, done, told)
        taken = self._taken(purse, account, lane, done, granted, told) if granted else None
        if taken is None:
            return None
        claimed = taken.claimed
        if len(claimed) >= UNRECORDED and done.sent == 0 and account.rate >= WORTH_HELP:
            self.help(account.name, lane)
        done.refused += taken.refused
        try:
            ready, changes = self._compose(taken, adapter, composer)
        except Exception as error:
            # Nothing has left: give everything back, so that a bug or a missing key costs time, not messages.
            log.exception("composing failed: account=%s error=%s", account.name, type(error).__name__, exc_info=False)
            ready, changes = [], [returned(claim, self.child, delay=_AFTER_A_BUG) for claim in claimed]
        leaving, short = purse.afford(granted, ready)
        turned = _turns_to_lists(adapter, lane, leaving, done)
        leaving, waiting = self._gather(purse, adapter, leaving, short, at_once=turned)
        changes += waiting
        done.in_lists = done.in_lists or turned
        done.weight = max((message.tokens for message in ready), default=done.weight)
        if changes:
            self._recorder.write([Outcome(change) for change in changes], account)
        if not leaving:
            return self._empty(taken)
        done.sent += len(leaving)
        return Flight(leaving, self.loop.submit(fly(adapter, leaving, purse.ear())), taken.probe)

    def _granted(
        self, purse: Purse, account: Account, adapter: Adapter, done: Drained, told: Told | None
    ) -> tuple[int, Told | None]:
        """Tokens for a chunk, 0 where nothing may leave now; and what is still to be recorded, nothing for 0."""
        weight = done.weight if done.in_lists else None
        fewest = account.fewest_at_once if done.in_lists else 1
        granted = 0 if told is None else purse.fill(UNRECORDED, weight, patient=False)
        if granted and _limit(done, granted) >= fewest:
            return granted, told
        purse.give_back(granted)
        if told is not None and self._settle(account, told):
            return 0, None
        granted = purse.fill(UNRECORDED, weight)
        if granted and _limit(done, granted) < fewest:
            purse.give_back(granted)
            return 0, None
        return granted, None

    def _taken(
        self, purse: Purse, account: Account, lane: Lane, done: Drained, granted: int, told: Told | None
    ) -> Taken | None:
        """Claim a chunk and record the one before; None where the database is away, then that one is recorded alone."""
        began = Lease.clock()
        try:
            taken = self._claim(account, lane, _limit(done, granted), done, told=told)
        except (OperationalError, InterfaceError, DataError):
            self.ends.unheard(began)
            log.warning("the database is away: account=%s claims nothing", account.name)
            if told is not None:
                self._settle(account, told)
            purse.give_back(granted)
            return None
        if told is not None:
            done.ill = self._judge(account, told)
        return taken

    def _empty(self, taken: Taken) -> Flight | None:
        """A chunk of which nothing could leave: an empty flight where another may follow, else None."""
        if not taken.claimed and not taken.refused:
            return None
        nothing: Future[Landed] = Future()
        nothing.set_result(NOTHING)
        return Flight((), nothing, taken.probe)

    def _claim(self, account: Account, lane: Lane, limit: int, done: Drained, *, told: Told | None) -> Taken:
        """Claim due deliveries, of all open runs or (for lists: what one run says is the same) of each in its turn.

        What is `told` of the chunk before is recorded in the same transaction.
        """
        now = self.clock.now()
        lease = Lease.lasting(self.lease_s * MARGIN)
        nothing = Taken((), {}, 0, lease)
        with self.engine.begin() as connection:
            if told is not None:
                self._recorder.write_in(connection, told.outcomes, account)
            standing = circuits.standing(connection, account.name)
            probe = standing.circuit is Circuit.OPEN
            if standing.paused or (probe and not circuits.take_probe(connection, account.name, lease_s=self.lease_s)):
                return nothing
            runs = {
                run.id: run
                for run in claims.open_runs(connection, account=account.name, lane=lane, now=now)
                if run.test or is_open(HOURS[run.message_class], now, ZoneInfo(run.timezone))
            }
            order = random.sample(sorted(runs), len(runs))
            if done.in_lists:
                order = sorted(order, key=lambda run: done.served.get(run, 0))[:1]
            claimed, refused = claims.claim(
                connection, account=account.name, lane=lane, run_ids=order, child=self.child,
                limit=min(limit, max(PROBE, account.fewest_at_once)) if probe else limit, lease_s=self.lease_s,
                now=now, trial=account.trial, windows=account.windows,
            )  # fmt: skip
            if probe and not claimed:
                circuits.give_probe_back(connection, account.name)
        for run in order if done.in_lists else ():
            done.served[run] = done.served.get(run, 0) + 1
        return Taken(claimed, runs, refused, lease, probe and bool(claimed))

    def _compose(self, taken: Taken, adapter: Adapter, composer: Composer) -> tuple[list[Ready], list[Change]]:
        ready: list[Ready] = []
        changes: list[Change] = []
        now = self.clock.now()
        frozen = self._versions({claim.run: taken.runs[claim.run] for claim in taken.claimed})
        letters: dict[tuple[int, Channel], Letter] = {}
        for claim in taken.claimed:
            place = (claim.run, claim.channel)
            try:
                letter = letters.get(place)
                if letter is None:
                    run = taken.runs[claim.run]
                    letter = letter_of(frozen[claim.run], run.message, run.message_class, claim.channel, now)
                    letters[place] = letter
                made = composer.make(claim, letter, adapter, taken.lease)
            except Exception as error:  # a missing key, a bug: this one waits, its neighbours leave
                log.error("composing failed: run=%s delivery=%s error=%s", claim.run, claim.delivery, _kind(error))
                changes.append(returned(claim, self.child, delay=_AFTER_A_BUG))
                continue
            if isinstance(made, Unready):
                changes.append(unrenderable(claim, self.child, made.code))
            else:
                ready.append(made)
        ready, misfits = fitting(self.loop, adapter, ready)
        return ready, [*changes, *(unrenderable(one.claimed, self.child, one.code) for one in misfits)]

    def _versions(self, runs: Mapping[int, OpenRun]) -> dict[int, Frozen]:
        return {number: kept_version(run.digest, run.shift_days) or self._read(run) for number, run in runs.items()}

    def _read(self, run: OpenRun) -> Frozen:
        # Committed, although only read: psycopg forgets its prepared statements at every rollback.
        with self.engine.begin() as connection:
            return read_version(connection, run.campaign, run.version, run.shift_days)

    def _gather(
        self, purse: Purse, adapter: Adapter, leaving: list[Ready], short: Sequence[Ready], *, at_once: bool
    ) -> tuple[list[Ready], list[Change]]:
        """What leaves now; what waits for tokens, or for more of its kind where a gateway takes no smaller list.

        `at_once`: what goes in lists is claimed again next, a whole list at a time.
        """
        a_second = timedelta(seconds=1)
        changes = [returned(message.claimed, self.child, delay=a_second) for message in short]
        few = too_few(adapter, leaving) if isinstance(adapter, SendingMany) else set()
        if at_once and isinstance(adapter, SendingMany):
            few = {place for place, one in enumerate(leaving) if adapter.list_of(one.outgoing) is not None}
        if not few:
            return leaving, changes
        now, left = self.clock.now(), 0
        staying: list[Ready] = []
        for place, message in enumerate(leaving):
            wait = wait_for_company(message.claimed, now) if place in few else None
            if place in few and at_once:
                changes.append(returned(message.claimed, self.child))
            elif place in few and short:  # of its kind are those without tokens: no reason to give up
                changes.append(returned(message.claimed, self.child, delay=a_second))
            elif wait is not None:
                changes.append(gathering(message.claimed, self.child, delay=wait))
            else:
                staying.append(message)
                continue
            left += message.tokens
        purse.give_back(left)
        return staying, changes

    def _told(self, account: Account, flight: Flight) -> Told:
        """Wait for a chunk: what became of it."""
        while not wait([flight.landing], timeout=_LOOK_AGAIN).done:
            self._call_back(account, flight)
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
        told = zip(flight.messages, results, strict=True)
        fresh = [result for message, result in told if not message.claimed.may_have_left]  # old doubts say nothing
        return Told(outcomes, tally(fresh, landed.seconds), flight.probe)

    def _call_back(self, account: Account, flight: Flight) -> None:
        """Where a campaign of the chunk was paused or cancelled, write no more of it; what others had in it waits."""
        try:
            with self.engine.begin() as connection:
                stopped = claims.any_stopped(connection, flight.runs)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s cannot be told to stop", account.name)
            return
        if stopped:
            flight.call_back()

    def _settle(self, account: Account, told: Told) -> bool:
        """Write what became of a chunk; returns whether the account must rest or be mended."""
        self._recorder.write(told.outcomes, account)
        hold = max((one.hold for one in told.outcomes if one.hold), default=None)
        if hold is not None:
            Purse(self.buckets, account, self.pause).hold(hold)
        return self._judge(account, told) or hold is not None or told.is_broken

    def _judge(self, account: Account, told: Told) -> bool:
        """Whether the account is to be left alone; what the database keeps from being judged is judged by the next."""
        try:
            if told.is_broken:
                self.breaker.paused(account, self.hint)
            return self.breaker.judge(account, told.tally, probe=told.probe, hint=self.hint)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s is not judged", account.name)
            return False


def _limit(done: Drained, granted: int) -> int:
    """How many messages so many tokens may pay for."""
    return max(1, min(UNRECORDED, granted // done.weight)) if done.in_lists else granted


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _turns_to_lists(adapter: Adapter, lane: Lane, messages: Sequence[Ready], done: Drained) -> bool:
    """Whether a drain that began with single messages has met some that go in lists."""
    if done.in_lists or lane is not Lane.BULK or not isinstance(adapter, SendingMany):
        return False
    return any(adapter.list_of(message.outgoing) is not None for message in messages)
