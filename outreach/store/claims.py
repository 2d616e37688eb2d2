"""Claims: a worker child takes due deliveries of one account and lane under a lease, checked once more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, TextClause, text

from outreach.domain.recipient import Recipient
from outreach.domain.words import Channel, Lane, MessageClass, RecipientKind
from outreach.store import heirs, interactions
from outreach.store.campaigns import TESTS
from outreach.store.consent_sql import agreed_to_advertising
from outreach.store.deliveries import COUNTED, ERRORS_COUNTED, MAY_HAVE_LEFT, SHARDS
from outreach.store.recipients import RECIPIENT, RECIPIENT_COLUMNS, RECIPIENT_JOINS, TEST_JOIN, recipient_of
from outreach.store.trial import is_listed


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run with work for an account and lane right now."""

    id: int
    campaign: str
    message: str
    version: int
    shift_days: int
    message_class: MessageClass
    timezone: str
    test: bool = False
    """A person's test: no hours hold it back."""
    digest: str = ""
    """Of the version's content."""


class Claimed(NamedTuple):
    """A delivery that this child alone may send until the lease ends, with what rendering needs.

    A tuple, as one is made for every message: a frozen dataclass takes four times as long.

    `attempt` counts from 1 and includes this one; `sealed` is the encrypted address ("" rows of stations have none).
    `patience_s`: seconds until it would be too late. `sealed_who` and `mark`: of a test, whose text it is (JSON under
    the same key version), and what it is marked with. `may_have_left`: an earlier attempt may have.
    """

    run: int
    delivery: int
    recipient_kind: RecipientKind
    recipient_id: int
    channel: Channel
    subject_id: int
    attempt: int
    generation: int
    sent_after: datetime
    patience_s: float
    sealed: bytes | None
    key_version: int | None
    who: Recipient
    sealed_who: bytes | None = None
    mark: str = ""
    may_have_left: bool = False


_OPEN_RUNS = text(
    f"""
SELECT r.id, r.campaign, r.message, r.version, c.shift_days, r.class, c.timezone, r.campaign = '{TESTS}' AS test,
    v.hash AS digest
FROM runs r JOIN campaigns c ON c.slug = r.campaign JOIN campaign_versions v ON v.slug = r.campaign AND v.n = r.version
CROSS JOIN LATERAL (SELECT 1 FROM deliveries d WHERE d.account = :account AND d.lane = :lane AND d.run_id = r.id
    AND d.state = 'planned' AND d.next_attempt_at <= :now ORDER BY d.next_attempt_at LIMIT 1) due
WHERE r.state = 'sending' AND c.state = 'running' AND r.lane = :lane
"""
)
"""The first one due of each run: asked with EXISTS, a plan made once may read every delivery that is due."""


def open_runs(connection: Connection, *, account: str, lane: Lane, now: datetime) -> list[OpenRun]:
    """The running runs with a delivery due for this account and lane; paused and cancelled campaigns have none."""
    rows = connection.execute(_OPEN_RUNS, {"account": account, "lane": str(lane), "now": now})
    return [
        OpenRun(
            row.id, row.campaign, row.message, row.version, row.shift_days,
            MessageClass(row._mapping["class"]), row.timezone, row.test, row.digest,
        )
        for row in rows
    ]  # fmt: skip


_STOPPED = text(
    """
SELECT EXISTS (SELECT 1 FROM runs r JOIN campaigns c ON c.slug = r.campaign
    WHERE r.id = ANY(CAST(:runs AS bigint[])) AND (r.state = 'cancelled' OR c.state IN ('paused', 'cancelled')))
"""
)


def any_stopped(connection: Connection, runs: Collection[int]) -> bool:
    """Whether a person has paused or cancelled any of these runs."""
    return bool(connection.execute(_STOPPED, {"runs": list(runs)}).scalar_one())


_ADDRESSED = f"CASE d.channel WHEN '{Channel.ZALO_ZNS}' THEN '{Channel.ZALO_ZNS.addressed_by}' ELSE d.channel END"
_IN_TRIAL = "(CAST(:trial AS boolean) OR r.trial)"

