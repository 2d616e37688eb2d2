"""`outreach archive`, killed with -9 in the middle: every figure holds, and the next call does the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from outreach.domain.scope import EVERYTHING, Scope
from outreach.reach.counting import catch_up_all
from outreach.reach.status import status
from outreach.settings import PROJECT
from tests.cli.commands import CAMPAIGN
from tests.world import World

PEOPLE = 40_000
OFFICER = Scope("01/00454/", "officer@demo.vn")


def fill(world: World) -> None:
    """A run of long ago to many people, some of whom it did not reach."""
    world.person("An", phone="+84912345671")
    world.launch(CAMPAIGN)
    world.plan()
    with world.engine.begin() as connection:
        connection.execute(
            text(
                f"""
                INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, step, unit_code, account, lane,
                    state, reason, code, due_at, next_attempt_at, expires_at)
                SELECT run_id, 'contact', 1000 + n, channel, 0, unit_code, account, lane,
                    CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'delivered' END, CASE WHEN n % 3 = 0 THEN 'rejected' END,
                    CASE WHEN n % 3 = 0 THEN '30005' END, due_at, next_attempt_at, expires_at
                FROM deliveries, generate_series(1, {PEOPLE}) AS n;
                UPDATE deliveries SET state = 'delivered' WHERE recipient_id < 1000;
                DELETE FROM run_counts;
                INSERT INTO run_counts SELECT run_id, channel, state, 0, count(*) FROM deliveries GROUP BY 1, 2, 3;
                INSERT INTO error_counts SELECT run_id, account, channel, state, reason, code, 0, count(*)
                FROM deliveries WHERE state = 'failed' GROUP BY 1, 2, 3, 4, 5, 6;
                UPDATE runs SET state = 'done', finished_at = now() - interval '3 years';
                UPDATE campaigns SET state = 'finished'
                """
            )
        )
    catch_up_all(world.engine, world.clock)


def told(world: World) -> list[object]:
    """Status for everybody and for a commune."""
    with world.engine.connect() as connection:
        seen = [status(connection, "thu", now=world.clock.now(), scope=scope) for scope in (EVERYTHING, OFFICER)]
    return [(one.deliveries, one.by_channel, one.errors, one.runs[0].audience) for one in seen]


def left(world: World) -> int:
    with world.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one())


def archive(database_url: str, redis_url: str, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "PYTHONPATH": str(PROJECT), "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url, "OUTREACH_DATA_DIR": str(folder),
    }  # fmt: skip
    command = [sys.executable, "-m", "outreach", "archive", "--yes"]
    return subprocess.Popen(command, env=environment, cwd=PROJECT, stderr=subprocess.DEVNULL)


def test_killed_in_the_middle_it_has_lost_no_count_and_goes_on(
    world: World, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    fill(world)
    before, whole = told(world), left(world)
    process = archive(database_url, redis_url, tmp_path)
    ends = time.monotonic() + 60
    while left(world) == whole and process.poll() is None:
        assert time.monotonic() < ends
    process.kill()
    process.wait()
    assert 0 < left(world) < whole
    assert told(world) == before
    assert archive(database_url, redis_url, tmp_path).wait(60) == 0
    assert (left(world), told(world)) == (0, before)
