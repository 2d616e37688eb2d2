"""The statements of `contact_import`, in the order they run; `import_*` are the session's staging tables.

A row's `verdict` is null as long as it is to be merged; else why not: `duplicate` or a refusal.
"""

from __future__ import annotations

PEOPLE_COLUMNS = (
    "line",
    "external_id",
    "full_name",
    "name_key",
    "search_key",
    "sort_key",
    "filled",
    "kind",
    "birth_date",
    "sex",
    "occupation",
    "language",
    "unit_code",
    "tags",
    "attrs",
    "attrs_cleared",
    "guardian",
    "addressed",
)
ADDRESS_COLUMNS = ("line", "channel", "account", "fingerprint", "older", "key_version", "value")
CONSENT_COLUMNS = ("line", "purpose", "given_at", "channel", "method", "evidence")

STAGING = (
    """CREATE TEMP TABLE import_people (
        line bigint PRIMARY KEY, external_id text, full_name text, name_key text, search_key text, sort_key text,
        filled int, kind text, birth_date date, sex text, occupation text, language text, unit_code text, tags text[],
        attrs jsonb, attrs_cleared text[], guardian text, addressed int, identity bytea, contact_id bigint,
        guardian_id bigint, verdict text, added boolean NOT NULL DEFAULT false,
        changed boolean NOT NULL DEFAULT false)""",
    "CREATE INDEX ON import_people (contact_id) WHERE guardian IS NOT NULL",
    """CREATE TEMP TABLE import_addresses (
        line bigint, channel text, account text, fingerprint bytea, older bytea[], key_version smallint, value bytea,
        contact_id bigint, keep bigint, same boolean, stored int NOT NULL DEFAULT 0)""",
    """CREATE TEMP TABLE import_consents (
        line bigint, purpose text, given_at timestamptz, channel text, method text, evidence text)""",
    "CREATE TEMP TABLE import_touched (contact_id bigint PRIMARY KEY)",
)
BY_INDEX = ("SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off")
"""Everything is found by an index from a few thousand staged rows; without statistics the planner would rather read
whole tables, again for every chunk."""
EMPTY_STAGING = "TRUNCATE import_people, import_addresses, import_consents"


def identity_of(name_key: str, birth_date: str, sex: str, unit_code: str) -> str:
    """SQL for what tells people without an external id apart: 16 bytes; the arguments are SQL expressions."""
    parts = (name_key, f"coalesce({birth_date}::text, '')", f"coalesce({sex}, '')", f"coalesce({unit_code}, '')")
    return f"substr(sha256(convert_to(concat_ws(E'\\x1f', {', '.join(parts)}), 'UTF8')), 1, 16)"


IDENTIFY = f"""
    UPDATE import_people p SET identity = i.identity, external_id = '~' || encode(i.identity, 'hex')
    FROM (SELECT line, {identity_of("name_key", "birth_date", "sex", "unit_code")} AS identity FROM import_people) i
    WHERE i.line = p.line
"""

FIRST_OF_ITS_KIND = """
    UPDATE import_people p SET verdict = CASE f.person WHEN p.search_key THEN 'duplicate' ELSE 'other_person' END
    FROM (
        SELECT line, first_value(line) OVER same AS first, first_value(search_key) OVER same AS person
        FROM import_people WINDOW same AS (PARTITION BY external_id ORDER BY line)
    ) f
    WHERE f.line = p.line AND f.first <> p.line
"""

# Subselects hold the planner to one index look-up a row, however wrong it is about a new source's size.
MATCH_BY_ID = """
    UPDATE import_people p SET contact_id = (
        SELECT c.id FROM contacts c WHERE c.source = :source AND c.external_id = p.external_id
    )
    WHERE p.verdict IS NULL
"""

MATCH_BY_IDENTITY = """
    UPDATE import_people p SET
        contact_id = coalesce(f.touched, f.own, f.anybody),
        verdict = CASE WHEN f.touched IS NULL AND f.own IS NULL AND f.n > 1 THEN 'ambiguous' END
    FROM import_people q CROSS JOIN LATERAL (
        SELECT min(t.contact_id) AS touched, min(c.id) AS anybody, count(*) AS n,
            min(c.id) FILTER (WHERE c.external_id = q.external_id) AS own
        FROM (SELECT id, source, external_id FROM contacts WHERE identity = q.identity OFFSET 0) c
        LEFT JOIN import_touched t ON t.contact_id = c.id
        WHERE c.source = :source
    ) f
    WHERE q.verdict IS NULL AND q.line = p.line
"""