_TEST_REFUSED = f"""CASE WHEN y.id IS NULL THEN 'erased'
                WHEN {_IN_TRIAL} AND NOT EXISTS (SELECT 1 FROM unnest(array_prepend(y.fingerprint, y.older)) AS f(mark)
                    WHERE {is_listed("f.mark", "d.channel", _ADDRESSED)}) THEN 'trial'
                ELSE (SELECT min(s.reason) FROM suppressions s
                    WHERE s.fingerprint = ANY(array_prepend(y.fingerprint, y.older))
                    AND s.channel IN ('*', d.channel, {_ADDRESSED}) AND s.class IN ('*', r.class)
                    AND (r.class <> 'emergency' OR s.class = r.class OR s.reason = 'hard_bounce')) END"""
"""A test bows to refusals and to trial mode; it has no person, no case and no consent."""

_ONE_OF = {
    True: "coalesce(a.value, y.value) AS value, coalesce(a.key_version, y.key_version) AS key_version,"
    " coalesce(a.fingerprint, y.fingerprint) AS fingerprint, y.who AS sealed_who, y.mark",
    False: "a.value, a.key_version, a.fingerprint, CAST(NULL AS bytea) AS sealed_who, CAST(NULL AS text) AS mark",
}

_PICKED = """
    SELECT p.* FROM unnest(CAST(:run_ids AS bigint[])) WITH ORDINALITY AS r(id, place)
    CROSS JOIN LATERAL (
        SELECT d.ctid AS place_on_disk, d.* FROM deliveries d
        WHERE d.account = :account AND d.lane = :lane AND d.run_id = r.id
            AND d.state = 'planned' AND d.next_attempt_at <= :now
        ORDER BY d.next_attempt_at LIMIT :per_run FOR UPDATE SKIP LOCKED
    ) p ORDER BY r.place LIMIT :limit
"""
"""A fair share of each run's due ones, locked."""

_ANY_REFUSED = f"""
    WHEN d.resend_until <= clock_timestamp() + make_interval(secs => :lease_s) THEN 'lease_lost'
    WHEN d.expires_at <= :now THEN 'late'
    WHEN d.recipient_kind = 'station' THEN CASE WHEN {_IN_TRIAL} THEN 'trial' END
"""
"""For whomever it is; to a station nothing else applies."""

_PERSON_REFUSED = f"""
    WHEN c.id IS NULL OR c.erased_at IS NOT NULL THEN 'erased'
    WHEN a.id IS NULL OR (a.contact_id <> c.id AND a.contact_id IS DISTINCT FROM c.guardian_id)
        OR a.account NOT IN ('', d.account) THEN 'no_address'
    WHEN d.subject_id <> 0 AND coalesce(k.state, 'closed') <> 'open' THEN 'case_closed'
    WHEN d.subject_id <> 0 AND NOT EXISTS (SELECT 1 FROM case_reminders m WHERE m.campaign = r.campaign
        AND m.message = r.message AND m.case_id = k.id AND m.due_at = k.due_at AND m.run_id = r.id)
        THEN 'case_moved'
    WHEN {_IN_TRIAL} AND NOT {is_listed("a.fingerprint", "d.channel", "a.channel")} THEN 'trial'
    WHEN r.class = 'advertising' AND NOT {agreed_to_advertising("c.id", "d.channel")} THEN 'no_consent'
    ELSE coalesce((SELECT s.reason FROM suppressions s WHERE s.fingerprint = a.fingerprint
        AND s.channel IN ('*', d.channel, a.channel) AND s.class IN ('*', r.class)
        AND (r.class <> 'emergency' OR s.class = r.class OR s.reason = 'hard_bounce')
        ORDER BY s.reason LIMIT 1),
        CASE WHEN d.channel = ANY(CAST(:windowed AS text[]))
            AND {interactions.closed("d.account", "a.fingerprint", ":now", "CAST(:lasts_s AS float)")}
            THEN 'window_closed' END)
"""
"""For people: who and where they are, their case, trial mode, their consent, their refusals, the channel's window."""

