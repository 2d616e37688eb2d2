"""Draining: a worker child claims, sends and records chunks of one account and lane until nothing is due.

What became of a chunk is recorded in the transaction that claims the next one; never more than `UNRECORDED` rows of a
child are out.
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

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, InterfaceError, OperationalError

from channels.abilities import SendingMany
from channels.contract import Adapter, Lease
from outreach.dispatch.breaker import Breaker
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.composing import AFTER_A_BUG, Composing
from outreach.dispatch.flights import MARGIN, NOTHING, Flight, Landed, Taken, Told, fly
from outreach.dispatch.lists import too_few, wait_for_company
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.loose_ends import LooseEnds
from outreach.dispatch.messages import Composer, Ready
from outreach.dispatch.metering import note
from outreach.dispatch.outcome import Outcome, gathering, returned
from outreach.dispatch.purse import Purse
from outreach.dispatch.recording import Recorder
from outreach.dispatch.settling import Settling
from outreach.domain.accounts import Account
from outreach.domain.circuits import PROBE, Circuit
from outreach.domain.clock import Clock
from outreach.domain.hours import HOURS, is_open
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Lane
from outreach.store import circuits, claims
from outreach.store.deliveries import Change

log = logging.getLogger(__name__)

UNRECORDED = 100
"""Rows of a chunk: most of one child that are claimed and not yet recorded, what a kill can leave unknown."""
LONGEST = {Lane.REPLY: 10.0, Lane.REMINDER: 10.0, Lane.BULK: 4.0}
"""Seconds a drain goes on before it lets other work of the child have its turn."""
WORTH_HELP = 200
"""From this rate on one child may not be enough for an account; below it a second one would only wait."""


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

    @property
    def _composing(self) -> Composing:
        return Composing(self.engine, self.loop, self.clock, self.child)

    @property
    def _settling(self) -> Settling:
        return Settling(self.engine, self._recorder, self.buckets, self.breaker, self.child, self.pause, self.hint)

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
                told = None if flight is None else self._settling.told(account, flight)
                over = self.stopping() or time.monotonic() >= ends
                if told is not None and (over or done.ill or not told.is_smooth):
                    trouble = self._settling.settle(account, told) or done.ill
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
                self._settling.settle(account, self._settling.told(account, flight))
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
            ready, changes = self._composing.compose(taken, adapter, composer)
        except Exception as error:
            # Nothing has left: give everything back, so that a bug or a missing key costs time, not messages.
            log.exception("composing failed: account=%s error=%s", account.name, type(error).__name__, exc_info=False)
            ready, changes = [], [returned(claim, self.child, delay=AFTER_A_BUG) for claim in claimed]
        leaving, short = purse.afford(granted, ready)
        turned = _turns_to_lists(adapter, lane, leaving, done)
        leaving, waiting = self._gather(purse, adapter, leaving, short, at_once=turned)
        changes += waiting
        done.in_lists = done.in_lists or turned
        done.weight = max((message.tokens for message in ready), default=done.weight)
        if changes:
            try:
                self._recorder.write([Outcome(change) for change in changes], account)
            except (OperationalError, InterfaceError):
                self.ends.unheard(taken.began)  # what could leave has not, and will not: it is given back
                raise
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
        if told is not None and self._settling.settle(account, told):
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
                self._settling.settle(account, told)
            purse.give_back(granted)
            return None
        if told is not None:
            done.ill = self._settling.judge(account, told)
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
        began, lease = Lease.clock(), Lease.lasting(self.lease_s * MARGIN)
        nothing = Taken((), {}, 0, lease, began)
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
        return Taken(claimed, runs, refused, lease, began, probe and bool(claimed))

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


def _limit(done: Drained, granted: int) -> int:
    """How many messages so many tokens may pay for."""
    return max(1, min(UNRECORDED, granted // done.weight)) if done.in_lists else granted


def _turns_to_lists(adapter: Adapter, lane: Lane, messages: Sequence[Ready], done: Drained) -> bool:
    """Whether a drain that began with single messages has met some that go in lists."""
    if done.in_lists or lane is not Lane.BULK or not isinstance(adapter, SendingMany):
        return False
    return any(adapter.list_of(message.outgoing) is not None for message in messages)
