"""Reach of large campaigns by segment, channel and message, counted now and then: a page need not count a million.

Counted by unit, so that they serve every subtree. They follow what happens a little behind: what has moved since is
counted again after five minutes, whoever has not been reached and has changed group since within the hour. Of a
campaign that has ended they stay as they are, unless a late receipt changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segments import Rule
from outreach.store import reach
from outreach.store.reach import Grouping, Tally

LARGE = 10_000
"""People of a campaign from which on its groups are kept."""
_AGAIN = timedelta(minutes=5)
"""How old they may be where things go on."""
_ANEW = timedelta(hours=1)
"""How old they may be in a campaign under way in which nothing has moved: people may have changed their group."""

_RULES = "concat_ws(' ', coalesce(c.approved_version, c.version), c.shift_days)"
_SEEN = """
    md5(concat_ws(' ',
        (SELECT count(*) + count(undone_at) FROM visits WHERE campaign = c.slug),
        (SELECT max(id) FROM unreached WHERE campaign = c.slug), '/',
        (SELECT sum(audience) || ' ' || sum(measured) FROM reach_units WHERE campaign = c.slug),
        (SELECT string_agg(concat_ws(' ', run_id, channel, state, n), ';' ORDER BY run_id, channel, state) FROM (
            SELECT k.run_id, k.channel, k.state, sum(k.n) AS n FROM runs r JOIN run_counts k ON k.run_id = r.id
            WHERE r.campaign = c.slug GROUP BY 1, 2, 3
        ) k)))
"""
"""What the counters of a campaign say, in short. Visits and proofs that are being taken back are in it, as a first
proof may be replaced by another while as many people are reached as before."""

_HOLDS = f"""
    (g.rules = {_RULES} AND (g.at > :again
        OR (g.seen = {_SEEN} AND (g.at > :anew OR c.state IN ('finished', 'cancelled')))))
"""

_BEHIND = text(
    f"""
    SELECT c.slug FROM campaigns c LEFT JOIN grouped_campaigns g ON g.campaign = c.slug
    WHERE (SELECT sum(audience) FROM reach_units WHERE campaign = c.slug) >= :large
        AND (g.campaign IS NULL OR NOT {_HOLDS})
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.campaign = c.slug AND r.planned_at > :again)
    ORDER BY c.slug
    """
)

_COUNTED_AT = text(
    f"""
    SELECT g.at FROM campaigns c JOIN grouped_campaigns g ON g.campaign = c.slug
    WHERE c.slug = :campaign AND {_HOLDS}
    """
)


def behind(connection: Connection, now: datetime) -> list[str]:
    """The large campaigns whose groups are missing or too old.

    Not yet those in which a run has just been planned: a mass run then needs the machine, and there is little to see.
    """
    return list(connection.execute(_BEHIND, {"large": LARGE, **_ages(now)}).scalars())


def counted_at(connection: Connection, campaign: str, now: datetime) -> datetime | None:
    """When a campaign's groups were counted; None where they are missing or too old to be shown."""
    return connection.execute(_COUNTED_AT, {"campaign": campaign, **_ages(now)}).scalar_one_or_none()


def _ages(now: datetime) -> dict[str, datetime]:
    return {"again": now - _AGAIN, "anew": now - _ANEW}


def keep(connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, now: datetime) -> None:
    """Count a campaign's groups in place of those before; by one at a time.

    In a transaction of its own that sees one moment (`REPEATABLE READ`), so that figures and counters agree.
    """
    reach.gather_people(connection, campaign, rules, today, scope=EVERYTHING)
    values = {"campaign": campaign, "now": now}
    connection.execute(text("DELETE FROM reach_groups WHERE campaign = :campaign"), values)
    for grouping in Grouping:
        connection.execute(
            text(
                f"""
                INSERT INTO reach_groups (campaign, grouping, unit_code, key, audience, measured, first)
                SELECT :campaign, :grouping, coalesce(t.unit_code, ''), t.key, t.audience, t.measured, t.first
                FROM ({reach.tallying(grouping, scope=EVERYTHING)}) t
                """
            ),
            {"grouping": str(grouping), **values},
        )
    connection.execute(
        text(
            f"""
            INSERT INTO grouped_campaigns (campaign, at, rules, seen) SELECT c.slug, :now, {_RULES}, {_SEEN}
            FROM campaigns c WHERE c.slug = :campaign
            ON CONFLICT (campaign) DO UPDATE SET at = excluded.at, rules = excluded.rules, seen = excluded.seen
            """
        ),
        values,
    )


def lock(connection: Connection, campaign: str) -> bool:
    """Be the only one who counts a campaign's groups until the transaction ends; False where somebody does."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended('groups ' || :campaign, 0))")
    return bool(connection.execute(query, {"campaign": campaign}).scalar_one())


def tallies(connection: Connection, campaign: str, by: Grouping, *, scope: Scope) -> list[Tally]:
    """The kept figures of the people in `scope`: the same as `outreach.store.reach.tallies` counted then."""
    rows = connection.execute(
        text(
            """
            SELECT g.key, nullif(g.unit_code, '') AS unit_code, g.audience, g.measured, g.first
            FROM reach_groups g LEFT JOIN units u ON u.code = g.unit_code
            WHERE g.campaign = :campaign AND g.grouping = :grouping AND (:path = '' OR starts_with(u.path, :path))
            """
        ),
        {"campaign": campaign, "grouping": str(by), "path": scope.path},
    )
    return [Tally(row.key, row.unit_code, row.audience, row.measured, row.first) for row in rows]
