"""How a campaign stands: from the counters for those who see everything, by unit for a subtree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.store import runs, unit_counts
from outreach.store.accounts import AccountState


@dataclass(frozen=True, slots=True)
class Standing:
    """Deliveries by (run, channel, state), and how many people (or cases) each run is about in the caller's scope."""

    deliveries: Mapping[tuple[int, str, str], int]
    audience: Mapping[int, int]


def standing(connection: Connection, given: Sequence[runs.Run], *, scope: Scope) -> Standing:
    """How the runs stand; neither the whole nor a province's part of a large run is a scan of deliveries."""
    ids = [run.id for run in given]
    if scope.everything:
        audience = {run.id: run.audience for run in given if run.audience is not None}
        return Standing(runs.counts(connection, ids), audience)
    deliveries: dict[tuple[int, str, str], int] = {}
    for one in unit_counts.counted(connection, ids, scope=scope):
        key = (one.run, one.channel, one.state)
        deliveries[key] = deliveries.get(key, 0) + one.n
    return Standing(deliveries, unit_counts.people(connection, ids, scope=scope))


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
