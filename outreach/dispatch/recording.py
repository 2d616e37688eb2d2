"""Recording what became of a chunk: what was sent must not be forgotten, whatever the database or a provider does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, InterfaceError, OperationalError

from outreach.dispatch.loose_ends import LooseEnds
from outreach.dispatch.outcome import Outcome
from outreach.domain.accounts import Account
from outreach.domain.bouncing import RETURNING
from outreach.domain.clock import Clock
from outreach.domain.states import DeliveryState, Reason
from outreach.store import accounts, bounces, deliveries, heirs, interactions, suppressions
from outreach.store.bounces import Bounce
from outreach.store.deliveries import Changed

log = logging.getLogger(__name__)

_AGAIN = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses in seconds between attempts while the database is away."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes outcomes for one worker child."""

    engine: Engine
    clock: Clock
    child: int
    pause: Callable[[float], None]
    ends: LooseEnds = field(default_factory=LooseEnds)

    def write(self, outcomes: Sequence[Outcome], account: Account) -> None:
        """Record outcomes in one transaction; again while the database is away, which is harmless where it had worked.

        Where one of them cannot be stored, each is recorded by itself, that one without what the provider called it.
        What the database does not take for long is kept for the next drain.
        """
        try:
            self._persist(outcomes, account)
        except (OperationalError, InterfaceError):
            self.ends.unrecorded.append((outcomes, account))
            raise
        except DataError:
            log.error("an answer cannot be stored: account=%s", account.name)
            for one in outcomes:
                self._write_alone(one, account)

    def _write_alone(self, one: Outcome, account: Account) -> None:
        try:
            self._persist([one], account)
        except DataError:
            plain = one.change._replace(provider_id=None, code=None, parts=None)
            self._persist([replace(one, change=plain)], account)

    def _persist(self, outcomes: Sequence[Outcome], account: Account) -> None:
        for pause in _AGAIN:
            try:
                return self._once(outcomes, account)
            except (OperationalError, InterfaceError):
                log.warning("the database is away: account=%s recording again in %s s", account.name, pause)
                self.pause(pause)
        return self._once(outcomes, account)

    def _once(self, outcomes: Sequence[Outcome], account: Account) -> None:
        with self.engine.begin() as connection:
            self.write_in(connection, outcomes, account)

    def write_in(self, connection: Connection, outcomes: Sequence[Outcome], account: Account) -> None:
        """Record outcomes in the caller's transaction."""
        broken = next((one.broken for one in outcomes if one.broken), None)
        now = self.clock.now()
        moved = deliveries.advance(connection, [one.change for one in outcomes], now=now, shard=self.child)
        failed = {(one.run, one.delivery) for one in moved if one.state is DeliveryState.FAILED}
        content = [one.change for one in outcomes if one.change.reason == Reason.CONTENT]
        unmade = [place for one in content if (place := (one.run, one.delivery)) in failed]
        heirs.take_over(connection, deliveries.recipients(connection, unmade), now=now)
        refused = [(one.change.run, one.change.delivery) for one in outcomes if one.opted_out]
        suppressions.suppress_deliveries(connection, refused, reason=Reason.OPTED_OUT, source=account.name)
        shut = [
            (one.change.run, one.change.delivery, one.window_closed)
            for one in outcomes
            if one.window_closed is not None
        ]
        interactions.refused(connection, shut, now)
        if RETURNING.intersection(account.channels):
            self._returns(connection, outcomes, moved, account, now)
        if broken is not None:
            accounts.pause(connection, account.name, code=broken[0], reason=broken[1])
            log.error("account paused: account=%s code=%s reason=%s", account.name, *broken)

    def _returns(
        self, connection: Connection, outcomes: Sequence[Outcome], moved: Sequence[Changed], account: Account,
        now: datetime,
    ) -> None:  # fmt: skip
        """Count what the provider has answered, and what it says nobody is there for."""
        refused = {(one.change.run, one.change.delivery) for one in outcomes if one.change.reason == Reason.REJECTED}
        answered = sum(one.state is DeliveryState.ACCEPTED or (one.run, one.delivery) in refused for one in moved)
        if answered:
            bounces.sent(connection, account.name, answered, now=now, shard=self.child)
        dead = [
            Bounce(one.change.run, one.change.delivery, one.change.code or "") for one in outcomes if one.hard_bounce
        ]
        mass = bounces.bounced(connection, account.name, dead, now=now)
        if mass is not None:
            log.error(
                "too much comes back, so that it bars nobody: account=%s bounced=%s of=%s",
                account.name, mass.bounced, mass.sent,
            )  # fmt: skip