JUDGE = """
    UPDATE import_people p SET verdict = j.verdict
    FROM (
        SELECT q.line, CASE
            WHEN t.contact_id IS NOT NULL AND c.search_key = q.search_key THEN 'duplicate'
            WHEN t.contact_id IS NOT NULL THEN 'other_person'
            WHEN c.erased_at IS NOT NULL THEN 'erased'
            WHEN CAST(:path AS text) = '' THEN NULL
            WHEN c.id IS NOT NULL AND starts_with(cu.path, CAST(:path AS text)) IS NOT TRUE THEN 'foreign'
            WHEN q.filled & 32 = 0 AND c.id IS NOT NULL THEN NULL
            WHEN starts_with(qu.path, CAST(:path AS text)) IS NOT TRUE THEN 'foreign'
        END AS verdict
        FROM import_people q
        LEFT JOIN contacts c ON c.id = q.contact_id
        LEFT JOIN import_touched t ON t.contact_id = q.contact_id
        LEFT JOIN units cu ON cu.code = c.unit_code
        LEFT JOIN units qu ON qu.code = q.unit_code
        WHERE q.verdict IS NULL
    ) j
    WHERE j.line = p.line AND j.verdict IS NOT NULL
"""

# A row waits while somebody above its guardian is given another guardian in the same batch: only what is stored can be
# followed upwards. Rows that wait for one another for ever are a circle.
FIND_GUARDIANS = """
    UPDATE import_people p SET guardian_id = g.id, verdict = CASE
        WHEN g.id IS NULL THEN 'no_guardian'
        WHEN g.kind = 'person' AND g.birth_date > CAST(:adult_from AS date) THEN 'minor_guardian'
        WHEN above.meets OR above.moving THEN 'circle'
    END
    FROM import_people q
    LEFT JOIN contacts g ON g.source = :source AND g.external_id = q.guardian AND g.erased_at IS NULL
        AND (CAST(:path AS text) = ''
            OR g.unit_code IN (SELECT code FROM units WHERE starts_with(path, CAST(:path AS text))))
    LEFT JOIN LATERAL (
        WITH RECURSIVE up (id) AS (
            SELECT g.id
            UNION
            SELECT c.guardian_id FROM up JOIN contacts c ON c.id = up.id WHERE c.guardian_id IS NOT NULL
        )
        SELECT bool_or(up.id = q.contact_id) AS meets,
            bool_or(EXISTS (SELECT FROM import_people o
                WHERE o.contact_id = up.id AND o.guardian IS NOT NULL AND o.verdict IS NULL)) AS moving
        FROM up
    ) above ON g.id IS NOT NULL
    WHERE q.line = p.line AND p.verdict IS NULL
"""

_MERGED = {
    "kind": "CASE WHEN p.filled & 1 <> 0 THEN coalesce(p.kind, 'person') ELSE c.kind END",
    "full_name": "p.full_name",
    "search_key": "p.search_key",
    "sort_key": "p.sort_key",
    "birth_date": "CASE WHEN p.filled & 2 <> 0 THEN p.birth_date ELSE c.birth_date END",
    "sex": "CASE WHEN p.filled & 4 <> 0 THEN p.sex ELSE c.sex END",
    "occupation": "CASE WHEN p.filled & 8 <> 0 THEN p.occupation ELSE c.occupation END",
    "language": "CASE WHEN p.filled & 16 <> 0 THEN coalesce(p.language, 'vi') ELSE c.language END",
    "unit_code": "CASE WHEN p.filled & 32 <> 0 THEN p.unit_code ELSE c.unit_code END",
    "tags": "CASE WHEN p.filled & 64 <> 0 THEN p.tags ELSE c.tags END",
    "attrs": "(c.attrs || p.attrs) - p.attrs_cleared",
}
_NAMES = ", ".join(_MERGED)

UPDATE_PEOPLE = f"""
    WITH merged AS (
        SELECT p.line, c.id, p.name_key, {", ".join(f"{value} AS {name}" for name, value in _MERGED.items())}
        FROM import_people p JOIN contacts c ON c.id = p.contact_id
        WHERE p.verdict IS NULL
    ), changed AS (
        UPDATE contacts c SET
            ({_NAMES}) = ROW ({", ".join(f"m.{name}" for name in _MERGED)}),
            identity = {identity_of("m.name_key", "m.birth_date", "m.sex", "m.unit_code")},
            updated_at = now()
        FROM merged m
        WHERE c.id = m.id
            AND ({", ".join(f"c.{n}" for n in _MERGED)}) IS DISTINCT FROM ({", ".join(f"m.{n}" for n in _MERGED)})
        RETURNING m.line
    )
    UPDATE import_people p SET changed = true FROM changed WHERE changed.line = p.line
"""

NUMBER_PEOPLE = """
    UPDATE import_people SET contact_id = nextval(pg_get_serial_sequence('contacts', 'id')), added = true
    WHERE verdict IS NULL AND contact_id IS NULL
"""

INSERT_PEOPLE = f"""
    INSERT INTO contacts (id, source, external_id, identity, kind, full_name, search_key, sort_key, birth_date, sex,
        occupation, language, unit_code, tags, attrs, addressed)
    SELECT p.contact_id, :source, p.external_id, {identity_of("p.name_key", "p.birth_date", "p.sex", "p.unit_code")},
        coalesce(p.kind, 'person'), p.full_name, p.search_key, p.sort_key, p.birth_date, p.sex, p.occupation,
        coalesce(p.language, 'vi'), p.unit_code, p.tags, p.attrs, p.addressed
    FROM import_people p WHERE p.verdict IS NULL AND p.added
    ORDER BY p.line
"""
# Which channels a new person has an address for is said at once: else a trigger would write the row a second time.

