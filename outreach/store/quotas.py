"""How many messages the accounts' providers still take, as they last said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from outreach.domain.quotas import Quota
from outreach.domain.words import Channel
from outreach.store.tables import account_quotas

_KEEP = text(
    f"""
INSERT INTO {account_quotas.name} AS q (account, channel, remaining, total, daily, read_at)
VALUES (:account, :channel, :remaining, :total, :daily, :read_at)
ON CONFLICT (account, channel) DO UPDATE SET remaining = excluded.remaining,
    total = coalesce(excluded.total, q.total), daily = excluded.daily, read_at = excluded.read_at
WHERE q.read_at <= excluded.read_at
"""
)


def keep(connection: Connection, quotas: Sequence[Quota]) -> None:
    """Remember what was told; an older word than the one known changes nothing."""
    for one in sorted(quotas, key=lambda quota: (quota.account, quota.channel)):  # in one order: no deadlock
        values = {"remaining": one.remaining, "total": one.total, "daily": one.daily, "read_at": one.read_at}
        connection.execute(_KEEP, {"account": one.account, "channel": str(one.channel), **values})


def read(connection: Connection, names: Sequence[str]) -> list[Quota]:
    """What is known of these accounts, by account and channel; an account whose provider said nothing has none."""
    wanted = select(account_quotas).where(account_quotas.c.account.in_(list(names)))
    rows = connection.execute(wanted.order_by(account_quotas.c.account, account_quotas.c.channel))
    return [Quota(row.account, Channel(row.channel), row.remaining, row.total, row.daily, row.read_at) for row in rows]
