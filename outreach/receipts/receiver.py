"""Webhooks: verified, kept before they are acknowledged, applied once; repetition and disorder are harmless."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from channels.contract import Adapter, Event, Receipt, WebhookRequest
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.privacy import KeyRing
from outreach.receipts import taking
from outreach.receipts.effects import Effects, away, bounce_of, broken_off, in_the_way, rounds
from outreach.receipts.joining import Joining
from outreach.receipts.keeping import event_of, readable
from outreach.receipts.taking import RETRY, Told
from outreach.receipts.together import Together
from outreach.store import deliveries, events, polls
from outreach.store.deliveries import Change

log = logging.getLogger(__name__)

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_PATIENCE = timedelta(days=7)
_ROUND = 500
"""Kept receipts applied in one transaction."""
_MOST_ROUNDS = 20
"""Rounds of one call: where receipts outrun their records, more come in ten seconds than one round takes."""
_LONGEST_NAME = 500
"""Characters of what a provider calls an event or a message: the database cannot look up names without bound."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept event whose delivery is known; without its receipt where that cannot be read."""

    of: events.Waiting
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes what providers tell of the accounts given.

    `steady`: connections whose few statements are planned once, for `take_all`; without them it uses the others.
    """

    engine: Engine
    adapters: Mapping[str, Adapter]
    accounts: Mapping[str, Account]
    keys: KeyRing
    clock: Clock
    zone: ZoneInfo = VIETNAM
    steady: Engine | None = None
    _together: Together[Told, int] = field(init=False, repr=False, compare=False, default_factory=Together)

    def receive(self, account_name: str, request: WebhookRequest) -> int:
        """Take one callback; when this returns it is stored for good. Returns how many events were new.

        Raises what `read` raises.
        """
        return self.take(account_name, self.read(account_name, request).events)

    def read(self, account_name: str, request: WebhookRequest) -> Told:
        """What a callback says, its signature checked; asks no database.

        Raises NotFound for an unknown account, VerificationError for a bad signature, ValueError for a body that is
        not the provider's.
        """
        if account_name not in self.adapters:
            raise NotFound(f"there is no account {account_name!r}")
        adapter, account = self.adapters[account_name], self.accounts[account_name]
        adapter.verify(request)
        told = [readable(event) for event in adapter.parse(request)]
        if any(len(name) > _LONGEST_NAME for event in told for name in (event.event_key, event.provider_id)):
            raise ValueError("no provider calls anything by so long a name")
        return Told(account, told)

    def take(self, account_name: str, told: Sequence[Event]) -> int:
        """Keep and apply events of an account in one transaction; returns how many were new."""
        account = self.accounts[account_name]
        if told and all(isinstance(event, Receipt) for event in told):
            return self._together.do(Told(account, told), self.take_all)
        with self.engine.begin() as connection:
            return self._take(connection, account, told)

    def take_polled(self, account_name: str, told: Sequence[Event], *, before: str, after: str) -> int:
        """Keep and apply what was found between two cursors, and the later cursor, in one transaction.

        Nothing where somebody else has moved the cursor meanwhile: they took the same. Returns how many were new.
        """
        account = self.accounts[account_name]
        with self.engine.begin() as connection:
            if not polls.move(connection, account_name, before=before, after=after, now=self.clock.now()):
                return 0
            return self._take(connection, account, told)

    def take_all(self, given: Sequence[Told]) -> list[int | Exception]:
        """Keep and apply what many callbacks say in one transaction; how many events of each were new.

        Where one spoils it, each half is tried in its own: the others are stored, and its error stands in its place.
        """
        try:
            return list(self._taken(given))
        except Exception as error:
            if len(given) == 1 or away(error):
                return [error] * len(given)
        half = len(given) // 2
        return [*self.take_all(given[:half]), *self.take_all(given[half:])]

    def close(self) -> None:
        """Close the connections that are its own."""
        if self.steady is not None:
            self.steady.dispose()

    def _taken(self, given: Sequence[Told], *, again: bool = True) -> list[int]:
        """Tried a second time where only the connection had gone; what was stored all the same is then a repetition."""
        try:
            with (self.steady or self.engine).begin() as connection:
                return taking.take(connection, given, self._effects(connection))
        except Exception as error:
            if not again or not broken_off(error):
                raise
        return self._taken(given, again=False)

    def _take(self, connection: Connection, account: Account, told: Sequence[Event]) -> int:
        return sum(taking.take(connection, [Told(account, told)], self._effects(connection)))

    def _effects(self, connection: Connection) -> Effects:
        return Effects(connection, self.keys, self.clock.now(), self.zone)

    def joining(self, connection: Connection, account: Account) -> Joining:
        """Who comes to an account and goes, in the caller's transaction."""
        return self._effects(connection).joining(account)

    def replay(self) -> int:
        """Apply kept events whose delivery was not known when they came, or that failed; returns how many."""
        receipts = 0
        for _ in range(_MOST_ROUNDS):
            with self.engine.begin() as connection:
                known = events.now_known(connection, limit=_ROUND)
                receipts += self._replay_all(connection, [self._readable(one) for one in known])
            if len(known) < _ROUND:
                break
        with self.engine.begin() as connection:
            failed = events.to_retry(connection, now=self.clock.now())
            return receipts + sum(self._retry_one(connection, one) for one in failed)

    def _readable(self, one: events.Waiting) -> Kept:
        """A kept receipt opened; one that cannot be is reported."""
        try:
            receipt = event_of(self._opened(one.payload))
            if isinstance(receipt, Receipt):
                return Kept(one, receipt)
            what = "no receipt"
        except (OutreachError, ValueError, KeyError, TypeError) as error:
            what = type(error).__name__
        log.error("a kept event cannot be read: account=%s error=%s", one.account, what)
        return Kept(one, None)

    def _replay_all(self, connection: Connection, kept: Sequence[Kept]) -> int:
        """Apply kept receipts together; where one spoils it, each alone, so that none keeps the others waiting."""
        try:
            with connection.begin_nested():
                return self._replay(connection, kept)
        except DBAPIError as error:
            if away(error) or in_the_way(error):
                raise
            if len(kept) != 1:
                return sum(self._replay_all(connection, [one]) for one in kept)
            log.error("a kept event was given up: account=%s error=%s", kept[0].of.account, type(error).__name__)
        events.applied(connection, kept[0].of.account, [kept[0].of.event_key])
        return 0

    def _replay(self, connection: Connection, kept: Sequence[Kept]) -> int:
        effects = self._effects(connection)
        changes: list[Change] = []
        for of, receipt in ((one.of, one.receipt) for one in kept if one.receipt is not None):
            account, place = self.accounts.get(of.account), (of.run, of.delivery)
            changes.append(effects.change(account, receipt, (*place, None), of.channel))
            effects.follow(of.account, receipt, place)
        for round_ in rounds(changes):
            deliveries.advance(connection, round_, now=effects.now)
        for account_name in sorted({one.of.account for one in kept}):  # in one order: no deadlock
            dead = [
                bounce_of(one.receipt, (one.of.run, one.of.delivery, None)) for one in kept
                if one.of.account == account_name and one.receipt is not None and one.receipt.hard_bounce
            ]  # fmt: skip
            effects.bounced(account_name, dead)
            keys = [one.of.event_key for one in kept if one.of.account == account_name]
            events.applied(connection, account_name, keys)
        return len(changes)

    def _retry_one(self, connection: Connection, one: events.Failed) -> bool:
        """Apply once more what citizens told us; given up with a line in the log after a week."""
        account, now = self.accounts.get(one.account), self.clock.now()
        try:
            event = event_of(self._opened(one.payload))
        except (OutreachError, ValueError, KeyError, TypeError):
            event = None
        if account is not None and event is not None and self._effects(connection).heard(account, event):
            events.applied(connection, one.account, [one.event_key])
            return True
        waited = now - one.received_at
        if waited > _PATIENCE:
            log.error("an event was given up: account=%s received=%s", one.account, one.received_at.isoformat())
            events.applied(connection, one.account, [one.event_key])
        else:
            events.retry(connection, one.account, one.event_key, at=now + max(RETRY, waited))
        return False

    def _opened(self, payload: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.keys.open(payload[2:], int.from_bytes(payload[:2], "big")))
        return found