TOUCH = "INSERT INTO import_touched SELECT contact_id FROM import_people WHERE verdict IS NULL"

SET_GUARDIANS = """
    WITH changed AS (
        UPDATE contacts c SET guardian_id = p.guardian_id, updated_at = now() FROM import_people p
        WHERE p.verdict IS NULL AND p.filled & 128 <> 0 AND c.id = p.contact_id
            AND c.guardian_id IS DISTINCT FROM p.guardian_id
        RETURNING p.line
    )
    UPDATE import_people p SET changed = true FROM changed WHERE changed.line = p.line
"""

_SAME_PLACE = "a.contact_id = w.contact_id AND a.channel = w.channel AND a.account = w.account"

ADDRESSES = (
    """
    UPDATE import_addresses w SET contact_id = p.contact_id FROM import_people p
    WHERE p.line = w.line AND p.verdict IS NULL
    """,
    # The stored address that stays the person's: the same one under whichever key, else the oldest, to be overwritten.
    f"""
    UPDATE import_addresses w SET (keep, same, stored) = (
        SELECT (array_agg(a.id ORDER BY a.fingerprint <> w.fingerprint, a.fingerprint <> ALL (w.older), a.id))[1],
            bool_or(a.fingerprint = w.fingerprint), count(*)
        FROM addresses a WHERE {_SAME_PLACE}
    )
    FROM import_people p WHERE p.line = w.line AND p.verdict IS NULL AND NOT p.added
    """,
    f"""
    WITH gone AS (
        DELETE FROM addresses a USING import_addresses w
        WHERE {_SAME_PLACE} AND ((w.value IS NULL AND w.stored > 0) OR (w.stored > 1 AND a.id <> w.keep))
        RETURNING w.line
    )
    UPDATE import_people p SET changed = true FROM gone WHERE gone.line = p.line
    """,
    """
    WITH moved AS (
        UPDATE addresses a SET fingerprint = w.fingerprint, key_version = w.key_version, value = w.value
        FROM import_addresses w JOIN addresses before ON before.id = w.keep
        WHERE a.id = w.keep AND w.value IS NOT NULL AND NOT w.same
        RETURNING w.line, before.fingerprint = ANY (w.older) AS sealed_anew
    )
    UPDATE import_people p SET changed = true FROM moved WHERE moved.line = p.line AND NOT moved.sealed_anew
    """,
    """
    UPDATE import_people p SET changed = true FROM import_addresses w
    WHERE w.line = p.line AND p.verdict IS NULL AND w.keep IS NULL AND w.value IS NOT NULL
    """,
    """
    INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)
    SELECT contact_id, channel, account, fingerprint, key_version, value FROM import_addresses
    WHERE contact_id IS NOT NULL AND keep IS NULL AND value IS NOT NULL
    """,
)

CARRY_SUPPRESSIONS = """
    INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source, created_at)
    SELECT DISTINCT ON (w.fingerprint, s.channel, s.class)
        w.fingerprint, s.channel, s.class, w.key_version, s.reason, s.source, s.created_at
    FROM import_addresses w JOIN suppressions s ON s.fingerprint = ANY (w.older)
    WHERE w.contact_id IS NOT NULL AND w.value IS NOT NULL
    ORDER BY w.fingerprint, s.channel, s.class, s.created_at
    ON CONFLICT DO NOTHING
"""

CONSENTS = (
    """
    UPDATE import_people p SET changed = true
    FROM import_consents w
    WHERE w.line = p.line AND p.verdict IS NULL AND NOT EXISTS (
        SELECT FROM consents k
        WHERE k.contact_id = p.contact_id AND k.purpose = w.purpose AND k.given_at = w.given_at
            AND (k.withdrawn_at IS NOT NULL
                OR (w.channel IN ('', k.channel) AND w.method IN ('', k.method) AND w.evidence IN ('', k.evidence)))
    )
    """,
    """
    INSERT INTO consents (contact_id, purpose, given_at, legal_basis, channel, method, evidence)
    SELECT p.contact_id, w.purpose, w.given_at, 'consent', w.channel, w.method, w.evidence
    FROM import_consents w JOIN import_people p ON p.line = w.line
    WHERE p.verdict IS NULL AND (p.changed OR p.added)
    ON CONFLICT (contact_id, purpose, given_at) DO UPDATE SET
        channel = coalesce(nullif(excluded.channel, ''), consents.channel),
        method = coalesce(nullif(excluded.method, ''), consents.method),
        evidence = coalesce(nullif(excluded.evidence, ''), consents.evidence)
        WHERE consents.withdrawn_at IS NULL
    """,
)

COUNTS = """
    SELECT count(*) FILTER (WHERE verdict IS NULL AND added) AS added,
        count(*) FILTER (WHERE verdict IS NULL AND NOT added AND changed) AS updated,
        count(*) FILTER (WHERE verdict IS NULL AND NOT added AND NOT changed) AS unchanged,
        count(*) FILTER (WHERE verdict = 'duplicate') AS duplicates
    FROM import_people
"""
REFUSED = "SELECT line, verdict FROM import_people WHERE verdict <> 'duplicate'"
