"""The rotating tokens of provider accounts, sealed; whoever renews a pair holds the account's one lock meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from outreach.store.tables import account_tokens


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """A pair as it is kept: `sealed` under `key_version`.

    `seeds`: keyed hashes of the configured refresh tokens that this chain of pairs began with, or followed.
    """

    sealed: bytes
    key_version: int
    expires_at: datetime
    seeds: tuple[bytes, ...]


_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_PATIENT = text(
    "SELECT set_config('lock_timeout', :patience, true), set_config('idle_in_transaction_session_timeout', '0', true),"
    " set_config('synchronous_commit', 'on', true)"
)
"""The transaction lasts as long as the provider's answer; and what it commits must outlive a crash of the server."""


_WRITABLE = text("UPDATE account_tokens SET name = name WHERE false")
"""Fails where nothing can be written: on a standby, or a server that is only read after a failover."""


def lock(connection: Connection, name: str, *, patience_s: int) -> None:
    """Hold the account's lock until the transaction ends.

    Raises OperationalError where somebody else holds it for longer than `patience_s`, and a DBAPIError where a new pair
    could not be written: the provider is not to be asked for one then.
    """
    connection.execute(_PATIENT, {"patience": f"{patience_s}s"})
    connection.execute(_ALONE, {"name": f"tokens of {name}"})
    connection.execute(_WRITABLE)


def read(connection: Connection, name: str) -> StoredTokens | None:
    """The account's pair; None where it never had one."""
    row = connection.execute(select(account_tokens).where(account_tokens.c.name == name)).one_or_none()
    return None if row is None else StoredTokens(row.sealed, row.key_version, row.expires_at, tuple(row.seeds))


def write(connection: Connection, name: str, tokens: StoredTokens) -> None:
    """Put a pair in the place of the one before; the caller commits before it is used."""
    values = {
        "sealed": tokens.sealed, "key_version": tokens.key_version, "expires_at": tokens.expires_at,
        "seeds": list(tokens.seeds), "renewed_at": text("clock_timestamp()"),  # not when the wait for the lock began
    }  # fmt: skip
    statement = insert(account_tokens).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
