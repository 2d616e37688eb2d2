"""The statements of `cases.merge`, in the order they run. A row's `verdict` is null as long as it is to be merged."""

from __future__ import annotations

COLUMNS = (
    "line",
    "external_id",
    "contact",
    "fingerprints",
    "title",
    "due_at",
    "state",
    "unit_code",
    "attrs",
    "attrs_cleared",
)

STAGING = (
    """CREATE TEMP TABLE import_cases (
        line bigint PRIMARY KEY, external_id text, contact text, fingerprints bytea[], title text,
        due_at timestamptz, state text, unit_code text, attrs jsonb, attrs_cleared text[], case_id bigint,
        contact_id bigint, verdict text, outcome text NOT NULL DEFAULT 'unchanged')""",
    "CREATE TEMP TABLE import_touched_cases (external_id text PRIMARY KEY)",
)

_DUPLICATES = """
    UPDATE import_cases r SET verdict = 'duplicate'
    FROM (SELECT line, first_value(line) OVER (PARTITION BY external_id ORDER BY line) AS first FROM import_cases) f
    WHERE f.line = r.line AND (
        f.first <> f.line
        OR EXISTS (SELECT FROM import_touched_cases t WHERE t.external_id = r.external_id))
"""

_FIND_CASE = """
    UPDATE import_cases r SET case_id = (
        SELECT c.id FROM cases c WHERE c.source = CAST(:source AS text) AND c.external_id = r.external_id
    )
    WHERE r.verdict IS NULL
"""

_VISIBLE = """(CAST(:path AS text) = ''
    OR c.unit_code IN (SELECT code FROM units WHERE starts_with(path, CAST(:path AS text))))"""

_FIND_BY_ID = f"""
    UPDATE import_cases r SET contact_id = f.id, verdict = CASE WHEN f.id IS NULL THEN 'nobody' END
    FROM (
        SELECT q.line, c.id FROM import_cases q
        LEFT JOIN contacts c ON c.source = CAST(:people AS text) AND c.external_id = q.contact
            AND c.erased_at IS NULL AND {_VISIBLE}
        WHERE q.verdict IS NULL AND q.contact IS NOT NULL
    ) f
    WHERE f.line = r.line
"""

_FIND_BY_PHONE = f"""
    UPDATE import_cases r SET contact_id = f.id,
        verdict = CASE f.n WHEN 0 THEN 'nobody' WHEN 1 THEN NULL ELSE 'several' END
    FROM (
        SELECT q.line, min(c.id) AS id, count(DISTINCT c.id) AS n FROM import_cases q
        LEFT JOIN addresses a ON a.channel = 'sms' AND a.fingerprint = ANY (q.fingerprints)
        LEFT JOIN contacts c ON c.id = a.contact_id AND c.source = CAST(:people AS text)
            AND c.erased_at IS NULL AND {_VISIBLE}
        WHERE q.verdict IS NULL AND q.contact IS NULL AND q.fingerprints <> '{{}}'
        GROUP BY q.line
    ) f
    WHERE f.line = r.line
"""

_HIDDEN = f"""
    UPDATE import_cases r SET verdict = 'nobody'
    FROM cases s JOIN contacts c ON c.id = s.contact_id
    WHERE r.verdict IS NULL AND s.id = r.case_id AND NOT {_VISIBLE}
"""

_INCOMPLETE = """
    UPDATE import_cases SET verdict = 'incomplete'
    WHERE verdict IS NULL AND case_id IS NULL AND (contact_id IS NULL OR title IS NULL OR due_at IS NULL)
"""

_UPDATE = """
    WITH merged AS (
        SELECT r.line, c.id, c.state AS before, coalesce(r.contact_id, c.contact_id) AS contact_id,
            coalesce(r.title, c.title) AS title, coalesce(r.state, c.state) AS state,
            coalesce(r.due_at, c.due_at) AS due_at, coalesce(r.unit_code, c.unit_code) AS unit_code,
            (c.attrs || r.attrs) - r.attrs_cleared AS attrs
        FROM import_cases r JOIN cases c ON c.id = r.case_id WHERE r.verdict IS NULL
    ), changed AS (
        UPDATE cases c SET contact_id = m.contact_id, title = m.title, state = m.state, due_at = m.due_at,
            unit_code = m.unit_code, attrs = m.attrs, updated_at = now()
        FROM merged m
        WHERE c.id = m.id AND (c.contact_id, c.title, c.state, c.due_at, c.unit_code, c.attrs)
            IS DISTINCT FROM (m.contact_id, m.title, m.state, m.due_at, m.unit_code, m.attrs)
        RETURNING m.line, CASE WHEN m.before = 'open' AND m.state = 'closed' THEN 'closed' ELSE 'updated' END AS outcome
    )
    UPDATE import_cases r SET outcome = changed.outcome FROM changed WHERE changed.line = r.line
"""

_NEW = "UPDATE import_cases SET outcome = 'added' WHERE verdict IS NULL AND case_id IS NULL"

_INSERT = """
    INSERT INTO cases (source, external_id, contact_id, title, state, due_at, unit_code, attrs)
    SELECT CAST(:source AS text), r.external_id, r.contact_id, r.title, coalesce(r.state, 'open'), r.due_at,
        coalesce(r.unit_code, c.unit_code), r.attrs
    FROM import_cases r JOIN contacts c ON c.id = r.contact_id
    WHERE r.verdict IS NULL AND r.outcome = 'added'
    ORDER BY r.line
"""

_TOUCH = "INSERT INTO import_touched_cases SELECT external_id FROM import_cases WHERE verdict IS NULL"

MERGE = (_DUPLICATES, _FIND_CASE, _FIND_BY_ID, _FIND_BY_PHONE, _HIDDEN, _INCOMPLETE, _UPDATE, _NEW, _INSERT, _TOUCH)

COUNTS = """
    SELECT count(*) FILTER (WHERE verdict IS NULL AND outcome = 'added') AS added,
        count(*) FILTER (WHERE verdict IS NULL AND outcome = 'updated') AS updated,
        count(*) FILTER (WHERE verdict IS NULL AND outcome = 'closed') AS closed,
        count(*) FILTER (WHERE verdict IS NULL AND outcome = 'unchanged') AS unchanged,
        count(*) FILTER (WHERE verdict = 'duplicate') AS duplicates
    FROM import_cases
"""
REFUSED = "SELECT line, verdict FROM import_cases WHERE verdict <> 'duplicate' ORDER BY line"
