"""Your own PostgreSQL and Redis in place of the embedded ones: nothing else changes.

Runs planning and dispatch once more against servers from Debian's packages, over TCP and with passwords.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from outreach.settings import PROJECT
from outreach.store.engine import connect
from tests.processes import free_port, wait_for

PASSWORD = "own-servers-password"


def _newest_postgres() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


BINARIES = _newest_postgres()
REDIS = shutil.which("redis-server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BINARIES is None, reason="Debian's postgresql is not installed"),
    pytest.mark.skipif(REDIS is None, reason="Debian's redis-server is not installed"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the user who runs the servers: PostgreSQL does not run as root."""
    made = Path(tempfile.mkdtemp(prefix="own-servers-"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(made, nobody.pw_uid, nobody.pw_gid)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _as_user() -> dict[str, object]:
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def database_server(folder: Path) -> Iterator[str]:
    assert BINARIES is not None
    port, data = free_port(), folder / "pg"
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    subprocess.run(
        [BINARIES / "initdb", "-D", data, "-U", "owner", "--auth=scram-sha-256", "--pwfile", secret, "-E", "UTF8",
         "--no-locale"],
        check=True, capture_output=True, cwd=folder, **_as_user(),
    )  # fmt: skip
    process = subprocess.Popen(
        [BINARIES / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", folder],
        stderr=subprocess.DEVNULL, cwd=folder, **_as_user(),
    )  # fmt: skip
    url = f"postgresql://owner:{PASSWORD}@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    wait_for("PostgreSQL", answers)
    yield url
    process.send_signal(2)
    process.wait(20)


@pytest.fixture
def redis_server(folder: Path) -> Iterator[str]:
    assert REDIS is not None
    port = free_port()
    process = subprocess.Popen(
        [
            REDIS,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
            "--requirepass",
            PASSWORD,
        ],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    def answers() -> bool:
        try:
            return bool(redis.Redis.from_url(url).ping())
        except redis.ConnectionError:
            return False

    wait_for("Redis", answers)
    yield url
    process.terminate()
    process.wait(20)


def test_planning_and_dispatch_work_on_them(database_server: str, redis_server: str) -> None:
    environment = {
        **os.environ,
        "OUTREACH_TEST_DATABASE_URL": database_server,
        "OUTREACH_TEST_REDIS_URL": redis_server,
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/planning",
         "tests/dispatch", "tests/receipts", "tests/store/test_migrations.py"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]


def test_a_host_that_is_cut_off_is_noticed_by_the_server_too(database_server: str) -> None:
    """Else what it had locked stays so for the two hours of Linux's own patience."""
    engine = connect(database_server)
    with engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        }
    engine.dispose()
    assert shown == {
        "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }  # fmt: skip


def test_the_commands_take_both_from_the_environment(database_server: str, redis_server: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "OUTREACH_DATA_DIR": str(tmp_path / "data"),
        "OUTREACH_DATABASE_URL": database_server,
        "OUTREACH_REDIS_URL": redis_server,
    }
    run = subprocess.run(
        [sys.executable, "-m", "outreach", "units", "load", "--json"],
        cwd=tmp_path, env={**environment, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    with psycopg.connect(database_server) as connection:
        assert connection.execute("SELECT count(*) FROM units").fetchone() == (3355,)
    assert not (tmp_path / "data" / "embedded").exists()
