"""COPY: how many rows enter PostgreSQL at once, from Python, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import Connection as Psycopg
from sqlalchemy import Connection


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Append `rows` to `table`; both names are the program's own, never a person's input."""
    with driver(connection).cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def driver(connection: Connection) -> Psycopg[tuple[object, ...]]:
    """The psycopg connection under SQLAlchemy's, in the same transaction."""
    found = connection.connection.dbapi_connection
    if not isinstance(found, Psycopg):
        raise TypeError(f"the store needs psycopg, not {type(found).__name__}")
    return found
