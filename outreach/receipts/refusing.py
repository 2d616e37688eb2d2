"""STOP and START: a refusal holds until its author takes it back by a word of their own that came later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.confirmation import ANSWERING, QUIET, WORTH
from outreach.domain.states import Reason
from outreach.domain.words import Channel
from outreach.store import arrivals, confirmations, joins, suppressions
from outreach.store.arrivals import Arrival, Fingerprints, Sealed


def refuse(connection: Connection, account: Account, bound: Channel | None, sender: Sealed, *, at: datetime) -> bool:
    """Bar the sender's address on every channel of the account, unless they have taken it back since `at`.

    Returns whether it holds. Who refuses in the chat of an OA refuses its messages by phone number too, where we know
    whose number it is.
    """
    if bound is not None:
        arrivals.lock(connection, account.name, [sender])
        known = arrivals.of(connection, account.name, str(bound), sender, at=at)
        if known.agreed_at is not None and at < known.agreed_at:
            return False
        arrivals.refused(connection, known, at=at)
    for channel, fingerprints in _barred(connection, account, bound, sender):
        suppressions.suppress(
            connection, fingerprints, channel=str(channel), reason=Reason.OPTED_OUT,
            source=f"reply to {account.name}", at=at,
        )  # fmt: skip
    return True


def confirm(
    connection: Connection, account: Account, bound: Channel | None, sender: Sealed, event_key: str, *, at: datetime,
    now: datetime,
) -> bool:  # fmt: skip
    """Plan the one confirmation of a refusal, where the account can be written to and answers; whether there is one.

    Decree 91/2020: at once, once, free; not again within a day. One that would come a day late is left out.
    """
    channel = bound or next((one for one in account.channels if one in ANSWERING), None)
    if channel not in ANSWERING or at + WORTH <= now:
        return False
    return confirmations.plan(
        connection, account=account.name, event_key=event_key, channel=channel, sender=sender, now=now,
        expires=at + WORTH, quiet_since=now - QUIET,
    )  # fmt: skip


def agree(
    connection: Connection, account: Account, bound: Channel | None, known: Arrival | None, sender: Sealed, *,
    at: datetime,
) -> None:  # fmt: skip
    """Take back the sender's own refusal of before `at`; advertising stays refused, as it needs a consent of its own.

    A confirmation that has not left is not sent any more. A bounce, a do-not-call entry and a refusal of every channel
    stay. What the sender refused at another account of the channel is still refused there.
    """
    if known is not None:
        if known.refused_at is not None and at <= known.refused_at:
            return
        arrivals.agreed(connection, known, at=at)
        for other in arrivals.refused_elsewhere(connection, account.name, sender):
            joins.remove_address(connection, account=other, channel=known.channel, sender=sender)
    for channel in account.channels:
        confirmations.cancel(connection, sender, channel, now=at)
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
