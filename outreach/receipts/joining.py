"""Citizens who come to a channel of ours by themselves: whom they are, what they agree to, and that they go.

Called inside the transaction that keeps the event. What happened counts in the order it happened, not that of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from channels.contract import AddressChanged, Joined
from outreach.domain.accounts import Account
from outreach.domain.errors import OutreachError
from outreach.domain.invitation import Why, tokens_in
from outreach.domain.names import best
from outreach.domain.phones import PhoneError, parse_phone
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel
from outreach.receipts import refusing
from outreach.store import arrivals, joins
from outreach.store.arrivals import Arrival, Sealed
from outreach.store.joins import Candidate

HOUSEHOLD = 6
"""Most contacts one address may stand for by its owner's own act: beyond that somebody collects invitations."""
GUESSES = 10
"""Unreadable tokens a sender may bring within `GUESSED_WITHIN`; then not even a good one is looked at."""
GUESSED_WITHIN = timedelta(days=1)
TEXT_VERSION = "join-1"
"""The wording of the page at `/j/…` a citizen agreed to: change it with the page."""


@dataclass(frozen=True, slots=True)
class Found:
    """Whom an arrival is and how that is known; `why` staff should look at it, also where the sender is known."""

    contacts: tuple[int, ...] = ()
    how: str = ""
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Joining:
    """Takes the comings and goings of one account."""

    connection: Connection
    account: Account
    keys: KeyRing
    now: datetime
    zone: ZoneInfo

    @property
    def channel(self) -> Channel | None:
        """The channel whose addresses belong to this account; None where it has none."""
        return next((channel for channel in self.account.channels if channel.account_bound), None)

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()

    def sealed(self, address: str) -> Sealed:
        """An address as it is stored."""
        return Sealed(self.keys.fingerprints(address), self.keys.seal(address))

    def come(self, event: Joined, evidence: str, *, written: bool = False) -> None:
        """Somebody came: link them with whom they are, or keep them for staff to decide; never a guess.

        `written`: they did not ask for messages; what they wrote has a word of a token's form.
        """
        channel = self.channel
        if channel is None or not event.sender:
            return
        at, sender = min(event.at, self.now), self.sealed(event.sender)
        arrivals.lock(self.connection, self.account.name, [sender])
        known = arrivals.of(self.connection, self.account.name, str(channel), sender, at=at)
        if known.left_at is not None and at < known.left_at:
            return  # they have gone since
        found = self._whom(event, known, sender, at)
        if found.contacts:
            self._link(known, sender, found, evidence=evidence, at=at)
        if found.why is not None:
            arrivals.unmatched(
                self.connection, known, sender, found.why, at=at,
                name=self._given(event.name, known.name, known), phone=self._given(event.phone, known.phone, known),
            )  # fmt: skip
        started = channel is Channel.TELEGRAM and not written  # a follow is a tap; a /start is a word
        if found.how in ("token", "phone") or started:
            refusing.agree(self.connection, self.account, channel, known, sender, at=at)

    def bring(self, sender: str, text: str, at: datetime, event_key: str, evidence: str) -> None:
        """Somebody wrote: a token in it is brought as if by a link (a link to Zalo can carry none).

        Not in a group of Telegram, whose ids are negative: what is for one person is not for all who read there.
        """
        token = "" if sender.startswith("-") else next(tokens_in(text), "")
        if token:
            self.come(Joined(event_key, at, sender=sender, token=token), evidence, written=True)

    def change(self, event: AddressChanged) -> None:
        """An address is gone, or became another: planned deliveries follow it, bars follow it."""
        channel = self.channel
        if channel is None or not event.old:
            return
        at, old = min(event.at, self.now), self.sealed(event.old)
        new = self.sealed(event.new) if event.new else None
        arrivals.lock(self.connection, self.account.name, [old, *([new] if new else [])])
        known = arrivals.of(self.connection, self.account.name, str(channel), old, at=at)
        if known.came_at is not None and at < known.came_at:
            return  # they came back since
        if new is None:
            gone = joins.remove_address(self.connection, account=self.account.name, channel=str(channel), sender=old)
            joins.withdrew(self.connection, gone, channel=str(channel), at=at)
            arrivals.left(self.connection, known, gone, at=at)
            return
        moved = joins.move_address(
            self.connection, account=self.account.name, channel=str(channel), old=old, new=new
        )  # fmt: skip
        arrivals.left(self.connection, known, moved, at=at)
        after = arrivals.of(self.connection, self.account.name, str(channel), new, at=at)
        refusing.carry(self.connection, known, after)
        if moved:
            arrivals.linked(self.connection, after, moved, at=at)

    def link(self, known: Arrival, sender: Sealed, contact: int, *, evidence: str) -> None:
        """Link an arrival with the contact staff say it is."""
        at = known.came_at or self.now
        self._link(known, sender, Found((contact,), "staff"), evidence=evidence, at=at)

    def _link(self, known: Arrival, sender: Sealed, found: Found, *, evidence: str, at: datetime) -> None:
        channel = known.channel
        for contact in found.contacts:
            joins.add_address(
                self.connection, contact, account=self.account.name, channel=channel, sender=sender
            )  # fmt: skip
            joins.consented(
                self.connection, contact, channel=channel, method=found.how, evidence=evidence,
                text_version=TEXT_VERSION, at=at,
            )  # fmt: skip
        arrivals.linked(self.connection, known, found.contacts, at=at)

    def _whom(self, event: Joined, known: Arrival, sender: Sealed, at: datetime) -> Found:
        """By the token they bring, else by their phone number, else as whom they came before."""
        found = self._by_token(event.token, known, sender, at) if event.token else Found()
        if not found.contacts and event.phone:
            found = self._by_phone(event.phone, event.name, known)
        if found.contacts:
            return self._room_for(found, sender)
        before = {*known.contacts, *joins.holders(self.connection, self.account.name, known.channel, sender)}
        there = joins.still_there(self.connection, sorted(before), today=self.today)
        if there:
            return Found(tuple(one.id for one in there), "again", found.why)
        return replace(found, why=found.why or Why.NOTHING)

    def _by_token(self, token: str, known: Arrival, sender: Sealed, at: datetime) -> Found:
        if known.wrong >= GUESSES and known.wrong_since is not None and known.wrong_since > at - GUESSED_WITHIN:
            return Found(why=Why.GUESSING)
        invitation = self.keys.read_invitation(token)
        if invitation is None:
            arrivals.guessed(self.connection, known, at=at, within=GUESSED_WITHIN)
            return Found(why=Why.NOT_OURS)
        if invitation.expired(at.astimezone(self.zone).date()):
            return Found(why=Why.EXPIRED)
        bearer = joins.bearer(self.connection, invitation.contact, made_on=invitation.made_on)
        if bearer is None:
            return Found(why=Why.NOBODY)
        if not self.account.serves_at(bearer.path):
            return Found(why=Why.OTHER_UNIT)
        if not self._room(bearer.id, sender):
            return Found(why=Why.CROWDED)  # before it is used up: staff may make room
        first = joins.use(
            self.connection, invitation.contact, invitation.made_on, account=self.account.name, sender=sender, at=at
        )
        return Found((bearer.id,), "token") if first else Found(why=Why.USED)

    def _by_phone(self, written: str, name: str, known: Arrival) -> Found:
        """Who has the number: Telegram vouches for it; what is typed into a form at Zalo counts only with the name."""
        try:
            number = parse_phone(written).e164
        except PhoneError:
            return Found(why=Why.NO_SUCH_PHONE)
        values = [value for _, value in self.keys.fingerprints(number)]
        sharing = joins.with_phone(self.connection, values, today=self.today)
        here = [one for one in sharing if self.account.serves_at(one.path)]
        if not here:
            return Found(why=Why.OTHER_UNIT if sharing else Why.NO_SUCH_PHONE)
        if len(here) == 1 and known.channel == Channel.TELEGRAM:
            return Found((here[0].id,), "phone")
        return _by_name(here, name)

    def _room_for(self, found: Found, sender: Sealed) -> Found:
        kept = tuple(contact for contact in found.contacts if self._room(contact, sender))
        return replace(found, contacts=kept) if kept else Found(why=Why.CROWDED)

    def _room(self, contact: int, sender: Sealed) -> bool:
        channel = self.channel
        assert channel is not None
        holding = joins.holders(self.connection, self.account.name, str(channel), sender)
        return contact in holding or len(holding) < HOUSEHOLD

    def _given(self, text: str, before: bytes | None, known: Arrival) -> bytes | None:
        """What they gave now, else what they gave before, sealed with the newest key as the whole row is."""
        if text:
            return self.keys.seal(text)
        if before is None or known.key_version == self.keys.version:
            return before
        try:
            return self.keys.seal(self.keys.open(before, known.key_version))
        except OutreachError:  # its key is gone
            return None


def _by_name(sharing: Sequence[Candidate], name: str) -> Found:
    """The one of those who share a number whose name is the one given."""
    named = best(name, [one.full_name for one in sharing], business=[one.kind != "person" for one in sharing])
    if len(named) == 1:
        return Found((sharing[named[0]].id,), "phone")
    return Found(why=Why.SEVERAL if named else Why.OTHER_NAME)
