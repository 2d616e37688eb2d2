"""Settling: what became of a chunk on the wire is told, written down, and its account judged by it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from channels.contract import Accepted, SendError
from outreach.dispatch.breaker import Breaker, tally
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.flights import Flight, Told
from outreach.dispatch.outcome import outcome
from outreach.dispatch.purse import Purse
from outreach.dispatch.recording import Recorder
from outreach.domain.accounts import Account
from outreach.domain.words import Lane
from outreach.store import claims

log = logging.getLogger(__name__)

_LOOK_AGAIN = 0.5
"""Seconds between two looks whether what is on its way for long has been paused or cancelled meanwhile."""


@dataclass(frozen=True, slots=True)
class Settling:
    """Settles the chunks of one worker child; `hint`: tells that a lane has work."""

    engine: Engine
    recorder: Recorder
    buckets: Buckets
    breaker: Breaker
    child: int
    pause: Callable[[float], None]
    hint: Callable[[str, Lane], object]

    def told(self, account: Account, flight: Flight) -> Told:
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

    def settle(self, account: Account, told: Told) -> bool:
        """Write what became of a chunk; returns whether the account must rest or be mended."""
        self.recorder.write(told.outcomes, account)
        hold = max((one.hold for one in told.outcomes if one.hold), default=None)
        if hold is not None:
            Purse(self.buckets, account, self.pause).hold(hold)
        return self.judge(account, told) or hold is not None or told.is_broken

    def judge(self, account: Account, told: Told) -> bool:
        """Whether the account is to be left alone; what the database keeps from being judged is judged by the next."""
        try:
            if told.is_broken:
                self.breaker.paused(account, self.hint)
            return self.breaker.judge(account, told.tally, probe=told.probe, hint=self.hint)
        except (OperationalError, InterfaceError):
            log.warning("the database is away: account=%s is not judged", account.name)
            return False

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
