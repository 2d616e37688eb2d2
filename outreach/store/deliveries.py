"""Deliveries: every change of a state goes through `advance` or a sweep, with its counts, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from outreach.domain.states import RANK, TROUBLES, DeliveryState, sources
from outreach.store import visits

SHARDS = 16
"""Rows a run's count is spread over, so that workers do not wait for each other.

Claims use the first ones, `advance` as many others: a transaction that records and then claims locks in one order.
"""

_SOURCES = [(str(target), str(source)) for target in DeliveryState for source in sorted(sources(target))]
_ALLOWED = "(VALUES " + ", ".join(f"('{target}', '{source}')" for target, source in _SOURCES) + ")"

MAY_HAVE_LEFT = "(d.resend_until IS NOT NULL AND d.recipient_kind <> 'station')"
"""Planned once more because its provider drops repetitions: it may have been sent, so it never ends as unsent."""

_SETTLES_UNKNOWN = """(v.state NOT IN ('planned', 'cancelled', 'unknown')
            OR (v.child_id IS NOT NULL AND (v.state <> 'unknown' OR v.reason = 'uncertain')))"""
"""What is unknown is planned, or unknown by its own sender's word, only with the claim it is about."""

COUNTED = """
    moved AS (
        SELECT run_id, channel, was AS state, -1 AS n FROM changed WHERE was <> state
        UNION ALL SELECT run_id, channel, state, 1 FROM changed WHERE was <> state
    ),
    counted AS (
        INSERT INTO run_counts (run_id, channel, state, shard, n)
        SELECT run_id, channel, state, :shard, sum(n) FROM moved GROUP BY run_id, channel, state HAVING sum(n) <> 0
        ORDER BY run_id, channel, state
        ON CONFLICT (run_id, channel, state, shard) DO UPDATE SET n = run_counts.n + excluded.n
    )
"""

_IN_TROUBLE = ", ".join(f"'{reason}'" for reason in TROUBLES)

ERRORS_COUNTED = f"""
    troubles AS (
        SELECT run_id, account, channel, was AS state, was_reason AS reason, was_code AS code, -1 AS n FROM changed
        WHERE was IN ('failed', 'unknown') OR (was = 'planned' AND was_reason IN ({_IN_TROUBLE}))
        UNION ALL
        SELECT run_id, account, channel, state, reason, code, 1 FROM changed
        WHERE state IN ('failed', 'unknown') OR (state = 'planned' AND reason IN ({_IN_TROUBLE}))
    ),
    troubled AS (
        INSERT INTO error_counts (run_id, account, channel, state, reason, code, shard, n)
        SELECT run_id, account, channel, state, coalesce(reason, ''), coalesce(code, ''), :shard, sum(n) FROM troubles
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (run_id, account, channel, state, reason, code, shard)
            DO UPDATE SET n = error_counts.n + excluded.n
    )
"""
"""The same for what failed, is unknown or was put off, by the provider's code: so nobody has to look at deliveries.

`changed` has `account`, `reason` and `code` as they are, `was_reason` and `was_code` as they were.
"""

_REACHED = """
    proved AS (
        SELECT c.run_id, c.id, c.recipient_id AS contact_id, c.channel, c.unit_code
        FROM changed c WHERE c.recipient_kind = 'contact' AND c.proved
        UNION ALL
        SELECT c.run_id, c.id, d.recipient_id, c.channel, d.unit_code
        FROM changed c JOIN deliveries d ON d.run_id = c.run_id AND d.shared_with = c.recipient_id
            AND d.channel = c.channel AND d.recipient_kind = 'contact' AND d.state = 'suppressed'
        WHERE c.recipient_kind = 'contact' AND c.proved AND c.subject_id = 0
    ),
    reached_now AS (
        INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
        SELECT DISTINCT ON (r.campaign, p.contact_id)
            r.campaign, p.contact_id, :now, p.channel, p.run_id, p.id, p.unit_code
        FROM proved p JOIN runs r ON r.id = p.run_id
        ORDER BY r.campaign, p.contact_id, p.run_id, p.id
        ON CONFLICT (campaign, contact_id) DO NOTHING
    )
"""

