"""Home visits: what was recorded, and that a visit is a proof like a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to somebody on a day. `guided`: how many people were shown there how it is done."""

    id: int
    contact_id: int
    name: str | None
    unit_code: str | None
    unit: str | None
    day: date
    guided: int
    note: str
    recorded_at: datetime
    recorded_by: str
    undone_at: datetime | None
    undone_by: str | None


_SELECT = """
    SELECT v.id, v.contact_id, CASE WHEN c.erased_at IS NULL THEN c.full_name END AS name, v.unit_code,
        u.name AS unit, v.day, v.guided, v.note, v.recorded_at, v.recorded_by, v.undone_at, v.undone_by
    FROM visits v LEFT JOIN contacts c ON c.id = v.contact_id
    LEFT JOIN units h ON h.code = c.unit_code LEFT JOIN units u ON u.code = v.unit_code
    WHERE v.campaign = :campaign AND (:path = '' OR starts_with(h.path, :path))
"""
"""Whoever may see the person today may see the visit."""


def on_day(connection: Connection, campaign: str, contact: int, day: date, *, scope: Scope) -> Visit | None:
    """The visit that counts for somebody on a day, locked; None where there is none in the scope."""
    one = _SELECT + "AND v.contact_id = :contact AND v.day = :day AND v.undone_at IS NULL FOR UPDATE OF v"
    values = {"campaign": campaign, "path": scope.path, "contact": contact, "day": day}
    row = connection.execute(text(one), values).one_or_none()
    return None if row is None else _visit(row)


def listed(connection: Connection, campaign: str, *, scope: Scope, undone: bool = False) -> list[Visit]:
    """The visits of a campaign by day; with `undone` also those taken back."""
    every = _SELECT + ("" if undone else "AND v.undone_at IS NULL ") + "ORDER BY v.day, v.id"
    return [_visit(row) for row in connection.execute(text(every), {"campaign": campaign, "path": scope.path})]


def lock_deliveries(connection: Connection, campaign: str, contact: int, *, scope: Scope) -> int:
    """Hold still what the campaign has sent to somebody, and what was sent for them to an address they share.

    Returns how many deliveries there are: none means that the campaign does not address them (or the caller may not
    see them). Until the transaction ends no receipt and no other visit of theirs comes in between.
    """
    own = connection.execute(
        text(
            """
            SELECT d.run_id, d.id, d.shared_with, d.channel FROM runs r
            JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact' AND d.recipient_id = :contact
            JOIN contacts c ON c.id = d.recipient_id LEFT JOIN units u ON u.code = c.unit_code
            WHERE r.campaign = :campaign AND (:path = '' OR starts_with(u.path, :path))
            ORDER BY d.run_id, d.id FOR NO KEY UPDATE OF c FOR SHARE OF d
            """
        ),
        {"campaign": campaign, "contact": contact, "path": scope.path},
    ).all()
    shared = [row for row in own if row.shared_with is not None]
    connection.execute(
        text(
            """
            SELECT 1 FROM deliveries d
            JOIN unnest(CAST(:runs AS bigint[]), CAST(:people AS bigint[]), CAST(:channels AS text[]))
                AS s(run_id, contact_id, channel) ON d.run_id = s.run_id AND d.recipient_id = s.contact_id
                AND d.channel = s.channel AND d.recipient_kind = 'contact'
            ORDER BY d.run_id, d.id FOR SHARE OF d
            """
        ),
        {
            "runs": [row.run_id for row in shared],
            "people": [row.shared_with for row in shared],
            "channels": [row.channel for row in shared],
        },
    )
    archived = connection.execute(
        text(
            """
            SELECT count(*) FROM runs r JOIN archived_people a ON a.run_id = r.id AND a.contact_id = :contact
            JOIN contacts c ON c.id = a.contact_id LEFT JOIN units u ON u.code = c.unit_code
            WHERE r.campaign = :campaign AND (:path = '' OR starts_with(u.path, :path))
            """
        ),
        {"campaign": campaign, "contact": contact, "path": scope.path},
    ).scalar_one()
    return len(own) + int(archived)


def add(
    connection: Connection, campaign: str, contact: int, *, day: date, guided: int, note: str, at: datetime, who: str,
    met: datetime,
) -> None:  # fmt: skip
    """Write a visit down; who was not reached before is reached by it at `met`. The deliveries are locked."""
    values = {
        "campaign": campaign, "contact": contact, "day": day, "guided": guided, "note": note, "at": at, "who": who,
        "met": met,
    }  # fmt: skip
    connection.execute(
        text(
            """
            INSERT INTO visits (campaign, contact_id, day, guided, note, unit_code, recorded_at, recorded_by)
            SELECT :campaign, :contact, :day, :guided, :note, c.unit_code, :at, :who FROM contacts c
            WHERE c.id = :contact
            """
        ),
        values,
    )
    connection.execute(
        text(
            """
            INSERT INTO reached (campaign, contact_id, first_at, channel, unit_code)
            SELECT :campaign, :contact, :met, 'visit', c.unit_code FROM contacts c WHERE c.id = :contact
            ON CONFLICT (campaign, contact_id) DO NOTHING
            """
        ),
        values,
    )


