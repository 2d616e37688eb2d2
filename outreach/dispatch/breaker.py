"""The breaker: an account whose provider fails is left alone at once, and what it cannot have sent goes elsewhere."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import redis
from sqlalchemy import Connection, Engine

from channels.contract import Accepted, ErrorKind, SendError
from outreach.dispatch.windows import Windows
from outreach.domain import circuits
from outreach.domain.accounts import Account
from outreach.domain.circuits import Tally
from outreach.domain.clock import Clock
from outreach.domain.words import Channel, Lane
from outreach.store import campaigns, moves
from outreach.store import circuits as store
from outreach.store.sharing import with_paths

log = logging.getLogger(__name__)

_AT_ONCE = 2000
"""Deliveries a sender moves itself, so that the other account has work; the scheduler moves the rest."""
_ILL = frozenset({ErrorKind.TRANSIENT, ErrorKind.UNCERTAIN})
_SAYS_NOTHING = frozenset({ErrorKind.THROTTLED, ErrorKind.NOT_SENT, ErrorKind.MISCONFIGURED})
"""Of whether the provider works: a person mends the last, the others are its right."""
WHO = "system"


def tally(results: Sequence[Accepted | BaseException], seconds: float) -> Tally:
    """How a chunk went; an exception that is no SendError is our own bug and says nothing of the provider."""
    kinds = [result.kind for result in results if isinstance(result, SendError)]
    taken = sum(isinstance(result, Accepted) for result in results)
    ill = sum(kind in _ILL for kind in kinds)
    well = taken + sum(kind not in _ILL | _SAYS_NOTHING for kind in kinds)
    return Tally(well, ill, seconds if well or ill else 0.0, 1 if well or ill else 0)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Judges the accounts by what a child's sends tell; `timeout` (s) is that of a send."""

    engine: Engine
    windows: Windows
    accounts: Mapping[str, Account]
    clock: Clock
    timeout: float

    def judge(self, account: Account, chunk: Tally, *, probe: bool, hint: Callable[[str, Lane], object]) -> bool:
        """Take a chunk into account; returns whether nothing more may leave through the account now."""
        if not chunk.results:
            if probe:
                with self.engine.begin() as connection:
                    store.give_probe_back(connection, account.name)
            return probe
        if probe:
            return self._judge_probe(account, chunk)
        cause = self._cause(account, chunk)
        if cause:
            self._open(account, cause, hint)
        return bool(cause)

    def paused(self, account: Account, hint: Callable[[str, Lane], object]) -> None:
        """The account waits for a person: what another one can send goes there."""
        with self.engine.begin() as connection:
            moved = self._move(connection, account)
        _tell(account, moved, hint)

    def _cause(self, account: Account, chunk: Tally) -> str:
        """Why an account counts as ill; "" for one that is well. Where Valkey is away the chunk alone tells."""
        window = chunk
        try:
            self.windows.note(account.name, chunk)
            if chunk.ill or chunk.seconds > self.timeout / 4:
                window = self.windows.read(account.name)
            if circuits.is_slow(window, self._others(account, chunk), timeout=self.timeout):
                return f"a send takes {window.mean:.1f} s"
        except redis.RedisError:
            log.warning("the windows are away: account=%s", account.name)
        if circuits.is_ill(chunk, window):
            worse = max(chunk, window, key=lambda one: one.share)
            return f"{worse.ill} of {worse.results} sends failed"
        return ""

    def _others(self, account: Account, chunk: Tally) -> list[Tally]:
        """The windows of the accounts that could take over; looked at only where this one is slow."""
        if chunk.seconds <= self.timeout / 4:
            return []
        return [self.windows.read(name) for name in _siblings(account, self.accounts)]

    def _judge_probe(self, account: Account, chunk: Tally) -> bool:
        well = circuits.is_well(chunk)
        with self.engine.begin() as connection:
            if well and store.found_well(connection, account.name):
                campaigns.note(connection, who=WHO, action="account well again", what=account.name)
            if not well:
                cause = f"{chunk.ill} of {chunk.results} sends failed"
                store.found_ill(connection, account.name, cause=cause, pause=_pause, probed=True)
        if well:
            self._forget(account)  # sends that were under way when it fell ill
        log.info("account probed: account=%s well=%s", account.name, well)
        return not well

    def _open(self, account: Account, cause: str, hint: Callable[[str, Lane], object]) -> None:
        with self.engine.begin() as connection:
            if not store.found_ill(connection, account.name, cause=cause, pause=_pause):
                return
            moved = self._move(connection, account)
            campaigns.note(connection, who=WHO, action="account ill", what=account.name, detail={"cause": cause})
        log.error("account ill: account=%s cause=%s moved=%s", account.name, cause, sum(moved.values()))
        self._forget(account)
        _tell(account, moved, hint)

    def _forget(self, account: Account) -> None:
        try:
            self.windows.forget(account.name)
        except redis.RedisError:
            log.warning("the windows are away: account=%s", account.name)

    def _move(self, connection: Connection, account: Account) -> dict[tuple[str, str], int]:
        """A first slice of what waits at the account, to those who can send it just as well."""
        resting = store.resting(connection)
        known = with_paths(connection, self.accounts.values())
        moved: dict[tuple[str, str], int] = {}
        for channel in (one for one in Channel if one.any_account and account.serves(one)):
            if any(name not in resting for name in _siblings(account, self.accounts, channel)):
                moved |= moves.share_out(
                    connection, channel, known, resting, of=[account.name], now=self.clock.now(), limit=_AT_ONCE
                )
        return moved


def _siblings(account: Account, accounts: Mapping[str, Account], channel: Channel | None = None) -> list[str]:
    """The accounts that send on (one of) an account's channels just as well."""
    shared = [one for one in account.channels if one.any_account and channel in (None, one)]
    return [name for name, other in accounts.items() if name != account.name and any(map(other.serves, shared))]


def _tell(account: Account, moved: Mapping[tuple[str, str], int], hint: Callable[[str, Lane], object]) -> None:
    for name, lane in moved:
        if name != account.name:
            hint(name, Lane(lane))


def _pause(tries: int) -> timedelta:
    return circuits.pause(tries, random.random())  # noqa: S311 - nothing secret is drawn
