"""Webhooks: verified, kept before they are acknowledged, applied once; repetition and disorder are harmless."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from channels.contract import Adapter, Event, Receipt, ReceiptState, WebhookRequest
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState, Reason, proved
from outreach.domain.words import Channel
from outreach.receipts.hearing import hear
from outreach.receipts.joining import Joining
from outreach.receipts.keeping import event_of, json_of, readable
from outreach.receipts.together import Together
from outreach.store import bounces, deliveries, events, polls, suppressions
from outreach.store.bounces import Bounce
from outreach.store.deliveries import Change
from outreach.store.events import RawEvent

log = logging.getLogger(__name__)

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_RETRY = timedelta(minutes=1)
_PATIENCE = timedelta(days=7)
_ROUND = 500
"""Kept receipts applied in one transaction."""
_MOST_ROUNDS = 20
"""Rounds of one call: where receipts outrun their records, more come in ten seconds than one round takes."""
_LONGEST_NAME = 500
"""Characters of what a provider calls an event or a message: the database cannot look up names without bound."""
_OUT_OF_ORDER = ("08", "53", "57", "58")
"""Classes of SQL states of a server that is away, full or stopping."""
_IN_THE_WAY = ("40", "55")
"""Those of a lock that could not be had: the next try may have it. Any other is about what the server was asked for."""
_STATES = {
    ReceiptState.ACCEPTED: DeliveryState.ACCEPTED,
    ReceiptState.DELIVERED: DeliveryState.DELIVERED,
    ReceiptState.READ: DeliveryState.READ,
    ReceiptState.FAILED: DeliveryState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Told:
    """What one callback says."""

    account: Account
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept event whose delivery is known; without its receipt where that cannot be read."""

    of: events.Waiting
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes what providers tell of the accounts given."""

    engine: Engine
    adapters: Mapping[str, Adapter]
    accounts: Mapping[str, Account]
    keys: KeyRing
    clock: Clock
    zone: ZoneInfo = VIETNAM
    _together: Together[Told, int] = field(init=False, repr=False, compare=False, default_factory=Together)

    def receive(self, account_name: str, request: WebhookRequest) -> int:
        """Take one callback; when this returns it is stored for good. Returns how many events were new.

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
        return self.take(account.name, told)

    def take(self, account_name: str, told: Sequence[Event]) -> int:
        """Keep and apply events of an account in one transaction; returns how many were new."""
        account = self.accounts[account_name]
        if told and all(isinstance(event, Receipt) for event in told):
            return self._together.do(Told(account, told), self._take_all)
        with self.engine.begin() as connection:
            return len(self._take(connection, account, told))

    def take_polled(self, account_name: str, told: Sequence[Event], *, before: str, after: str) -> int:
        """Keep and apply what was found between two cursors, and the later cursor, in one transaction.

        Nothing where somebody else has moved the cursor meanwhile: they took the same. Returns how many were new.
        """
        account = self.accounts[account_name]
        with self.engine.begin() as connection:
            if not polls.move(connection, account_name, before=before, after=after, now=self.clock.now()):
                return 0
            return len(self._take(connection, account, told))

    def _take_all(self, given: Sequence[Told]) -> Sequence[int | Exception]:
        """Receipts of many callbacks in one transaction; where one spoils it, each in its own."""
        try:
            with self.engine.begin() as connection:
                return self._take_batch(connection, given)
        except Exception as error:
            if len(given) == 1 or _away(error):
                return [error] * len(given)
        return [self._take_alone(one) for one in given]

    def _take_alone(self, one: Told) -> int | Exception:
        try:
            with self.engine.begin() as connection:
                return len(self._take(connection, one.account, one.events))
        except Exception as error:
            return error

    def _take_batch(self, connection: Connection, given: Sequence[Told]) -> list[int]:
        new: dict[str, set[str]] = {}
        accounts = {one.account.name: one.account for one in given}
        for name, account in sorted(accounts.items()):  # in one order: no deadlock
            events_of_all = [event for one in given if one.account.name == name for event in one.events]
            new[name] = self._take(connection, account, events_of_all)
        counted: list[int] = []
        for one in given:
            own = {event.event_key for event in one.events} & new[one.account.name]
            new[one.account.name] -= own
            counted.append(len(own))
        return counted

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
            if _away(error) or _in_the_way(error):
                raise
            if len(kept) != 1:
                return sum(self._replay_all(connection, [one]) for one in kept)
            log.error("a kept event was given up: account=%s error=%s", kept[0].of.account, type(error).__name__)
        events.applied(connection, kept[0].of.account, [kept[0].of.event_key])
        return 0

    def _replay(self, connection: Connection, kept: Sequence[Kept]) -> int:
        changes: list[Change] = []
        for of, receipt in ((one.of, one.receipt) for one in kept if one.receipt is not None):
            account, place = self.accounts.get(of.account), (of.run, of.delivery)
            changes.append(self._change(account, receipt, (*place, None), of.channel))
            self._follow(connection, of.account, receipt, place)
        for round_ in _rounds(changes):
            deliveries.advance(connection, round_, now=self.clock.now())
        for account_name in sorted({one.of.account for one in kept}):  # in one order: no deadlock
            dead = [
                _bounce(one.receipt, (one.of.run, one.of.delivery, None)) for one in kept
                if one.of.account == account_name and one.receipt is not None and one.receipt.hard_bounce
            ]  # fmt: skip
            self._bounced(connection, account_name, dead)
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
        if account is not None and event is not None and self._heard(connection, account, event):
            events.applied(connection, one.account, [one.event_key])
            return True
        waited = now - one.received_at
        if waited > _PATIENCE:
            log.error("an event was given up: account=%s received=%s", one.account, one.received_at.isoformat())
            events.applied(connection, one.account, [one.event_key])
        else:
            events.retry(connection, one.account, one.event_key, at=now + max(_RETRY, waited))
        return False

    def _take(self, connection: Connection, account: Account, told: Sequence[Event]) -> set[str]:
        """Keep events and apply those not seen before; returns their keys."""
        told = list({event.event_key: event for event in told}.values())
        known = self._known(connection, account, told)
        rows = [self._raw(account, event, known) for event in told]
        new = events.keep(connection, sorted(rows, key=lambda row: row.event_key))  # in one order: no deadlock
        fresh = [event for event in told if event.event_key in new]
        own = self._own(connection, account, [place for event in fresh if (place := _place(event, known))])
        changes: list[Change] = []
        dead: list[Bounce] = []
        done: list[str] = []
        for event in fresh:
            if not isinstance(event, Receipt):
                if self._heard(connection, account, event):
                    done.append(event.event_key)
                else:
                    events.retry(connection, account.name, event.event_key, at=self.clock.now() + _RETRY)
                continue
            place = _place(event, known)
            if place is None or place[:2] not in own:
                continue  # kept: replayed when the delivery is known; another account's is not this one's to tell
            changes.append(self._change(account, event, place, own[place[:2]]))
            self._follow(connection, account.name, event, place[:2])
            dead += [_bounce(event, place)] if event.hard_bounce else []
            done.append(event.event_key)
        for round_ in _rounds(changes):
            deliveries.advance(connection, round_, now=self.clock.now(), shard=os.getpid())
        self._bounced(connection, account.name, dead)
        events.applied(connection, account.name, done)
        return new

    def _follow(self, connection: Connection, account: str, receipt: Receipt, place: tuple[int, int]) -> None:
        """What a receipt means beyond its delivery: for the address it went to, for the account it went through."""
        source = f"provider of {account}"
        if receipt.opted_out:
            suppressions.suppress_deliveries(connection, [place], reason=Reason.OPTED_OUT, source=source)
        if receipt.blames_us:
            log.warning("messages are refused for what we are or send: account=%s code=%s", account, receipt.code)
            polls.warn(connection, account, warning=f"{receipt.code} {receipt.reason}", now=self.clock.now())

    def _bounced(self, connection: Connection, account: str, dead: Sequence[Bounce]) -> None:
        """Bar the addresses nobody is at, unless there are too many of them to be believed."""
        mass = bounces.bounced(connection, account, dead, now=self.clock.now())
        if mass is not None:
            told = (account, mass.bounced, mass.sent)
            log.error("too much comes back, so that it bars nobody: account=%s bounced=%s of=%s", *told)

    def _heard(self, connection: Connection, account: Account, event: Event) -> bool:
        """Let what a citizen told us have its effect, or none at all: one that fails is tried again later.

        A database that does not answer is no fault of the event: then nothing of the callback is acknowledged.
        """
        try:
            with connection.begin_nested():
                hear(self.joining(connection, account), event)
        except Exception as error:
            if _away(error) or _in_the_way(error):
                raise
            kind = type(event).__name__
            log.error("an event failed: account=%s kind=%s error=%s", account.name, kind, type(error).__name__)
            return False
        return True

    def joining(self, connection: Connection, account: Account) -> Joining:
        """Who comes to an account and goes, in the caller's transaction."""
        return Joining(connection, account, self.keys, self.clock.now(), self.zone)

    def _own(
        self, connection: Connection, account: Account, places: Sequence[tuple[int, int, int | None]]
    ) -> Mapping[tuple[int, int], Channel]:
        return events.of_account(connection, account.name, [(run, delivery) for run, delivery, _ in places])

    def _known(
        self, connection: Connection, account: Account, told: Sequence[Event]
    ) -> Mapping[str, tuple[int, int, int | None]]:
        ids = [event.provider_id for event in told if isinstance(event, Receipt) and not event.key]
        found = events.by_provider_ids(connection, account.name, [one for one in ids if one])
        return {provider_id: (run, delivery, None) for provider_id, (run, delivery) in found.items()}

    def _change(
        self, account: Account | None, receipt: Receipt, place: tuple[int, int, int | None], channel: Channel
    ) -> Change:
        run, delivery, generation = place
        state = _STATES[receipt.state]
        proof = DeliveryState.DELIVERED if account is None else account.proof_on(channel)
        failed = state is DeliveryState.FAILED
        return Change(
            run, delivery, state, reason=str(Reason.REJECTED) if failed else None, code=receipt.code or None,
            provider_id=receipt.provider_id or None, generation=generation, proves=proved(state, proof),
        )  # fmt: skip

    def _raw(self, account: Account, event: Event, known: Mapping[str, tuple[int, int, int | None]]) -> RawEvent:
        place = _place(event, known)
        payload = self.keys.version.to_bytes(2, "big") + self.keys.seal(json.dumps(json_of(event)))
        return RawEvent(
            account.name, event.event_key, payload, event.provider_id,
            None if place is None else place[0], None if place is None else place[1],
        )  # fmt: skip

    def _opened(self, payload: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.keys.open(payload[2:], int.from_bytes(payload[:2], "big")))
        return found