_ADVANCE = text(
    f"""
WITH held AS MATERIALIZED (
    SELECT i.*, d.state AS was, d.reason AS was_reason, d.code AS was_code, d.recipient_kind,
        least(i.again_until, d.resend_until) AS resend_until, d.resend_until IS NOT NULL AS doubtful
    FROM unnest(
        CAST(:run_ids AS bigint[]), CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
        CAST(:codes AS text[]), CAST(:provider_ids AS text[]), CAST(:parts AS smallint[]),
        CAST(:delays AS double precision[]), CAST(:refunds AS smallint[]), CAST(:children AS bigint[]),
        CAST(:attempts AS smallint[]), CAST(:proves AS boolean[]), CAST(:generations AS smallint[]),
        CAST(:resends AS timestamptz[])
    ) AS i(run_id, id, state, reason, code, provider_id, part, delay, refund, child_id, attempt, proves, generation,
        again_until)  -- a column that is shorter than the others ends in nulls
    JOIN deliveries d ON i.run_id = d.run_id AND i.id = d.id
    ORDER BY d.run_id, d.id FOR UPDATE OF d
),
verdict AS MATERIALIZED (
    SELECT h.run_id, h.id, h.was, h.was_reason, h.was_code, h.reason, h.code,
        h.provider_id, h.part, coalesce(h.delay, 0) AS delay, coalesce(h.refund, CAST(0 AS smallint)) AS refund,
        coalesce(h.proves, false) AS proves, h.child_id, h.attempt, h.generation, h.resend_until,
        r.wait_s, r.mode, cardinality(r.steps) AS steps,
        CASE WHEN h.state = 'failed' AND h.reason IN ('transient', 'content', 'window_closed')
                AND h.recipient_kind <> 'station' AND h.doubtful THEN 'unknown'
            WHEN h.state <> 'planned' OR r.state <> 'cancelled' THEN h.state
            WHEN h.recipient_kind <> 'station' AND h.resend_until IS NOT NULL THEN 'unknown'
            ELSE 'cancelled' END AS state,
        h.state AS said
    FROM held h JOIN runs r ON r.id = h.run_id
),
changed AS (
    UPDATE deliveries d SET
        state = v.state,
        reason = CASE WHEN v.state = 'cancelled' THEN 'campaign_cancelled' ELSE v.reason END,
        code = CASE WHEN v.state = 'accepted' THEN v.code ELSE coalesce(v.code, d.code) END,
        provider_id = coalesce(v.provider_id, d.provider_id),
        parts = coalesce(v.part, d.parts),
        attempt = d.attempt - v.refund,
        next_attempt_at = CASE WHEN v.state = 'planned' THEN :now + make_interval(secs => v.delay)
            ELSE d.next_attempt_at END,
        child_id = CASE WHEN v.state = 'unknown' THEN d.child_id END,
        lease_until = CASE WHEN v.state = 'unknown' THEN d.lease_until END,
        resend_until = v.resend_until,
        sent_at = CASE WHEN v.state IN ('accepted', 'delivered', 'read') THEN coalesce(d.sent_at, :now)
            ELSE d.sent_at END,
        closes_at = CASE WHEN v.state = 'accepted' THEN
            :now + CASE WHEN v.proves THEN interval '0' ELSE interval '72 hours' END ELSE d.closes_at END,
        cascade_at = CASE
            WHEN v.mode <> 'cascade' OR d.step + 1 >= v.steps OR v.proves THEN NULL
            WHEN v.state IN ('failed', 'suppressed') THEN :now
            WHEN v.state = 'accepted' THEN :now + make_interval(secs => v.wait_s)
            WHEN v.state IN ('unknown', 'expired', 'cancelled') THEN NULL
            ELSE d.cascade_at END,
        proved = CASE WHEN v.proves THEN true WHEN v.state = 'failed' THEN false ELSE d.proved END
    FROM verdict v
    WHERE d.run_id = v.run_id AND d.id = v.id
        AND (v.child_id IS NULL OR (d.child_id = v.child_id AND d.attempt = v.attempt)
            OR v.state NOT IN ('planned', 'failed', 'suppressed', 'expired', 'unknown', 'cancelled'))
        AND (v.generation IS NULL OR v.generation = d.generation OR v.state IN ('delivered', 'read'))
        AND (v.was <> 'unknown' OR {_SETTLES_UNKNOWN})
        -- of the row as it was locked: joined to d.state, a waiting change is lost
        AND (CASE v.state WHEN 'cancelled' THEN v.said ELSE v.state END, v.was) IN {_ALLOWED}
    RETURNING d.run_id, d.id, d.channel, d.recipient_kind, d.recipient_id, d.subject_id, d.unit_code,
        d.state, v.was, d.proved, d.account, d.reason, d.code, v.was_reason, v.was_code
),
{COUNTED},
{ERRORS_COUNTED},
{_REACHED},
unreached AS (
    DELETE FROM reached USING changed c
    WHERE c.state = 'failed' AND reached.run_id = c.run_id AND reached.delivery_id = c.id
    RETURNING reached.campaign, reached.contact_id
)
SELECT run_id, id, was, state, EXISTS (SELECT 1 FROM unreached) AS unreached FROM changed
"""
)

