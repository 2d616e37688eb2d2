"""A record and a receipt of one delivery that meet in the database: neither is lost, whichever comes first."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from outreach.domain.states import DeliveryState
from outreach.store import deliveries
from outreach.store.deliveries import Change

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
_PATIENCE = 10.0


@pytest.fixture
def delivery(engine: Engine) -> tuple[int, int]:
    """A delivery on the wire."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO campaigns (slug, title, state, version, timezone, starts, ends) VALUES"
                " ('c', 'C', 'running', 1, 'Asia/Ho_Chi_Minh', '2026-01-01', '2026-12-31')"
            )
        )
        run = connection.execute(
            text(
                "INSERT INTO runs (campaign, message, scheduled_for, version, state, lane, class, steps, mode, wait_s,"
                " not_after_s) VALUES ('c', 'm', :now, 1, 'sending', 'bulk', 'service_notice', '{sms}', 'cascade', 0,"
                " 3600) RETURNING id"
            ),
            {"now": NOW},
        ).scalar_one()
        one = connection.execute(
            text(
                "INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, step, account, lane, state,"
                " due_at, next_attempt_at, expires_at, attempt, child_id) VALUES (:run, 'contact', 1, 'sms', 0, 'a',"
                " 'bulk', 'sending', :now, :now, :end, 1, 1) RETURNING id"
            ),
            {"run": run, "now": NOW, "end": NOW + timedelta(hours=1)},
        ).scalar_one()
        connection.execute(
            text("INSERT INTO run_counts (run_id, channel, state, shard, n) VALUES (:run, 'sms', 'sending', 0, 1)"),
            {"run": run},
        )
    return run, one


def change(delivery: tuple[int, int], state: DeliveryState) -> Change:
    if state is DeliveryState.ACCEPTED:
        return Change(*delivery, state, provider_id="SM1", child=1, attempt=1)
    return Change(*delivery, state, provider_id="SM1", generation=0, proves=True)


@pytest.mark.parametrize("later", [DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.ACCEPTED])
def test_what_waits_for_another_change_takes_the_higher_rank(
    engine: Engine, delivery: tuple[int, int], later: DeliveryState
) -> None:
    first = DeliveryState.DELIVERED if later is DeliveryState.ACCEPTED else DeliveryState.ACCEPTED

    def second_change() -> None:
        with engine.begin() as connection:
            deliveries.advance(connection, [change(delivery, later)], now=NOW)

    waiting = threading.Thread(target=second_change)
    with engine.begin() as connection:
        deliveries.advance(connection, [change(delivery, first)], now=NOW)
        waiting.start()
        until_somebody_waits(engine, waiting)
    waiting.join(_PATIENCE)

    wanted = DeliveryState.DELIVERED if later is DeliveryState.ACCEPTED else later
    with engine.connect() as connection:
        state = connection.execute(text("SELECT state FROM deliveries")).scalar_one()
        counts = connection.execute(text("SELECT state, sum(n) FROM run_counts GROUP BY 1 HAVING sum(n) <> 0")).all()
    assert state == wanted
    assert [tuple(row) for row in counts] == [(wanted, 1)]


def until_somebody_waits(engine: Engine, thread: threading.Thread) -> None:
    tick = threading.Event()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(int(_PATIENCE / 0.01)):
            locked = connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            ).scalar_one()
            if locked:
                return
            assert thread.is_alive()
            tick.wait(0.01)
    pytest.fail("the second change did not wait for the first")
