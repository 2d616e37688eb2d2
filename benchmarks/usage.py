"""What processes have used: processor time of whole trees, peak memory, and what the rest of the machine did."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MEGABYTE = 1_000_000
QUIET = 0.05
"""The share of the machine that others may use without disturbing a measurement."""
_QUIET_SECONDS = 3


def peak_memory(pid: int) -> float:
    """The most memory (MB, resident) a process has had; where the system does not keep that, what it has now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MEGABYTE
    return psutil.Process(pid).memory_info().rss / MEGABYTE


def tree_seconds(pid: int) -> float:
    """Processor seconds of a process, its living descendants and those it has buried."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and those of its buried children
        except psutil.NoSuchProcess:
            continue
    return total


def _busy() -> float:
    """Processor seconds the whole machine has worked, other guests of its host (steal) included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def wait_until_quiet(patience: float) -> None:
    """Wait until the machine has done next to nothing for a while, at most `patience` seconds."""
    ends, quiet = time.monotonic() + patience, 0
    while quiet < _QUIET_SECONDS and time.monotonic() < ends:
        before = _busy()
        time.sleep(1.0)
        quiet = quiet + 1 if _busy() - before <= QUIET * (psutil.cpu_count() or 1) else 0


@dataclass(frozen=True, slots=True)
class Used:
    """`seconds` of wall time, processor seconds `by` group, and the share (0…1) of the machine `others` had."""

    seconds: float
    by: Mapping[str, float]
    others: float


@dataclass(slots=True)
class Meter:
    """Reads the groups now and once more at `stop`."""

    groups: Mapping[str, Callable[[], float]]
    _before: dict[str, float] = field(init=False)
    _busy: float = field(init=False)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._before = {name: read() for name, read in self.groups.items()}
        self._busy = _busy() - sum(os.times()[:2])
        self._started = time.monotonic()

    def stop(self) -> Used:
        """What has been used since."""
        seconds = time.monotonic() - self._started
        by = {name: read() - self._before[name] for name, read in self.groups.items()}
        busy = _busy() - sum(os.times()[:2]) - self._busy
        capacity = seconds * (psutil.cpu_count() or 1)
        return Used(seconds, by, max(0.0, busy - sum(by.values())) / capacity)