_CHANGED = """
    UPDATE deliveries d SET
        state = CASE WHEN j.refusal IS NULL THEN 'sending' WHEN j.doubtful THEN 'unknown'
            WHEN j.refusal = 'late' THEN 'expired' ELSE 'suppressed' END,
        reason = CASE WHEN j.refusal IS NOT NULL AND j.doubtful THEN 'lease_lost' ELSE j.refusal END,
        fingerprint = coalesce(j.fingerprint, d.fingerprint),
        attempt = d.attempt + CASE WHEN j.refusal IS NULL THEN 1 ELSE 0 END,
        child_id = CASE WHEN j.refusal IS NULL THEN CAST(:child AS bigint) END,
        lease_until = CASE WHEN j.refusal IS NULL THEN clock_timestamp() + make_interval(secs => :lease_s) END,
        cascade_at = CASE WHEN j.refusal IS NULL OR j.refusal IN ('late', 'erased', 'case_closed', 'case_moved',
            'trial') OR j.doubtful OR NOT j.follows THEN NULL ELSE CAST(:now AS timestamptz) END
    -- by its place, as it was locked: one that somebody changed just before that is left for the next claim
    FROM judged j WHERE d.ctid = j.place_on_disk AND d.state = 'planned'
    RETURNING d.run_id, d.id, d.recipient_kind, d.recipient_id, d.channel, d.subject_id, d.attempt, d.generation,
        d.state, 'planned' AS was, d.expires_at, j.value, j.key_version, j.full_name, j.birth_date, j.sex, j.kind,
        j.occupation, j.moved, j.doubtful, d.reason, j.language, j.attrs, j.unit_code, j.unit_name, j.unit_kind,
        j.languages, j.case_external_id, j.case_title, j.case_due_at, j.case_state, j.sealed_who, j.mark,
        d.account, d.code, j.was_reason, j.was_code
"""
"""Leased to the child, or ended for what it is refused for."""


def _claiming(*, tests: bool) -> TextClause:
    """The claim; only the lane of tests looks for their recipients: one more table costs a tenth of the time."""
    test_refused = f"WHEN d.recipient_kind = 'test' THEN {_TEST_REFUSED}" if tests else ""
    return text(
        f"""
WITH picked AS MATERIALIZED ({_PICKED}),
judged AS MATERIALIZED (
    SELECT d.place_on_disk, d.run_id, d.id, d.reason AS was_reason, d.code AS was_code, {_ONE_OF[tests]},
        a.fingerprint IS DISTINCT FROM d.fingerprint AND d.recipient_kind = 'contact' AS moved,
        r.mode = 'cascade' AND d.step + 1 < cardinality(r.steps) AS follows, {MAY_HAVE_LEFT} AS doubtful, {RECIPIENT},
        CASE {_ANY_REFUSED} {test_refused} {_PERSON_REFUSED} END AS refusal
    FROM picked d
    JOIN runs r ON r.id = d.run_id
    {RECIPIENT_JOINS} {TEST_JOIN if tests else ""}
),
changed AS ({_CHANGED}),
{COUNTED},
{ERRORS_COUNTED}
SELECT state, reason, moved, run_id, id, recipient_kind, recipient_id, channel, subject_id, attempt, generation,
    clock_timestamp() AS at, CAST(extract(epoch FROM expires_at - :now) AS float) AS patience_s, value, key_version,
    sealed_who, mark, doubtful, {RECIPIENT_COLUMNS} FROM changed
"""
    )


_CLAIM = {lane: _claiming(tests=lane is Lane.REPLY) for lane in Lane}


_THEIRS_ALONE = ("erased", "no_address", "no_consent")
"""Refusals that say nothing of the others at the same address: one of those takes the message over."""

_UNREMINDED = text(
    "DELETE FROM case_reminders m USING unnest(CAST(:runs AS bigint[]), CAST(:cases AS bigint[])) AS g(run_id, case_id)"
    " WHERE m.run_id = g.run_id AND m.case_id = g.case_id"
)
"""A reminder that was not sent because its case had moved or closed may be made again should the date come back."""

NO_WINDOWS: Final[Mapping[Channel, timedelta]] = MappingProxyType({})


