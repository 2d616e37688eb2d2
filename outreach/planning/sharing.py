"""What waits is shared out among the accounts of a channel again, as they fall ill, pause and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from outreach.domain.accounts import Account
from outreach.domain.circuits import PROBE, Circuit
from outreach.domain.clock import Clock
from outreach.domain.words import Channel
from outreach.store import circuits, moves
from outreach.store.circuits import Standing
from outreach.store.sharing import with_paths

_AT_ONCE = 20_000
"""Deliveries of an ill account moved at a time."""
_BACK_AT_ONCE = 100_000
"""Deliveries given back at a time: what stays is looked at again each time."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One channel looked at: its accounts, with the paths of their units, and how they stand."""

    connection: Connection
    channel: Channel
    accounts: Sequence[Account]
    standings: Mapping[str, Standing]
    clock: Clock

    @property
    def resting(self) -> frozenset[str]:
        return frozenset(name for name, one in self.standings.items() if one.rests)

    def away_from(self, account: Account) -> int:
        """Move what a resting account cannot have sent; a few stay, or come, where it may be tried again."""
        others = [one for one in self.accounts if one.name != account.name and one.name not in self.resting]
        if not any(_meet(account, other) for other in others):
            return 0
        now = self.clock.now()
        standing = self.standings[account.name]
        probed = standing.probe_due and not standing.paused
        few = max(PROBE, account.fewest_at_once)
        moved = moves.share_out(
            self.connection, self.channel, self.accounts, self.resting, of=[account.name],
            keep=few if probed else 0, now=now, limit=_AT_ONCE,
        )  # fmt: skip
        if probed and not account.trial:  # it would refuse whom it may not write to
            names = [other.name for other in others]
            moves.lend(self.connection, self.channel, account, of=names, now=now, most=few)
        return sum(moved.values())

    def back_to(self, account: Account) -> int:
        """Give an account back what it would have had."""
        others = [one.name for one in self.accounts if one.name != account.name]
        if not others:
            return 0
        moved = moves.share_out(
            self.connection, self.channel, self.accounts, self.resting, of=others, to=account.name,
            now=self.clock.now(), limit=_BACK_AT_ONCE,
        )  # fmt: skip
        return sum(moved.values())


def share_out(engine: Engine, accounts: Mapping[str, Account], clock: Clock) -> int:
    """Move what waits to the accounts that should have it now; returns how many moved.

    A transaction for each account: killed at any moment it goes on where it stopped. Call again and again.
    """
    with engine.connect() as connection:
        standings = circuits.standings(connection)
        left = moves.gone(connection, accounts)
    turned = [one for one in standings.values() if one.name in accounts and (one.rests or _comes_back(one))]
    inherited = sum(_inherit(engine, accounts, clock, name) for name in left)
    return inherited + sum(_turn(engine, accounts, clock, one.name) for one in turned)


def _inherit(engine: Engine, accounts: Mapping[str, Account], clock: Clock, name: str) -> int:
    """Give what waits at an account that is not there any more to the others, but to none in trial mode.

    What only it could send stays, and `outreach doctor` tells.
    """
    moved = 0
    with engine.begin() as connection:
        resting = frozenset(one.name for one in circuits.standings(connection).values() if one.rests)
        for channel in (one for one in Channel if one.any_account):
            serving = [one for one in accounts.values() if one.serves(channel) and not one.trial]
            given = moves.share_out(
                connection, channel, with_paths(connection, serving), resting, of=[name], now=clock.now(),
                limit=_AT_ONCE,
            )  # fmt: skip
            moved += sum(given.values())
    return moved


def _turn(engine: Engine, accounts: Mapping[str, Account], clock: Clock, name: str) -> int:
    with engine.begin() as connection:
        standings = circuits.standings(connection)
        known = with_paths(connection, accounts.values())
        moved = most = 0
        for channel in (one for one in Channel if one.any_account and accounts[name].serves(one)):
            serving = [one for one in known if one.serves(channel)]
            here = _Round(connection, channel, serving, standings, clock)
            account = next(one for one in serving if one.name == name)
            back = not standings[name].rests
            one = here.back_to(account) if back else here.away_from(account)
            moved, most = moved + one, max(most, one)
        if _comes_back(standings[name]) and most < _BACK_AT_ONCE:
            circuits.shared_out(connection, name)
    return moved


def _comes_back(standing: Standing) -> bool:
    return standing.circuit is Circuit.RETURNING and not standing.paused


def _meet(one: Account, other: Account) -> bool:
    """Whether two accounts serve a unit in common; their units are paths."""
    return one.unit.startswith(other.unit) or other.unit.startswith(one.unit)
