"""Planning of a channel to people: a row for everyone, with the reason where nothing will be sent."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from outreach.store import interactions
from outreach.store.consent_sql import agreed_to_advertising
from outreach.store.plans import (
    GO_ON,
    ROW,
    Step,
    account_of,
    account_values,
    counted,
    fresh_later,
)
from outreach.store.trial import is_listed

_WHOSE = "CASE WHEN c.birth_date > :adult_from AND c.kind = 'person' THEN c.guardian_id ELSE c.id END"
"""Whose address is used: a child's guardian's."""

_LATEST = {
    True: f"""
    LEFT JOIN LATERAL (
        SELECT a.id, a.fingerprint, a.account FROM addresses a WHERE a.contact_id = {_WHOSE} AND a.channel = :addressed
        ORDER BY a.id DESC LIMIT 1
    ) a ON true
""",
    False: f"""
    LEFT JOIN (
        SELECT DISTINCT ON (n.contact_id) n.contact_id, n.id, n.fingerprint, n.account FROM addresses n
        WHERE n.channel = :addressed ORDER BY n.contact_id, n.id DESC
    ) a ON a.contact_id = {_WHOSE}
""",
}
"""The newest address of each: looked up one by one for a batch, all of the channel's at once for a whole run."""

_LOCATED = """
    SELECT p.contact_id, p.subject_id, p.unit_code, u.path,
        (c.birth_date > :adult_from AND c.kind = 'person') AS minor, c.guardian_id,
        a.id AS address_id, a.fingerprint, a.account AS bound
    FROM audience p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN units u ON u.code = p.unit_code
"""

_BARS = """
    s.channel IN ('*', :channel, :addressed) AND s.class IN ('*', :class)
    AND (:class <> 'emergency' OR s.class = :class OR s.reason = 'hard_bounce')
"""

_BLOCKED = f"(SELECT min(s.reason) FROM suppressions s WHERE s.fingerprint = l.fingerprint AND {_BARS})"

_BLOCKED_ALL = f"""
    LEFT JOIN (SELECT s.fingerprint, min(s.reason) AS reason FROM suppressions s WHERE {_BARS} GROUP BY s.fingerprint)
        barred ON barred.fingerprint = l.fingerprint
"""

_UNCONSENTED = f"(:class = 'advertising' AND NOT {agreed_to_advertising('l.contact_id', ':channel')})"

_NOT_LISTED = f"""
        WHEN (:trial OR l.account = ANY(CAST(:trial_accounts AS text[])))
            AND NOT {is_listed("l.fingerprint", ":channel", ":addressed")} THEN 'trial'"""
"""Before every reason that sends somebody on: who is not on the list gets nothing by the next channel either."""

_SPENT = """
    g.channel = :channel AND g.class = :class AND g.day >= CAST(:day AS date) - 2
    AND sent > CAST(:due AS timestamptz) - interval '24 hours'
"""

_USED = f"""
    (SELECT count(*) FROM contact_ledger g, unnest(g.times) AS sent
        WHERE g.fingerprint = l.fingerprint AND {_SPENT})
"""

_USED_ALL = f"""
    LEFT JOIN (SELECT g.fingerprint, count(*) AS n FROM contact_ledger g, unnest(g.times) AS sent
        WHERE {_SPENT} GROUP BY g.fingerprint) spent ON spent.fingerprint = l.fingerprint
"""

_SERVED_BEFORE = """
    (SELECT d.recipient_id FROM addresses o
        JOIN deliveries d ON d.run_id = :run AND d.recipient_kind = 'contact' AND d.channel = :channel
            AND d.subject_id = 0 AND d.address_id = o.id AND d.shared_with IS NULL
            AND d.state NOT IN ('suppressed', 'expired', 'cancelled')
            AND (d.recipient_id = o.contact_id
                OR d.recipient_id IN (SELECT w.id FROM contacts w WHERE w.guardian_id = o.contact_id))
        WHERE o.fingerprint = l.fingerprint AND o.channel = :addressed LIMIT 1)
"""


_ALONE = """
    SELECT e.*, coalesce(h.leader, e.contact_id) AS leader, 1 AS nth
    FROM excused e LEFT JOIN (
        SELECT fingerprint, min(contact_id) AS leader FROM excused WHERE excuse IS NULL
        GROUP BY fingerprint HAVING count(*) > 1
    ) h ON e.excuse IS NULL AND h.fingerprint = e.fingerprint
"""
"""Of those who share an address the first leads; sorting a million people by address costs more than joining these."""

_WITH_CASES = """
    SELECT e.*, e.contact_id AS leader,
        row_number() OVER (PARTITION BY fingerprint, excuse IS NULL ORDER BY contact_id, subject_id) AS nth
    FROM excused e
"""
"""Everyone gets a message for each case: the cap counts them through."""


_HANDED_ON = """
, handed_on AS (
    INSERT INTO later SELECT contact_id, subject_id, unit_code FROM placed
    WHERE reason = ANY(CAST(:go_on AS text[]))
)
"""
"""Nobody is handed on where no channel follows."""

_FEW = 1000
"""Up to so many people each is looked up: a reminder to one must not read the addresses of a million."""


def _is_small(connection: Connection) -> bool:
    return connection.execute(text("SELECT 1 FROM audience OFFSET :few LIMIT 1"), {"few": _FEW}).first() is None


