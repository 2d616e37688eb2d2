"""Recovery: what becomes of deliveries whose sender fell silent; never does one go to another sender unasked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Engine

from channels.abilities import Askable
from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, SendError
from outreach.dispatch.child import Child, proven_dead
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import invited, links_of, recipient_of
from outreach.dispatch.resending import resend_until
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.composing import compose, marked
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState, Reason, proved
from outreach.store import claims, deliveries
from outreach.store.claims import Stranded
from outreach.store.deliveries import Change
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

    def settle_lost(self) -> Recovered:
        """Settle deliveries past their lease."""
        return self._settle(list(self.accounts), unknown=False)

    def ask_unknown(self) -> Recovered:
        """Ask once more after the unknown ones of the last day, where the provider can be asked."""
        askable = [name for name, account in self.accounts.items() if account.can_ask]
        return self._settle(askable, unknown=True) if askable else Recovered()

    def _settle(self, names: list[str], *, unknown: bool) -> Recovered:
        with self.engine.connect() as connection:
            stranded = claims.stranded(connection, names, lease_s=self.lease_s, unknown=unknown)
        changes = self.loop.submit(self._verdicts(stranded, unknown=unknown)).result()
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
        until = resend_until(one.claimed_at, account)
        if until is not None and until > one.claimed_at + timedelta(seconds=one.silent_s + 2 * self.lease_s):
            return replace(_change(one, DeliveryState.PLANNED, Reason.LEASE_LOST), resend_until=until)
        if not account.can_ask:
            return _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)
        try:
            found = await self._ask(one)
        except SendError as error:
            if error.kind is ErrorKind.UNCERTAIN:  # the provider answered, and cannot tell
                return _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)
            return self._later(one)
        if found is not None:
            return self._accepted(one, found)
        dead = proven_dead(Child(one.child_host, one.child_boot, one.child_pid, one.child_started))
        return _change(one, DeliveryState.PLANNED if dead else DeliveryState.UNKNOWN, Reason.LEASE_LOST)

    def _later(self, one: Stranded) -> Change | None:
        """Nobody could be asked now: again at the next recovery, for an hour."""
        return None if one.silent_s < _PATIENCE else _change(one, DeliveryState.UNKNOWN, Reason.LEASE_LOST)

    async def _unknown_verdict(self, one: Stranded) -> Change | None:
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
        today = claimed.astimezone(frozen.definition.zone).date()
        message_class = frozen.definition.message(one.message).message_class
        links = links_of(
            self.keys, self.public_url, one.run, one.delivery, one.channel, message_class,
            contact=invited(one.recipient_kind, one.recipient_id), today=today,
        )  # fmt: skip
        form = self.accounts[one.account].text_form
        try:
            who = recipient_of(self.keys, one.who, one.sealed_who, one.key_version)
            made = compose(frozen, one.message, one.channel, who, today=today, text_form=form, links=links)
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
