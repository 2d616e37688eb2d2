"""When each address was last in touch with an account that may write only for a while after (Zalo: seven days)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.store.tables import interactions

_HEARD = text(
    f"""
INSERT INTO {interactions.name} (account, fingerprint, last_at)
SELECT :account, f, :at FROM unnest(CAST(:fingerprints AS bytea[])) AS f ORDER BY f
ON CONFLICT (account, fingerprint) DO UPDATE SET last_at = greatest(interactions.last_at, excluded.last_at)
"""
)

_REFUSED = text(
    f"""
INSERT INTO {interactions.name} (account, fingerprint, refused_at)
SELECT DISTINCT d.account, d.fingerprint, CAST(:now AS timestamptz)
FROM unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[])) AS g(run_id, id)
JOIN deliveries d ON d.run_id = g.run_id AND d.id = g.id
WHERE d.fingerprint IS NOT NULL ORDER BY d.account, d.fingerprint
ON CONFLICT (account, fingerprint) DO UPDATE SET refused_at = greatest(interactions.refused_at, excluded.refused_at)
"""
)


def heard(connection: Connection, account: str, fingerprints: Sequence[bytes], at: datetime) -> None:
    """Somebody was in touch with the account at `at`; `fingerprints` of the address under every key version."""
    connection.execute(_HEARD, {"account": account, "fingerprints": list(fingerprints), "at": at})


def refused(connection: Connection, deliveries: Sequence[tuple[int, int]], now: datetime) -> None:
    """The provider said of these deliveries, (run, delivery) each, that their addresses' windows are closed."""
    if deliveries:
        runs, ids = [run for run, _ in deliveries], [one for _, one in deliveries]
        connection.execute(_REFUSED, {"runs": runs, "ids": ids, "now": now})


def closed(account: str, fingerprint: str, at: str, lasts_s: str) -> str:
    """SQL: whether an address is known to be outside its window at `at`; false where nothing is known of it.

    The arguments are SQL too; `lasts_s`: seconds the account's window lasts, NULL where it has none.
    """
    return f"""({lasts_s} IS NOT NULL AND EXISTS (
        SELECT 1 FROM interactions i WHERE i.account = {account} AND i.fingerprint = {fingerprint}
            AND (i.refused_at >= coalesce(i.last_at, '-infinity')
                OR i.last_at <= CAST({at} AS timestamptz) - make_interval(secs => {lasts_s}))
    ))"""


def purge(connection: Connection, before: datetime) -> int:
    """Forget addresses of which nothing was heard since `before`; of those nothing is known then. Returns how many."""
    gone = text("DELETE FROM interactions WHERE coalesce(greatest(last_at, refused_at), '-infinity') < :before")
    return connection.execute(gone, {"before": before}).rowcount
