"""Planning in SQL: an audience becomes deliveries set-wise, each with the reason where nothing will be sent.

Planning and the forecast use the same statements; they differ in the table the rows go to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.accounts import Account
from outreach.domain.words import Channel, Lane, MessageClass

_PLANNER = 0x706C616E  # "plan"

GO_ON = (
    "no_address", "no_account", "opted_out", "hard_bounce", "do_not_call", "no_consent", "under_age", "capped",
    "no_station",
)  # fmt: skip
"""Reasons for leaving somebody out of one channel that send them on to the next one at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of a run, ready to be planned.

    `due`: when it may leave, open hours counted in. `not_after`: how long after that it is still worth sending.
    `cap`: most messages per address and class in the 24 hours before `due` (None: uncapped). `follows`: another
    channel comes after it in a cascade. `batch`: people join a run that has rows already.
    """

    run: int
    index: int
    channel: Channel
    message_class: MessageClass
    lane: Lane
    due: datetime
    not_after: timedelta
    wait: timedelta
    follows: bool
    cap: int | None
    today: date
    accounts: Sequence[Account]
    batch: bool = False
    target: str = "deliveries"

    def values(self) -> dict[str, Any]:
        """The step as bound values."""
        return {
            "run": self.run,
            "step": self.index,
            "channel": str(self.channel),
            "addressed": str(self.channel.addressed_by),
            "class": str(self.message_class),
            "lane": str(self.lane),
            "due": self.due,
            "expires": self.due + self.not_after,
            "adult_from": _years_before(self.today, 18),
            "cap": self.cap,
            "day": self.today,
        }


_ROW = """
    INSERT INTO {target} (run_id, recipient_kind, recipient_id, channel, subject_id, step, address_id, unit_code,
        account, lane, state, reason, due_at, next_attempt_at, expires_at, shared_with, cascade_at)
"""

_LOCATED = """
    SELECT p.contact_id, p.subject_id, p.unit_code, u.path,
        (c.birth_date > :adult_from AND c.kind = 'person') AS minor, c.guardian_id,
        a.id AS address_id, a.fingerprint, a.account AS bound
    FROM audience p
    JOIN contacts c ON c.id = p.contact_id
    LEFT JOIN units u ON u.code = p.unit_code
    LEFT JOIN LATERAL (
        SELECT a.id, a.fingerprint, a.account FROM addresses a
        WHERE a.contact_id = CASE WHEN c.birth_date > :adult_from THEN c.guardian_id ELSE c.id END
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


def one_planner(connection: Connection) -> None:
    """Wait for the planner's lock, held until the transaction ends: caps are counted by one planner at a time."""
    make_room(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PLANNER})


def make_room(connection: Connection) -> None:
    """Let this transaction sort and hash a million people in memory (about 200 MB at the most)."""
    connection.execute(text("SET LOCAL work_mem = '64MB'"))


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
    SELECT l.*, {_account(step)} AS account, {weighing}
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
    {_ROW.format(target=step.target)}
    SELECT :run, 'contact', contact_id, :channel, subject_id, :step, address_id, unit_code, coalesce(account, ''),
        :lane, CASE WHEN reason IS NULL THEN 'planned' ELSE 'suppressed' END, reason, :due, :due, :expires, shared_with,
        CAST(NULL AS timestamptz)
    FROM placed
    ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
    RETURNING recipient_id, subject_id, state
)
, handed_on AS (
    INSERT INTO later SELECT contact_id, subject_id, unit_code FROM placed
    WHERE reason = ANY(CAST(:go_on AS text[]))
)
{_counted(step)}
{_ledger(step)}
"""
    _fresh_later(connection)
    connection.execute(text(statement), {**step.values(), **_accounts(step), "go_on": list(GO_ON)})


def _fresh_later(connection: Connection) -> None:
    """Make the empty table `later`: those whom a channel leaves out and who go on to the next."""
    connection.execute(text("DROP TABLE IF EXISTS later"))
    connection.execute(
        text("CREATE TEMPORARY TABLE later (contact_id bigint, subject_id bigint, unit_code text) ON COMMIT DROP")
    )


def _counted(step: Step) -> str:
    if step.target != "deliveries":
        return ""
    return """
