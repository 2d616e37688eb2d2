"""Real processes for tests: the sandbox, and whole installations of web, scheduler and workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from outreach.local.sandbox import Entry, Outcome, read_log, read_ports
from outreach.settings import PROJECT

AUTH_TOKEN = "sandbox-auth-token"


def wait_for(what: str, ready: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Poll until `ready()` is true; fails the test after `seconds`."""
    ends = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > ends:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Sandbox:
    """A running sandbox and its log."""

    data: Path
    process: subprocess.Popen[bytes]

    @property
    def http(self) -> str:
        ports = read_ports(self.data)
        assert ports is not None
        return f"http://127.0.0.1:{ports.http_port}"

    @property
    def smtp(self) -> int:
        ports = read_ports(self.data)
        assert ports is not None
        return ports.smtp_port

    def accepted(self) -> list[Entry]:
        return [entry for entry in read_log(self.data) if entry.outcome is Outcome.ACCEPTED]


@contextmanager
def sandbox(data: Path, *options: str) -> Iterator[Sandbox]:
    """A sandbox process on free ports."""
    data.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "outreach.local.sandbox", "--data", str(data), "--http-port", "0", "--smtp-port", "0",
         *options],
        cwd=PROJECT,
    )  # fmt: skip
    try:
        wait_for("the sandbox", lambda: process.poll() is not None or read_ports(data))
        assert process.poll() is None, "the sandbox did not start"
        yield Sandbox(data, process)
    finally:
        process.terminate()
        process.wait(10)


def accounts_toml(box: Sandbox, *, rate: str = "1000/s") -> str:
    """Accounts that aim at the sandbox."""
    return twilio(box, rate) + mail(box, rate)


def twilio(box: Sandbox, rate: str, name: str = "sms-main") -> str:
    return f"""
[accounts.{name}]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "{AUTH_TOKEN}"
from = "+15005550006"
base_url = "{box.http}"
rate = "{rate}"
price = 350
"""


def mail(box: Sandbox, rate: str) -> str:
    return f"""
[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {box.smtp}
tls = "none"
from = "thongbao@example.vn"
rate = "{rate}"
price = 10
"""


@dataclass
class Installation:
    """Web, scheduler and workers of a test, as processes that can be killed."""

    data: Path
    environment: Mapping[str, str]
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a part; its output goes to a file."""
        log = (self.data / f"{name}.log").open("ab")
        self.parts[name] = subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, **self.environment}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip

    def start_worker(self, name: str, children: int) -> None:
        self.start(
            name, sys.executable, "-m", "celery", "-A", "worker", "worker", "--concurrency", str(children),
            "--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", "--loglevel", "warning",
        )  # fmt: skip

    def start_scheduler(self) -> None:
        self.start("scheduler", sys.executable, "scheduler.py")

    def start_web(self, port: int) -> None:
        self.start(
            "web", sys.executable, "-m", "uvicorn", "--factory", "outreach.wiring:web_app", "--host", "127.0.0.1",
            "--port", str(port), "--no-access-log",
        )  # fmt: skip

    def children(self, name: str) -> list[psutil.Process]:
        """The pool processes of a worker."""
        try:
            return psutil.Process(self.parts[name].pid).children()
        except psutil.NoSuchProcess:
            return []

    def kill(self, name: str) -> None:
        """kill -9 of a part; the children of a worker's master are left to find out."""
        self.parts[name].kill()
        self.parts[name].wait(10)

    def stop(self) -> None:
        for process in self.parts.values():
            if process.poll() is None:
                process.terminate()
        for process in self.parts.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        for process in self.parts.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def logs(self) -> str:
        """The last lines of every part, for a failing test."""
        tails = [f"== {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in self.data.glob("*.log")]
        return "\n".join(tails)
