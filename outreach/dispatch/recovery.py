"""Recovery: what becomes of deliveries whose sender fell silent; never does one go to another sender unasked."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from channels.abilities import Askable
from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, SendError
from outreach.dispatch.child import Child, proven_dead
from outreach.dispatch.flights import MARGIN
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import letter_of, links_of, recipient_of
from outreach.dispatch.resending import resend_until
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.composing import marked
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.retries import backoff
from outreach.domain.states import DeliveryState, Reason, proved
from outreach.store import deliveries, stranded
from outreach.store.deliveries import Change
from outreach.store.stranded import Stranded
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

_AT_ONCE = 16
_PATIENCE = 3600.0
"""Seconds for which a provider that cannot be asked right now is asked again before the delivery counts as unknown."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many stranded deliveries were settled, and how: sent after all, to be sent again, or unknown."""

    accepted: int = 0
    planned: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Recovery:
    """Settles what killed, frozen or cut-off senders left."""

    engine: Engine
    loop: SendingLoop
    accounts: Mapping[str, Account]
    keys: KeyRing
    clock: Clock
    lease_s: float
    public_url: str
    timeout_s: float = 10.0
    """Of a send: the longest that a request is under way before its sender's system drops it."""

    def settle_lost(self) -> Recovered:
        """Settle deliveries past their lease."""
        return self._settle(list(self.accounts), unknown=False)

    def ask_unknown(self) -> Recovered:
        """Look once more at the unknown ones of the last day, where the provider can be asked or drops repetitions."""
        able = [name for name, account in self.accounts.items() if account.can_ask or account.deduplicates_for]
        return self._settle(able, unknown=True) if able else Recovered()

    def _settle(self, names: list[str], *, unknown: bool) -> Recovered:
        with self.engine.connect() as connection:
            lost = stranded.stranded(connection, names, lease_s=self.lease_s, unknown=unknown)
        changes = self.loop.submit(self._verdicts(lost, unknown=unknown)).result()
        if not changes:
            return Recovered()
        with self.engine.begin() as connection:
            moved = deliveries.advance(connection, changes, now=self.clock.now())
        by_state = [one.state for one in moved]
        found = Recovered(
            by_state.count(DeliveryState.ACCEPTED),
            by_state.count(DeliveryState.PLANNED),
            by_state.count(DeliveryState.UNKNOWN),
        )
        log.warning("recovered: accepted=%s planned=%s unknown=%s", found.accepted, found.planned, found.unknown)
        return found

    async def _verdicts(self, stranded: Sequence[Stranded], *, unknown: bool) -> list[Change]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def judge(one: Stranded) -> Change | None:
            async with gate:
                try:
                    return await self._unknown_verdict(one) if unknown else await self._verdict(one)
                except Exception as error:  # one delivery's trouble is not the others'
                    log.error("recovery failed: account=%s error=%s", one.account, type(error).__name__)
                    return None if unknown else self._later(one)

        found = await asyncio.gather(*(judge(one) for one in stranded))
        return [change for change in found if change is not None]

    async def _verdict(self, one: Stranded) -> Change | None:
        """What becomes of a delivery past its lease; None: ask again at the next recovery."""
        account = self.accounts.get(one.account)
        if account is None:  # taken out of the file since: nobody is left to ask
            return _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)
        if (again := self._under_its_key(one, account)) is not None:
            return again
        if not account.can_ask:
            return _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)
        if not self._has_come(one):
            return None
        over = self._is_over(one)
        try:
            found = await self._ask(one)
        except SendError as error:
            if error.kind is ErrorKind.UNCERTAIN:  # the provider answered, and cannot tell
                return _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)
            return self._later(one)
        if found is not None:
            return self._accepted(one, found)
        return _change(one, DeliveryState.PLANNED if over else DeliveryState.UNKNOWN, Reason.LEASE_LOST)

    def _has_come(self, one: Stranded) -> bool:
        """Whether what was written before the deadline has come, or never will."""
        return one.silent_s > self.timeout_s - self.lease_s * (1 - MARGIN)

    def _under_its_key(self, one: Stranded, account: Account) -> Change | None:
        """Sent once more, where the provider drops it if it has it, for long enough to come."""
        until = resend_until(one.claimed_at, account)
        if until is None or until <= one.claimed_at + timedelta(seconds=one.silent_s + 2 * self.lease_s):
            return None
        return _change(one, DeliveryState.PLANNED, Reason.LEASE_LOST)._replace(resend_until=until)

    def _is_over(self, one: Stranded) -> bool:
        """Whether its sender cannot write any more: it has said itself how its attempt ended, or is proven dead.

        That the lease is over does not suffice: the clock of a machine paused from outside stands still.
        """
        child = Child(one.child_host, one.child_boot, one.child_pid, one.child_started)
        return one.reason == Reason.UNCERTAIN or proven_dead(child)

    def _later(self, one: Stranded) -> Change | None:
        """Nobody could be asked now: again at the next recovery, for an hour."""
        return None if one.silent_s < _PATIENCE else _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)

    async def _unknown_verdict(self, one: Stranded) -> Change | None:
        """What becomes of an unknown one; None: it stays so, and its turn comes again."""
        account, pause = self.accounts[one.account], backoff(one.attempt, random.random())  # noqa: S311
        # Tried often enough; or nobody knows with which claim; or its lease still runs.
        if pause is None or one.child is None or one.silent_s <= 0:
            return await self._found(one) if account.can_ask else None
        # What the provider has said, or a bug, comes again: only a missing answer is tried once more.
        again = None if one.code else self._under_its_key(one, account)
        if again is None and account.can_ask and self._has_come(one):
            over = self._is_over(one)
            try:
                found = await self._ask(one)
            except SendError:
                return None
            if found is not None:
                return self._accepted(one, found)
            again = _change(one, DeliveryState.PLANNED, Reason.LEASE_LOST) if over else None
        return again and again._replace(delay=pause.total_seconds() if one.reason == Reason.UNCERTAIN else 0.0)

    async def _found(self, one: Stranded) -> Change | None:
        """The message, if the provider has it."""
        try:
            found = await self._ask(one)
        except SendError:
            return None
        return None if found is None else self._accepted(one, found)

    async def _ask(self, one: Stranded) -> Accepted | None:
        adapter = await self.loop.adapter(one.account)
        assert isinstance(adapter, Askable)
        return await adapter.ask(await asyncio.to_thread(self._outgoing, one))

    def _outgoing(self, one: Stranded) -> Outgoing:
        """What the lost sender was to send, made again: the provider is asked for this text to this number."""
        with self.engine.connect() as connection:
            frozen = read_version(connection, one.campaign, one.version, one.shift_days)
        claimed = self.clock.now() - timedelta(seconds=one.silent_s + self.lease_s)
        message_class = frozen.definition.message(one.message).message_class
        letter = letter_of(frozen, one.message, message_class, one.channel, claimed)
        links = links_of(
            letter, self.keys, self.public_url, one.run, one.delivery, one.recipient_kind, one.recipient_id
        )  # fmt: skip
        form = self.accounts[one.account].text_form
        try:
            who = recipient_of(self.keys, one.who, one.sealed_who, one.key_version)
            made = letter.text.written(who, today=letter.today, text_form=form, links=links)
            body = marked(made, one.channel, one.mark).body
            to = "" if one.sealed is None else self.keys.open(one.sealed, one.key_version or 0)
        except OutreachError:
            raise SendError(ErrorKind.UNCERTAIN, "", "the message cannot be made again to ask for it") from None
        return Outgoing(
            key=f"{one.run}.{one.delivery}.{one.generation}", to=to,
            content=Content(channel=str(one.channel), body=body), lease=Lease.lasting(self.lease_s),
            sent_after=one.claimed_at,
        )  # fmt: skip

    def _accepted(self, one: Stranded, found: Accepted) -> Change:
        proves = proved(DeliveryState.ACCEPTED, self.accounts[one.account].proof_on(one.channel))
        return Change(
            one.run, one.delivery, DeliveryState.ACCEPTED, provider_id=found.provider_id, parts=found.parts,
            proves=proves,
        )  # fmt: skip


def _change(one: Stranded, state: DeliveryState, reason: Reason) -> Change:
    return Change(one.run, one.delivery, state, reason=str(reason), child=one.child, attempt=one.attempt)
