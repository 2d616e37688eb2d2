"""What a plan or a forecast comes to, counted over the table its rows went to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.store.plans import make_room


def shadow_deliveries(connection: Connection) -> str:
    """Make a temporary table that takes a forecast's rows; returns its name."""
    make_room(connection)
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE foreseen (LIKE deliveries INCLUDING DEFAULTS INCLUDING IDENTITY) ON COMMIT DROP;"
            "CREATE UNIQUE INDEX ON foreseen (run_id, recipient_kind, recipient_id, channel, subject_id)"
        )
    )
    return "foreseen"


def tally(connection: Connection, target: str, run: int) -> list[tuple[str, str, str, str | None, int]]:
    """(channel, account, state, reason, rows) of a planned or foreseen run, people and stations apart by account."""
    rows = connection.execute(
        text(
            f"SELECT channel, account, state, reason, count(*) AS n FROM {target} WHERE run_id = :run"
            " GROUP BY channel, account, state, reason"
        ),
        {"run": run},
    )
    found = [(row.channel, row.account, row.state, row.reason, row.n) for row in rows]
    return sorted(found, key=lambda one: (*one[:3], one[3] or ""))  # asked to do it, the server sorts every row first


def planned(tallied: Iterable[tuple[str, str, str, str | None, int]], channel: Channel) -> int:
    """The rows on a channel that are to be sent, of a `tally`."""
    return sum(n for of, _, state, _, n in tallied if of == channel and state == DeliveryState.PLANNED)


def left_out(connection: Connection, target: str, run: int) -> dict[str, int]:
    """How many (people, or cases) of a run get nothing on any channel, by the reason of the last one tried."""
    rows = connection.execute(
        text(
            f"""
            SELECT reason, count(*) AS n FROM (
                SELECT DISTINCT ON (recipient_id, subject_id) state, reason FROM {target}
                WHERE run_id = :run AND recipient_kind = 'contact'
                ORDER BY recipient_id, subject_id,
                    state = 'planned' DESC, reason IN ('shared_address', 'by_station') DESC, step DESC
            ) last WHERE state = 'suppressed' AND reason NOT IN ('shared_address', 'by_station')
            GROUP BY reason ORDER BY reason
            """
        ),
        {"run": run},
    )
    return {row.reason: row.n for row in rows}
