"""The ledger of caps keeps what a cap may look back to, and nothing older."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from outreach.store.retention import purge_ledger

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


def test_days_that_no_cap_looks_back_to_are_forgotten(engine: Engine) -> None:
    with engine.begin() as connection:
        for days in (0, 1, 2, 3, 5, 40):
            connection.execute(
                text("INSERT INTO contact_ledger VALUES ('x', CAST(:day AS date), 'sms', 'service_notice', '{}')"),
                {"day": NOW - timedelta(days=days)},
            )
        assert purge_ledger(connection, NOW) == 2
        kept = connection.execute(text("SELECT day FROM contact_ledger ORDER BY day DESC")).scalars().all()
    assert kept == [(NOW - timedelta(days=days)).date() for days in range(4)]
