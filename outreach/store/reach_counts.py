"""Who a campaign addresses and has reached, counted by unit as it happens, so that a report need not count a million.

`campaign_people` holds everyone a campaign has a delivery for, with the unit they are counted in: that of the day they
were reached, for the others that of their last run. `reach_units` holds what these and `reached` come to. Both follow
what happens by being caught up with, under a campaign's own lock: runs planned since (`runs.gathered`), proofs (rows of
`reached` without segments) and proofs taken back (`unreached`). In between they are a little behind, never wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Table,
    Text,
    case,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from outreach.domain.scope import Scope
from outreach.domain.segments import Rule
from outreach.store.segments import names
from outreach.store.tables import campaign_people, contacts, reached

_fresh = Table(
    "fresh", MetaData(), Column("campaign", Text), Column("contact_id", BigInteger), Column("unit_code", Text)
)
# Joins to the large tables name the campaign as a column of both sides, never as a constant of the large one: of a
# campaign that is new to its statistics the database expects one row, and would then compare everybody with everybody.
LARGE = 5_000
"""From so many people on the database looks at its tables again."""


def behind(connection: Connection) -> list[str]:
    """The campaigns that have something to catch up with."""
    rows = connection.execute(
        text(
            """
            SELECT r.campaign FROM runs r WHERE NOT r.gathered AND r.planned_at IS NOT NULL
            UNION SELECT c.slug FROM campaigns c
            WHERE EXISTS (SELECT 1 FROM reached f WHERE f.campaign = c.slug AND f.segments IS NULL)
            UNION SELECT u.campaign FROM unreached u ORDER BY 1
            """
        )
    )
    return [row.campaign for row in rows]


def lock(connection: Connection, campaign: str) -> None:
    """Be the only one who catches up with a campaign until the transaction ends."""
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('reach ' || :campaign, 0))"), {"campaign": campaign}
    )


def planned_runs(connection: Connection, campaign: str) -> list[int]:
    """The runs whose people are not gathered yet, in order."""
    query = text(
        "SELECT id FROM runs WHERE campaign = :campaign AND NOT gathered AND planned_at IS NOT NULL ORDER BY id"
    )
    return list(connection.execute(query, {"campaign": campaign}).scalars())


_CAME = """
    SELECT DISTINCT ON (d.recipient_id) r.campaign, d.recipient_id AS contact_id, d.unit_code
    FROM runs r JOIN deliveries d ON d.run_id = r.id
    WHERE r.id = :run AND d.recipient_kind = 'contact' ORDER BY d.recipient_id
"""

_GATHER = f"""
WITH came AS MATERIALIZED ({_CAME}),
added AS (
    INSERT INTO campaign_people (campaign, contact_id, unit_code)
    SELECT campaign, contact_id, unit_code FROM came
    ON CONFLICT DO NOTHING RETURNING unit_code
),
counted AS (
    INSERT INTO reach_units (campaign, unit_code, audience, measured)
    SELECT :campaign, coalesce(unit_code, ''), count(*), 0 FROM added GROUP BY 2 ORDER BY 2
    ON CONFLICT (campaign, unit_code) DO UPDATE SET audience = reach_units.audience + excluded.audience
)
INSERT INTO fresh SELECT c.campaign, c.contact_id, c.unit_code
FROM came c JOIN campaign_people p ON p.campaign = c.campaign AND p.contact_id = c.contact_id
WHERE p.unit_code IS DISTINCT FROM c.unit_code
"""
"""`fresh` are then those who were in the campaign before and have moved: the statement sees the table as it was."""


def gather(connection: Connection, campaign: str, run: int) -> int:
    """Take the people of a run into the campaign's, under its lock; returns how many it is about, 0 the second time."""
    values = {"campaign": campaign, "run": run}
    marked = text(
        "UPDATE runs SET gathered = true WHERE id = :run AND campaign = :campaign AND NOT gathered"
        " RETURNING coalesce(audience, 0)"
    )
    about = connection.execute(marked, values).scalar_one_or_none()
    if about is None:
        return 0
    _begin(connection)
    connection.execute(text(_GATHER), values)
    _rehome(connection)
    return int(about)


