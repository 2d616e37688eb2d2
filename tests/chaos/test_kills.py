"""kill -9 in the middle: none is lost, none is sent twice, what cannot be known is said."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import redis
from sqlalchemy import Engine, text

from outreach.domain.clock import Clock
from outreach.domain.privacy import KeyRing
from outreach.settings import Settings
from outreach.store.clock import DatabaseClock
from outreach.wiring import key_ring
from tests.processes import Installation, Sandbox, accounts_toml, free_port, sandbox, wait_for
from tests.world import World

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
CHILDREN = 2
CAMPAIGN = """
    campaign: dot-lon
    title: Đợt lớn
    issuer: UBND thành phố
    starts: 2025-01-01
    ends: 2030-12-31
    messages:
      - id: gui
        segment: {kind: person}
        text: {sms: "UBND thong bao: moi ong/ba nhan ket qua."}
        channels: [sms]
        schedule: {at: launch}
"""


def morning_shift() -> int:
    """Seconds that make the engine's clock read nine in the morning in Hà Nội."""
    now = datetime.now(UTC)
    nine = now.astimezone(HANOI).replace(hour=9, minute=0, second=0, microsecond=0)
    return int((nine - now).total_seconds())


@dataclass
class Site:
    """An installation under fire and what it is measured by."""

    engine: Engine
    installation: Installation
    box: Sandbox
    redis_url: str
    web_port: int

    def counts(self) -> Counter[str]:
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT state, count(*) AS n FROM deliveries GROUP BY state"))
            return Counter({row.state: row.n for row in rows})

    def gone(self) -> int:
        """Messages on record as having left."""
        counts = self.counts()
        return sum(counts[state] for state in ("accepted", "delivered", "read", "unknown"))

    def settled(self, people: int) -> bool:
        counts = self.counts()
        return sum(counts.values()) >= people and counts["planned"] + counts["sending"] == 0


@pytest.fixture
def site(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    shift, port = morning_shift(), free_port()
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    environment = {
        "OUTREACH_DATA_DIR": str(data),
        "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
        "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OUTREACH_LEASE_SECONDS": "15",
        "OUTREACH_SEND_TIMEOUT_SECONDS": "5",
        "OUTREACH_CLOCK_SHIFT_SECONDS": str(shift),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with sandbox(tmp_path / "sandbox", "--fail-share", "0", "--statuses", "delivered") as box:
        (data / "accounts.toml").write_text(accounts_toml(box, rate="300/s"))
        installation = Installation(data, environment)
        installation.start_web(port)
        installation.start_scheduler()
        for name in ("first", "second"):
            installation.start_worker(name, CHILDREN)
        yield Site(engine, installation, box, redis_url, port)
        installation.stop()


def populate(engine: Engine, keys: KeyRing, people: int) -> None:
    """People with a phone number each."""
    numbers = [f"+8491{n:07d}" for n in range(people)]
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO contacts (source, external_id, identity, full_name, search_key, sort_key, unit_code)"
                " SELECT 'main', n::text, n::text::bytea, 'Người ' || n, 'nguoi', 'nguoi', '00454'"
                " FROM generate_series(0, :last) AS n"
            ),
            {"last": people - 1},
        )
        connection.execute(
            text(
                "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                " SELECT c.id, 'sms', v.fingerprint, 1, v.sealed FROM contacts c"
                " JOIN unnest(CAST(:ids AS text[]), CAST(:fingerprints AS bytea[]), CAST(:sealed AS bytea[]))"
                " AS v(external_id, fingerprint, sealed) ON v.external_id = c.external_id"
            ),
            {
                "ids": [str(n) for n in range(people)],
                "fingerprints": [keys.fingerprint(number) for number in numbers],
                "sealed": [keys.seal(number) for number in numbers],
            },
        )


def launch(site: Site, people: int) -> None:
    settings = Settings()
    keys = key_ring(settings)
    clock: Clock = DatabaseClock(site.engine, shift=timedelta(seconds=settings.clock_shift_seconds))
    world = World(site.engine, keys, clock)  # type: ignore[arg-type]
    populate(site.engine, keys, people)
    world.launch(CAMPAIGN)
    wait_for("the first messages", lambda: len(site.box.accepted()) > 50, seconds=60)


def check(site: Site, people: int, kills: int) -> None:
    """0 twice, 0 lost, at most 100 unknown a kill; and the log of the provider says the same as the database."""
    wait_for("every delivery to be settled", lambda: site.settled(people), seconds=120)
    sent = Counter(entry.to for entry in site.box.accepted())
    with site.engine.connect() as connection:
        rows = connection.execute(text("SELECT run_id, id, generation, state FROM deliveries")).all()
    by_key = Counter(entry.key for entry in site.box.accepted())
    twice = [number for number, times in sent.items() if times > 1]
    assert twice == [], f"{len(twice)} sent twice"
    assert len(rows) == people
    unknown = sum(1 for row in rows if row.state == "unknown")
    assert unknown <= 100 * kills
    lost = [row for row in rows if row.state != "unknown" and not by_key[f"{row.run_id}.{row.id}.{row.generation}"]]
    assert lost == [], f"{len(lost)} said to be sent, but the provider never saw them: {Counter(r.state for r in lost)}"
    with site.engine.connect() as connection:
        wrong = connection.execute(
            text(
                "SELECT count(*) FROM (SELECT state, count(*) AS n FROM deliveries GROUP BY 1) d FULL JOIN"
                " (SELECT state, sum(n) AS n FROM run_counts GROUP BY 1 HAVING sum(n) <> 0) k USING (state)"
                " WHERE d.n IS DISTINCT FROM k.n"
            )
        ).scalar_one()
    assert wrong == 0, "the counters do not say what the rows say"


def strike(site: Site, blow: Callable[[], None], times: int, apart: int) -> int:
    """Strike whenever `apart` more messages have left; returns how many blows fell before the run was over."""
    for number in range(times):
        before = site.gone()
        blow()
        wait_for("more messages", lambda gone=before: site.gone() >= gone + apart or site.settled(1), seconds=60)
        if site.settled(1):
            return number + 1
    return times


def kill_a_child(site: Site, chance: random.Random) -> None:
    children = [child for name in ("first", "second") for child in site.installation.children(name)]
    if children:
        chance.choice(children).kill()


def kill_a_worker(site: Site, name: str) -> None:
    """The master and its children at once, as when a host loses power; another takes its place."""
    os.killpg(site.installation.parts[name].pid, signal.SIGKILL)
    site.installation.parts[name].wait(10)
    site.installation.start_worker(name, CHILDREN)


@pytest.mark.slow
def test_ten_kills_of_children_and_workers_lose_nothing_and_double_nothing(site: Site) -> None:
    people, chance = 5000, random.Random(20261121)
    launch(site, people)
    blows = iter(range(100))

    def blow() -> None:
        if next(blows) % 4 == 3:
            kill_a_worker(site, chance.choice(["first", "second"]))
        else:
            kill_a_child(site, chance)

    kills = strike(site, blow, 10, 200)
    assert kills == 10, "the run was over before ten kills"
    check(site, people, kills)


@pytest.mark.slow
def test_a_wiped_valkey_and_a_killed_scheduler_lose_nothing_and_double_nothing(site: Site) -> None:
    people = 2000
    launch(site, people)
    client = redis.Redis.from_url(site.redis_url)
    for _ in range(3):
        client.flushall()
        site.installation.kill("scheduler")
        site.installation.start_scheduler()
        before = site.gone()
        wait_for("more messages", lambda gone=before: site.gone() >= gone + 200 or site.settled(1), seconds=60)
    check(site, people, 0)
