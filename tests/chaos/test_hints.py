"""Hints that come twice, again or never change nothing, on Valkey and on Redis; and who is served first."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from outreach.domain.words import Lane
from outreach.tasks import DRAIN, HELPERS, QUEUES, Hints, celery_app
from tests.chaos.fleet import CHILDREN, WORKERS, Fleet, campaign, fleet
from tests.processes import Installation, free_port, twilio, wait_for

pytestmark = pytest.mark.slow
REDIS = shutil.which("redis-server")
PEOPLE = 1200


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The embedded Valkey, or Debian's Redis."""
    if request.param == "valkey":
        yield request.getfixturevalue("redis_url")
        return
    if REDIS is None:
        pytest.skip("Debian's redis-server is not installed")
    port = free_port()
    server = subprocess.Popen(
        [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for("Redis", answers)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(20)


@pytest.fixture
def site(
    engine: Engine, database_url: str, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fleet]:
    """Its workers are started by the test."""
    with fleet(
        engine, database_url, broker, tmp_path, monkeypatch, lambda box: twilio(box, "200/s"), workers=False
    ) as made:
        yield made


@pytest.mark.parametrize("broker", ["valkey", "redis"], indirect=True)
def test_hints_that_come_again_twice_or_never_change_nothing(site: Fleet, broker: str) -> None:
    client, bulk = redis.Redis.from_url(broker), QUEUES[Lane.BULK]
    site.populate(PEOPLE)
    site.world.launch(campaign("dot-lon"))
    wait_for("the hint of the scheduler", lambda: client.llen(bulk), seconds=60)
    [hint] = client.lrange(bulk, 0, -1)
    client.lpush(bulk, *[hint] * 10)  # the same message again, as a broker redelivers
    app = celery_app(broker)
    for _ in range(10):
        app.send_task(DRAIN, args=("sms-main", str(Lane.BULK), False), queue=bulk, ignore_result=True)
        app.send_task(DRAIN, args=("sms-main", str(Lane.BULK), True), queue=HELPERS, ignore_result=True)
    for name in WORKERS:
        site.installation.start_worker(name, CHILDREN)
    wait_for("the first messages", lambda: len(site.tail.accepted()) > 100, seconds=60)
    while len(site.tail.accepted()) < PEOPLE / 2:
        client.delete(bulk, HELPERS)
        for key in client.scan_iter("outreach:hint:*"):
            client.delete(key)  # so that the next one comes within a second, as after a wipe
        site.wait_for_more()
    wait_for("everybody", lambda: len(site.tail.accepted()) >= PEOPLE, seconds=60)
    wait_for("all of it on record", lambda: site.waiting("dot-lon") == 0, seconds=30)
    reached = Counter(one.to for one in site.tail.accepted())
    assert len(reached) == PEOPLE
    assert set(reached.values()) == {1}
    assert site.world.counts_agree()


@pytest.mark.parametrize("broker", ["valkey", "redis"], indirect=True)
def test_a_lost_hint_costs_half_a_minute_at_most(broker: str) -> None:
    client = redis.Redis.from_url(broker)
    hints = Hints(celery_app(broker), client)
    assert hints.drain("sms-main", Lane.BULK)
    assert not hints.drain("sms-main", Lane.BULK)
    client.delete(QUEUES[Lane.BULK])
    assert 0 < client.pttl("outreach:hint:sms-main:bulk") <= 30_000


@pytest.mark.parametrize("broker", ["valkey", "redis"], indirect=True)
def test_while_a_child_is_at_work_others_are_called_to_help_or_not_at_all(broker: str) -> None:
    client = redis.Redis.from_url(broker)
    hints = Hints(celery_app(broker), client)
    hints.at_work("slow", Lane.BULK, alone=True)
    hints.at_work("quick", Lane.BULK, alone=False)
    assert [hints.drain(one, Lane.BULK) for one in ("slow", "quick", "quick")] == [False, True, False]
    assert (client.llen(QUEUES[Lane.BULK]), client.llen(HELPERS)) == (0, 1)
    hints.done("slow", Lane.BULK)
    assert hints.drain("slow", Lane.BULK)
    assert client.llen(QUEUES[Lane.BULK]) == 1


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_free_child_takes_replies_before_reminders_before_mass_runs_before_help(
    database_url: str, redis_url: str, tmp_path: Path, seed: str
) -> None:
    """Whatever the seed by which Python orders a set."""
    (tmp_path / "accounts.toml").write_text("")
    app = celery_app(redis_url)
    expected = ["reply", "reminder", "mass", "help"]
    queues = [*QUEUES.values(), HELPERS]
    for name, queue in reversed(list(zip(expected, queues, strict=True))):
        app.send_task(DRAIN, args=(f"none-{name}", str(Lane.BULK), False), queue=queue, ignore_result=True)
    environment = {
        "OUTREACH_DATA_DIR": str(tmp_path), "OUTREACH_DATABASE_URL": database_url, "OUTREACH_REDIS_URL": redis_url,
        "PYTHONHASHSEED": seed,
    }  # fmt: skip
    installation = Installation(tmp_path, environment)
    installation.start_worker("only", 1)
    try:
        log = tmp_path / "only.log"
        wait_for("all four", lambda: log.read_text().count("account=none-") == 4, seconds=60)
    finally:
        installation.stop()
    taken = [line.rpartition("account=none-")[2] for line in log.read_text().splitlines() if "account=none-" in line]
    assert taken == expected
