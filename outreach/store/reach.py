"""Who was reached, counted: one table of a campaign's people, made for one report, and figures by group from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Boolean, DateTime, Text

from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segments import Rule
from outreach.store.segments import names
from outreach.store.tables import contacts

VISIT = "visit"
"""Stands in the place of a channel where the first proof was a home visit."""


class Grouping(StrEnum):
    """What figures are counted by, beside the unit."""

    SEGMENT = "segment"
    CHANNEL = "channel"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Tally:
    """People of one group in one unit (None: without a unit), each once.

    `measured`: those with a proof (in this group, for channels and messages); `first`: those whose very first proof
    was here, so that these sum to the people reached.
    """

    key: str
    unit_code: str | None
    audience: int
    measured: int
    first: int


@dataclass(frozen=True, slots=True)
class UnitName:
    """How a unit is called and where it stands."""

    code: str
    path: str
    name: str
    sort_key: str


_PEOPLE = sql_table(
    "reach_people",
    sql_column("contact_id", BigInteger),
    sql_column("unit_code", Text),
    sql_column("reached", Boolean),
    sql_column("channel", Text),
    sql_column("run_id", BigInteger),
    sql_column("first_at", DateTime(timezone=True)),
    sql_column("segments", ARRAY(Text)),
)

_GATHER = text(
    """
    SELECT p.contact_id, p.unit_code, f.contact_id IS NOT NULL AS reached, f.channel, f.run_id, f.first_at, f.segments
    FROM campaign_people p
    LEFT JOIN reached f ON f.campaign = :campaign AND f.contact_id = p.contact_id AND f.segments IS NOT NULL
    LEFT JOIN units u ON u.code = p.unit_code
    WHERE p.campaign = :campaign AND (:path = '' OR starts_with(u.path, :path))
    """
)


def gather_people(
    connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, *, scope: Scope = EVERYTHING
) -> None:
    """Make the table `reach_people`: everyone the campaign has a delivery for, once, inside the scope.

    They are those `outreach.store.reach_counts` has caught up with. People reached stand in the unit and the segments
    of that day, the others in those of their last run and of `today`. The table lives until the transaction ends.
    """
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE reach_people (contact_id bigint, unit_code text, reached boolean, channel text,"
            " run_id bigint, first_at timestamptz, segments text[]) ON COMMIT DROP"
        )
    )
    found = (
        _GATHER.bindparams(campaign=campaign, path=scope.path)
        .columns(
            sql_column("contact_id", BigInteger), sql_column("unit_code", Text), sql_column("reached", Boolean),
            sql_column("channel", Text), sql_column("run_id", BigInteger),
            sql_column("first_at", DateTime(timezone=True)), sql_column("segments", ARRAY(Text)),
        )
        .subquery("found")
    )  # fmt: skip
    plain = [found.c[name] for name in ("contact_id", "unit_code", "reached", "channel", "run_id", "first_at")]
    people = select(*plain, func.coalesce(found.c.segments, names(rules, today))).select_from(
        found.outerjoin(contacts, contacts.c.id == found.c.contact_id)
    )
    connection.execute(insert(_PEOPLE).from_select([column.name for column in _PEOPLE.c], people))
    connection.execute(text("ANALYZE reach_people"))


_BY_UNIT = """
    SELECT nullif(s.unit_code, '') AS unit_code, s.audience, s.measured FROM reach_units s
    LEFT JOIN units u ON u.code = s.unit_code
    WHERE s.campaign = :campaign AND (:path = '' OR starts_with(u.path, :path)) AND s.audience > 0
"""


def unit_tallies(connection: Connection, campaign: str, *, scope: Scope) -> list[Tally]:
    """The campaign's people by unit, from the counts: the same figures as counting the people of `gather_people`."""
    rows = connection.execute(text(_BY_UNIT), {"campaign": campaign, "path": scope.path})
    return [Tally("", row.unit_code, row.audience, row.measured, row.measured) for row in rows]


