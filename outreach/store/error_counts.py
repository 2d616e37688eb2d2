"""What failed, is unknown or was put off, counted by the provider's code: never a scan of a campaign's deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.domain.states import TROUBLES, DeliveryState
from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Counted:
    """So many deliveries of a run with the same trouble; `reason` and `code` are "" where there is none."""

    run: int
    account: str
    channel: Channel
    state: DeliveryState
    reason: str
    code: str
    n: int


_KEPT = """
    SELECT run_id, account, channel, state, reason, code, sum(n) AS n FROM error_counts
    WHERE run_id = ANY(CAST(:ids AS bigint[]))
    GROUP BY run_id, account, channel, state, reason, code HAVING sum(n) > 0
"""
_LOOKED_AT = """
    SELECT run_id, account, channel, state, reason, code, sum(n) AS n FROM (
    SELECT d.run_id, d.account, d.channel, d.state, coalesce(d.reason, '') AS reason, coalesce(d.code, '') AS code,
        count(*) AS n
    FROM deliveries d JOIN units u ON u.code = d.unit_code AND starts_with(u.path, :path)
    WHERE d.run_id = ANY(CAST(:ids AS bigint[])) AND (d.state IN ('failed', 'unknown')
        OR (d.state = 'planned' AND d.reason = ANY(CAST(:troubles AS text[]))))
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT a.run_id, a.account, a.channel, a.state, a.reason, a.code, a.n
    FROM archived_counts a JOIN units u ON u.code = a.unit_code AND starts_with(u.path, :path)
    WHERE a.run_id = ANY(CAST(:ids AS bigint[])) AND a.state IN ('failed', 'unknown')
    ) c GROUP BY 1, 2, 3, 4, 5, 6
"""


def counted(connection: Connection, run_ids: Sequence[int], *, scope: Scope) -> list[Counted]:
    """The troubles of these runs, the most frequent first; those of a subtree are counted from its rows."""
    values = {"ids": list(run_ids), "path": scope.path, "troubles": [str(reason) for reason in TROUBLES]}
    rows = connection.execute(text(_KEPT if scope.everything else _LOOKED_AT), values)
    found = [
        Counted(
            row.run_id, row.account, Channel(row.channel), DeliveryState(row.state), row.reason, row.code, int(row.n)
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.n, one.run, one.account, one.state, one.reason, one.code))
