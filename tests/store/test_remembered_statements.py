"""The driver remembers the long statements of dispatch, so that none is taken apart anew for each chunk."""

from __future__ import annotations

from psycopg import _queries
from sqlalchemy import text

from outreach.store import claims, deliveries
from outreach.store.engine import connect


def test_a_statement_as_long_as_a_claim_is_taken_apart_once(database_url: str) -> None:
    longest = max(len(str(one)) for one in (*claims._CLAIM.values(), deliveries._ADVANCE))
    assert 4096 < longest < _queries.MAX_CACHED_STATEMENT_LENGTH
    engine = connect(database_url, steady=True)
    statement = text("SELECT CAST(:n AS int) " + " " * longest)
    with engine.begin() as connection:
        connection.execute(statement, {"n": 1})
        before = _queries._query2pg.cache_info().hits
        connection.execute(statement, {"n": 2})
        after = _queries._query2pg.cache_info().hits
    engine.dispose()
    assert after > before