, counted AS (
    INSERT INTO run_counts (run_id, channel, state, shard, n)
    SELECT :run, :channel, state, 0, count(*) FROM written GROUP BY state
    ON CONFLICT (run_id, channel, state, shard) DO UPDATE SET n = run_counts.n + excluded.n
)
"""


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


def _account(step: Step) -> str:
    """The account of a row: weighted rendezvous hashing over the accounts that may serve its unit."""
    usable = [account for account in step.accounts if account.serves(step.channel)]
    if not usable:
        return "CAST(NULL AS text)"
    if len(usable) == 1 and not usable[0].unit and not step.channel.account_bound:
        return "CAST((CAST(:account_names AS text[]))[1] AS text)"
    return """
        (SELECT k.name FROM unnest(CAST(:account_names AS text[]), CAST(:account_paths AS text[]),
            CAST(:account_weights AS double precision[])) AS k(name, path, weight)
        WHERE (k.path = '' OR starts_with(l.path, k.path)) AND (l.bound = '' OR l.bound IS NULL OR l.bound = k.name)
        ORDER BY -ln((1 + (hashtextextended(k.name, l.contact_id) & 1073741823)) / 1073741825.0) / k.weight, k.name
        LIMIT 1)
    """


def _accounts(step: Step) -> dict[str, Any]:
    usable = [account for account in step.accounts if account.serves(step.channel) and account.weight > 0]
    return {
        "account_names": [account.name for account in usable],
        "account_paths": [account.unit for account in usable],
        "account_weights": [float(account.weight) for account in usable],
    }


_IN_USE = """(SELECT o.* FROM stations o WHERE NOT o.is_default OR NOT EXISTS (
        SELECT 1 FROM stations r WHERE r.unit_code = o.unit_code AND NOT r.is_default))"""
"""Stations that broadcast: a unit's assumed one falls silent once a real one is known."""

_COVER = """
    WITH RECURSIVE climb AS (
        SELECT DISTINCT u.code AS unit, u.code AS here, u.parent FROM audience p JOIN units u ON u.code = p.unit_code
        UNION ALL
        SELECT c.unit, u.code, u.parent FROM climb c JOIN units u ON u.code = c.parent
        WHERE NOT EXISTS (SELECT 1 FROM stations s WHERE s.unit_code = c.here)
    )
    SELECT unit, here FROM climb WHERE EXISTS (SELECT 1 FROM stations s WHERE s.unit_code = here)
"""


def station_slots(connection: Connection) -> list[str]:
    """The distinct slot settings (JSON text) of the stations that the people of `audience` live in earshot of."""
    connection.execute(text("DROP TABLE IF EXISTS cover"))
    connection.execute(text("CREATE TEMPORARY TABLE cover ON COMMIT DROP AS " + _COVER))
    rows = connection.execute(
        text(
            f"SELECT DISTINCT CAST(s.slots AS text) AS slots FROM {_IN_USE} s"
            " WHERE s.unit_code IN (SELECT here FROM cover)"
        )
    )
    return [row.slots for row in rows]


