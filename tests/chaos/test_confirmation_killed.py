"""kill -9 of a worker that is confirming a refusal: the citizen is told once or nobody knows, and never twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import Engine, text

from channels.contract import Inbound
from outreach import wiring
from outreach.settings import PROJECT, Settings
from tests.cli.commands import Commands
from tests.flaky_provider import FlakyProvider, Mood, flaky_provider
from tests.processes import wait_for

PEOPLE = 3
CHILD = """
from outreach import wiring
sending = wiring.build(wiring.settings(), name="worker").sending()
print(sending.confirming.work(longest=60), flush=True)
sending.dispatcher.loop.close()
"""
"""What a worker child does with the hint to confirm."""
HANGS = """
    CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
    CREATE TRIGGER hang BEFORE UPDATE ON confirmations FOR EACH ROW WHEN (NEW.state = 'accepted')
        EXECUTE FUNCTION hang()
"""
"""The answer has come, and writing it down takes a minute."""
ASLEEP = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"


@dataclass
class Post:
    """An installation whose citizens have refused, and its workers."""

    engine: Engine
    settings: Settings
    environment: Mapping[str, str]
    provider: FlakyProvider

    def work(self) -> subprocess.Popen[str]:
        """A worker child that confirms what is due."""
        environment = {**os.environ, **self.environment}
        return subprocess.Popen(
            [sys.executable, "-c", CHILD], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
        )

    def worked(self) -> int:
        """How many such a child confirms, to its end."""
        with self.work() as child:
            out, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        return int(out)

    def kill_one(self) -> None:
        """kill -9 in the middle of the first message."""
        child = self.work()
        wait_for("the request", lambda: self.provider.taken or child.poll() is not None)
        wait_for("the middle of it", self.in_the_middle)
        child.send_signal(signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL
        child.communicate()

    def in_the_middle(self) -> bool:
        """Whether no answer comes, or it is just being written down."""
        return self.provider.mood is Mood.SILENT or bool(self.sql(ASLEEP))

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def states(self) -> Counter[object]:
        return Counter(state for (state,) in self.sql("SELECT state FROM confirmations"))


@pytest.fixture
def post(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Post]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    environment = {
        "OUTREACH_DATA_DIR": str(data), "OUTREACH_DATABASE_URL": database_url, "OUTREACH_REDIS_URL": redis_url,
        "OUTREACH_LEASE_SECONDS": "60", "OUTREACH_SEND_TIMEOUT_SECONDS": "30",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with flaky_provider() as provider:
        (data / "accounts.toml").write_text(dedent(provider.account("sms-main")))
        settings = Settings()
        runtime = wiring.build(settings, name="test")
        now = runtime.clock.now() - timedelta(seconds=5)
        for n in range(PEOPLE):
            refusal = Inbound(f"event {n}", now, sender=f"+8491234567{n}", text="TC")
            assert runtime.receiver().take("sms-main", [refusal]) == 1
        runtime.engine.dispose()
        yield Post(engine, settings, environment, provider)


@pytest.mark.parametrize("moment", ["no answer yet", "answered, not yet written down"])
def test_a_worker_killed_while_it_confirms_tells_nobody_twice(post: Post, moment: str) -> None:
    if moment == "no answer yet":
        post.provider.mood = Mood.SILENT
    else:
        post.sql(HANGS)
    post.kill_one()
    post.sql(f"SELECT pg_terminate_backend(pid) FROM ({ASLEEP}) found")
    post.sql("DROP TRIGGER IF EXISTS hang ON confirmations")
    [first] = post.provider.taken
    assert post.states() == {"sending": 1, "planned": PEOPLE - 1}
    post.provider.mood = Mood.WELL
    assert post.worked() == PEOPLE - 1
    assert post.states() == {"sending": 1, "accepted": PEOPLE - 1}
    post.sql("UPDATE confirmations SET lease_until = now() - interval '1 second' WHERE state = 'sending'")
    assert post.worked() == 0
    assert post.states() == {"unknown": 1, "accepted": PEOPLE - 1}
    assert sorted(post.provider.taken) == [f"+8491234567{n}" for n in range(PEOPLE)]
    said = Commands(post.settings)("suppression", "show", "--json", given=f"{first}\n").json()
    [told] = said["confirmations"]
    assert told["state"] == "unknown"
    assert "not sent again" in told["meaning"]
    assert [one["reason"] for one in said["suppressions"]] == ["opted_out"]
