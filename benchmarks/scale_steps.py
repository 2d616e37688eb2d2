"""What a million people cost: each step measured on an installation, before and after it has a long past."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import psutil
from sqlalchemy import text

from benchmarks import campaigns, history
from benchmarks.audience import today
from benchmarks.measures import Plan
from benchmarks.processes import BenchmarkError, environment
from benchmarks.site import Site
from benchmarks.usage import MEGABYTE, tree_seconds
from outreach.audience.units import load_official
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import load_segments
from outreach.domain.segments import Rule
from outreach.reach.counting import catch_up_all
from outreach.reach.report import By, reach
from outreach.reach.status import status
from outreach.store import segments


@dataclass(frozen=True, slots=True)
class Taken:
    """How long something took each time (s), and the processor seconds of PostgreSQL and this process over all."""

    seconds: Sequence[float]
    processor: float

    @property
    def middle(self) -> float:
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class Invention:
    """Inventing the population by the command: seconds, its processor seconds, and its peak memory (MB) by people."""

    people: int
    seconds: float
    processor: float
    memory: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured at one point; `run` is the planned one, of `rows` deliveries."""

    by_segment: Mapping[str, tuple[int, Taken]]
    steps: Mapping[str, Taken]
    run: int
    rows: int


def invent(site: Site, people: int) -> Invention:
    """The population by `outreach audience synthesise`, a tenth first: its memory must not grow with the people."""
    with site.runtime.engine.begin() as connection:
        load_official(connection)
    memory, seconds, processor = {}, 0.0, 0.0
    for number in (people // 10, people):
        command = [sys.executable, "-m", "outreach", "audience", "synthesise", str(number), "--json"]
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)
        assert process.stdout is not None
        said = process.stdout.read()
        _, ended, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode or "added" not in json.loads(said or b"{}"):
            raise BenchmarkError("the population could not be invented")
        seconds += time.perf_counter() - started
        processor += used.ru_utime + used.ru_stime
        memory[number] = used.ru_maxrss * 1024 / MEGABYTE
    return Invention(people, seconds, processor, memory)


def measure(site: Site, slug: str, times: int) -> Figures:
    """Segments, a planned run to everybody, its status, and its reach once four of five have received it."""
    engine, clock = site.runtime.engine, site.runtime.clock
    settle(site)
    by_segment = {
        name: _segment(site, rule.where, times)
        for name, rule in load_segments(site.runtime.settings.campaigns_dir / "segments.yaml").items()
    }
    made: list[Plan] = []
    planning = _taken(
        site, lambda: made.append(campaigns.plan(site, slug, campaigns.EVERYBODY, caps_from_nothing=False))
    )
    run = made[0].run
    steps = {
        "forecast": Taken([made[0].forecast_seconds], 0.0),
        "plan": Taken([made[0].seconds], planning.processor),
    }
    steps["status"] = _status(site, slug, times * 4)
    steps["count the audience (tick)"] = _taken(site, lambda: catch_up_all(engine, clock))
    history.deliver(site, slug, run)
    steps["count the reached (tick)"] = _taken(site, lambda: catch_up_all(engine, clock))
    settle(site)
    steps["status, delivered"] = _status(site, slug, times * 4)
    for by in (By.UNIT, By.SEGMENT, By.CHANNEL):
        report = partial(reach, engine, slug, clock=clock, scope=EVERYTHING, by=by)
        steps[f"reach by {by}"] = _taken(site, report, times if by is By.UNIT else 1)
    return Figures(by_segment, steps, run, made[0].rows)


def settle(site: Site) -> None:
    """Statistics, visibility and a checkpoint, as autovacuum and time would have brought them."""
    with site.runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("CHECKPOINT"))


def stored(site: Site) -> int:
    """Bytes of the database."""
    with site.runtime.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _segment(site: Site, rule: Rule, times: int) -> tuple[int, Taken]:
    found: list[int] = []
    with site.runtime.engine.connect() as connection:
        taken = _taken(
            site,
            lambda: found.append(segments.count(connection, rule, scope=EVERYTHING, today=today(site)).contacts),
            times,
        )
    return found[0], taken


def _status(site: Site, slug: str, times: int) -> Taken:
    with site.runtime.engine.connect() as connection:
        now = site.runtime.clock.now()
        return _taken(site, lambda: status(connection, slug, now=now, scope=EVERYTHING), times)


def _taken(site: Site, work: Callable[[], object], times: int = 1) -> Taken:
    with site.runtime.engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    postmaster = psutil.Process(int(backend)).ppid()
    seconds = []
    before = tree_seconds(postmaster) + time.process_time()
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return Taken(seconds, tree_seconds(postmaster) + time.process_time() - before)
