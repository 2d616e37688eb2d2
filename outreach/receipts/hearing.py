"""What citizens tell us, each by its kind: STOP, START, a token, a coming, a going."""

from __future__ import annotations

from channels.contract import AddressChanged, Event, Inbound, Joined, OptOut, Touched
from outreach.domain.opt_out import is_opt_in, is_opt_out
from outreach.receipts import refusing
from outreach.receipts.joining import Joining
from outreach.store import arrivals, interactions


def hear(joining: Joining, event: Event) -> None:
    """Let an event that is no receipt have its effect; raises what the database and the key ring raise."""
    _in_touch(joining, event)
    match event:
        case Joined():
            joining.come(event, _evidence(joining, event))
        case AddressChanged():
            joining.change(event)
        case OptOut() if event.sender:
            _refuse(joining, event)
        case Inbound() if event.sender:
            _written(joining, event)


def _in_touch(joining: Joining, event: Event) -> None:
    """Remember that somebody turned to an account that may write only for a while after."""
    if isinstance(event, Joined | Inbound | Touched) and event.sender and joining.account.windows:
        sender, at = joining.sealed(event.sender), min(event.at, joining.now)
        interactions.heard(joining.connection, joining.account.name, sender.values, at)


def _written(joining: Joining, event: Inbound) -> None:
    if is_opt_out(event.text):
        _refuse(joining, event)
    elif is_opt_in(event.text):
        _agree(joining, event)
    else:
        joining.bring(event.sender, event.text, event.at, event.event_key, _evidence(joining, event))


def _refuse(joining: Joining, event: Inbound | OptOut) -> None:
    at = min(event.at, joining.now)
    refusing.refuse(joining.connection, joining.account, joining.channel, joining.sealed(event.sender), at=at)


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
