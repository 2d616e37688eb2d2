"""Planning of broadcasts: a row for every station that covers the audience, and for everyone it covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.store.plans import (
    ROW,
    Step,
    account_of,
    account_values,
    counted,
    fresh_later,
)

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
        **account_values(step),
        "settings": [setting for setting, _, _ in slots],
        "starts": [starts for _, starts, _ in slots],
        "ends": [ends for _, _, ends in slots],
        "wait_s": step.wait.total_seconds(),
        "not_after_s": step.not_after.total_seconds(),
        "follows": step.follows,
    }
    kept = step.target == "deliveries"
    trial = ":trial OR account = ANY(CAST(:trial_accounts AS text[]))" if step.in_trial else "false"
    people = f"""
WITH written AS (
{ROW.format(target=step.target)}
SELECT :run, 'contact', p.contact_id, :channel, p.subject_id, :step, NULL, NULL, p.unit_code, '', :lane, 'suppressed',
    CASE WHEN e.unit_code IS NULL THEN 'no_station' WHEN e.read THEN 'by_station' ELSE 'trial' END,
    :due, :due, :expires, NULL,
    CASE WHEN :follows AND e.read THEN e.ends + make_interval(secs => :wait_s) END
FROM audience p LEFT JOIN cover v ON v.unit = p.unit_code
LEFT JOIN (
    SELECT s.unit_code, max(t.ends) AS ends, bool_or(w.state <> 'suppressed') AS read FROM {_IN_USE} s
    JOIN unnest(CAST(:settings AS text[]), CAST(:ends AS timestamptz[])) AS t(slots, ends)
        ON t.slots = CAST(s.slots AS text)
    JOIN {step.target} w ON w.run_id = :run AND w.recipient_kind = 'station' AND w.recipient_id = s.id
        AND w.channel = :channel
    GROUP BY s.unit_code
) e ON e.unit_code = v.here
ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
RETURNING recipient_id, subject_id, unit_code, state, reason
), handed_on AS (
    INSERT INTO later SELECT recipient_id, subject_id, unit_code FROM written WHERE reason = 'no_station'
)
{counted(step, "written")}
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
    {ROW.format(target=step.target)}
    SELECT :run, 'station', station_id, :channel, 0, :step, NULL, NULL, unit_code, account, :lane,
        CASE WHEN {trial} THEN 'suppressed' ELSE 'planned' END, CASE WHEN {trial} THEN 'trial' END, starts, :due,
        ends + make_interval(secs => :not_after_s), NULL, NULL
    FROM (SELECT l.*, {account_of(step)} AS account FROM (
        SELECT o.*, u.path, o.station_id AS contact_id, CAST('' AS text) AS bound FROM slotted o
        JOIN units u ON u.code = o.unit_code) l) p
    WHERE account IS NOT NULL
    ON CONFLICT (run_id, recipient_kind, recipient_id, channel, subject_id) DO NOTHING
    RETURNING id, recipient_id, state
)
{counted(step, "written")}
{"INSERT INTO broadcasts (run_id, delivery_id, station_id, slot_starts, slot_ends, members)" if kept else ""}
SELECT :run, w.id, w.recipient_id, s.starts, s.ends, s.n FROM written w JOIN slotted s ON s.station_id = w.recipient_id
WHERE w.state = 'planned'
"""
    fresh_later(connection)
    connection.execute(text(stations), values)
    connection.execute(text(people), values)