def take_back(connection: Connection, visit: int, *, at: datetime, who: str) -> None:
    """Take a visit back; the row stays, with who took it back and when."""
    connection.execute(
        text("UPDATE visits SET undone_at = :at, undone_by = :who WHERE id = :id AND undone_at IS NULL"),
        {"id": visit, "at": at, "who": who},
    )


_LOST = "DELETE FROM reached WHERE campaign = :campaign AND contact_id = :contact AND channel = 'visit'"

_BY_DELIVERY = """
    INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
    SELECT :campaign, :contact, coalesce(p.sent_at, :now), p.channel, p.run_id, p.id, d.unit_code
    FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact' AND d.recipient_id = :contact
    JOIN deliveries p ON p.run_id = d.run_id AND p.recipient_kind = 'contact' AND p.channel = d.channel AND p.proved
        AND (p.id = d.id OR (d.state = 'suppressed' AND p.recipient_id = d.shared_with AND p.subject_id = 0))
    WHERE r.campaign = :campaign ORDER BY p.sent_at LIMIT 1
    ON CONFLICT (campaign, contact_id) DO NOTHING
"""

_BY_ARCHIVED = """
    INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, unit_code)
    SELECT :campaign, :contact, a.proved_at, a.channel, a.run_id, a.unit_code
    FROM runs r JOIN archived_people a ON a.run_id = r.id AND a.contact_id = :contact AND a.proved_at IS NOT NULL
    WHERE r.campaign = :campaign ORDER BY a.proved_at LIMIT 1
    ON CONFLICT (campaign, contact_id) DO NOTHING
"""
"""What is archived is older than what is not; of the delivery itself only the run is known."""

_MET = "(CAST(v.day AS timestamp) + interval '12 hours') AT TIME ZONE k.timezone"
"""When a visit counts as having been: at noon of its day, where no hour is known."""

_BY_VISIT = f"""
    INSERT INTO reached (campaign, contact_id, first_at, channel, unit_code)
    SELECT DISTINCT ON (v.campaign, v.contact_id) v.campaign, v.contact_id, least({_MET}, v.recorded_at), 'visit',
        v.unit_code
    FROM {{lost}} JOIN visits v ON v.campaign = l.campaign AND v.contact_id = l.contact_id AND v.undone_at IS NULL
    JOIN campaigns k ON k.slug = v.campaign
    ORDER BY v.campaign, v.contact_id, v.day
    ON CONFLICT (campaign, contact_id) DO NOTHING
"""


def prove_otherwise(connection: Connection, campaign: str, contact: int, *, now: datetime) -> None:
    """After a visit was taken back: whoever it was the first proof for is reached by the next one, or not at all.

    The deliveries are locked.
    """
    values = {"campaign": campaign, "contact": contact, "now": now}
    lost = "(SELECT CAST(:campaign AS text) AS campaign, CAST(:contact AS bigint) AS contact_id) l"
    connection.execute(text(_LOST), values)
    connection.execute(text(_BY_ARCHIVED), values)
    connection.execute(text(_BY_DELIVERY), values)
    connection.execute(text(_BY_VISIT.format(lost=lost)), values)


_LOST_WITH = """(
    SELECT r.campaign, f.recipient_id AS contact_id
    FROM unnest(CAST(:run_ids AS bigint[]), CAST(:ids AS bigint[])) AS i(run_id, id)
    JOIN deliveries f ON f.run_id = i.run_id AND f.id = i.id AND f.recipient_kind = 'contact'
    JOIN runs r ON r.id = f.run_id
    UNION
    SELECT r.campaign, s.recipient_id
    FROM unnest(CAST(:run_ids AS bigint[]), CAST(:ids AS bigint[])) AS i(run_id, id)
    JOIN deliveries f ON f.run_id = i.run_id AND f.id = i.id AND f.recipient_kind = 'contact' AND f.subject_id = 0
    JOIN runs r ON r.id = f.run_id
    JOIN deliveries s ON s.run_id = f.run_id AND s.shared_with = f.recipient_id AND s.channel = f.channel
        AND s.recipient_kind = 'contact' AND s.state = 'suppressed'
) l"""


def reached_after_all(connection: Connection, run_ids: Sequence[int], ids: Sequence[int]) -> None:
    """Of those who lost their proof with a failed delivery (given by run and id), let a visit be the proof it is."""
    connection.execute(text(_BY_VISIT.format(lost=_LOST_WITH)), {"run_ids": list(run_ids), "ids": list(ids)})


def _visit(row: Any) -> Visit:
    return Visit(**row._mapping)