def plan_people(connection: Connection, step: Step) -> None:
    """Give everyone of the table `audience` a row on one channel to people: planned, or suppressed with the reason.

    The audience is about people or about cases, never both at once.
    """
    cases = connection.execute(text("SELECT 1 FROM audience WHERE subject_id <> 0 LIMIT 1")).first() is not None
    if step.target == "deliveries" and _is_small(connection):
        step = replace(step, batch=True)
    statement = f"""
WITH {_excused(step)},
ordered AS ({_WITH_CASES if cases else _ALONE}),
judged AS (
    SELECT o.*, CASE
        WHEN excuse IS NOT NULL THEN excuse
        WHEN used + nth > CAST(:cap AS integer) THEN 'capped'
        WHEN subject_id = 0 AND coalesce(served_by, leader) <> contact_id THEN 'shared_address'
    END AS reason
    FROM ordered o
),
placed AS MATERIALIZED (
    SELECT contact_id, subject_id, unit_code, address_id, fingerprint, coalesce(account, '') AS account, reason,
        CASE WHEN reason IS NULL THEN 'planned' ELSE 'suppressed' END AS state,
        CASE WHEN reason = 'shared_address' THEN coalesce(served_by, leader) END AS shared_with
    FROM judged
),
{_written(step)}
{_HANDED_ON if step.follows else ""}
{counted(step)}
{_ledger(step, cases=cases)}
"""
    fresh_later(connection)
    going_on = {"go_on": list(GO_ON)} if step.follows else {}
    connection.execute(text(statement), {**step.values(), **account_values(step), **_windows(step), **going_on})


def _excused(step: Step) -> str:
    """A batch is small: look each address up. A whole run is large: read suppressions and the ledger once."""
    capped = step.cap is not None
    if step.batch:
        joined = ""
        weighing = f"{_BLOCKED} AS blocked, {_USED if capped else 0} AS used, {_SERVED_BEFORE} AS served_by"
    else:
        joined = _BLOCKED_ALL + (_USED_ALL if capped else "")
        used = "coalesce(spent.n, 0)" if capped else "0"
        weighing = f"barred.reason AS blocked, {used} AS used, CAST(NULL AS bigint) AS served_by"
    return f"""
located AS ({_LOCATED}{_LATEST[step.batch]}),
weighed AS (
    SELECT l.*, {account_of(step)} AS account, {weighing}
    FROM located l {joined}
),
excused AS MATERIALIZED (
    SELECT l.contact_id, l.subject_id, l.unit_code, l.address_id, l.fingerprint, l.account, l.used, l.served_by, CASE
        WHEN l.minor AND l.guardian_id IS NULL THEN 'under_age'
        WHEN l.address_id IS NULL THEN 'no_address'
        WHEN l.account IS NULL THEN 'no_account'{_NOT_LISTED if step.in_trial else ""}
        WHEN l.blocked IS NOT NULL THEN l.blocked
        WHEN {_UNCONSENTED} THEN 'no_consent'
        WHEN {_windowed(step)} THEN 'window_closed'
    END AS excuse
    FROM weighed l
)"""


def _windowed(step: Step) -> str:
    """Whether the account may not write to the address when the message is due, as far as is known now."""
    if not any(step.channel in account.windows for account in step.accounts):
        return "false"
    windows = "unnest(CAST(:windowed AS text[]), CAST(:windows AS float[])) AS w(name, s)"
    lasts = f"(SELECT w.s FROM {windows} WHERE w.name = l.account)"
    return interactions.closed("l.account", "l.fingerprint", ":due", lasts)


def _windows(step: Step) -> dict[str, object]:
    lasting = {one.name: one.windows[step.channel] for one in step.accounts if step.channel in one.windows}
    return {"windowed": list(lasting), "windows": [lasts.total_seconds() for lasts in lasting.values()]}


def _written(step: Step) -> str:
    """The rows of `placed` written down: `settled` are those that are new.

    In a batch some may have been handed on before. A whole run has no rows on this channel yet: nothing can be in the
    way, and to be sure of that row by row (ON CONFLICT) would cost a third of the time.
    """
    rows = f"""
    {ROW.format(target=step.target)}
    SELECT :run, 'contact', contact_id, :channel, subject_id, :step, address_id, fingerprint, unit_code, account, :lane,
        state, reason, :due, :due, :expires, shared_with, CAST(NULL AS timestamptz)
    FROM placed
"""
    if not step.batch:
        return f"written AS ({rows}), settled AS NOT MATERIALIZED (SELECT * FROM placed)"
    return f"""written AS ({rows}
    ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
    RETURNING recipient_id, subject_id
),
settled AS (
    SELECT p.* FROM written w JOIN placed p ON p.contact_id = w.recipient_id AND p.subject_id = w.subject_id
)"""


def _ledger(step: Step, *, cases: bool) -> str:
    """One planner at a time: what the ledger does not hold yet can be put into it without looking again."""
    if step.cap is None or step.target != "deliveries":
        return "SELECT 1 WHERE false"
    # In a whole run about people only one of those who share an address is planned.
    counted = "count(*) AS n" if cases or step.batch else "1 AS n"
    grouped = "GROUP BY s.fingerprint" if cases or step.batch else ""
    return f"""
, spending AS MATERIALIZED (
    SELECT s.fingerprint, {counted} FROM settled s WHERE s.state = 'planned' {grouped}
),
more AS (
    UPDATE contact_ledger g SET times = g.times || array_fill(CAST(:due AS timestamptz), ARRAY[s.n::integer])
    FROM spending s
    WHERE g.fingerprint = s.fingerprint AND g.day = CAST(:day AS date) AND g.channel = :channel AND g.class = :class
    RETURNING g.fingerprint
)
INSERT INTO contact_ledger (fingerprint, day, channel, class, times)
SELECT s.fingerprint, CAST(:day AS date), :channel, :class, array_fill(CAST(:due AS timestamptz), ARRAY[s.n::integer])
FROM spending s WHERE s.fingerprint NOT IN (SELECT fingerprint FROM more) ORDER BY s.fingerprint
"""
