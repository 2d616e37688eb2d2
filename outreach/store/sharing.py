"""Which account a delivery goes through: shared out by weight, the same choice whenever it is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.errors import NotFound
from outreach.domain.words import Channel
from outreach.store import units

NOWHERE = "?/"
"""The path of a unit that is not loaded: nobody is there, and one wrong account does not stop the others."""


def with_paths(connection: Connection, accounts: Iterable[Account]) -> list[Account]:
    """The accounts with the path of their unit in the place of its code ("" for everyone)."""
    return [replace(account, unit=_path(connection, account.unit)) for account in accounts]


def _path(connection: Connection, code: str) -> str:
    try:
        return units.path_of(connection, code) if code else ""
    except NotFound:
        return NOWHERE


def usable(channel: Channel, accounts: Iterable[Account]) -> list[Account]:
    """The accounts that take part in the choice."""
    return [account for account in accounts if account.serves(channel) and account.weight > 0]


def choice(channel: Channel, accounts: Sequence[Account]) -> str:
    """SQL for the account of a row `l` (contact_id, path, bound): weighted rendezvous hashing; null where none serves.

    A row whose `bound` names an account has no choice. Those who rest are taken only where nobody else serves, and
    those in trial mode, which would write to hardly anybody, after those.
    """
    found = usable(channel, accounts)
    if not found:
        return "CAST(NULL AS text)"
    if len(found) == 1 and not found[0].unit and not channel.account_bound:
        return "CAST((CAST(:account_names AS text[]))[1] AS text)"
    return """
        (SELECT k.name FROM unnest(CAST(:account_names AS text[]), CAST(:account_paths AS text[]),
            CAST(:account_weights AS double precision[]), CAST(:account_ranks AS integer[]))
            AS k(name, path, weight, rank)
        WHERE (k.path = '' OR starts_with(l.path, k.path)) AND (l.bound = '' OR l.bound IS NULL OR l.bound = k.name)
        ORDER BY k.rank, -ln((1 + (hashtextextended(k.name, l.contact_id) & 1073741823)) / 1073741825.0) / k.weight,
            k.name
        LIMIT 1)
    """


def choice_values(channel: Channel, accounts: Sequence[Account], resting: Collection[str]) -> dict[str, Any]:
    """The values `choice` binds."""
    found = usable(channel, accounts)
    return {
        "account_names": [account.name for account in found],
        "account_paths": [account.unit for account in found],
        "account_weights": [float(account.weight) for account in found],
        "account_ranks": [2 if account.trial else int(account.name in resting) for account in found],
    }
