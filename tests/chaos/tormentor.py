"""The tormentor: kills, freezes, cuts off and wipes what a seed draws, again and again, while messages leave.

A seed repeats which torments come in which order; at whom and when they strike depends on how fast the machine is.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Protocol

import psutil
import psycopg
import redis

from tests.chaos.besieged import LEASE, WORKERS, Besieged
from tests.local.local_servers import postmaster, valkey

FURTHEST = 7200
"""Seconds by which the clock jumps at most in all: nine in the morning stays within open hours."""


class Torment(Protocol):
    """One way to hurt an installation; drawn `weight` times as often as one of weight 1."""

    @property
    def weight(self) -> int: ...

    def strike(self, site: Besieged, chance: random.Random) -> str:
        """Strike; returns at what, "" where there was nothing to strike at."""
        ...


@dataclass(frozen=True)
class KillChild:
    """kill -9 of a worker child."""

    weight: int = 6

    def strike(self, site: Besieged, chance: random.Random) -> str:
        children = site.children()
        if not children:
            return ""
        child = chance.choice(children)
        child.kill()
        site.harm["children killed"] += 1
        return f"child {child.pid}"


@dataclass(frozen=True)
class KillWorker:
    """kill -9 of a worker with its children, as when a host loses power."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        name = chance.choice(WORKERS)
        site.harm["children killed"] += len(site.installation.children(name))
        site.kill_group(name)
        return f"worker {name}"


@dataclass(frozen=True)
class KillMaster:
    """kill -9 of a worker's master alone; its children find out."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        name = chance.choice(WORKERS)
        site.harm["children killed"] += len(site.installation.children(name))
        site.installation.kill(name)
        return f"master {name}"


@dataclass(frozen=True)
class KillPart:
    """kill -9 of the scheduler or the web."""

    name: str
    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        site.kill_group(self.name)
        return self.name


@dataclass(frozen=True)
class KillValkey:
    """kill -9 of Valkey; what it held is lost."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        with suppress(redis.RedisError, psutil.Error):
            valkey(site.servers).kill()
            site.harm["Valkey killed"] += 1
            return "Valkey"
        return ""


@dataclass(frozen=True)
class WipeValkey:
    """FLUSHALL: no tokens, no hints."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        with suppress(redis.RedisError):
            site.client.flushall()
            return "Valkey"
        return ""


@dataclass(frozen=True)
class KillPostgres:
    """kill -9 of PostgreSQL's postmaster; it mends itself from its log when it is started again."""

    weight: int = 3

    def strike(self, site: Besieged, chance: random.Random) -> str:
        with suppress(psutil.Error, psycopg.Error, OSError):
            postmaster(site.servers).kill()
            site.harm["PostgreSQL killed"] += 1
            return "PostgreSQL"
        return ""


@dataclass(frozen=True)
class FreezeChild:
    """A worker child stands still until its lease is long over, and wakes."""

    weight: int = 4

    def strike(self, site: Besieged, chance: random.Random) -> str:
        awake = [child for child in site.children() if child.status() != psutil.STATUS_STOPPED]
        if not awake:
            return ""
        child, seconds = chance.choice(awake), LEASE + chance.uniform(1, 8)
        child.suspend()
        site.harm["children frozen"] += 1
        site.later(seconds, lambda: _wake(child))
        return f"child {child.pid} for {seconds:.0f} s"


@dataclass(frozen=True)
class CutOff:
    """For some seconds the provider stands still, breaks connections before or after it takes, or is out of order."""

    weight: int = 4

    def strike(self, site: Besieged, chance: random.Random) -> str:
        how, seconds = chance.choice(("stopped", "reset before", "reset after", "503")), chance.uniform(2, 8)
        if site.cut_off:
            return ""
        site.cut_off = True
        site.harm["provider cut off"] += 1
        if how == "stopped":
            site.signal_box(SIGSTOP)
        elif how == "503":
            site.faults(fail=["503:100%"])
        else:
            site.faults(**{"reset_before_read" if how == "reset before" else "reset_after_write": "100%"})

        def restore() -> None:
            site.signal_box(SIGCONT)
            site.faults()
            site.cut_off = False

        site.later(seconds, restore)
        return f"provider {how} for {seconds:.0f} s"


@dataclass(frozen=True)
class JumpClock:
    """The clock jumps: scheduler and a worker start with it, the others when they are started next."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        by, name = chance.choice((-20, 60, 600, 1200)), chance.choice(WORKERS)
        if site.jumped + by > FURTHEST:
            return ""
        site.jump(by)
        site.harm["children killed"] += len(site.installation.children(name))
        for part in ("scheduler", name):
            site.kill_group(part)
        return f"clock by {by} s, {name}"


@dataclass(frozen=True)
class FillDisk:
    """No room is left where the data lie, for some seconds; nothing to strike where no small disk is mounted."""

    weight: int = 2

    def strike(self, site: Besieged, chance: random.Random) -> str:
        if site.disk is None or (ballast := site.disk / "ballast").exists():
            return ""
        seconds = chance.uniform(4, 12)
        _fill(ballast)
        site.harm["disk filled"] += 1
        site.later(seconds, lambda: ballast.unlink(missing_ok=True))
        return f"disk for {seconds:.0f} s"


EVERY: Sequence[Torment] = (
    KillChild(), KillWorker(), KillMaster(), KillPart("scheduler"), KillPart("web"), KillValkey(), WipeValkey(),
    KillPostgres(), FreezeChild(), CutOff(), JumpClock(), FillDisk(),
)  # fmt: skip


@dataclass(frozen=True)
class Blow:
    """A torment that struck: seconds since the first, its kind, its target."""

    at: float
    kind: str
    target: str


@dataclass
class Tormentor:
    """Torments a site; the same seed draws the same torments."""

    site: Besieged
    seed: int
    torments: Sequence[Torment] = EVERY
    blows: list[Blow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def drawn(self) -> Iterator[Torment]:
        """Each once, in any order; then by weight for ever."""
        yield from self._chance.sample(self.torments, len(self.torments))
        while True:
            yield from self._chance.choices(self.torments, [one.weight for one in self.torments])

    def torment(self, times: int, *, people: int) -> None:
        """Strike so many times while `people` are written to, as evenly as they go; ends early when all are."""
        began, apart = time.monotonic(), people // (times + 1)
        for torment in islice(self.drawn(), times):
            before = self.site.gone()
            target = torment.strike(self.site, random.Random(self._chance.random()))
            if target:
                self.blows.append(Blow(time.monotonic() - began, type(torment).__name__, target))
                print(f"{self.blows[-1].at:6.1f} s  {self.blows[-1].kind}: {target}", flush=True)

            def enough(gone: int = before) -> bool:
                return self.site.gone() >= gone + apart or self.site.settled(people)

            self.site.wait(enough, seconds=10)
            if self.site.settled(people):
                return

    def kinds(self) -> Counter[str]:
        """How often each kind struck."""
        return Counter(blow.target if blow.kind == "KillPart" else blow.kind for blow in self.blows)


def _wake(child: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        child.resume()


def _fill(ballast: Path) -> None:
    """Take all the room there is, to the last page."""
    handle = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        piece, size = 1 << 26, 0
        while piece >= 4096:
            try:
                os.posix_fallocate(handle, size, piece)
                size += piece
            except OSError:
                piece //= 2
    finally:
        os.close(handle)