def plan_stations(connection: Connection, step: Step, slots: Sequence[tuple[str, datetime, datetime]]) -> None:
    """Plan one broadcast at every station covering the `audience`, and a row `by_station` for everyone in it.

    `slots` gives, for each slot setting that `station_slots` returned, when the station reads next: start and end.
    """
    values = {
        **step.values(),
        **_accounts(step),
        "settings": [setting for setting, _, _ in slots],
        "starts": [starts for _, starts, _ in slots],
        "ends": [ends for _, _, ends in slots],
        "wait_s": step.wait.total_seconds(),
        "not_after_s": step.not_after.total_seconds(),
        "follows": step.follows,
    }
    kept = step.target == "deliveries"
    people = f"""
WITH written AS (
{_ROW.format(target=step.target)}
SELECT :run, 'contact', p.contact_id, :channel, p.subject_id, :step, NULL, p.unit_code, '', :lane, 'suppressed',
    CASE WHEN v.here IS NULL THEN 'no_station' ELSE 'by_station' END, :due, :due, :expires, NULL,
    CASE WHEN :follows AND v.here IS NOT NULL THEN e.ends + make_interval(secs => :wait_s) END
FROM audience p LEFT JOIN cover v ON v.unit = p.unit_code
LEFT JOIN (
    SELECT s.unit_code, max(t.ends) AS ends FROM {_IN_USE} s
    JOIN unnest(CAST(:settings AS text[]), CAST(:ends AS timestamptz[])) AS t(slots, ends)
        ON t.slots = CAST(s.slots AS text)
    GROUP BY s.unit_code
) e ON e.unit_code = v.here
ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
RETURNING recipient_id, subject_id, unit_code, state, reason
), handed_on AS (
    INSERT INTO later SELECT recipient_id, subject_id, unit_code FROM written WHERE reason = 'no_station'
)
{_counted(step)}
SELECT count(*) FROM written
"""
    stations = f"""
WITH members AS (
    SELECT v.here, count(*) AS n FROM audience p JOIN cover v ON v.unit = p.unit_code GROUP BY v.here
),
slotted AS (
    SELECT s.id AS station_id, s.unit_code, m.n, t.starts, t.ends FROM {_IN_USE} s
    JOIN members m ON m.here = s.unit_code
    JOIN unnest(CAST(:settings AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
        AS t(slots, starts, ends) ON t.slots = CAST(s.slots AS text)
),
written AS (
    {_ROW.format(target=step.target)}
    SELECT :run, 'station', station_id, :channel, 0, :step, NULL, unit_code, {_account(step)}, :lane, 'planned', NULL,
        starts, :due, ends + make_interval(secs => :not_after_s), NULL, NULL
    FROM (SELECT l.*, u.path, l.station_id AS contact_id, CAST('' AS text) AS bound FROM slotted l
        JOIN units u ON u.code = l.unit_code) l
    WHERE {_account(step)} IS NOT NULL
    ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
    RETURNING id, recipient_id, state
)
{_counted(step)}
{"INSERT INTO broadcasts (run_id, delivery_id, station_id, slot_starts, slot_ends, members)" if kept else ""}
SELECT :run, w.id, w.recipient_id, s.starts, s.ends, s.n FROM written w JOIN slotted s ON s.station_id = w.recipient_id
"""
    _fresh_later(connection)
    connection.execute(text(stations), values)
    connection.execute(text(people), values)


def narrow_to_left_out(connection: Connection) -> int:
    """Keep in `audience` only those whom the channel just planned left out for a reason that sends them on."""
    connection.execute(text("DROP TABLE audience"))
    connection.execute(text("ALTER TABLE later RENAME TO audience"))
    connection.execute(text("ANALYZE audience"))
    return int(connection.execute(text("SELECT count(*) FROM audience")).scalar_one())


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


def refresh_statistics(connection: Connection) -> None:
    """Let the query planner know of a large run before workers claim from it."""
    connection.execute(text("ANALYZE deliveries, run_counts"))


def tally(connection: Connection, target: str, run: int) -> list[tuple[str, str, str, str | None, int]]:
    """(channel, account, state, reason, rows) of a planned or foreseen run, people and stations apart by account."""
    rows = connection.execute(
        text(
            f"SELECT channel, account, state, reason, count(*) AS n FROM {target} WHERE run_id = :run"
            " GROUP BY channel, account, state, reason ORDER BY channel, account, state, reason"
        ),
        {"run": run},
    )
    return [(row.channel, row.account, row.state, row.reason, row.n) for row in rows]


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


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
