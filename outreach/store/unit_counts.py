"""What a subtree's deliveries come to: from the rows of small runs, from sums by unit of large ones, from the archive.

Who sees everything is told by `run_counts`. Of a subtree nothing is counted while messages are sent, which would make
that slower: a large run is summed up now and then (`summed_runs` says when), a little behind. The same look takes down
which deliveries each unit has, for pages of them: an index on units would cost every message two entries more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope

LARGE = 10_000
"""People of a run from which on it is summed up by unit."""
_AGAIN = timedelta(minutes=5)
"""How old the sums of a run may be in which things go on; those of one that is done are mended at the next look."""


@dataclass(frozen=True, slots=True)
class Counted:
    """So many deliveries of a subtree; `reason` and `code` are "" where there is none."""

    run: int
    account: str
    channel: str
    state: str
    reason: str
    code: str
    n: int


_UNITS = text("SELECT code FROM units WHERE starts_with(path, :path)")
_SUMMED = text("SELECT run_id FROM summed_runs WHERE run_id = ANY(CAST(:ids AS bigint[]))")

_COUNTED = text(
    """
    SELECT run_id, account, channel, state, reason, code, sum(n) AS n FROM (
        SELECT d.run_id, d.account, d.channel, d.state, coalesce(d.reason, '') AS reason, coalesce(d.code, '') AS code,
            count(*) AS n
        FROM deliveries d
        WHERE d.run_id = ANY(CAST(:looked AS bigint[])) AND d.unit_code = ANY(CAST(:units AS text[]))
        GROUP BY 1, 2, 3, 4, 5, 6
        UNION ALL
        SELECT c.run_id, c.account, c.channel, c.state, c.reason, c.code, c.n FROM summed_counts c
        WHERE c.run_id = ANY(CAST(:summed AS bigint[])) AND c.unit_code = ANY(CAST(:units AS text[]))
        UNION ALL
        SELECT c.run_id, c.account, c.channel, c.state, c.reason, c.code, c.n FROM archived_counts c
        WHERE c.run_id = ANY(CAST(:ids AS bigint[])) AND c.unit_code = ANY(CAST(:units AS text[]))
    ) c GROUP BY 1, 2, 3, 4, 5, 6
    """
)

_PEOPLE = text(
    """
    SELECT run_id, sum(n) AS n FROM (
        SELECT d.run_id, count(DISTINCT (d.recipient_id, d.subject_id)) AS n FROM deliveries d
        WHERE d.run_id = ANY(CAST(:looked AS bigint[])) AND d.unit_code = ANY(CAST(:units AS text[]))
            AND d.recipient_kind = 'contact' GROUP BY 1
        UNION ALL
        SELECT a.run_id, a.n FROM summed_audiences a
        WHERE a.run_id = ANY(CAST(:summed AS bigint[])) AND a.units && CAST(:units AS text[])
        UNION ALL
        SELECT a.run_id, a.n FROM archived_audiences a
        WHERE a.run_id = ANY(CAST(:ids AS bigint[])) AND a.units && CAST(:units AS text[])
    ) c GROUP BY run_id
    """
)


def counted(connection: Connection, run_ids: Sequence[int], *, scope: Scope) -> list[Counted]:
    """The deliveries of a subtree in these runs, summed up."""
    rows = connection.execute(_COUNTED, _values(connection, run_ids, scope))
    return [Counted(row.run_id, row.account, row.channel, row.state, row.reason, row.code, int(row.n)) for row in rows]


def people(connection: Connection, run_ids: Sequence[int], *, scope: Scope) -> dict[int, int]:
    """How many people (or cases) of a subtree each of these runs is about."""
    rows = connection.execute(_PEOPLE, _values(connection, run_ids, scope))
    return {row.run_id: int(row.n) for row in rows}


def summed_of(connection: Connection, run_ids: Sequence[int]) -> list[int]:
    """Those of the runs that are summed up."""
    return list(connection.execute(_SUMMED, {"ids": list(run_ids)}).scalars())


def _values(connection: Connection, run_ids: Sequence[int], scope: Scope) -> dict[str, list[int] | list[str]]:
    units = list(connection.execute(_UNITS, {"path": scope.path}).scalars())
    ids = list(run_ids)
    summed = summed_of(connection, ids)
    return {"units": units, "ids": ids, "summed": summed, "looked": sorted(set(ids) - set(summed))}


_SEEN = """
    SELECT md5(string_agg(channel || ' ' || state || ' ' || n, ';' ORDER BY channel, state)) FROM (
        SELECT channel, state, sum(n) AS n FROM run_counts WHERE run_id = r.id GROUP BY channel, state
        UNION ALL SELECT account || ' ' || reason, code, sum(n) FROM error_counts WHERE run_id = r.id
        GROUP BY account, reason, code
    ) s
"""


def behind(connection: Connection, now: datetime) -> list[int]:
    """The large runs whose sums are missing, or say no longer what the counters say."""
    rows = connection.execute(
        text(
            f"""
            SELECT r.id FROM runs r LEFT JOIN summed_runs s ON s.run_id = r.id
            WHERE r.audience >= :large AND r.planned_at IS NOT NULL AND r.archived_at IS NULL
                AND (s.run_id IS NULL OR ((r.state = 'done' OR s.at <= :again) AND s.seen IS DISTINCT FROM ({_SEEN})))
            ORDER BY r.id
            """
        ),
        {"large": LARGE, "again": now - _AGAIN},
    )
    return list(rows.scalars())


_SUM = text(
    f"""
WITH counted AS (
    INSERT INTO summed_counts (run_id, unit_code, channel, account, state, reason, code, n)
    SELECT run_id, unit_code, channel, account, state, coalesce(reason, ''), coalesce(code, ''), count(*)
    FROM deliveries WHERE run_id = :run AND unit_code IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7
),
people AS (
    INSERT INTO summed_audiences (run_id, units, n)
    SELECT :run, units, count(*) FROM (
        SELECT array_agg(DISTINCT unit_code) AS units FROM deliveries
        WHERE run_id = :run AND recipient_kind = 'contact' AND unit_code IS NOT NULL GROUP BY recipient_id, subject_id
    ) each GROUP BY units
),
places AS (
    INSERT INTO summed_places (run_id, unit_code, ids)
    SELECT :run, unit_code, array_agg(id ORDER BY id) FROM deliveries
    WHERE run_id = :run AND unit_code IS NOT NULL GROUP BY unit_code
)
INSERT INTO summed_runs (run_id, at, last_id, seen)
SELECT r.id, :now, (SELECT max(d.id) FROM deliveries d WHERE d.run_id = r.id), ({_SEEN}) FROM runs r WHERE r.id = :run
"""
)
"""One statement, so that sums and counters are of one moment."""


def sum_up(connection: Connection, run: int, now: datetime) -> None:
    """Sum a run's deliveries up by unit, in place of the sums before; nothing where it is being archived."""
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    if forget(connection, run):
        connection.execute(_SUM, {"run": run, "now": now})


def forget(connection: Connection, run: int) -> bool:
    """Drop a run's sums, and let nobody else sum it up until the transaction ends; False where it is archived."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('units ' || :run, 0))"), {"run": str(run)})
    for table in ("summed_counts", "summed_audiences", "summed_places", "summed_runs"):
        connection.execute(text(f"DELETE FROM {table} WHERE run_id = :run"), {"run": run})
    query = text("SELECT archived_at IS NULL FROM runs WHERE id = :run")
    return bool(connection.execute(query, {"run": run}).scalar_one())
