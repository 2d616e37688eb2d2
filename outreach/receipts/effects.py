"""What an event means, in the caller's transaction: for its delivery, its address, its account, for who wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from channels.contract import Event, Receipt, ReceiptState
from outreach.domain.accounts import Account
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState, Reason, proved
from outreach.domain.words import Channel
from outreach.receipts.hearing import hear, hear_texts
from outreach.receipts.joining import Joining
from outreach.receipts.keeping import json_of
from outreach.store import bounces, polls, suppressions
from outreach.store.bounces import Bounce
from outreach.store.deliveries import Change
from outreach.store.events import RawEvent

log = logging.getLogger(__name__)

Place = tuple[int, int, int | None]
"""(run, delivery, generation)."""
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
class Effects:
    """Lets events have their effect at the moment `now`."""

    connection: Connection
    keys: KeyRing
    now: datetime
    zone: ZoneInfo

    def joining(self, account: Account) -> Joining:
        """Who comes to an account and goes."""
        return Joining(self.connection, account, self.keys, self.now, self.zone)

    def raw(self, account: Account, event: Event, place: Place | None, *, applied: bool) -> RawEvent:
        """The event as it is stored."""
        payload = self.keys.version.to_bytes(2, "big") + self.keys.seal(json.dumps(json_of(event)))
        run, delivery = (None, None) if place is None else place[:2]
        return RawEvent(account.name, event.event_key, payload, event.provider_id, run, delivery, applied)

    def change(self, account: Account | None, receipt: Receipt, place: Place, channel: Channel) -> Change:
        """What a receipt says of its delivery."""
        run, delivery, generation = place
        state = _STATES[receipt.state]
        proof = DeliveryState.DELIVERED if account is None else account.proof_on(channel)
        failed = state is DeliveryState.FAILED
        return Change(
            run, delivery, state, reason=str(Reason.REJECTED) if failed else None, code=receipt.code or None,
            provider_id=receipt.provider_id or None, generation=generation, proves=proved(state, proof),
        )  # fmt: skip

    def follow(self, account: str, receipt: Receipt, place: tuple[int, int]) -> None:
        """What a receipt means beyond its delivery: for the address it went to, for the account it went through."""
        source = f"provider of {account}"
        if receipt.opted_out:
            suppressions.suppress_deliveries(self.connection, [place], reason=Reason.OPTED_OUT, source=source)
        if receipt.blames_us:
            log.warning("messages are refused for what we are or send: account=%s code=%s", account, receipt.code)
            polls.warn(self.connection, account, warning=f"{receipt.code} {receipt.reason}", now=self.now)

    def bounced(self, account: str, dead: Sequence[Bounce]) -> None:
        """Bar the addresses nobody is at, unless there are too many of them to be believed."""
        mass = bounces.bounced(self.connection, account, dead, now=self.now)
        if mass is not None:
            told = (account, mass.bounced, mass.sent)
            log.error("too much comes back, so that it bars nobody: account=%s bounced=%s of=%s", *told)

    def heard(self, account: Account, event: Event) -> bool:
        """Let what a citizen told us have its effect, or none at all: one that fails is tried again later.

        A database that does not answer is no fault of the event: then nothing of the callback is acknowledged.
        """
        error = self._tried(lambda: hear(self.joining(account), event))
        if error is not None:
            kind = type(event).__name__
            log.error("an event failed: account=%s kind=%s error=%s", account.name, kind, type(error).__name__)
        return error is None

    def heard_all(self, told: Sequence[tuple[Account, Event]]) -> bool:
        """The same for texts for people to read, together; where one fails none has its effect."""
        return self._tried(lambda: hear_texts([(self.joining(account), event) for account, event in told])) is None

    def _tried(self, call: Callable[[], None]) -> Exception | None:
        try:
            with self.connection.begin_nested():
                call()
        except Exception as error:
            if away(error) or in_the_way(error):
                raise
            return error
        return None


def bounce_of(receipt: Receipt, place: Place) -> Bounce:
    """What a receipt that nobody is there says."""
    run, delivery, generation = place
    return Bounce(run, delivery, receipt.code, generation)


def rounds(changes: Sequence[Change]) -> list[list[Change]]:
    """The changes such that none of a round is about the same delivery as another: each is judged on its own."""
    found: list[list[Change]] = []
    nth: dict[tuple[int, int], int] = {}
    for change in changes:
        place = (change.run, change.delivery)
        at = nth[place] = nth.get(place, -1) + 1
        if at == len(found):
            found.append([])
        found[at].append(change)
    return found


def away(error: Exception) -> bool:
    """Whether the database itself does not answer: then trying each alone is of no use."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    return isinstance(error, OperationalError) and (_state(error) == "" or _state(error).startswith(_OUT_OF_ORDER))


def in_the_way(error: Exception) -> bool:
    """Whether somebody else's lock is to blame."""
    return isinstance(error, OperationalError) and _state(error).startswith(_IN_THE_WAY)


def broken_off(error: Exception) -> bool:
    """Whether the connection was there and is no more: a new one may be had at once."""
    return isinstance(error, OperationalError | InterfaceError) and error.connection_invalidated


def _state(error: OperationalError) -> str:
    """Its SQL state; "" where the server said nothing any more."""
    return getattr(error.orig, "sqlstate", None) or ""
