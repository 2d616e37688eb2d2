"""What a commune reads out on a day: the scripts of its stations, ready to be read, and whether they were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from outreach.domain.composing import compose
from outreach.domain.errors import NotFound
from outreach.domain.rendering import RenderError
from outreach.domain.scope import Scope
from outreach.domain.speech import broadcast_seconds, check_broadcast, lay_out_scripts
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel, MessageClass
from outreach.store import broadcasts, units
from outreach.store.broadcasts import Broadcast
from outreach.store.versions import read_version

REPEATS = 2
"""How often a script is read in one broadcast."""


@dataclass(frozen=True, slots=True)
class Script:
    """One broadcast to be read (or read already). `starts`, `ends`: its slot, local; `text`: laid out for reading.

    `text` is empty where it could not be made; `warnings` then say why. `languages`: in which it is read, in order.
    """

    id: str
    campaign: str
    campaign_title: str
    message: str
    message_title: str
    message_class: MessageClass
    issuer: str
    station: str
    unit: str
    unit_name: str
    starts: datetime
    ends: datetime
    text: str
    reading_seconds: int
    warnings: tuple[str, ...]
    state: DeliveryState
    confirmed_at: datetime | None
    confirmed_by: str | None
    note: str
    languages: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether an officer has confirmed that it was read."""
        return self.confirmed_at is not None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.id,
            "campaign": self.campaign,
            "campaign_title": self.campaign_title,
            "message": self.message,
            "title": self.message_title,
            "class": str(self.message_class),
            "priority": self.message_class is MessageClass.EMERGENCY,
            "issuer": self.issuer,
            "station": self.station,
            "unit": self.unit,
            "unit_name": self.unit_name,
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "text": self.text,
            "languages": list(self.languages),
            "reading_seconds": self.reading_seconds,
            "warnings": list(self.warnings),
            "state": str(self.state),
            "confirmed_at": None if self.confirmed_at is None else self.confirmed_at.isoformat(),
            "confirmed_by": self.confirmed_by,
            "note": self.note,
        }


def scripts(engine: Engine, unit: str, day: date, *, scope: Scope, below: bool = True) -> list[Script]:
    """The scripts of the stations of a unit (and, with `below`, of the units under it) for a local day, by slot.

    Planned ones are there too: they will be published. Raises NotFound for a unit not there or out of scope.
    """
    with engine.connect() as connection:
        path = units.path_of(connection, unit)
        if not path.startswith(scope.path):
            raise NotFound(f'there is no unit "{unit}" among those you may see')
        found = broadcasts.on_day(connection, path, day, below=below, scope=scope)
        return [_script(connection, one) for one in found]


def _script(connection: Connection, one: Broadcast) -> Script:
    frozen = read_version(connection, one.campaign, one.version, one.shift_days)
    zone = ZoneInfo(one.timezone)
    starts, ends = one.slot_starts.astimezone(zone), one.slot_ends.astimezone(zone)
    try:
        read = compose(frozen, one.message, Channel.LOUDSPEAKER, one.who, today=starts.date()).scripts
        warnings = [f"{found.line}: “{found.excerpt}”: {found.advice}" for found in check_broadcast(read)]
    except RenderError as error:
        read, warnings = (), [f"the text cannot be made: {error}"]
    seconds = round(broadcast_seconds(read, REPEATS))
    if seconds > (ends - starts).total_seconds():
        warnings.append(f"takes {seconds} s to read, the slot has {(ends - starts).total_seconds():.0f} s")
    return Script(
        id=f"{one.run}.{one.delivery}", campaign=one.campaign, campaign_title=frozen.definition.title,
        message=one.message, message_title=frozen.definition.message(one.message).title or one.message,
        message_class=one.message_class, issuer=frozen.definition.issuer, station=one.station, unit=one.unit_code,
        unit_name=one.who.unit_name or one.unit_code, starts=starts, ends=ends,
        text=lay_out_scripts(read, REPEATS) if read else "", reading_seconds=seconds, warnings=tuple(warnings),
        state=one.state, confirmed_at=None if one.confirmed_at is None else one.confirmed_at.astimezone(zone),
        confirmed_by=one.confirmed_by, note=one.note, languages=tuple(script.language for script in read),
    )  # fmt: skip
