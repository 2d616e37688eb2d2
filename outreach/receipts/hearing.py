"""What citizens tell us, each by its kind: STOP, START, a token, a coming, a going."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from channels.contract import AddressChanged, Event, Inbound, Joined, OptOut, Receipt, Touched
from outreach.domain.accounts import Account
from outreach.domain.invitation import tokens_in
from outreach.domain.opt_out import is_opt_in, is_opt_out
from outreach.domain.phones import PhoneError, parse_phone
from outreach.domain.words import Channel
from outreach.receipts import refusing
from outreach.receipts.joining import Joining
from outreach.store import arrivals, inbound, interactions

LONGEST = 4000
"""Characters that are kept of what a citizen wrote."""
_LONGEST_NUMBER = 40


def hear(joining: Joining, event: Event) -> None:
    """Let an event that is no receipt have its effect; raises what the database and the key ring raise."""
    event = _numbered(joining, event)
    interactions.heard(joining.connection, _in_touch(joining, event))
    match event:
        case Joined():
            joining.come(event, _evidence(joining, event))
        case AddressChanged():
            joining.change(event)
        case OptOut() if event.sender:
            _refuse(joining, event)
        case Inbound() if event.sender:
            _written(joining, event)


def shares(account: Account, event: Event) -> bool:
    """Whether an event touches nothing that others wait for: a receipt, or a text that is for people to read alone."""
    if isinstance(event, Receipt):
        return True
    return isinstance(event, Inbound) and not (
        is_opt_out(event.text, brands=(account.public_name,))
        or is_opt_in(event.text)
        or next(tokens_in(event.text), "")
    )


def hear_texts(told: Sequence[tuple[Joining, Event]]) -> None:
    """What `hear` does, for many texts that `shares` holds of; kept in the order given."""
    numbered = [(joining, _numbered(joining, event)) for joining, event in told]
    touched = [one for joining, event in numbered for one in _in_touch(joining, event)]
    interactions.heard(told[0][0].connection, touched)
    texts = [(joining, event) for joining, event in numbered if isinstance(event, Inbound) and event.sender]
    written = [_kept(joining, event) for joining, event in texts if event.text.split()]
    if written:
        inbound.keep(told[0][0].connection, written)


def _numbered(joining: Joining, event: Event) -> Event:
    """A text by SMS with its sender's number as ours are kept: gateways write 0912…, 84912…, +84 912 …

    One that is no number of a subscriber stays as it is.
    """
    if (
        not isinstance(event, Inbound | OptOut)
        or joining.channel is not None
        or not joining.account.serves(Channel.SMS)
    ):
        return event
    if len(event.sender) > _LONGEST_NUMBER:
        return event
    try:
        return replace(event, sender=parse_phone(event.sender).e164)
    except PhoneError:
        return event


def _in_touch(joining: Joining, event: Event) -> list[tuple[str, bytes, datetime]]:
    """(account, fingerprint, when) to remember where somebody turned to one that may write only for a while after."""
    if not (isinstance(event, Joined | Inbound | Touched) and event.sender and joining.account.windows):
        return []
    sender, at = joining.sealed(event.sender), min(event.at, joining.now)
    return [(joining.account.name, value, at) for value in sender.values]


def _written(joining: Joining, event: Inbound) -> None:
    if is_opt_out(event.text, brands=(joining.account.public_name,)):
        _refuse(joining, event)
    elif is_opt_in(event.text):
        _agree(joining, event)
    else:
        joining.bring(event.sender, event.text, event.at, event.event_key, _evidence(joining, event))
        _keep(joining, event)


def _refuse(joining: Joining, event: Inbound | OptOut) -> None:
    """Bar the address at once, and confirm it where the provider has not done so itself."""
    at, sender = min(event.at, joining.now), joining.sealed(event.sender)
    held = refusing.refuse(joining.connection, joining.account, joining.channel, sender, at=at)
    confirmed = isinstance(event, OptOut) and event.confirmed
    if held and not confirmed:
        refusing.confirm(
            joining.connection, joining.account, joining.channel, sender, event.event_key, at=at, now=joining.now
        )


def _keep(joining: Joining, event: Inbound) -> None:
    """Keep what a citizen wrote for people to read, unless it is nothing but a token."""
    words = event.text.split()
    if not words or all(next(tokens_in(word), "") for word in words):
        return
    inbound.keep(joining.connection, [_kept(joining, event)])


def _kept(joining: Joining, event: Inbound) -> inbound.Written:
    channel = joining.channel or joining.account.channels[0]
    body = joining.keys.seal(event.text[:LONGEST])
    at, sender = min(event.at, joining.now), joining.sealed(event.sender)
    return inbound.Written(joining.account.name, event.event_key, channel, sender, body, at)


def _agree(joining: Joining, event: Inbound) -> None:
    at, sender, channel = min(event.at, joining.now), joining.sealed(event.sender), joining.channel
    known = None
    if channel is not None:
        arrivals.lock(joining.connection, joining.account.name, [sender])
        known = arrivals.of(joining.connection, joining.account.name, str(channel), sender, at=at)
    refusing.agree(joining.connection, joining.account, channel, known, sender, at=at)


def _evidence(joining: Joining, event: Event) -> str:
    """Where the proof of a consent is kept: the stored event."""
    return f"{joining.account.name} {event.event_key}"