_REACHED_OTHERWISE = text(
    """
WITH lost AS (
    SELECT r.campaign, f.recipient_id AS contact_id
    FROM unnest(CAST(:run_ids AS bigint[]), CAST(:ids AS bigint[])) AS i(run_id, id)
    JOIN deliveries f ON f.run_id = i.run_id AND f.id = i.id AND f.recipient_kind = 'contact'
    JOIN runs r ON r.id = f.run_id
    UNION
    SELECT r.campaign, s.recipient_id
    FROM unnest(CAST(:run_ids AS bigint[]), CAST(:ids AS bigint[])) AS i(run_id, id)
    JOIN deliveries f ON f.run_id = i.run_id AND f.id = i.id AND f.recipient_kind = 'contact' AND f.subject_id = 0
    JOIN runs r ON r.id = f.run_id
    JOIN deliveries s ON s.run_id = f.run_id AND s.shared_with = f.recipient_id AND s.channel = f.channel
        AND s.recipient_kind = 'contact' AND s.state = 'suppressed'
)
INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
SELECT DISTINCT ON (l.campaign, l.contact_id)
    l.campaign, l.contact_id, coalesce(p.sent_at, :now), p.channel, p.run_id, p.id, d.unit_code
FROM lost l JOIN runs r ON r.campaign = l.campaign
JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact' AND d.recipient_id = l.contact_id
JOIN deliveries p ON p.run_id = d.run_id AND p.recipient_kind = 'contact' AND p.channel = d.channel AND p.proved
    AND (p.id = d.id OR (d.state = 'suppressed' AND p.recipient_id = d.shared_with AND p.subject_id = 0))
ORDER BY l.campaign, l.contact_id, p.sent_at
ON CONFLICT (campaign, contact_id) DO NOTHING
"""
)
"""Who lost their proof with a failed delivery (those who share its address too) and has another one."""


class Change(NamedTuple):
    """What a record, receipt or recovery says of one delivery.

    `delay`: seconds until the next try, for `planned`. `refund`: 1 where the attempt does not count. `child`,
    `attempt`: given by a sender (or of the claim that recovery has looked at), whose word on anything but an acceptance
    holds only while the delivery is its own, which it is while nothing but recovery has called it unknown.
    `generation`: given by a receipt; bad news of an older one says nothing of the newest.
    `proves`: the state is the account's proof. `resend_until`: given with the plan to try again what may have left, on
    the database's clock; the earliest of them holds, and without the provider's own word it does not count as failed.
    """

    run: int
    delivery: int
    state: DeliveryState
    reason: str | None = None
    code: str | None = None
    provider_id: str | None = None
    parts: int | None = None
    delay: float = 0.0
    refund: int = 0
    child: int | None = None
    attempt: int | None = None
    generation: int | None = None
    proves: bool = False
    resend_until: datetime | None = None


