"""Who a worker child is, and whether one that fell silent is proven dead."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_PIDS = Path("/proc/self/ns/pid")
"""The namespace in which pids count: containers of one host may share its name and boot, never this."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Child:
    """A process on a host, told apart from any later one with the same pid by its start (seconds since the epoch).

    `host`: name/machine/network card, each empty where there is none. `boot`: the kernel's run, and in it the
    namespace of pids.
    """

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
    if child.boot != _boot():
        return _booted_anew(child)
    if not _BOOT_ID.exists() and child.host != _host():
        return False  # its boot is a time, which two hosts may share
    try:
        process = psutil.Process(child.pid)
        return abs(process.create_time() - child.started) > 0.5 or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _booted_anew(child: Child) -> bool:
    """Whether this very machine has started again since; another container of this run proves nothing.

    Two machines may share a name, as containers do, and even what an image has given them: so all three must be there.
    """
    if child.boot.split("/")[0] == _boot().split("/")[0]:
        return False
    return child.host == _host() and all(child.host.split("/")) and child.host.count("/") == 2


@cache
def _host() -> str:
    machine = Path("/etc/machine-id")
    suffix = machine.read_text().strip()[:12] if machine.exists() else ""
    return f"{socket.gethostname()}/{suffix}/{_card()}"


def _card() -> str:
    """The address of the first real network card; virtual machines have one of their own, containers none."""
    cards = sorted(Path("/sys/class/net").glob("*/device"))
    with suppress(OSError):
        return cards[0].with_name("address").read_text().strip() if cards else ""
    return ""


@cache
def _boot() -> str:
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))
    return f"{boot}/{_PIDS.readlink()}" if _PIDS.is_symlink() else boot