def count_reached(
    connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, *, limit: int, scope: Scope
) -> int:
    """Take down for people newly reached in which segments they are on `today`, and count them; returns how many.

    What has been taken down stays: a person who turns 60 later was reached as they were. The scope is the engine's
    own: it is done for all or not at all. At most `limit` a call, under the campaign's lock; rows another transaction
    holds are left for the next call, as are people of runs that are not gathered yet.
    """
    if not scope.everything:
        raise ValueError("segments are taken down for everybody at once")
    _begin(connection)
    known = case((contacts.c.id.is_(None), literal([], ARRAY(Text))), else_=names(rules, today))
    unsorted = (
        select(reached.c.campaign, reached.c.contact_id, known.label("names"))
        .join(
            campaign_people,
            (campaign_people.c.campaign == reached.c.campaign) & (campaign_people.c.contact_id == reached.c.contact_id),
        )
        .outerjoin(contacts, contacts.c.id == reached.c.contact_id)
        .where(reached.c.campaign == campaign, reached.c.segments.is_(None))
        .limit(limit)
        .with_for_update(of=reached, skip_locked=True)
        .cte("unsorted")
        .prefix_with("MATERIALIZED")
    )
    filled = (
        update(reached)
        .values(segments=unsorted.c.names)
        .where(reached.c.campaign == unsorted.c.campaign, reached.c.contact_id == unsorted.c.contact_id)
        .returning(reached.c.campaign, reached.c.contact_id, reached.c.unit_code)
        .cte("filled")
    )
    columns = ["campaign", "contact_id", "unit_code"]
    connection.execute(insert(_fresh).from_select(columns, select(*(filled.c[name] for name in columns))))
    return _settle(connection, campaign, +1)


def uncount(connection: Connection, campaign: str) -> int:
    """Take those whose proof was taken back off the counts, under the campaign's lock; returns how many."""
    _begin(connection)
    connection.execute(
        text(
            "WITH gone AS (DELETE FROM unreached WHERE campaign = :campaign RETURNING campaign, contact_id, unit_code)"
            " INSERT INTO fresh SELECT campaign, contact_id, unit_code FROM gone"
        ),
        {"campaign": campaign},
    )
    return _settle(connection, campaign, -1)


def _begin(connection: Connection) -> None:
    """Make the empty table `fresh`: the people whose place in the counts is looked at again."""
    connection.execute(
        text(
            "DROP TABLE IF EXISTS fresh;"
            " CREATE TEMPORARY TABLE fresh (campaign text, contact_id bigint, unit_code text) ON COMMIT DROP"
        )
    )


_SETTLE = text(
    """
    INSERT INTO reach_units (campaign, unit_code, audience, measured)
    SELECT :campaign, coalesce(unit_code, ''), 0, :sign * count(*) FROM fresh GROUP BY 2 ORDER BY 2
    ON CONFLICT (campaign, unit_code) DO UPDATE SET measured = reach_units.measured + excluded.measured
    """
)


def _settle(connection: Connection, campaign: str, sign: int) -> int:
    """Count the people of `fresh` as reached (or no longer) in their unit, and let them stand where they now belong."""
    people = int(connection.execute(text("SELECT count(*) FROM fresh")).scalar_one())
    if people:
        connection.execute(_SETTLE, {"campaign": campaign, "sign": sign})
        _rehome(connection)
    return people


_REHOME = text(
    """
WITH places AS MATERIALIZED (
    SELECT p.campaign, p.contact_id, p.unit_code AS was,
        CASE WHEN f.contact_id IS NOT NULL THEN f.unit_code WHEN l.found THEN l.unit_code ELSE p.unit_code END
            AS unit_code
    FROM (SELECT DISTINCT campaign, contact_id FROM fresh) m
    JOIN campaign_people p ON p.campaign = m.campaign AND p.contact_id = m.contact_id
    LEFT JOIN reached f ON f.campaign = m.campaign AND f.contact_id = m.contact_id AND f.segments IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT true AS found, d.unit_code FROM runs r
        CROSS JOIN LATERAL (
            SELECT o.unit_code FROM deliveries o
            WHERE o.run_id = r.id AND o.recipient_kind = 'contact' AND o.recipient_id = p.contact_id
            UNION ALL
            SELECT a.unit_code FROM archived_people a WHERE r.archived_at IS NOT NULL AND a.run_id = r.id
                AND a.contact_id = p.contact_id
        ) d
        WHERE f.contact_id IS NULL AND r.campaign = m.campaign AND r.gathered ORDER BY r.id DESC LIMIT 1
    ) l ON true
),
moved AS (
    UPDATE campaign_people p SET unit_code = m.unit_code FROM places m
    WHERE p.campaign = m.campaign AND p.contact_id = m.contact_id AND m.was IS DISTINCT FROM m.unit_code
    RETURNING p.campaign, m.was, m.unit_code
)
INSERT INTO reach_units (campaign, unit_code, audience, measured)
SELECT campaign, coalesce(unit_code, ''), sum(n), 0 FROM (
    SELECT campaign, was AS unit_code, -1 AS n FROM moved UNION ALL SELECT campaign, unit_code, 1 FROM moved
) m GROUP BY 1, 2 ORDER BY 2
ON CONFLICT (campaign, unit_code) DO UPDATE SET audience = reach_units.audience + excluded.audience
"""
)


def _rehome(connection: Connection) -> None:
    """Let the people of `fresh` be counted where they belong: where they were reached, else as of their last run."""
    connection.execute(text("ANALYZE fresh"))
    connection.execute(_REHOME)


def refresh_statistics(connection: Connection) -> None:
    """Let the database know of many people that have come, so that reports about them are planned well."""
    connection.execute(text("ANALYZE campaign_people, reached"))
