"""STOP and START: a refusal holds until its author takes it back by a word of their own that came later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.states import Reason
from outreach.domain.words import Channel
from outreach.store import arrivals, joins, suppressions
from outreach.store.arrivals import Arrival, Fingerprints, Sealed


def refuse(connection: Connection, account: Account, bound: Channel | None, sender: Sealed, *, at: datetime) -> None:
    """Bar the sender's address on every channel of the account, unless they have taken it back since `at`.

    Who refuses in the chat of an OA refuses its messages by phone number too, where we know whose number it is.
    """
    if bound is not None:
        arrivals.lock(connection, account.name, [sender])
        known = arrivals.of(connection, account.name, str(bound), sender, at=at)
        if known.agreed_at is not None and at < known.agreed_at:
            return
        arrivals.refused(connection, known, at=at)
    for channel, fingerprints in _barred(connection, account, bound, sender):
        suppressions.suppress(
            connection, fingerprints, channel=str(channel), reason=Reason.OPTED_OUT,
            source=f"reply to {account.name}", at=at,
        )  # fmt: skip


def agree(
    connection: Connection, account: Account, bound: Channel | None, known: Arrival | None, sender: Sealed, *,
    at: datetime,
) -> None:  # fmt: skip
    """Take back the sender's own refusal of before `at`; advertising stays refused, as it needs a consent of its own.

    A bounce, a do-not-call entry and a refusal of every channel stay. What the sender refused at another account of
    the channel is still refused there.
    """
    if known is not None:
        if known.refused_at is not None and at <= known.refused_at:
            return
        arrivals.agreed(connection, known, at=at)
        for other in arrivals.refused_elsewhere(connection, account.name, sender):
            joins.remove_address(connection, account=other, channel=known.channel, sender=sender)
    for channel, fingerprints in _barred(connection, account, bound, sender):
        suppressions.narrow(connection, fingerprints, channel=str(channel), until=at)


def carry(connection: Connection, old: Arrival, new: Arrival) -> None:
    """What somebody refused or agreed to at an address holds at the address it has become."""
    if old.refused_at is not None:
        arrivals.refused(connection, new, at=old.refused_at)
    if old.agreed_at is not None:
        arrivals.agreed(connection, new, at=old.agreed_at)


def _barred(
    connection: Connection, account: Account, bound: Channel | None, sender: Sealed
) -> Iterator[tuple[Channel, Fingerprints]]:
    """(channel, fingerprints) of the addresses by which the account could write to the sender."""
    for channel in account.channels:
        if bound is None or channel is bound:
            yield channel, sender.fingerprints
        else:
            addressed = str(channel.addressed_by)
            yield channel, joins.addresses_beside(connection, account.name, str(bound), sender, channel=addressed)
