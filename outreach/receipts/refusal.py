"""Unsubscribe links: one click refuses further messages at the address the message went to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from outreach.domain.privacy import KeyRing
from outreach.domain.states import Reason
from outreach.store import events, suppressions


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an unsubscribe link is about; nothing personal."""

    campaign_title: str
    channel: str


def show(engine: Engine, keys: KeyRing, token: str) -> Refusal | None:
    """What the link would refuse; None for a link that is not ours. Changes nothing (RFC 8058: GET must not)."""
    place = keys.read_token(token)
    if place is None:
        return None
    with engine.connect() as connection:
        found = events.refusable(connection, *place)
    return None if found is None else Refusal(found.campaign_title, found.channel)


def refuse(engine: Engine, keys: KeyRing, token: str) -> Refusal | None:
    """Suppress the address on its channel, for every class that can be refused; again is harmless."""
    place = keys.read_token(token)
    if place is None:
        return None
    with engine.begin() as connection:
        found = events.refusable(connection, *place)
        if found is None:
            return None
        suppressions.suppress_deliveries(connection, [place], reason=Reason.OPTED_OUT, source="unsubscribe link")
    return Refusal(found.campaign_title, found.channel)
