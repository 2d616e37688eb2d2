"""Processes by who they are, not only by number: a number may long belong to somebody else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any

import psutil

from outreach.local.service_user import Identity

_SAME_START = 2.0
"""Seconds by which two readings of one start time may differ (the clock is corrected meanwhile)."""
_POLL = 0.01
_STARTED: dict[int, subprocess.Popen[bytes]] = {}
"""Servers started by this process: kept, so that a dead one can be reaped."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A process as it can be written down: its number and when it started (seconds since the epoch)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Mark | None:
        """The mark of a living process; None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def process(self) -> psutil.Process | None:
        """The marked process while it lives; None when it is gone or the number has a new owner."""
        process = living(self.pid)
        with contextlib.suppress(psutil.Error):
            if process is not None and abs(process.create_time() - self.created) < _SAME_START:
                return process
        return None


def living(pid: int) -> psutil.Process | None:
    """The process with this number unless it is dead or only waits to be reaped."""
    reap()
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (psutil.Error, ValueError, OverflowError):
        return None


def reap() -> None:
    """Take note of our own servers that have died, so that they do not stay as zombies."""
    for pid, child in list(_STARTED.items()):
        if child.poll() is not None:
            _STARTED.pop(pid, None)


def gone(process: psutil.Process) -> bool:
    """Whether it no longer runs."""
    reap()
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until it is true or `seconds` have passed; says which."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def end(process: psutil.Process, *steps: tuple[Signals, float]) -> bool:
    """Send each signal and wait its seconds, until the process is gone; says whether it is."""
    for signal, seconds in steps:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal)
        if wait_until(lambda: gone(process), seconds):
            return True
    return gone(process)


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Kill what still runs of these."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            end(process, (SIGKILL, 5.0))


def session_of(leader: int) -> list[psutil.Process]:
    """Whoever runs in the session that `leader` opened, the leader itself excepted."""
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if pid != leader and os.getsid(pid) == leader:
                members.append(psutil.Process(pid))
    return members


def spawn(argv: Sequence[str], *, log: Path, identity: Identity) -> subprocess.Popen[bytes]:
    """Start a server detached from us: own session, plain environment, output appended to `log`."""
    with open(log, "ab", opener=_private) as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **surroundings(identity),
        )
    _STARTED[child.pid] = child
    return child


def surroundings(identity: Identity) -> dict[str, Any]:
    """Popen's arguments for running as `identity`, without our environment (it holds secrets) and folder."""
    plain: dict[str, Any] = {
        "cwd": "/",
        "umask": 0o077,
        "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    }
    if identity.switched:
        plain |= {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    return plain


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