def _bounce(receipt: Receipt, place: tuple[int, int, int | None]) -> Bounce:
    run, delivery, generation = place
    return Bounce(run, delivery, receipt.code, generation)


def _rounds(changes: Sequence[Change]) -> list[list[Change]]:
    """The changes such that none of a round is about the same delivery as another: each is judged on its own."""
    rounds: list[list[Change]] = []
    nth: dict[tuple[int, int], int] = {}
    for change in changes:
        place = (change.run, change.delivery)
        at = nth[place] = nth.get(place, -1) + 1
        if at == len(rounds):
            rounds.append([])
        rounds[at].append(change)
    return rounds


def _away(error: Exception) -> bool:
    """Whether the database itself does not answer: then trying each alone is of no use."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    return isinstance(error, OperationalError) and (_state(error) == "" or _state(error).startswith(_OUT_OF_ORDER))


def _in_the_way(error: Exception) -> bool:
    """Whether somebody else's lock is to blame."""
    return isinstance(error, OperationalError) and _state(error).startswith(_IN_THE_WAY)


def _state(error: OperationalError) -> str:
    """Its SQL state; "" where the server said nothing any more."""
    return getattr(error.orig, "sqlstate", None) or ""


def _place(event: Event, known: Mapping[str, tuple[int, int, int | None]]) -> tuple[int, int, int | None] | None:
    """(run, delivery, generation) from the key we gave the provider, or by the provider's own id."""
    if event.key:
        parts = event.key.split(".")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            return int(parts[0]), int(parts[1]), int(parts[2])
        return None
    return known.get(event.provider_id)
