"""Workers on hosts of their own, against one PostgreSQL, one Valkey and one provider that they reach by TCP alone."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import text

from outreach.local.binaries import binaries
from outreach.local.embedded import Embedded, Servers
from outreach.local.places import SYSTEM, Place, control_folder, settle, system_folder
from outreach.local.postgres_settings import FORCED, NAME
from outreach.local.processes import spawn
from outreach.local.sandbox import read_ports
from outreach.store import migrate
from outreach.store.engine import connect
from tests.chaos.besieged import CHILDREN, LEASE, OTHERS, TIMEOUT, Besieged
from tests.chaos.network import SERVERS, Network, network
from tests.processes import Sandbox, accounts_toml, free_port, sandbox, wait_for

HOSTS = ("mot", "hai", "ba")


@dataclass
class RemoteSandbox(Sandbox):
    """The provider, at an address that the hosts reach."""

    address: str = ""

    @property
    def http(self) -> str:
        ports = read_ports(self.data)
        assert ports is not None
        return f"http://{self.address}:{ports.http_port}"


@dataclass
class Hosts(Besieged):
    """Three hosts with a worker each; web and scheduler run where the servers are."""

    network: Network = field(kw_only=True)

    def start(self, name: str) -> None:
        """Start a part; a host's worker in its own namespace."""
        if name not in HOSTS:
            super().start(name)
            return
        worker = (
            sys.executable, "-m", "celery", "-A", "worker", "worker", "--concurrency", str(CHILDREN), "--hostname",
            f"{name}@%h", "--without-gossip", "--without-mingle", "--loglevel", "warning",
        )  # fmt: skip
        self.installation.start(name, *self.network.inside(name, *worker))
        self._groups.append(self.installation.parts[name].pid)

    def start_all(self) -> None:
        for name in ("web", "scheduler", *HOSTS):
            self.start(name)

    def tend(self) -> None:
        """What was left to be done later; nothing here dies, so nothing is started again."""
        for one in [one for one in self._later if one[0] <= time.monotonic()]:
            self._later.remove(one)
            one[1]()
        if time.monotonic() - self._looked > 1.0:
            self._looked = time.monotonic()
            self._hasten()

    def cut(self, host: str, seconds: float, *servers: str) -> None:
        """Cut a host off for so long."""
        self.network.cut(host, *servers)
        self.harm["hosts cut off"] += 1
        self.later(seconds, lambda: self.network.heal(host, *servers))

    def enrolled(self) -> int:
        """Children that the database knows."""
        with self.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(DISTINCT (host, boot, pid)) FROM children")).scalar_one())

    def under_way(self, host: str) -> int:
        """Deliveries that a host has claimed and not recorded."""
        owned = "SELECT count(*) FROM deliveries d JOIN children h ON h.id = d.child_id WHERE d.state = 'sending'"
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"{owned} AND h.host LIKE :host"), {"host": f"{host}/%"}).scalar_one())

    def is_busy(self, host: str) -> bool:
        """Whether a cut would hurt a host."""
        return self.under_way(host) > 20

    def locked_by_nobody(self) -> int:
        """Transactions that are open although nobody has asked anything for half a minute."""
        idle = "state LIKE 'idle in transaction%' AND state_change < now() - interval '30 seconds'"
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM pg_stat_activity WHERE {idle}")).scalar_one())


@contextmanager
def hosts(*, rate: str, shift: int) -> Iterator[Hosts]:
    """The whole installation, for the length of a block."""
    with ExitStack() as at_end:
        net = at_end.enter_context(network(*HOSTS))
        folder = Path(tempfile.mkdtemp(prefix="outreach-hosts-"))
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        data, port = folder / "data", free_port()
        embedded = Embedded(data)
        at_end.callback(embedded.remove)
        servers = _listening(embedded, data, net, at_end)
        engine = connect(servers.database_url, name="test")
        migrate.upgrade(engine)
        options = (
            "--fail-share", "0", "--statuses", "delivered", "--esms-balance", "1000000000", "--latency-ms", "150"
        )  # fmt: skip
        local = at_end.enter_context(sandbox(folder / "sandbox", "--host", net.address("provider"), *options))
        box = RemoteSandbox(local.data, local.process, net.address("provider"))
        first = accounts_toml(box, rate=rate).replace("price = 350", "price = 350\nweight = 9", 1)
        (data / "accounts.toml").write_text(first + OTHERS.format(url=box.http, rate=rate))
        environment = {
            "OUTREACH_DATA_DIR": str(data), "OUTREACH_DATABASE_URL": servers.database_url,
            "OUTREACH_REDIS_URL": servers.redis_url, "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "OUTREACH_LEASE_SECONDS": str(LEASE), "OUTREACH_SEND_TIMEOUT_SECONDS": str(TIMEOUT),
            "OUTREACH_CLOCK_SHIFT_SECONDS": str(shift),
        }  # fmt: skip
        site = Hosts(folder, embedded, servers, engine, box, port, environment, network=net)
        at_end.callback(site.stop)
        yield site


def _listening(embedded: Embedded, data: Path, net: Network, at_end: ExitStack) -> Servers:
    """PostgreSQL and Valkey that listen on their bridges, and ask for a password."""
    password = secrets.token_hex(16)
    made = embedded.acquire()
    with connect(made.database_url, name="test").begin() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {NAME} PASSWORD '{password}'")
    embedded.release()
    place = settle(data, control_folder(data))
    ports = {"postgresql": free_port(), "valkey": free_port()}
    _start_postgres(place, net.address("postgresql"), ports["postgresql"], at_end)
    _start_valkey(place, net.address("valkey"), ports["valkey"], password, at_end)
    database = f"postgresql://{NAME}:{password}@{net.address('postgresql')}:{ports['postgresql']}/{NAME}"
    return Servers(database, f"redis://:{password}@{net.address('valkey')}:{ports['valkey']}/0")


def _start_postgres(place: Place, address: str, port: int, at_end: ExitStack) -> None:
    rules = place.cluster / "pg_hba.conf"
    rules.write_text(f"host all all {SERVERS['postgresql']}.0/24 scram-sha-256\n" + rules.read_text())
    settings = FORCED | {
        "listen_addresses": address, "port": str(port), "unix_socket_directories": str(place.sockets)
    }  # fmt: skip
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = str(_programs(place).postgres)
    started = spawn([program, "-D", str(place.cluster), *flags], log=place.log("tcp"), identity=place.identity)
    at_end.callback(_end, started)
    wait_for("PostgreSQL", lambda: _listens(started.pid, port))


def _start_valkey(place: Place, address: str, port: int, password: str, at_end: ExitStack) -> None:
    flags = ["--bind", address, "--port", str(port), "--requirepass", password, "--save", "", "--loglevel", "warning"]
    started = spawn([str(_programs(place).valkey), *flags], log=place.log("tcp-valkey"), identity=place.identity)
    at_end.callback(_end, started)
    wait_for("Valkey", lambda: _listens(started.pid, port))


def _programs(place: Place):  # type: ignore[no-untyped-def]
    return binaries(place.identity, system_folder() if place.identity.switched else SYSTEM)


def _listens(pid: int, port: int) -> bool:
    found = psutil.Process(pid).net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
        return
    process.kill()
