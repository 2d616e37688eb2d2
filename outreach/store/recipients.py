"""What rendering needs to know of a recipient: one list of columns for claims, forecasts and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.recipient import Recipient
from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.store import tallies

RECIPIENT = """
    c.full_name, c.birth_date, c.sex, c.kind, c.occupation, coalesce(c.language, 'vi') AS language, c.attrs,
    d.unit_code, u.name AS unit_name, u.kind AS unit_kind, u.languages,
    k.external_id AS case_external_id, k.title AS case_title, k.due_at AS case_due_at, k.state AS case_state
"""

RECIPIENT_COLUMNS = """
    full_name, birth_date, sex, kind, occupation, language, attrs, unit_code, unit_name, unit_kind, languages,
    case_external_id, case_title, case_due_at, case_state
"""
"""The same by their names, in the order of the fields of `Recipient`."""

RECIPIENT_JOINS = """
    LEFT JOIN contacts c ON d.recipient_kind = 'contact' AND c.id = d.recipient_id
    LEFT JOIN addresses a ON a.id = d.address_id
    LEFT JOIN units u ON u.code = d.unit_code
    LEFT JOIN cases k ON k.id = d.subject_id AND d.subject_id <> 0
"""

TEST_JOIN = "LEFT JOIN test_sends y ON d.recipient_kind = 'test' AND y.id = d.recipient_id"
"""The recipient of a test, for those statements that may meet one."""


_NAMES = tuple(name.strip() for name in RECIPIENT_COLUMNS.split(","))


def recipient(row: Any) -> Recipient:
    """The recipient a row with the columns of `RECIPIENT` tells of, beside others."""
    return recipient_of([getattr(row, name) for name in _NAMES])


def recipient_of(columns: Sequence[Any]) -> Recipient:
    """The recipient of `RECIPIENT_COLUMNS`, in their order."""
    name, born, sex, kind, occupation, language, attrs, code, unit, unit_kind, languages, *case = columns
    return Recipient(
        name, born, sex, kind, occupation, language, attrs or {}, code, unit, unit_kind, tuple(languages or ()), *case
    )


def planned_sample(
    connection: Connection,
    target: str,
    run: int,
    channel: Channel,
    *,
    limit: int,
    scope: Scope,
    total: int | None = None,
) -> list[tuple[str, Recipient]]:
    """(account, recipient) of up to `limit` planned rows of a run on a channel, evenly spread; all where fewer.

    `target` is the table of a plan or of a forecast; `total`: how many planned rows there are, where that is
    known.
    """
    if total is None:
        total = tallies.planned(tallies.tally(connection, target, run), channel)
    stride = max(1, total // limit)
    rows = connection.execute(
        text(
            f"""
            SELECT d.account, {RECIPIENT} FROM (
                SELECT d.*, row_number() OVER (ORDER BY d.id) AS nth FROM {target} d
                WHERE d.run_id = :run AND d.channel = :channel AND d.state = 'planned'
            ) d {RECIPIENT_JOINS}
            WHERE (d.nth - 1) % :stride = 0 AND (:path = '' OR starts_with(u.path, :path)) LIMIT :limit
            """
        ),
        {"run": run, "channel": str(channel), "stride": stride, "limit": limit, "path": scope.path},
    )
    return [(row.account, recipient(row)) for row in rows]
