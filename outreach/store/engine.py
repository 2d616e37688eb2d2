"""The connection to PostgreSQL: one engine a process, short transactions."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from outreach.domain.errors import OutreachError


def connect(url: str, *, pool_size: int = 5, name: str = "outreach") -> Engine:
    """An engine for `url` (`postgresql://…`); connections are tested before use and speak UTC.

    `name` shows in the server's list of connections. Raises OutreachError for a URL that is not PostgreSQL's.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise OutreachError(f"OUTREACH_DATABASE_URL must start with postgresql://, not {parsed.get_backend_name()}://")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={"application_name": name, "options": "-c timezone=UTC -c jit=off", "connect_timeout": 10},
    )


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
