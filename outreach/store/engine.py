"""The connection to PostgreSQL: one engine a process, short transactions."""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg._queries
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from outreach.domain.errors import OutreachError

_ALWAYS: Final = "-c timezone=UTC -c jit=off -c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
"""What the promise of dispatch rests on holds whatever the server's own settings: a commit outlives a crash of it, and
a statement that waited for a row looks at it again."""
_CUT_OFF: Final = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000
}  # fmt: skip
"""A host that is cut off is noticed within half a minute on both sides: here nobody waits for ever for an answer, and
the server does not keep for hours what a transaction of that host had locked. Seconds; the last in milliseconds."""
_SERVER_TOO: Final = " ".join(f"-c tcp_{name.removeprefix('tcp_')}={value}" for name, value in _CUT_OFF.items())
_STEADY: Final = (
    "-c plan_cache_mode=force_generic_plan -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
)
"""A plan made once knows neither the limit nor the table of next month: a join by hash would read all of one for a
chunk of a hundred, so that only what looks each row up by its key is left to choose."""
psycopg._queries.MAX_CACHED_STATEMENT_LENGTH = 16_384
"""Up to so many characters the driver remembers how a statement is written for the server. Its own limit is half a
claim: it took the claim and the record of each chunk apart anew."""
_FRESH: Final = 1.0
"""Seconds after its last use in which a connection needs no test."""


def connect(url: str, *, pool_size: int = 5, name: str = "outreach", steady: bool = False) -> Engine:
    """An engine for `url` (`postgresql://…`); connections are tested before use and speak UTC.

    `name` shows in the server's list of connections. `steady`: for the few small statements of dispatch, which are
    planned once a connection, as planning them anew costs as much as running them, and which are tried again where the
    database is away, so that only connections that have rested are tested. Raises OutreachError for a URL that is not
    PostgreSQL's.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise OutreachError(f"OUTREACH_DATABASE_URL must start with postgresql://, not {parsed.get_backend_name()}://")
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=not steady,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "application_name": name, "options": f"{_ALWAYS} {_SERVER_TOO}{f' {_STEADY}' if steady else ''}",
            "connect_timeout": 10, **_CUT_OFF,
        },
    )  # fmt: skip
    if steady:
        event.listen(engine, "checkin", _used)
        event.listen(engine, "checkout", _tested)
    return engine


def _used(connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used"] = time.monotonic()


def _tested(connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
    """Ask a connection that has rested whether it is still there; the pool then gives another one."""
    if time.monotonic() - entry.info.get("used", 0.0) < _FRESH:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise DisconnectionError from error


def ready(engine: Engine) -> None:
    """Raise OutreachError, saying what to do, unless the database answers."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise OutreachError(
            f"the database at {where} does not answer; start it or mend OUTREACH_DATABASE_URL"
        ) from error