class Changed(NamedTuple):
    """A delivery that really moved: from `was` to `state`."""

    run: int
    delivery: int
    was: DeliveryState
    state: DeliveryState


def advance(connection: Connection, changes: Sequence[Change], *, now: datetime, shard: int = 0) -> list[Changed]:
    """Move deliveries forward, keep counts and reached rows in step, and say which moved.

    Each takes the higher rank; what would go back is left as it is. One change per delivery a call: the highest
    is kept where there are more.
    """
    if not changes:
        return []
    chosen = list(_one_each(changes).values())
    rows = connection.execute(
        _ADVANCE,
        {
            "run_ids": _plain([c.run for c in chosen]),
            "ids": _plain([c.delivery for c in chosen]),
            "states": _plain([c.state for c in chosen]),
            "reasons": _column([c.reason for c in chosen]),
            "codes": _column([c.code for c in chosen]),
            "provider_ids": _column([c.provider_id for c in chosen]),
            "parts": _plain([c.parts for c in chosen]),
            "delays": _plain([c.delay or None for c in chosen]),
            "refunds": _plain([c.refund or None for c in chosen]),
            "children": _plain([c.child for c in chosen]),
            "attempts": _plain([c.attempt for c in chosen]),
            "proves": _plain([c.proves or None for c in chosen]),
            "generations": _plain([c.generation for c in chosen]),
            "resends": _column([c.resend_until for c in chosen]),
            "shard": SHARDS + shard % SHARDS,
            "now": now,
        },
    ).all()
    if any(row.unreached for row in rows):
        failed = [row for row in rows if row.state == DeliveryState.FAILED]
        lost: dict[str, Any] = {
            "run_ids": [row.run_id for row in failed],
            "ids": [row.id for row in failed],
            "now": now,
        }
        connection.execute(_REACHED_OTHERWISE, lost)
        visits.reached_after_all(connection, lost["run_ids"], lost["ids"])
    return [Changed(run, delivery, _STATES[was], _STATES[state]) for run, delivery, was, state, _ in rows]


_STATES = {str(state): state for state in DeliveryState}


def _column(values: list[Any]) -> list[Any]:
    """A column of the input; one of nulls is left out, as most are: each value sent costs time."""
    return values if any(value is not None for value in values) else []


def _plain(values: Sequence[int | float | DeliveryState | None]) -> str:
    """A column of numbers or of our own words, written as PostgreSQL reads an array.

    The driver writes each element for itself, which takes seven times as long; it is for texts of others.
    """
    if all(value is None for value in values):
        return "{}"
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _one_each(changes: Iterable[Change]) -> Mapping[tuple[int, int], Change]:
    """The change that counts of several for one delivery: the one that would win whatever their order."""
    chosen: dict[tuple[int, int], Change] = {}
    for change in changes:
        key = (change.run, change.delivery)
        if key not in chosen or RANK.get(change.state, -1) > RANK.get(chosen[key].state, -1):
            chosen[key] = change
    return chosen


def recipients(connection: Connection, places: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """(run, contact, channel) of deliveries to people given as (run, delivery)."""
    if not places:
        return []
    rows = connection.execute(
        text(
            "SELECT d.run_id, d.recipient_id, d.channel FROM deliveries d"
            " JOIN unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[])) AS p(run_id, id)"
            " ON p.run_id = d.run_id AND p.id = d.id WHERE d.recipient_kind = 'contact'"
        ),
        {"runs": [run for run, _ in places], "ids": [delivery for _, delivery in places]},
    )
    return [(row.run_id, row.recipient_id, row.channel) for row in rows]