def claim(
    connection: Connection,
    *,
    account: str,
    lane: Lane,
    run_ids: Sequence[int],
    limit: int,
    child: int,
    lease_s: float,
    now: datetime,
    trial: bool,
    windows: Mapping[Channel, timedelta] = NO_WINDOWS,
) -> tuple[list[Claimed], int]:
    """Claim up to `limit` due deliveries, shared fairly among `run_ids`; returns them and how many were refused.

    `windows`: how long the account may write to somebody who was in touch, on the channels where that ends.
    Refused ones have become expired or suppressed; unknown where an earlier attempt may have left. The caller commits
    before the first byte leaves, durably (`engine.connect`); `lease_s` counts on the database's clock, `now` is the
    engine's. `trial`: the account writes to listed test addresses only; this is the guard that counts, whatever was
    planned.
    """
    if not run_ids or limit < 1:
        return [], 0
    rows = connection.execute(
        _CLAIM[lane],
        {
            "account": account, "lane": str(lane), "run_ids": list(run_ids), "limit": limit,
            "per_run": max(1, -(-limit // len(run_ids))), "child": child, "lease_s": lease_s, "now": now,
            "shard": child % SHARDS, "trial": trial, "windowed": [str(one) for one in windows],
            "lasts_s": min((one.total_seconds() for one in windows.values()), default=None),
        },
    ).all()  # fmt: skip
    odd = [row for row in rows if row.moved or row.state != "sending"]
    left = [row for row in odd if (row.moved and row.state != "unknown") or row.reason in _THEIRS_ALONE]
    heirs.take_over(connection, [(row.run_id, row.recipient_id, row.channel) for row in left], now=now)
    forgotten = [row for row in odd if row.reason in ("case_closed", "case_moved")]
    if forgotten:
        unsaid = {"runs": [row.run_id for row in forgotten], "cases": [row.subject_id for row in forgotten]}
        connection.execute(_UNREMINDED, unsaid)
    sending = [_claimed(row) for row in rows if row.state == "sending"]
    return sending, len(rows) - len(sending)


def _claimed(row: Any) -> Claimed:
    """The columns in the order in which the claim gives them."""
    _, _, _, run, delivery, kind, person, channel, subject, attempt, generation, at, patience_s, *rest = row
    sealed, key_version, sealed_who, mark, doubtful, *who = rest
    return Claimed(
        run, delivery, _KINDS[kind], person, _CHANNELS[channel], subject, attempt, generation, at, patience_s, sealed,
        key_version, recipient_of(who), sealed_who, mark or "", doubtful,
    )  # fmt: skip


_KINDS = {str(kind): kind for kind in RecipientKind}
_CHANNELS = {str(channel): channel for channel in Channel}


_DUE_LANES = text(
    """
SELECT q.account, q.lane FROM (
    SELECT DISTINCT a.account, r.lane, r.id FROM runs r JOIN campaigns c ON c.slug = r.campaign
    CROSS JOIN unnest(CAST(:accounts AS text[])) AS a(account)
    WHERE r.state = 'sending' AND c.state = 'running'
) q CROSS JOIN LATERAL (SELECT 1 FROM deliveries d WHERE d.account = q.account AND d.lane = q.lane AND d.run_id = q.id
    AND d.state = 'planned' AND d.next_attempt_at <= :now ORDER BY d.next_attempt_at LIMIT 1) due
GROUP BY q.account, q.lane
"""
)


def due_lanes(connection: Connection, accounts: Sequence[str], now: datetime) -> list[tuple[str, Lane]]:
    """The (account, lane) pairs with a delivery due: what the sweeper hints."""
    rows = connection.execute(_DUE_LANES, {"accounts": list(accounts), "now": now})
    return [(row.account, Lane(row.lane)) for row in rows]


def enrol_child(connection: Connection, *, host: str, boot: str, pid: int, started: float) -> int:
    """Take down a worker child, so that its death can be proven later; returns its id."""
    return int(
        connection.execute(
            text("INSERT INTO children (host, boot, pid, started) VALUES (:host, :boot, :pid, :started) RETURNING id"),
            {"host": host, "boot": boot, "pid": pid, "started": started},
        ).scalar_one()
    )
