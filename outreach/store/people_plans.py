"""Planning of a channel to people: a row for everyone, with the reason where nothing will be sent."""

from __future__ import annotations

from sqlalchemy import Connection, text

from outreach.store.plans import (
    GO_ON,
    ROW,
    Step,
    account_of,
    account_values,
    counted,
    fresh_later,
)

_LOCATED = """
    SELECT p.contact_id, p.subject_id, p.unit_code, u.path,
        (c.birth_date > :adult_from AND c.kind = 'person') AS minor, c.guardian_id,
        a.id AS address_id, a.fingerprint, a.account AS bound
    FROM audience p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN units u ON u.code = p.unit_code
    LEFT JOIN LATERAL (
        SELECT a.id, a.fingerprint, a.account FROM addresses a
        WHERE a.contact_id = CASE WHEN c.birth_date > :adult_from AND c.kind = 'person' THEN c.guardian_id
                ELSE c.id END
            AND a.channel = :addressed
        ORDER BY a.id DESC LIMIT 1
    ) a ON true
"""

_BARS = """
    s.channel IN ('*', :channel) AND s.class IN ('*', :class)
    AND (:class <> 'emergency' OR s.class = :class OR s.reason = 'hard_bounce')
"""

_BLOCKED = f"(SELECT min(s.reason) FROM suppressions s WHERE s.fingerprint = l.fingerprint AND {_BARS})"

_BLOCKED_ALL = f"""
    LEFT JOIN (SELECT s.fingerprint, min(s.reason) AS reason FROM suppressions s WHERE {_BARS} GROUP BY s.fingerprint)
        barred ON barred.fingerprint = l.fingerprint
"""

_UNCONSENTED = """
    (:class = 'advertising' AND NOT EXISTS (SELECT 1 FROM consents k WHERE k.contact_id = l.contact_id
        AND k.purpose = 'advertising' AND k.withdrawn_at IS NULL AND k.channel IN ('', :channel)))
"""

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


def plan_people(connection: Connection, step: Step) -> None:
    """Give everyone of the table `audience` a row on one channel to people: planned, or suppressed with the reason."""
    # A batch is small: look each address up. A whole run is large: read suppressions and the ledger once.
    capped = step.cap is not None
    if step.batch:
        joined = ""
        weighing = f"{_BLOCKED} AS blocked, {_USED if capped else 0} AS used, {_SERVED_BEFORE} AS served_by"
    else:
        joined = _BLOCKED_ALL + (_USED_ALL if capped else "")
        used = "coalesce(spent.n, 0)" if capped else "0"
        weighing = f"barred.reason AS blocked, {used} AS used, CAST(NULL AS bigint) AS served_by"
    statement = f"""
WITH located AS MATERIALIZED ({_LOCATED}),
weighed AS (
    SELECT l.*, {account_of(step)} AS account, {weighing}
    FROM located l {joined}
),
excused AS MATERIALIZED (
    SELECT l.*, CASE
        WHEN l.minor AND l.guardian_id IS NULL THEN 'under_age'
        WHEN l.address_id IS NULL THEN 'no_address'
        WHEN l.account IS NULL THEN 'no_account'
        WHEN l.blocked IS NOT NULL THEN l.blocked
        WHEN {_UNCONSENTED} THEN 'no_consent'
    END AS excuse
    FROM weighed l
),
ordered AS (
    SELECT e.*,
        first_value(contact_id) OVER same_address AS leader,
        row_number() OVER (PARTITION BY fingerprint, excuse IS NULL, subject_id = 0
            ORDER BY contact_id, subject_id) AS nth
    FROM excused e
    WINDOW same_address AS (PARTITION BY fingerprint, excuse IS NULL, subject_id = 0 ORDER BY contact_id)
),
judged AS (
    SELECT o.*, CASE
        WHEN excuse IS NOT NULL THEN excuse
        WHEN used + CASE WHEN subject_id = 0 THEN 1 ELSE nth END > CAST(:cap AS integer) THEN 'capped'
        WHEN subject_id = 0 AND coalesce(served_by, leader) <> contact_id THEN 'shared_address'
    END AS reason
    FROM ordered o
),
placed AS (
    SELECT j.*, CASE WHEN reason = 'shared_address' THEN coalesce(served_by, leader) END AS shared_with FROM judged j
),
written AS (
    {ROW.format(target=step.target)}
    SELECT :run, 'contact', contact_id, :channel, subject_id, :step, address_id, fingerprint, unit_code,
        coalesce(account, ''), :lane,
        CASE WHEN reason IS NULL THEN 'planned' ELSE 'suppressed' END, reason, :due, :due, :expires, shared_with,
        CAST(NULL AS timestamptz)
    FROM placed
    ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
    RETURNING recipient_id, subject_id, state
)
, handed_on AS (
    INSERT INTO later SELECT contact_id, subject_id, unit_code FROM placed
    WHERE reason = ANY(CAST(:go_on AS text[]))
)
{counted(step)}
{_ledger(step)}
"""
    fresh_later(connection)
    connection.execute(text(statement), {**step.values(), **account_values(step), "go_on": list(GO_ON)})


def _ledger(step: Step) -> str:
    if step.cap is None or step.target != "deliveries":
        return "SELECT 1 WHERE false"
    return """
INSERT INTO contact_ledger (fingerprint, day, channel, class, times)
SELECT p.fingerprint, CAST(:day AS date), :channel, :class, array_agg(CAST(:due AS timestamptz))
FROM written w JOIN placed p ON p.contact_id = w.recipient_id AND p.subject_id = w.subject_id
WHERE w.state = 'planned' GROUP BY p.fingerprint ORDER BY p.fingerprint
ON CONFLICT (fingerprint, day, channel, class) DO UPDATE SET times = contact_ledger.times || excluded.times
"""
