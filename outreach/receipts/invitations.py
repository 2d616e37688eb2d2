"""Invitations as people meet them: the page behind a link, the list handed out on paper, the arrivals staff settle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine

from outreach.domain.accounts import Account
from outreach.domain.errors import OutreachError
from outreach.domain.invitation import Door, Why, doors
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.segments import Rule
from outreach.domain.words import Channel
from outreach.receipts.receiver import Receiver
from outreach.store import arrivals, contacts, joins
from outreach.store.campaigns import note
from outreach.store.invitees import invitees

_PAGE = 1000
_UNREADABLE = "?"
"""Stands for a name or a phone number whose key is missing."""


class Standing(StrEnum):
    """How an invitation stands."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Invited:
    """What the page behind a link shows: nothing of the person, only the ways in."""

    standing: Standing
    doors: Sequence[Door] = ()


def show(engine: Engine, keys: KeyRing, accounts: Mapping[str, Account], token: str, *, today: date) -> Invited | None:
    """How an invitation stands and the ways in; None for a token that is not ours. Changes nothing."""
    invitation = keys.read_invitation(token)
    if invitation is None:
        return None
    if invitation.expired(today):
        return Invited(Standing.EXPIRED)
    with engine.connect() as connection:
        bearer = joins.bearer(connection, invitation.contact, made_on=invitation.made_on)
        used = joins.is_used(connection, invitation.contact, invitation.made_on)
    if bearer is None:
        return None
    open_doors = doors(accounts.values(), bearer.path, token)
    return Invited(Standing.USED if used else Standing.OPEN, open_doors)


@dataclass(frozen=True, slots=True)
class Slip:
    """One invitation to hand out. `ways`: the channels it opens where the person lives; none: it would lead nowhere."""

    contact: int
    full_name: str
    unit_name: str
    link: str
    ways: tuple[Channel, ...]


def slips(
    engine: Engine, keys: KeyRing, accounts: Mapping[str, Account], rule: Rule, *, channels: Sequence[Channel],
    public_url: str, scope: Scope, today: date, unit: str = "", contact: int | None = None,
) -> Iterator[Slip]:  # fmt: skip
    """An invitation for each of the rule's grown-ups without an address on any of `channels`, in the order of ids.

    Printed again on the same day it is the same one, unless it has been used: then it is the next day's.
    """
    base, after = public_url.rstrip("/"), 0
    while True:
        with engine.connect() as connection:
            found = invitees(
                connection, rule, channels=channels, scope=scope, today=today, unit=unit, contact=contact,
                after=after, limit=_PAGE,
            )  # fmt: skip
        for one in found:
            made_on = today if one.used_on is None else max(today, one.used_on + timedelta(days=1))
            token = keys.invitation(one.id, made_on)
            ways = tuple(door.channel for door in doors(accounts.values(), one.path, token))
            yield Slip(one.id, one.full_name, one.unit_name, f"{base}/j/{token}", ways)
        if len(found) < _PAGE:
            return
        after = found[-1].id


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who came and is not linked with anybody; name and phone as they gave them, "" where they did not."""

    id: int
    account: str
    channel: Channel
    came_at: datetime
    why: Why
    name: str
    phone: str


def newcomers(engine: Engine, keys: KeyRing, *, scope: Scope, limit: int = 200) -> list[Newcomer]:
    """Those who wait for staff to say who they are, latest first."""
    with engine.connect() as connection:
        waiting = arrivals.waiting(connection, scope=scope, limit=limit)

    def opened(sealed: bytes | None, version: int) -> str:
        try:
            return "" if sealed is None else keys.open(sealed, version)
        except OutreachError:  # the key is missing: the others are shown all the same
            return _UNREADABLE

    return [
        Newcomer(
            one.id, one.account, Channel(one.channel), one.came_at, one.why, opened(one.name, one.key_version),
            opened(one.phone, one.key_version),
        )
        for one in waiting
    ]  # fmt: skip


def link(receiver: Receiver, arrival: int, contact: int, *, scope: Scope) -> str:
    """Link somebody who came with the contact staff say they are; returns the contact's name.

    Raises NotFound for an arrival that does not wait or a contact that is not there, OutreachError for a child, for
    somebody whom the account does not write to, and for an account that is not configured any more.
    """
    with receiver.engine.begin() as connection:
        known, value, version = arrivals.take(connection, arrival, scope=scope)
        person = contacts.by_id(connection, contact, scope=scope)
        account = receiver.accounts.get(known.account)
        if account is None:
            raise OutreachError(f"the account {known.account!r} is not in accounts.toml any more: put it back first")
        joining = receiver.joining(connection, account)
        grown = joins.still_there(connection, [person.id], today=joining.today)
        if not grown:
            raise OutreachError(f"contact {person.id} is a child: link the guardian, who gets what is for the child")
        if not account.serves_at(grown[0].path):
            raise OutreachError(f"the account {account.name!r} does not write to where contact {person.id} lives")
        sender = joining.sealed(receiver.keys.open(value, version))
        arrivals.lock(connection, account.name, [sender])
        known, _, _ = arrivals.take(connection, arrival, scope=scope)  # they may have gone, or been linked, meanwhile
        joining.link(known, sender, person.id, evidence=f"linked by {scope.who}")
        note(connection, who=scope.who, action="link", what=f"arrival {arrival} to contact {person.id}")
    return person.full_name
