"""Who a worker child is, and whether one that fell silent is proven dead."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_PIDS = Path("/proc/self/ns/pid")
"""The namespace in which pids count: containers of one host may share its name and boot, never this."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Child:
    """A process on a host, told apart from any later one with the same pid by its start (seconds since the epoch)."""

    host: str
    boot: str
    pid: int
    started: float


def myself() -> Child:
    """This process."""
    return Child(_host(), _boot(), os.getpid(), round(psutil.Process().create_time(), 2))


def proven_dead(child: Child) -> bool:
    """Whether that process cannot write any more: its host has restarted, or it is gone from this very host.

    From another host nothing can be proven: the answer is False.
    """
    if child.host != _host():
        return False
    if child.boot != _boot():
        # Another boot of this host proves it; another container of this boot proves nothing.
        return child.boot.split("/")[0] != _boot().split("/")[0]
    try:
        process = psutil.Process(child.pid)
        return abs(process.create_time() - child.started) > 0.5 or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@cache
def _host() -> str:
    machine = Path("/etc/machine-id")
    suffix = machine.read_text().strip()[:12] if machine.exists() else ""
    return f"{socket.gethostname()}/{suffix}"


@cache
def _boot() -> str:
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))
    return f"{boot}/{_PIDS.readlink()}" if _PIDS.is_symlink() else boot