_BY_SEGMENT = """
    SELECT coalesce(s.name, '') AS key, p.unit_code, count(*) AS audience,
        count(*) FILTER (WHERE p.reached) AS measured, 0 AS first
    FROM reach_people p LEFT JOIN LATERAL (
        SELECT n.name FROM unnest(p.segments) AS n(name) WHERE NOT starts_with(n.name, 'target:')
    ) s ON true
    GROUP BY coalesce(s.name, ''), p.unit_code
"""

_BY_DELIVERY = """
    WITH each AS (
        SELECT key, contact_id, bool_or(proved) AS proved FROM (
            SELECT {key} AS key, d.recipient_id AS contact_id,
                d.proved OR coalesce(l.proved OR a.proved > 0, false) AS proved
            FROM {narrowed} runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact' {theirs}
            LEFT JOIN deliveries l ON d.state = 'suppressed' AND l.run_id = d.run_id AND l.recipient_kind = 'contact'
                AND l.recipient_id = d.shared_with AND l.channel = d.channel AND l.subject_id = 0
            LEFT JOIN archived_people a ON d.state = 'suppressed' AND r.archived_at IS NOT NULL AND a.run_id = d.run_id
                AND a.contact_id = d.shared_with AND a.channel = d.channel
            WHERE r.campaign = :campaign
            UNION ALL
            SELECT {key}, d.contact_id, d.proved_at IS NOT NULL
            FROM {narrowed} runs r JOIN archived_people d ON d.run_id = r.id {theirs_archived}
            WHERE r.campaign = :campaign AND r.archived_at IS NOT NULL
        ) d GROUP BY key, contact_id
    )
    SELECT e.key, p.unit_code, count(*) AS audience, count(*) FILTER (WHERE e.proved) AS measured,
        count(*) FILTER (WHERE p.reached AND {first} = e.key) AS first
    FROM each e JOIN reach_people p ON p.contact_id = e.contact_id
    LEFT JOIN runs f ON f.id = p.run_id
    GROUP BY e.key, p.unit_code
"""


_WHOLE = {"narrowed": "", "theirs": "", "theirs_archived": ""}
_NARROW = {
    "narrowed": "reach_people w CROSS JOIN",
    "theirs": "AND d.recipient_id = w.contact_id",
    "theirs_archived": "AND d.contact_id = w.contact_id",
}
"""Of a subtree the deliveries of its people are looked up, instead of all being counted first."""


def tallying(by: Grouping, *, scope: Scope) -> str:
    """The statement (of a `:campaign`) that counts the gathered people by unit and by segment, channel or message."""
    form = _WHOLE if scope.everything else _NARROW
    match by:
        case Grouping.SEGMENT:
            return _BY_SEGMENT
        case Grouping.CHANNEL:
            return _BY_DELIVERY.format(key="d.channel", first="p.channel", **form)
        case Grouping.MESSAGE:
            return _BY_DELIVERY.format(key="r.message", first="f.message", **form)


def tallies(connection: Connection, campaign: str, by: Grouping, *, scope: Scope) -> list[Tally]:
    """Count the people gathered in `scope` by unit and by segment, channel or message; "" is no segment."""
    values = {} if by is Grouping.SEGMENT else {"campaign": campaign}
    rows = connection.execute(text(tallying(by, scope=scope)), values)
    return [Tally(row.key, row.unit_code, row.audience, row.measured, row.first) for row in rows]


_BY_VISIT = """
    SELECT p.unit_code, count(*) AS people, count(*) FILTER (WHERE f.channel = 'visit') AS first
    FROM (SELECT DISTINCT contact_id FROM visits WHERE campaign = :campaign AND undone_at IS NULL) v
    CROSS JOIN LATERAL (  -- one by one: visits are few
        SELECT * FROM campaign_people WHERE campaign = :campaign AND contact_id = v.contact_id OFFSET 0
    ) p
    LEFT JOIN LATERAL (
        SELECT * FROM reached
        WHERE campaign = :campaign AND contact_id = v.contact_id AND segments IS NOT NULL OFFSET 0
    ) f ON true
    LEFT JOIN units u ON u.code = p.unit_code
    WHERE :path = '' OR starts_with(u.path, :path)
    GROUP BY p.unit_code
"""


