"""Deliveries one by one, as people look at them: a page or a stream, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.scope import Scope
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel, RecipientKind
from outreach.store import unit_counts

_STREAMED = 1000
"""Rows the server hands over at a time: what a stream keeps in memory."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries of a campaign; None or "" takes all. `after`: (run, delivery) the list goes on behind."""

    state: DeliveryState | None = None
    channel: Channel | None = None
    reason: str = ""
    message: str = ""
    after: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery with whom it is for; `name` and the sealed address only where the caller may see that person today."""

    run: int
    delivery: int
    message: str
    recipient_kind: RecipientKind
    recipient_id: int
    name: str | None
    unit_code: str | None
    subject_id: int
    channel: Channel
    state: DeliveryState
    reason: str | None
    code: str | None
    account: str
    attempt: int
    generation: int
    due_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    proved: bool
    sealed: bytes | None
    key_version: int | None


_COLUMNS = """
    SELECT d.run_id, d.id, r.message, d.recipient_kind, d.recipient_id, d.unit_code, d.subject_id, d.channel, d.state,
        d.reason, d.code, d.account, d.attempt, d.generation, d.due_at, d.next_attempt_at, d.sent_at, d.proved,
        CASE WHEN d.recipient_kind = 'station' THEN s.name
            WHEN c.erased_at IS NULL AND (:path = '' OR starts_with(h.path, :path)) THEN c.full_name END AS name,
        CASE WHEN c.erased_at IS NULL AND (:path = '' OR starts_with(h.path, :path)) THEN a.value END AS sealed,
        a.key_version
"""
_NAMED = """
    JOIN runs r ON r.id = d.run_id
    LEFT JOIN stations s ON d.recipient_kind = 'station' AND s.id = d.recipient_id
    LEFT JOIN contacts c ON d.recipient_kind = 'contact' AND c.id = d.recipient_id
    LEFT JOIN units h ON h.code = c.unit_code
    LEFT JOIN addresses a ON a.id = d.address_id
    WHERE (d.run_id, d.id) > (:run, :delivery) AND d.run_id = ANY(CAST(:runs AS bigint[]))
"""
_LIST = f"{_COLUMNS} FROM deliveries d {_NAMED}"
_LIST_PLACES = f"""
    {_COLUMNS}
    FROM (
        SELECT s.run_id, i.id FROM summed_places s CROSS JOIN LATERAL unnest(s.ids) AS i(id)
        WHERE s.run_id = ANY(CAST(:runs AS bigint[])) AND s.unit_code = ANY(CAST(:units AS text[]))
            AND (s.run_id, i.id) > (:run, :delivery)
        UNION ALL
        SELECT n.run_id, n.id FROM summed_runs s JOIN deliveries n ON n.run_id = s.run_id AND n.id > s.last_id
        WHERE s.run_id = ANY(CAST(:runs AS bigint[])) AND n.unit_code = ANY(CAST(:units AS text[]))
        ORDER BY 1, 2
    ) p CROSS JOIN LATERAL (SELECT * FROM deliveries o WHERE o.run_id = p.run_id AND o.id = p.id OFFSET 0) d
    {_NAMED}
