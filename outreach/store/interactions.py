"""When each address was last in touch with an account that may write only for a while after (Zalo: seven days)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from outreach.store.tables import interactions

_HEARD = text(
    f"""
INSERT INTO {interactions.name} (account, fingerprint, last_at)
SELECT account, fingerprint, max(at)
FROM unnest(CAST(:accounts AS text[]), CAST(:fingerprints AS bytea[]), CAST(:moments AS timestamptz[]))
    AS h(account, fingerprint, at)
GROUP BY account, fingerprint ORDER BY account, fingerprint
ON CONFLICT (account, fingerprint) DO UPDATE SET last_at = greatest(interactions.last_at, excluded.last_at)
"""
)

_REFUSED = text(
    f"""
INSERT INTO {interactions.name} (account, fingerprint, refused_at)
SELECT d.account, d.fingerprint, CAST(:now AS timestamptz) - (clock_timestamp() - max(g.at))
FROM unnest(CAST(:runs AS bigint[]), CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])) AS g(run_id, id, at)
JOIN deliveries d ON d.run_id = g.run_id AND d.id = g.id
WHERE d.fingerprint IS NOT NULL GROUP BY d.account, d.fingerprint ORDER BY d.account, d.fingerprint
ON CONFLICT (account, fingerprint) DO UPDATE SET refused_at = greatest(interactions.refused_at, excluded.refused_at)
"""
)


def heard(connection: Connection, told: Sequence[tuple[str, bytes, datetime]]) -> None:
    """Addresses were in touch with accounts: (account, fingerprint, when), one for every key version."""
    if told:
        accounts, fingerprints, moments = (list(column) for column in zip(*told, strict=True))
        connection.execute(_HEARD, {"accounts": accounts, "fingerprints": fingerprints, "moments": moments})


def refused(connection: Connection, deliveries: Sequence[tuple[int, int, datetime]], now: datetime) -> None:
    """The provider said of these deliveries, (run, delivery, when the attempt began), that their windows were closed.

    Whoever was in touch after the attempt began has an open one: the provider may have judged before it knew. The
    attempts are told on the database's clock, interactions on that of `now`.
    """
    if deliveries:
        runs, ids, moments = zip(*deliveries, strict=True)
        connection.execute(_REFUSED, {"runs": list(runs), "ids": list(ids), "moments": list(moments), "now": now})


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
