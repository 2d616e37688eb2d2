"""A past for an installation: finished campaigns with their runs, deliveries, counts and proofs, written set-wise."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, text

from benchmarks.campaigns import EVERYBODY, load
from benchmarks.site import Site
from outreach.reach.counting import catch_up_all

RUNS_EACH = 2
"""Of a past campaign: the second finds everybody of the first again."""

_RUN = text(
    """
    INSERT INTO runs (campaign, message, scheduled_for, version, state, lane, class, steps, mode, wait_s, not_after_s,
        audience, cost, planned_at, finished_at)
    SELECT :campaign, message, :at, 1, 'done', lane, class, steps, mode, wait_s, not_after_s, audience, cost, :at, :at
    FROM runs WHERE id = :like RETURNING id
    """
)

_DELIVERIES = text(
    """
    WITH past AS MATERIALIZED (
        SELECT d.*, CASE WHEN d.reason IS NOT NULL THEN 'suppressed'
            WHEN fate < 80 THEN 'delivered' WHEN fate < 92 THEN 'failed' WHEN fate < 97 THEN 'expired'
            ELSE 'cancelled' END AS became
        FROM (SELECT *, abs(hashint8extended(recipient_id, :run)) % 100 AS fate FROM deliveries WHERE run_id = :like) d
    ),
    written AS (
        INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, subject_id, step, address_id,
            fingerprint, unit_code, account, lane, state, reason, code, due_at, next_attempt_at, expires_at, attempt,
            provider_id, parts, sent_at, closes_at, shared_with, proved)
        SELECT :run, recipient_kind, recipient_id, channel, subject_id, step, address_id, fingerprint, unit_code,
            account, lane, became, CASE became WHEN 'failed' THEN 'rejected' WHEN 'expired' THEN 'late'
                WHEN 'cancelled' THEN 'campaign_cancelled' ELSE reason END,
            CASE became WHEN 'failed' THEN '30005' END, :at, :at, CAST(:at AS timestamptz) + interval '24 hours',
            CASE WHEN became IN ('delivered', 'failed') THEN 1 ELSE 0 END,
            CASE WHEN became IN ('delivered', 'failed') THEN md5(:run || '.' || id) END,
            CASE WHEN became IN ('delivered', 'failed') THEN 2 END,
            CASE WHEN became = 'delivered' THEN CAST(:at AS timestamptz) + interval '1 hour' END,
            CAST(:at AS timestamptz) + interval '72 hours', shared_with, became = 'delivered'
        FROM past ORDER BY recipient_id
    ),
    wrong AS (
        INSERT INTO error_counts (run_id, account, channel, state, reason, code, shard, n)
        SELECT :run, account, channel, became, 'rejected', '30005', 0, count(*) FROM past WHERE became = 'failed'
        GROUP BY account, channel, became
    )
    INSERT INTO run_counts (run_id, channel, state, shard, n)
    SELECT :run, channel, became, abs(hashint8(id)) % 16, count(*) FROM past GROUP BY 2, 3, 4
    """
)

_REACHED = text(
    """
    INSERT INTO reached (campaign, contact_id, first_at, channel, run_id, delivery_id, unit_code)
    SELECT :campaign, contact_id, sent_at, channel, :run, id, unit_code FROM (
        SELECT recipient_id AS contact_id, sent_at, channel, id, unit_code FROM deliveries
        WHERE run_id = :run AND proved AND recipient_kind = 'contact'
        UNION ALL
        SELECT d.recipient_id, p.sent_at, p.channel, p.id, d.unit_code FROM deliveries d
        JOIN deliveries p ON p.run_id = :run AND p.recipient_id = d.shared_with AND p.channel = d.channel AND p.proved
        WHERE d.run_id = :run AND d.shared_with IS NOT NULL
    ) r
    ORDER BY contact_id ON CONFLICT DO NOTHING
    """
)

_LEDGER = text(
    """
    INSERT INTO contact_ledger (fingerprint, day, channel, class, times)
    SELECT d.fingerprint, CAST(:at AS date), d.channel, r.class, ARRAY[CAST(:at AS timestamptz)]
    FROM deliveries d JOIN runs r ON r.id = d.run_id
    WHERE d.run_id = :run AND d.state IN ('delivered', 'failed') ORDER BY d.fingerprint ON CONFLICT DO NOTHING
    """
)


def campaigns(deliveries: int, each: int) -> list[str]:
    """The slugs of a past of so many deliveries, newest first."""
    runs = -(-deliveries // each)
    return [f"lich-su-{number + 1}" for number in range(-(-runs // RUNS_EACH))]


def write(site: Site, like: int, deliveries: int, *, each: int) -> int:
    """Past runs made after the planned run `like` (of `each` rows) until there are `deliveries`; returns how many.

    The newest was three days ago, a run every week before: what the ledger of caps keeps is in it.
    """
    engine, clock = site.runtime.engine, site.runtime.clock
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE contact_ledger"))  # nobody gets a second message to everybody on one day
    written = 0
    while written < deliveries:
        number = written // each
        slug = f"lich-su-{number // RUNS_EACH + 1}"
        if number % RUNS_EACH == 0:
            load(site, slug, EVERYBODY)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL work_mem = '128MB'"))
            values = {"campaign": slug, "like": like, "at": clock.now() - timedelta(days=3 + 7 * number)}
            _write_run(connection, values, newest=number == 0)
        written += each
    with engine.begin() as connection:
        connection.execute(text("UPDATE campaigns SET state = 'finished' WHERE slug LIKE 'lich-su-%'"))
    catch_up_all(engine, clock)
    return written


def deliver(site: Site, campaign: str, run: int) -> None:
    """Let four of five planned messages of a run have been received, set-wise."""
    values = {"run": run, "campaign": campaign, "at": site.runtime.clock.now()}
    with site.runtime.engine.begin() as connection:
        connection.execute(
            text(
                """
                WITH changed AS (
                    UPDATE deliveries SET state = 'delivered', proved = true, attempt = 1, parts = 2, sent_at = :at,
                        provider_id = md5(run_id || '.' || id)
                    WHERE run_id = :run AND state = 'planned' AND abs(hashint8(recipient_id)) % 5 > 0
                    RETURNING channel
                )
                INSERT INTO run_counts (run_id, channel, state, shard, n)
                SELECT :run, channel, state, 0, sum(n)
                FROM changed, (VALUES ('planned', -1), ('delivered', 1)) AS s(state, n) GROUP BY channel, state
                ON CONFLICT (run_id, channel, state, shard) DO UPDATE SET n = run_counts.n + excluded.n
                """
            ),
            values,
        )
        connection.execute(_REACHED, values)


def _write_run(connection: Connection, values: dict[str, object], *, newest: bool) -> None:
    values = {**values, "run": connection.execute(_RUN, values).scalar_one()}
    connection.execute(_DELIVERIES, values)
    connection.execute(
        text("ANALYZE deliveries")
    )  # of a run that is new to its statistics the database expects one row
    for statement in (_REACHED, _LEDGER) if newest else (_REACHED,):
        connection.execute(statement, values)