"""
"""Of a subtree in summed up runs: one by one in the order of their ids, until there are enough."""
_NARROWED = {
    "state": "AND d.state = :state",
    "channel": "AND d.channel = :channel",
    "reason": "AND d.reason = :reason",
    "reasons": "AND d.reason = ANY(CAST(:reasons AS text[]))",
    "units": "AND d.unit_code = ANY(CAST(:units AS text[]))",
}
_ORDER, _PLACES_ORDER = "ORDER BY d.run_id, d.id", "ORDER BY p.run_id, p.id"
_FEW = 20
"""Units of a narrow subtree."""

_RUNS = text(
    """
    SELECT o.id FROM runs o WHERE o.campaign = :campaign AND o.id >= :run AND (:message = '' OR o.message = :message)
        AND (:any OR EXISTS (SELECT 1 FROM run_counts k WHERE k.run_id = o.id
            AND (:state = '' OR k.state = :state) AND (:channel = '' OR k.channel = :channel)
            GROUP BY k.run_id HAVING sum(k.n) > 0))
    ORDER BY o.id
    """
)
_TROUBLES = text("SELECT DISTINCT reason FROM error_counts WHERE run_id = ANY(:runs) AND state = :state")
_UNITS = text("SELECT code FROM units WHERE starts_with(path, :path)")


def page(connection: Connection, campaign: str, wanted: Wanted, *, limit: int, scope: Scope) -> list[Listed]:
    """At most `limit` deliveries of a campaign; the key of the last one is where the next page begins."""
    values, narrowed = _query(connection, campaign, wanted, scope)
    places = unit_counts.summed_of(connection, values["runs"]) if _by_place(values) else []
    others = sorted(set(values["runs"]) - set(places))
    found: list[Listed] = []
    for form, order, runs in ((_LIST, _ORDER, others), (_LIST_PLACES, _PLACES_ORDER, places)):
        if runs:
            query = text(f"{form} {narrowed} {order} LIMIT :limit")
            found += map(_listed, connection.execute(query, {**values, "runs": runs, "limit": limit}))
    return sorted(found, key=lambda one: (one.run, one.delivery))[:limit]


def _by_place(values: Mapping[str, Any]) -> bool:
    """Whether deliveries are found by their unit: in a wide subtree those of a reason are found by that sooner."""
    wide = len(values.get("units", ())) > _FEW
    return "units" in values and not (wide and ("reason" in values or "reasons" in values))


def stream(connection: Connection, campaign: str, wanted: Wanted, *, scope: Scope) -> Iterator[Listed]:
    """Every wanted delivery, through a cursor on the server: memory stays flat however many there are.

    The connection belongs to the stream until it is exhausted.
    """
    values, narrowed = _query(connection, campaign, wanted, scope)
    options = {"stream_results": True, "yield_per": _STREAMED}
    for row in connection.execute(text(f"{_LIST} {narrowed} {_ORDER}"), values, execution_options=options):
        yield _listed(row)


def _query(connection: Connection, campaign: str, wanted: Wanted, scope: Scope) -> tuple[dict[str, Any], str]:
    """Values and conditions, narrowed by what the counts know: few of a million are not looked for one by one."""
    run, delivery = wanted.after
    state, channel = str(wanted.state or ""), str(wanted.channel or "")
    runs = _runs(connection, campaign, run, wanted.message, state, channel)
    given: dict[str, Any] = {
        "state": state, "channel": channel, "reason": wanted.reason,
        "reasons": None if wanted.reason else _reasons(connection, runs, wanted.state),
        "units": _units(connection, scope),
    }  # fmt: skip
    chosen = {name: value for name, value in given.items() if value}
    values = {"path": scope.path, "runs": runs, "run": run, "delivery": delivery, **chosen}
    return values, " ".join(_NARROWED[name] for name in chosen)


def _runs(connection: Connection, campaign: str, after: int, message: str, state: str, channel: str) -> list[int]:
    """The runs from `after` on that have such deliveries at all."""
    values = {"campaign": campaign, "run": after, "message": message, "state": state, "channel": channel}
    return list(connection.execute(_RUNS, {**values, "any": not state and not channel}).scalars())


def _reasons(connection: Connection, runs: list[int], state: DeliveryState | None) -> list[str] | None:
    """The reasons of what failed or is unknown in these runs, by which they are found; None where one has none."""
    if state not in (DeliveryState.FAILED, DeliveryState.UNKNOWN):
        return None
    found = list(connection.execute(_TROUBLES, {"runs": runs, "state": str(state)}).scalars())
    return None if "" in found else found


def _units(connection: Connection, scope: Scope) -> list[str] | None:
    """The units of a scope; None for everything, one that is not there where it has none."""
    if scope.everything:
        return None
    return list(connection.execute(_UNITS, {"path": scope.path}).scalars()) or [""]


def _listed(row: Any) -> Listed:
    return Listed(
        run=row.run_id, delivery=row.id, message=row.message, recipient_kind=RecipientKind(row.recipient_kind),
        recipient_id=row.recipient_id, name=row.name, unit_code=row.unit_code, subject_id=row.subject_id,
        channel=Channel(row.channel), state=DeliveryState(row.state), reason=row.reason, code=row.code,
        account=row.account, attempt=row.attempt, generation=row.generation, due_at=row.due_at,
        next_attempt_at=row.next_attempt_at, sent_at=row.sent_at, proved=row.proved, sealed=row.sealed,
        key_version=row.key_version,
    )  # fmt: skip
