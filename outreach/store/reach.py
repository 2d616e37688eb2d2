"""Who was reached, counted: one table of a campaign's people, made for one report, and figures by group from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, literal, null, select, text, update
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.types import BigInteger, Boolean, Text

from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segments import Rule
from outreach.store.segments import condition
from outreach.store.tables import contacts, reached


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
    sql_column("segments", ARRAY(Text)),
)

_GATHER = text(
    """
    SELECT p.contact_id, p.unit_code, p.reached, p.channel, p.run_id, p.segments FROM (
        SELECT l.contact_id, CASE WHEN f.contact_id IS NULL THEN l.unit_code ELSE f.unit_code END AS unit_code,
            f.contact_id IS NOT NULL AS reached, f.channel, f.run_id, f.segments
        FROM (
            SELECT DISTINCT ON (d.recipient_id) d.recipient_id AS contact_id, d.unit_code FROM deliveries d
            WHERE d.run_id = ANY(ARRAY(SELECT o.id FROM runs o WHERE o.campaign = :campaign))
                AND d.recipient_kind = 'contact'
            ORDER BY d.recipient_id, d.run_id DESC
        ) l LEFT JOIN reached f ON f.campaign = :campaign AND f.contact_id = l.contact_id
    ) p LEFT JOIN units u ON u.code = p.unit_code
    WHERE :path = '' OR starts_with(u.path, :path)
    """
)


def fill_segments(
    connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, *, limit: int, scope: Scope
) -> int:
    """Take down for people newly reached in which segments they are on `today`; returns how many (at most `limit`).

    What has been taken down stays: a person who turns 60 later was reached as they were. The scope is the engine's
    own: it is done for all or not at all. Rows another transaction holds are left for the next call.
    """
    if not scope.everything:
        raise ValueError("segments are taken down for everybody at once")
    unsorted = (
        select(reached.c.contact_id)
        .join(contacts, contacts.c.id == reached.c.contact_id)
        .where(reached.c.campaign == campaign, reached.c.segments.is_(None))
        .limit(limit)
        .with_for_update(of=reached, skip_locked=True)
        .cte("unsorted")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        update(reached)
        .values(segments=_names(rules, today))
        .where(
            reached.c.campaign == campaign,
            reached.c.contact_id == unsorted.c.contact_id,
            contacts.c.id == reached.c.contact_id,
        )
    )
    return connection.execute(statement).rowcount


def gather_people(
    connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, *, scope: Scope = EVERYTHING
) -> None:
    """Make the table `reach_people`: everyone the campaign has a delivery for, once, inside the scope.

    People reached stand in the unit and the segments of that day, the others in those of their last run and of
    `today`. The table lives until the transaction ends.
    """
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE reach_people (contact_id bigint, unit_code text, reached boolean, channel text,"
            " run_id bigint, segments text[]) ON COMMIT DROP"
        )
    )
    found = (
        _GATHER.bindparams(campaign=campaign, path=scope.path)
        .columns(
            sql_column("contact_id", BigInteger), sql_column("unit_code", Text), sql_column("reached", Boolean),
            sql_column("channel", Text), sql_column("run_id", BigInteger), sql_column("segments", ARRAY(Text)),
        )
        .subquery("found")
    )  # fmt: skip
    plain = [found.c[name] for name in ("contact_id", "unit_code", "reached", "channel", "run_id")]
    people = select(*plain, func.coalesce(found.c.segments, _names(rules, today))).select_from(
        found.outerjoin(contacts, contacts.c.id == found.c.contact_id)
    )
    connection.execute(insert(_PEOPLE).from_select([column.name for column in _PEOPLE.c], people))
    connection.execute(text("ANALYZE reach_people"))


def _names(rules: Mapping[str, Rule], today: date) -> ColumnElement[list[str]]:
    """The names of the rules a row of `contacts` fits."""
    if not rules:
        return literal([], ARRAY(Text))
    each = [case((condition(rule, today), literal(name, Text)), else_=null()) for name, rule in sorted(rules.items())]
    fitting: array[Any] = array(each, type_=Text())
    return func.array_remove(fitting, null(), type_=ARRAY(Text))


_ALL = """
    SELECT '' AS key, unit_code, count(*) AS audience, count(*) FILTER (WHERE reached) AS measured,
        count(*) FILTER (WHERE reached) AS first
    FROM reach_people GROUP BY unit_code
"""

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
        SELECT {key} AS key, d.recipient_id AS contact_id, bool_or(d.proved OR coalesce(l.proved, false)) AS proved
        FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
        LEFT JOIN deliveries l ON d.state = 'suppressed' AND l.run_id = d.run_id AND l.recipient_kind = 'contact'
            AND l.recipient_id = d.shared_with AND l.channel = d.channel AND l.subject_id = 0
        WHERE r.campaign = :campaign GROUP BY {key}, d.recipient_id
    )
    SELECT e.key, p.unit_code, count(*) AS audience, count(*) FILTER (WHERE e.proved) AS measured,
        count(*) FILTER (WHERE p.reached AND {first} = e.key) AS first
    FROM each e JOIN reach_people p ON p.contact_id = e.contact_id
    LEFT JOIN runs f ON f.id = p.run_id
    GROUP BY e.key, p.unit_code
"""


def tallies(connection: Connection, campaign: str, by: Grouping | None) -> list[Tally]:
    """Count the gathered people by unit, and by segment, channel or message where asked; "" is no segment."""
    match by:
        case None:
            statement = _ALL
        case Grouping.SEGMENT:
            statement = _BY_SEGMENT
        case Grouping.CHANNEL:
            statement = _BY_DELIVERY.format(key="d.channel", first="p.channel")
        case Grouping.MESSAGE:
            statement = _BY_DELIVERY.format(key="r.message", first="f.message")
    values = {"campaign": campaign} if by in (Grouping.CHANNEL, Grouping.MESSAGE) else {}
    rows = connection.execute(text(statement), values)
    return [Tally(row.key, row.unit_code, row.audience, row.measured, row.first) for row in rows]


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


def delivered_of(connection: Connection, campaign: str, segment: str | None, path: str) -> tuple[int, int]:
    """(proved, sent) deliveries to those of the gathered people who are in a segment and below a unit's path."""
    row = connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE d.proved) AS part, count(*) AS whole
            FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
                AND d.state IN ('accepted', 'unknown', 'failed', 'delivered', 'read')
            JOIN reach_people p ON p.contact_id = d.recipient_id
            WHERE r.campaign = :campaign AND {_OF}
            """
        ),
        {"campaign": campaign, "segment": segment, "path": path},
    ).one()
    return row.part, row.whole


def unit_names(connection: Connection, *, scope: Scope) -> dict[str, UnitName]:
    """Every unit of the scope by code."""
    rows = connection.execute(
        text("SELECT code, path, name, sort_key FROM units WHERE starts_with(path, :path)"), {"path": scope.path}
    )
    return {row.code: UnitName(row.code, row.path, row.name, row.sort_key) for row in rows}
