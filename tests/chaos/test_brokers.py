"""What dispatch asks of its broker, on Valkey 9 and on Redis 7, by TCP and with a password: tokens, hints, a drain."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.loop import SendingLoop
from outreach.domain.words import Lane
from outreach.local.binaries import binaries
from outreach.local.places import SYSTEM
from outreach.local.service_user import myself
from outreach.tasks import Hints, celery_app
from outreach.wiring import redis_client
from tests.processes import Sandbox, accounts_toml, free_port, sandbox, wait_for
from tests.sending import child_of
from tests.world import World, account

BROKERS = {"valkey": 9, "redis": 7}
"""Those we promise to work with, and the first number of their version."""
PASSWORD = "p/w:x"
TEN = account(rate=10.0, burst=10)
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao ong/ba"}
        channels: [sms]
        schedule: {at: launch}
"""


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty server of each kind."""
    program = shutil.which("redis-server") if request.param == "redis" else str(binaries(myself(), SYSTEM).valkey)
    if program is None:
        pytest.skip("redis-server is not installed here (Debian: redis-server)")
    port = free_port()
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        PASSWORD,
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    url = f"redis://:{PASSWORD.replace('/', '%2F').replace(':', '%3A')}@127.0.0.1:{port}/0"
    try:
        wait_for("the broker", lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _answers(url: str) -> bool:
    try:
        return bool(redis_client(url).ping())
    except redis.ConnectionError:
        return False


def version(url: str) -> int:
    told = redis_client(url).info("server")
    return int(str(told.get("valkey_version") or told["redis_version"]).split(".")[0])


def test_it_is_the_version_that_is_promised(broker: str, request: pytest.FixtureRequest) -> None:
    assert version(broker) == BROKERS[request.node.callspec.params["broker"]]


def test_a_bucket_grants_owes_and_holds(broker: str) -> None:
    buckets = Buckets(redis_client(broker))
    assert buckets.take(TEN, 5).tokens == 0, "a bucket that is missing is empty"
    buckets.settle(TEN, 1000)
    assert buckets.take(TEN, 1000).tokens == TEN.burst
    buckets.settle(TEN, -20)
    assert buckets.take(TEN, 1).wait > timedelta(seconds=1)
    buckets.hold(TEN, timedelta(seconds=30))
    assert timedelta(seconds=29) < buckets.take(TEN, 1).wait <= timedelta(seconds=30)


def test_a_wiped_broker_takes_the_script_again(broker: str) -> None:
    client = redis_client(broker)
    buckets = Buckets(client)
    buckets.take(TEN, 1)
    client.flushall()
    client.script_flush()
    assert buckets.take(TEN, 1).tokens == 0


def test_one_hint_is_out_for_an_account_and_lane(broker: str) -> None:
    hints = Hints(celery_app(broker), redis_client(broker))
    assert [hints.drain("sms-main", Lane.BULK), hints.drain("sms-main", Lane.BULK)] == [True, False]
    hints.done("sms-main", Lane.BULK)
    assert hints.drain("sms-main", Lane.BULK)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def test_a_drain_reaches_everybody_once(world: World, broker: str, box: Sandbox, tmp_path: Path) -> None:
    numbers = [f"+8491230{version(broker)}{n:04d}" for n in range(150)]
    for number in numbers:
        world.person(number, phone=number)
    file = tmp_path / "accounts.toml"
    file.write_text(accounts_toml(box))
    accounts = load_accounts(file, timeout=5.0)
    loop = SendingLoop(accounts.makers)
    child = child_of(world, accounts.known, loop, broker)
    world.launch(CAMPAIGN)
    world.plan()
    child.drain("sms-main", Lane.BULK)
    loop.close()
    assert sorted(entry.to for entry in box.accepted() if entry.to in numbers) == sorted(numbers)
    assert {row.state for row in world.rows()} == {"accepted"}
