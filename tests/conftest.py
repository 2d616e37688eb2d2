"""What every test may ask for: a real PostgreSQL with the real schema, a real Valkey, keys, a clock.

One pair of servers serves the whole test run; each test gets a database of its own, copied from a migrated template.
`OUTREACH_TEST_DATABASE_URL` and `OUTREACH_TEST_REDIS_URL` put other servers in their place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import redis
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.local.embedded import Embedded
from outreach.store import migrate
from outreach.store.engine import connect
from tests.world import World

_PLENTY = 8 * 1024**3
"""Bytes: the servers' data and logs of a whole run, twice."""
MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 09:00 in Hà Nội."""


@dataclass(frozen=True)
class Servers:
    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    given = os.environ.get("OUTREACH_TEST_DATABASE_URL"), os.environ.get("OUTREACH_TEST_REDIS_URL")
    if given[0] and given[1]:
        yield Servers(given[0], given[1])
        return
    folder = Path(tempfile.mkdtemp(prefix="outreach-test-", dir=_memory()))
    folder.chmod(0o755)
    embedded = Embedded(folder / "data")
    started = embedded.acquire()
    yield Servers(started.database_url, started.redis_url)
    embedded.release()
    shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    """A folder in memory where there is plenty, as each test makes hundreds of files; None: where they usually are."""
    folder = Path("/dev/shm")
    plenty = folder.is_dir() and min(shutil.disk_usage(folder).free, psutil.virtual_memory().available) >= _PLENTY
    return str(folder) if plenty and os.access(folder, os.W_OK) else None


def _admin(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[str]:
    """The name of a migrated database that is never written to again."""
    name = f"template_{uuid4().hex[:12]}"
    with _admin(servers.database_url).connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = connect(_of(servers, name))
    migrate.upgrade(engine)
    engine.dispose()
    yield name
    with _admin(servers.database_url).connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _of(servers: Servers, name: str) -> str:
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def database_url(servers: Servers, template: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = f"test_{uuid4().hex[:12]}"
    with _admin(servers.database_url).connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield _of(servers, name)
    with _admin(servers.database_url).connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url, name="test")
    yield engine
    engine.dispose()


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """Valkey, emptied before and after."""
    client = redis.Redis.from_url(servers.redis_url)
    client.flushall()
    yield servers.redis_url
    client.flushall()
    client.close()


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing({1: "a secret of this test run, long enough to be one"})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(MORNING)


@pytest.fixture
def world(engine: Engine, keys: KeyRing, clock: VirtualClock) -> World:
    return World(engine, keys, clock)
