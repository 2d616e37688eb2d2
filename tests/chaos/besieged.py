"""A whole installation under siege: servers of its own, its parts as processes, and who starts again what has died.

What the tormentor does to it is noted here, so that the reckoning knows what may be in doubt.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded, Servers
from outreach.store import migrate
from outreach.store.engine import connect
from outreach.tasks import Hints, celery_app
from tests.processes import Installation, Sandbox, accounts_toml, free_port, sandbox

WORKERS = ("first", "second")
CHILDREN = 2
"""Of each worker."""
LEASE = 15
"""Seconds; the shortest that the settings allow."""
TIMEOUT = 5
"""Seconds of a send."""
DISK = "2g"
"""Size of the small disk that the long form fills."""
OTHERS = """
[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{url}/esms"
rate = "{rate}"
price = 350
weight = 9

[accounts.sms-vnpt]
channel = "sms"
provider = "vnpt"
agent_id = "100"
api_user = "sandbox-vnpt-user"
api_password = "sandbox-vnpt-password"
username = "sandbox_cs"
label_id = "1001"
contract_id = "2001"
template_id = "3001"
base_url = "{url}/vnpt"
rate = "{rate}"
price = 350
weight = 2
"""


@dataclass
class Besieged:
    """The installation; `disk`: a small one under its data, if there is one."""

    folder: Path
    embedded: Embedded
    servers: Servers
    engine: Engine
    box: Sandbox
    port: int
    environment: dict[str, str]
    disk: Path | None = None
    harm: Counter[str] = field(default_factory=Counter)
    """Children that were killed or frozen, servers killed, times the provider was cut off."""
    cut_off: bool = False
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _groups: list[int] = field(default_factory=list)
    _looked: float = 0.0
    _most_gone: int = 0

    def __post_init__(self) -> None:
        self.installation = Installation(self.folder / "data", self.environment)
        self.client = redis.Redis.from_url(self.servers.redis_url)
        self._began = self._furthest = int(self.environment["OUTREACH_CLOCK_SHIFT_SECONDS"])

    @property
    def jumped(self) -> int:
        """Seconds by which the clock has jumped ahead at most."""
        return self._furthest - self._began

    # -- its parts -------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a part, with the clock as it goes now."""
        if name in WORKERS:
            self.installation.start_worker(name, CHILDREN)
        elif name == "scheduler":
            self.installation.start_scheduler()
        else:
            self.installation.start_web(self.port)
        self._groups.append(self.installation.parts[name].pid)

    def start_all(self) -> None:
        """Start every part."""
        for name in ("web", "scheduler", *WORKERS):
            self.start(name)

    def children(self) -> list[psutil.Process]:
        """The living pool processes of all workers, frozen ones too."""
        return [child for name in WORKERS for child in self.installation.children(name)]

    def kill_group(self, name: str) -> None:
        """kill -9 of a part and all it has started, as when a host loses power."""
        with suppress(ProcessLookupError):
            os.killpg(self.installation.parts[name].pid, signal.SIGKILL)
        self.installation.parts[name].wait(10)

    def tend(self) -> None:
        """What a supervisor does, and what the tormentor has left to be done later."""
        now = time.monotonic()
        due = [one for one in self._later if one[0] <= now]
        for one in due:
            self._later.remove(one)
            one[1]()
        if now - self._looked < 1.0:
            return
        self._looked = now
        with suppress(OutreachError, OSError):  # a full disk: again at the next look
            self.embedded.ensure()
            for name, process in list(self.installation.parts.items()):
                if process.poll() is not None:
                    self.start(name)
        self._hasten()

    def _hasten(self) -> None:
        """Who was ill again and again is left alone for minutes: here for five seconds."""
        with suppress(DBAPIError), self.engine.begin() as connection:
            soon = "clock_timestamp() + interval '5 seconds'"
            connection.execute(
                text(f"UPDATE account_states SET probe_at = {soon} WHERE circuit = 'open' AND probe_at > {soon}")
            )

    def jump(self, by: int) -> None:
        """Move the clock of the parts that are started from now on."""
        shift = int(self.environment["OUTREACH_CLOCK_SHIFT_SECONDS"]) + by
        self.environment["OUTREACH_CLOCK_SHIFT_SECONDS"] = str(shift)
        self._furthest = max(self._furthest, shift)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have `action` done after `seconds`, while somebody tends."""
        self._later.append((time.monotonic() + seconds, action))

    def wait(self, ready: Callable[[], object], *, seconds: float) -> bool:
        """Tend until `ready()`, for at most `seconds`; says whether it is."""
        ends = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > ends:
                return False
            self.tend()
            time.sleep(0.1)
        return True

    def heal(self) -> None:
        """Wait for what still torments to end, and start all parts again with one clock."""
        assert self.wait(lambda: not self._later, seconds=60)
        self.environment["OUTREACH_CLOCK_SHIFT_SECONDS"] = str(self._furthest)
        before = dict(self.installation.parts)
        for process in before.values():
            process.terminate()

        def anew() -> bool:
            now = self.installation.parts
            return all(now[name] is not one and now[name].poll() is None for name, one in before.items())

        assert self.wait(anew, seconds=90), "not all parts came back"

    # -- its provider ----------------------------------------------------------------------------------------------

    def faults(self, **what: object) -> None:
        """Put other faults into the sandbox; none: it is well."""
        request = urllib.request.Request(
            f"{self.box.http}/faults", json.dumps(what).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def signal_box(self, number: signal.Signals) -> None:
        """Freeze or wake the provider."""
        self.box.process.send_signal(number)

    # -- how far it is ---------------------------------------------------------------------------------------------

    def counts(self) -> Counter[str]:
        """Deliveries by state, as the counters have them; nothing while the database is away."""
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(text("SELECT state, sum(n) AS n FROM run_counts GROUP BY state")).all()
        except DBAPIError:
            return Counter()
        return Counter({row.state: int(row.n) for row in rows})

    def gone(self) -> int:
        """Messages on record as having left; those last seen while the database is away."""
        counts = self.counts()
        now = sum(counts[state] for state in ("accepted", "delivered", "read", "unknown"))
        self._most_gone = max(self._most_gone, now)
        return self._most_gone

    def settled(self, people: int) -> bool:
        """Whether nothing is to be sent any more."""
        counts = self.counts()
        return sum(counts.values()) >= people and counts["planned"] + counts["sending"] == 0

    def ask_unknown(self) -> None:
        """Hint the question that the scheduler hints every minute."""
        Hints(celery_app(self.servers.redis_url), self.client).recover(unknown=True)

    def stop(self) -> None:
        """End every process that was ever started here."""
        for _, action in self._later:
            with suppress(OSError, psutil.Error):
                action()
        self.installation.stop()
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.client.close()
        self.engine.dispose()


@contextmanager
def besieged(*, rate: str, shift: int, small_disk: bool = False) -> Iterator[Besieged]:
    """An installation with servers, provider and parts, all its own; `small_disk`: its data on one, if we may mount."""
    with ExitStack() as at_end:
        folder = Path(tempfile.mkdtemp(prefix="outreach-chaos-"))
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        room = folder / "disk"
        room.mkdir(mode=0o755)
        disk = room if small_disk and _mounted(room, at_end) else None
        data, port = room / "data", free_port()
        embedded = Embedded(data)
        servers = embedded.acquire()
        at_end.callback(embedded.release)
        engine = connect(servers.database_url, name="test")
        migrate.upgrade(engine)
        environment = {
            "OUTREACH_DATA_DIR": str(data), "OUTREACH_DATABASE_URL": servers.database_url,
            "OUTREACH_REDIS_URL": servers.redis_url, "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "OUTREACH_LEASE_SECONDS": str(LEASE), "OUTREACH_SEND_TIMEOUT_SECONDS": str(TIMEOUT),
            "OUTREACH_CLOCK_SHIFT_SECONDS": str(shift),
        }  # fmt: skip
        options = ("--fail-share", "0", "--statuses", "delivered", "--esms-balance", "1000000000")
        box = at_end.enter_context(sandbox(folder / "sandbox", *options))
        first = accounts_toml(box, rate=rate).replace("price = 350", "price = 350\nweight = 9", 1)
        (data / "accounts.toml").write_text(first + OTHERS.format(url=box.http, rate=rate))
        site = Besieged(room, embedded, servers, engine, box, port, environment, disk)
        at_end.callback(box.process.send_signal, signal.SIGCONT)
        at_end.callback(site.stop)
        yield site


def _mounted(room: Path, at_end: ExitStack) -> bool:
    """Mount a small disk; says so where this user may not."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(room)], capture_output=True, text=True
    )
    if done.returncode != 0:
        print(f"the disk is not filled: no small one can be mounted here ({done.stderr.strip()})")
        return False
    at_end.callback(subprocess.run, ["umount", "--lazy", str(room)], check=False)
    return True