def visited(connection: Connection, campaign: str, *, scope: Scope) -> list[Tally]:
    """Count the campaign's people who were visited, by unit; `first`: those whom nothing had reached before."""
    rows = connection.execute(text(_BY_VISIT), {"campaign": campaign, "path": scope.path})
    return [Tally(VISIT, row.unit_code, row.people, row.people, row.first) for row in rows]


_OF = """
    (CAST(:segment AS text) IS NULL OR :segment = ANY(p.segments))
    AND (:path = '' OR p.unit_code IN (SELECT u.code FROM units u WHERE starts_with(u.path, :path)))
"""


def reached_of(connection: Connection, segment: str | None, path: str) -> tuple[int, int]:
    """(measured, audience) of the gathered people in a segment and below a unit's path; None and "" take all."""
    row = connection.execute(
        text(f"SELECT count(*) FILTER (WHERE p.reached) AS part, count(*) AS whole FROM reach_people p WHERE {_OF}"),
        {"segment": segment, "path": path},
    ).one()
    return row.part, row.whole


def reached_before(connection: Connection, segment: str | None, path: str, at: Sequence[datetime]) -> list[int]:
    """Of the same people as `reached_of`, how many had been reached by each of the moments."""
    row = connection.execute(
        text(
            f"""
            SELECT {", ".join(f"count(*) FILTER (WHERE p.first_at <= :at_{n})" for n in range(len(at)))}
            FROM reach_people p WHERE {_OF}
            """
        ),
        {"segment": segment, "path": path, **{f"at_{n}": moment for n, moment in enumerate(at)}},
    ).one()
    return list(row)


def delivered_of(
    connection: Connection, campaign: str, segment: str | None, path: str, *, until: datetime | None = None
) -> tuple[int, int]:
    """(proved, sent) deliveries to those of the gathered people who are in a segment and below a unit's path.

    `until`: only those that left (or, where that is not known, were due) by then; what is archived left long ago.
    """
    row = connection.execute(
        text(
            f"""
            SELECT coalesce(sum(d.proved), 0) AS part, coalesce(sum(d.sent), 0) AS whole FROM (
                SELECT d.recipient_id AS contact_id, CAST(d.proved AS int) AS proved, 1 AS sent
                FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
                    AND d.state IN ('accepted', 'unknown', 'failed', 'delivered', 'read')
                WHERE r.campaign = :campaign
                    AND (CAST(:until AS timestamptz) IS NULL OR coalesce(d.sent_at, d.due_at) <= :until)
                UNION ALL
                SELECT d.contact_id, d.proved, d.sent FROM runs r JOIN archived_people d ON d.run_id = r.id
                WHERE r.campaign = :campaign
            ) d JOIN reach_people p ON p.contact_id = d.contact_id
            WHERE {_OF}
            """
        ),
        {"campaign": campaign, "segment": segment, "path": path, "until": until},
    ).one()
    return int(row.part), int(row.whole)


def guided_of(connection: Connection, campaign: str, segment: str | None, path: str, days: Sequence[date]) -> list[int]:
    """How many people were guided on visits to those of the gathered people, up to and with each of the days."""
    row = connection.execute(
        text(
            f"""
            SELECT {", ".join(f"coalesce(sum(v.guided) FILTER (WHERE v.day <= :day_{n}), 0)" for n in range(len(days)))}
            FROM visits v JOIN reach_people p ON p.contact_id = v.contact_id
            WHERE v.campaign = :campaign AND v.undone_at IS NULL AND {_OF}
            """
        ),
        {"campaign": campaign, "segment": segment, "path": path, **{f"day_{n}": day for n, day in enumerate(days)}},
    ).one()
    return [int(people) for people in row]


def unit_names(connection: Connection, *, scope: Scope) -> dict[str, UnitName]:
    """Every unit of the scope by code."""
    rows = connection.execute(
        text("SELECT code, path, name, sort_key FROM units WHERE starts_with(path, :path)"), {"path": scope.path}
    )
    return {row.code: UnitName(row.code, row.path, row.name, row.sort_key) for row in rows}
