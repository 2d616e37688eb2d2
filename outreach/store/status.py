"""How a campaign stands: from the counters for those who see everything, from the rows for those who see a subtree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.store import runs
from outreach.store.accounts import AccountState


@dataclass(frozen=True, slots=True)
class Standing:
    """Deliveries by (run, channel, state), and how many people (or cases) each run is about in the caller's scope."""

    deliveries: Mapping[tuple[int, str, str], int]
    audience: Mapping[int, int]


def standing(connection: Connection, given: Sequence[runs.Run], *, scope: Scope) -> Standing:
    """How the runs stand. A subtree's figures are counted from its rows; the whole is never a scan of deliveries."""
    ids = [run.id for run in given]
    if scope.everything:
        audience = {run.id: run.audience for run in given if run.audience is not None}
        return Standing(runs.counts(connection, ids), audience)
    values = {"ids": ids, "path": scope.path}
    return Standing(_counted(connection, values), _people(connection, values))


_OF_UNITS = (
    "JOIN units u ON u.code = d.unit_code AND starts_with(u.path, :path) WHERE d.run_id = ANY(CAST(:ids AS bigint[]))"
)
_BY_STATE = text(
    f"""
    SELECT run_id, channel, state, sum(n) AS n FROM (
        SELECT d.run_id, d.channel, d.state, count(*) AS n FROM deliveries d {_OF_UNITS} GROUP BY 1, 2, 3
        UNION ALL SELECT d.run_id, d.channel, d.state, d.n FROM archived_counts d {_OF_UNITS}
    ) c GROUP BY run_id, channel, state
    """
)
_PEOPLE = text(
    f"""
    SELECT run_id, sum(n) AS n FROM (
        SELECT d.run_id, count(DISTINCT (d.recipient_id, d.subject_id)) AS n FROM deliveries d {_OF_UNITS}
            AND d.recipient_kind = 'contact' GROUP BY 1
        UNION ALL
        SELECT a.run_id, a.n FROM archived_audiences a WHERE a.run_id = ANY(CAST(:ids AS bigint[]))
            AND a.units && ARRAY(SELECT u.code FROM units u WHERE starts_with(u.path, :path))
    ) c GROUP BY run_id
    """
)


def _counted(connection: Connection, values: Mapping[str, object]) -> dict[tuple[int, str, str], int]:
    rows = connection.execute(_BY_STATE, values)
    return {(row.run_id, row.channel, row.state): int(row.n) for row in rows}


def _people(connection: Connection, values: Mapping[str, object]) -> dict[int, int]:
    rows = connection.execute(_PEOPLE, values)
    return {row.run_id: int(row.n) for row in rows}


def paused_accounts(connection: Connection, campaign: str) -> list[AccountState]:
    """The accounts out of service that deliveries of this campaign wait for, by name."""
    rows = connection.execute(
        text(
            """
            SELECT s.name, s.paused, s.code, s.reason, s.since FROM account_states s
            WHERE s.paused AND EXISTS (
                SELECT 1 FROM runs r JOIN deliveries d ON d.account = s.name AND d.lane = r.lane AND d.run_id = r.id
                    AND d.state = 'planned'
                WHERE r.campaign = :campaign)
            ORDER BY s.name
            """
        ),
        {"campaign": campaign},
    )
    return [AccountState(row.name, row.paused, row.code, row.reason, row.since) for row in rows]
