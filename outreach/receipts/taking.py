"""What callbacks say, kept and applied: those of many in the same few statements, whatever accounts they are of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from sqlalchemy import Connection

from channels.contract import Event, Receipt
from outreach.domain.accounts import Account
from outreach.domain.words import Channel
from outreach.receipts.effects import Effects, Place, bounce_of, rounds
from outreach.receipts.hearing import shares
from outreach.store import deliveries, events
from outreach.store.bounces import Bounce

RETRY = timedelta(minutes=1)
"""After which what failed is tried again for the first time."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one callback says. `shares`: it may be taken with others in one transaction."""

    account: Account
    events: Sequence[Event]
    shares: bool = False


@dataclass(frozen=True, slots=True)
class _One:
    """An event with the delivery it is about; `channel` is that of a delivery that went through the account."""

    account: Account
    event: Event
    shares: bool
    place: Place | None
    channel: Channel | None

    @property
    def id(self) -> tuple[str, str]:
        return self.account.name, self.event.event_key

    @property
    def applies(self) -> bool:
        """Whether it can have its effect now; a receipt of a delivery not known yet is replayed when it is."""
        return self.channel is not None or not isinstance(self.event, Receipt)


def marked(told: Told) -> Told:
    """With whether it may be taken with others: all it says touches nothing that others wait for."""
    return replace(told, shares=all(shares(told.account, event) for event in told.events))


def take(connection: Connection, given: Sequence[Told], effects: Effects) -> list[int]:
    """Keep events and apply those not seen before, in the order given; how many of each callback were new."""
    told = {(one.account.name, event.event_key): (one, event) for one in given for event in one.events}
    ones = _placed(connection, list(told.values()))
    rows = [effects.raw(one.account, one.event, one.place, applied=one.applies) for one in ones]
    new = events.keep(connection, sorted(rows, key=lambda row: (row.account, row.event_key)))  # one order: no deadlock
    fresh = [one for one in ones if one.id in new and one.applies]
    _judge(connection, fresh, effects)  # first: whoever records deliveries locks them before anything of who wrote
    _hear(connection, [one for one in fresh if not isinstance(one.event, Receipt)], effects)
    return list(_counted(given, new))


def _placed(connection: Connection, told: Sequence[tuple[Told, Event]]) -> list[_One]:
    """The delivery of each by the key we gave the provider, or by the provider's own id."""
    ids: dict[str, list[str]] = {}
    for of, event in told:
        if isinstance(event, Receipt) and not event.key and event.provider_id:
            ids.setdefault(of.account.name, []).append(event.provider_id)
    known = {name: events.by_provider_ids(connection, name, found) for name, found in ids.items()}
    places = [_place(event, known.get(of.account.name, {})) for of, event in told]
    own = events.of_accounts(
        connection, [(told[n][0].account.name, *place[:2]) for n, place in enumerate(places) if place is not None]
    )  # fmt: skip
    return [
        _One(of.account, event, of.shares, place, None if place is None else own.get((of.account.name, *place[:2])))
        for (of, event), place in zip(told, places, strict=True)
    ]


def _place(event: Event, known: Mapping[str, tuple[int, int]]) -> Place | None:
    if event.key:
        parts = event.key.split(".")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            return int(parts[0]), int(parts[1]), int(parts[2])
        return None
    found = known.get(event.provider_id)
    return None if found is None else (*found, None)


def _hear(connection: Connection, ones: Sequence[_One], effects: Effects) -> None:
    """What citizens told: texts for people to read together, anything else one by one, in the order it came."""
    for together, group in groupby(ones, key=lambda one: one.shares):
        told = list(group)
        if together and len(told) > 1 and effects.heard_all([(one.account, one.event) for one in told]):
            continue
        for one in told:
            if not effects.heard(one.account, one.event):
                events.retry(connection, *one.id, at=effects.now + RETRY)


def _judge(connection: Connection, fresh: Sequence[_One], effects: Effects) -> None:
    """Move the deliveries; what a receipt means beyond its delivery follows."""
    changes: list[deliveries.Change] = []
    dead: dict[str, list[Bounce]] = {}
    for one in fresh:
        if not isinstance(one.event, Receipt) or one.place is None or one.channel is None:
            continue
        changes.append(effects.change(one.account, one.event, one.place, one.channel))
        effects.follow(one.account.name, one.event, one.place[:2])
        if one.event.hard_bounce:
            dead.setdefault(one.account.name, []).append(bounce_of(one.event, one.place))
    for round_ in rounds(changes):
        deliveries.advance(connection, round_, now=effects.now, shard=os.getpid())
    for name in sorted(dead):  # in one order: no deadlock
        effects.bounced(name, dead[name])


def _counted(given: Sequence[Told], new: set[tuple[str, str]]) -> Iterator[int]:
    """How many new ones each callback brought; the first that brought one has it."""
    left = set(new)
    for one in given:
        own = {(one.account.name, event.event_key) for event in one.events} & left
        left -= own
        yield len(own)
