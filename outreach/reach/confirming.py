"""The proof of a broadcast: an officer says that it was read out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from outreach.domain.clock import Clock
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.lifecycle import RunState
from outreach.domain.scope import Scope
from outreach.domain.states import NEVER_SENT, DeliveryState
from outreach.domain.words import Channel
from outreach.reach.explanations import explain
from outreach.reach.listing import after_key
from outreach.store import broadcasts, campaigns, deliveries
from outreach.store.broadcasts import Broadcast
from outreach.store.deliveries import Change

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A confirmed broadcast. `already`: somebody had confirmed it before, and their word stays."""

    id: str
    station: str
    confirmed_at: datetime
    confirmed_by: str
    note: str
    already: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.id,
            "station": self.station,
            "confirmed_at": self.confirmed_at.isoformat(),
            "confirmed_by": self.confirmed_by,
            "note": self.note,
            "already": self.already,
        }


def confirm(
    engine: Engine,
    script: str,
    *,
    clock: Clock,
    scope: Scope,
    who: str,
    at: datetime | None = None,
    note: str = "",
) -> Confirmation:
    """Take down that a script was read out at `at` (aware; now if not given); its delivery becomes delivered.

    Confirming again changes nothing. Raises NotFound outside the scope; OutreachError before the slot, for a time
    that is not between its start and now, and for a script that was not to be read.
    """
    run, delivery = after_key(script)
    now = clock.now()
    with engine.begin() as connection:
        one = broadcasts.lock(connection, run, delivery, scope=scope)
        if one is None:
            raise NotFound(f"there is no script {script} among those you may see: `outreach scripts` lists them")
        if one.confirmed_at is not None:
            return Confirmation(script, one.station, one.confirmed_at, one.confirmed_by or "", one.note, already=True)
        _refuse(one, script, at or now, now)
        return _confirmed(connection, one, script, at or now, now, who, note.strip()[:LONGEST_NOTE], scope)


def _refuse(one: Broadcast, script: str, at: datetime, now: datetime) -> None:
    """Raise OutreachError for what cannot have been read out."""
    zone = ZoneInfo(one.timezone)
    if one.state in NEVER_SENT or one.state is DeliveryState.FAILED:
        why = explain(one.state, None, Channel.LOUDSPEAKER).en.what
        raise OutreachError(f"script {script} is {one.state} and was not to be read. {why} There is nothing to confirm")
    if one.run_state is RunState.HELD:
        raise OutreachError(f"script {script} belongs to a run that is held: `outreach campaign release` lets it go")
    starts = one.slot_starts.astimezone(zone)
    if now < one.slot_starts:
        raise OutreachError(
            f"script {script} is to be read from {starts:%H:%M} on {starts:%d/%m/%Y}: confirm it when it has been"
        )
    if not one.slot_starts <= at <= now:
        raise OutreachError(
            f"script {script} cannot have been read at {at.astimezone(zone):%H:%M %d/%m/%Y}: give a time from "
            f"{starts:%H:%M %d/%m/%Y} until now"
        )


def _confirmed(
    connection: Connection, one: Broadcast, script: str, at: datetime, now: datetime, who: str, note: str, scope: Scope
) -> Confirmation:
    broadcasts.take_down(connection, one, at=at, who=who, note=note, scope=scope)
    read = Change(one.run, one.delivery, DeliveryState.DELIVERED, proves=True)
    deliveries.advance(connection, [read], now=now)
    campaigns.note(connection, who=who, action="confirm broadcast", what=f"{one.campaign}/{script}")
    return Confirmation(script, one.station, at, who, note, already=False)
