"""What failed, is unknown or was put off, counted by the provider's code: never a scan of a campaign's deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.domain.states import TROUBLES, DeliveryState
from outreach.domain.words import Channel
from outreach.store import unit_counts


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


def counted(connection: Connection, run_ids: Sequence[int], *, scope: Scope) -> list[Counted]:
    """The troubles of these runs, the most frequent first."""
    if scope.everything:
        rows = connection.execute(text(_KEPT), {"ids": list(run_ids)})
        found = [_counted(row.run_id, row) for row in rows]
    else:
        units = unit_counts.counted(connection, run_ids, scope=scope)
        found = [_counted(row.run, row) for row in units if _is_trouble(row)]
    return sorted(found, key=lambda one: (-one.n, one.run, one.account, one.state, one.reason, one.code))


def _counted(run: int, row: Any) -> Counted:
    return Counted(run, row.account, Channel(row.channel), DeliveryState(row.state), row.reason, row.code, int(row.n))


def _is_trouble(row: unit_counts.Counted) -> bool:
    """Whether it failed, is unknown or was put off."""
    return row.state in ("failed", "unknown") or (row.state == "planned" and row.reason in TROUBLES)
