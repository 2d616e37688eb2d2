"""Broadcasts: what stations read out and when, whether an officer has confirmed it, and who was in earshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.recipient import Recipient
from outreach.domain.scope import Scope
from outreach.domain.states import DeliveryState
from outreach.domain.words import MessageClass
from outreach.store.recipients import recipient


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A delivery to a station, with the run and campaign it belongs to and what rendering needs (no people in it)."""

    run: int
    delivery: int
    campaign: str
    campaign_state: CampaignState
    run_state: RunState
    timezone: str
    message: str
    version: int
    shift_days: int
    message_class: MessageClass
    station_id: int
    station: str
    unit_code: str
    slot_starts: datetime
    slot_ends: datetime
    members: int
    state: DeliveryState
    confirmed_at: datetime | None
    confirmed_by: str | None
    note: str
    who: Recipient


_BROADCAST = """
    SELECT b.run_id, b.delivery_id, b.station_id, b.slot_starts, b.slot_ends, b.members, b.confirmed_at,
        b.confirmed_by, b.note, s.name AS station, s.unit_code AS station_unit, d.state, d.unit_code,
        r.campaign, r.message, r.version, r.class, r.state AS run_state, k.state AS campaign_state, k.timezone,
        k.shift_days, u.name AS unit_name, u.kind AS unit_kind, u.languages,
        NULL AS full_name, NULL AS birth_date, NULL AS sex, NULL AS kind, NULL AS occupation, 'vi' AS language,
        NULL AS attrs, NULL AS case_external_id, NULL AS case_title, NULL AS case_due_at, NULL AS case_state
    FROM broadcasts b
    JOIN stations s ON s.id = b.station_id
    JOIN units u ON u.code = s.unit_code
    JOIN deliveries d ON d.run_id = b.run_id AND d.id = b.delivery_id
    JOIN runs r ON r.id = b.run_id
    JOIN campaigns k ON k.slug = r.campaign
"""

_ON_DAY = text(
    f"""
    {_BROADCAST}
    WHERE starts_with(u.path, :path) AND (:below OR u.path = :path) AND starts_with(u.path, :scope)
        AND b.slot_starts >= CAST(:day AS date) - 1 AND b.slot_starts < CAST(:day AS date) + 2
        AND CAST(b.slot_starts AT TIME ZONE k.timezone AS date) = CAST(:day AS date)
        AND d.state NOT IN ('suppressed', 'expired', 'cancelled', 'failed')
        AND (b.confirmed_at IS NOT NULL
            OR (r.state IN ('sending', 'done') AND k.state IN ('running', 'finished')))
    ORDER BY b.slot_starts, u.path, s.name, r.class = 'emergency' DESC, b.run_id, b.delivery_id
    """
)

_ONE = text(
    f"""
    {_BROADCAST}
    WHERE b.run_id = :run AND b.delivery_id = :delivery AND starts_with(u.path, :scope)
    FOR UPDATE OF b
    """
)


def on_day(connection: Connection, path: str, day: date, *, below: bool, scope: Scope) -> list[Broadcast]:
    """What the stations of the unit at `path` (and, with `below`, of those under it) read on a local day, in order.

    Left out: what will not be read, and what is not to be read now (held, paused or cancelled) and was not confirmed.
    """
    values = {"path": path, "day": day, "below": below, "scope": scope.path}
    return [_broadcast(row) for row in connection.execute(_ON_DAY, values)]


def lock(connection: Connection, run: int, delivery: int, *, scope: Scope) -> Broadcast | None:
    """One broadcast, locked until the transaction ends; None where there is none in the caller's scope."""
    row = connection.execute(_ONE, {"run": run, "delivery": delivery, "scope": scope.path}).one_or_none()
    return None if row is None else _broadcast(row)


def take_down(connection: Connection, one: Broadcast, *, at: datetime, who: str, note: str, scope: Scope) -> bool:
    """Write down that an officer confirms a broadcast; False where one had: the first word stays."""
    result = connection.execute(
        text(
            """
            UPDATE broadcasts b SET confirmed_at = :at, confirmed_by = :who, note = :note
            FROM stations s JOIN units u ON u.code = s.unit_code
            WHERE b.run_id = :run AND b.delivery_id = :delivery AND b.confirmed_at IS NULL AND s.id = b.station_id
                AND starts_with(u.path, :scope)
            """
        ),
        {"run": one.run, "delivery": one.delivery, "at": at, "who": who, "note": note, "scope": scope.path},
    )
    return result.rowcount > 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What the stations of one unit have told of one message.

    `members`: people of the segment they cover, as planned in a confirmed broadcast; `earshot`: people who hear the
    stations that confirmed one, each station once; `stations` and `confirmed` count the stations.
    """

    message: str
    unit_code: str
    members: int
    earshot: int
    stations: int
    confirmed: int


def heard(connection: Connection, campaign: str, *, scope: Scope) -> list[Heard]:
    """Every (message, unit) of a campaign with a broadcast in the caller's scope, confirmed or not."""
    rows = connection.execute(
        text(
            """
            SELECT message, unit_code, coalesce(max(members), 0) AS members,
                coalesce(sum(earshot) FILTER (WHERE confirmed), 0) AS earshot,
                count(*) AS stations, count(*) FILTER (WHERE confirmed) AS confirmed
            FROM (
                SELECT r.message, s.unit_code, s.id, s.earshot, bool_or(b.confirmed_at IS NOT NULL) AS confirmed,
                    max(b.members) FILTER (WHERE b.confirmed_at IS NOT NULL) AS members
                FROM runs r JOIN broadcasts b ON b.run_id = r.id JOIN stations s ON s.id = b.station_id
                JOIN units u ON u.code = s.unit_code
                WHERE r.campaign = :campaign AND starts_with(u.path, :path)
                GROUP BY r.message, s.id
            ) told GROUP BY message, unit_code ORDER BY message, unit_code
            """
        ),
        {"campaign": campaign, "path": scope.path},
    )
    return [
        Heard(row.message, row.unit_code, row.members, int(row.earshot), row.stations, row.confirmed) for row in rows
    ]


def _broadcast(row: Any) -> Broadcast:
    return Broadcast(
        run=row.run_id, delivery=row.delivery_id, campaign=row.campaign,
        campaign_state=CampaignState(row.campaign_state), run_state=RunState(row.run_state), timezone=row.timezone,
        message=row.message, version=row.version, shift_days=row.shift_days,
        message_class=MessageClass(row._mapping["class"]), station_id=row.station_id, station=row.station,
        unit_code=row.station_unit, slot_starts=row.slot_starts, slot_ends=row.slot_ends, members=row.members,
        state=DeliveryState(row.state), confirmed_at=row.confirmed_at, confirmed_by=row.confirmed_by, note=row.note,
        who=recipient(row),
    )  # fmt: skip
