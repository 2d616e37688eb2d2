"""Other processes that hold servers, and a look at what runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import redis

from outreach.local.embedded import Servers

HOLD = """
import sys
from pathlib import Path
from outreach.local.embedded import Embedded
servers = Embedded(Path(sys.argv[1])).acquire()
print(servers.database_url, servers.redis_url, flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process with the servers acquired."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def servers(self) -> Servers:
        """What it was told, once it has been."""
        assert self.process.stdout is not None
        return Servers(*self.process.stdout.readline().decode().split())

    def leave(self) -> None:
        """Let it end as a program ends."""
        self.process.communicate(b"")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.communicate()


def postmaster(servers: Servers) -> psutil.Process:
    return psutil.Process(int((cluster(servers) / "postmaster.pid").read_text().split()[0]))


def cluster(servers: Servers) -> Path:
    with psycopg.connect(servers.database_url) as session:
        row = session.execute("SHOW data_directory").fetchone()
    assert row is not None
    return Path(row[0])


def valkey(servers: Servers) -> psutil.Process:
    with redis.Redis.from_url(servers.redis_url) as client:
        return psutil.Process(int(client.info("server")["process_id"]))


def sockets(servers: Servers) -> Path:
    return Path(parse_qs(urlsplit(servers.database_url).query)["host"][0])


def answers(servers: Servers) -> bool:
    """Whether both do their work."""
    with psycopg.connect(servers.database_url) as session:
        row = session.execute("SELECT 6 * 7").fetchone()
    with redis.Redis.from_url(servers.redis_url) as client:
        return row == (42,) and bool(client.ping())


def silent(servers: Servers) -> bool:
    """Whether neither answers any more."""
    try:
        psycopg.connect(servers.database_url).close()
    except psycopg.OperationalError:
        pass
    else:
        return False
    try:
        with redis.Redis.from_url(servers.redis_url) as client:
            client.ping()
    except redis.ConnectionError:
        return True
    return False
