"""The dispatch's part: the bare sender and the engine's Celery workers, in turn, against the same stub."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen

import psutil
from sqlalchemy import text

from benchmarks import campaigns
from benchmarks.measures import BARE_CONNECTIONS, BARE_PROCESSES, Database, Pair, Plan, Sent
from benchmarks.processes import BenchmarkError, end, output_of, start, wait_for
from benchmarks.site import ACCOUNT, Site
from benchmarks.usage import Meter, peak_memory, tree_seconds, wait_until_quiet
from outreach.domain.words import Lane
from outreach.tasks import Hints, celery_app

_STARTING = 60.0
_STANDSTILL = 30.0
"""Seconds without a message after which the engine is given up."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A Celery worker with its children, and a scheduler."""

    worker: Popen[bytes]
    scheduler: Popen[bytes]

    def children(self) -> list[int]:
        """The processes that send."""
        return [child.pid for child in psutil.Process(self.worker.pid).children()]

    def memory(self) -> dict[str, float]:
        """Peak memory (MB) of each kind of process, the largest child's for the children."""
        return {
            "worker child": max(peak_memory(child) for child in self.children()),
            "worker parent": peak_memory(self.worker.pid),
            "scheduler": peak_memory(self.scheduler.pid),
        }


def measure_pair(site: Site, plan: Plan, *, engine_first: bool) -> Pair:
    """Both sides once, with as many messages as were planned."""
    if engine_first:
        engine, database, memory = measure_engine(site, plan)
        bare = _bare(site, plan.messages)
    else:
        bare = _bare(site, plan.messages)
        engine, database, memory = measure_engine(site, plan)
    return Pair(bare, engine, database, memory)


def _bare(site: Site, messages: int) -> Sent:
    _settle(site)
    side = ("--processes", BARE_PROCESSES, "--connections", BARE_CONNECTIONS)
    arguments = ("--provider", site.parameters.provider, "--messages", messages, *side)
    taken = site.stub.taken()
    meter = Meter({"stub": lambda: tree_seconds(site.stub.pid), "sender": lambda: sum(os.times()[2:4])})
    found = json.loads(output_of("benchmarks.bare_sender", str(site.stub.port), *map(str, arguments)))
    used = meter.stop()
    warming = BARE_PROCESSES * BARE_CONNECTIONS
    if site.stub.taken() - taken != messages + warming:
        raise BenchmarkError("the stub has not taken what the bare sender sent")
    cpu = {"sender": found["cpu"], "stub": used.by["stub"]}
    return Sent(messages, found["seconds"], cpu, found["memory"], used.others)


def measure_engine(site: Site, plan: Plan) -> tuple[Sent, Database, dict[str, float]]:
    warm = campaigns.plan(site, f"{plan.campaign}-warm", campaigns.WARM)
    updated = _updated(site)
    with _fleet(site) as fleet:
        hints = Hints(celery_app(site.runtime.redis_url), site.runtime.redis)
        _warm_up(site, warm, hints)
        _settle(site)
        written, taken = _written(site), site.stub.taken()
        meter = Meter(_groups(site, fleet))
        campaigns.resume(site, plan.campaign)
        hints.drain(ACCOUNT, Lane.BULK)
        _follow(site, plan)
        used = meter.stop()
        wal, transactions = (now - then for now, then in zip(_written(site), written, strict=True))
        _check(site, plan, site.stub.taken() - taken)
        memory = fleet.memory()
    updates, hot = (now - then for now, then in zip(_updated(site), updated, strict=True))
    messages = plan.messages
    database = Database(wal / messages, transactions / messages, updates / (messages + warm.messages), hot / updates)
    return Sent(messages, used.seconds, used.by, memory["worker child"], used.others), database, memory


@contextmanager
def _fleet(site: Site) -> Iterator[Fleet]:
    """Started as an operator starts them; stopped before the other side's turn."""
    worker = start(
        site.folder / "worker.log", "-m", "celery", "-A", "worker", "worker", "--concurrency",
        str(site.parameters.children), "--without-gossip", "--without-mingle", "--loglevel", "warning",
    )  # fmt: skip
    scheduler = start(site.folder / "scheduler.log", "-m", "scheduler")
    try:
        yield Fleet(worker, scheduler)
    except BenchmarkError as error:
        raise BenchmarkError(f"{error}; the worker says:\n{(site.folder / 'worker.log').read_text()[-3000:]}") from None
    finally:
        end(scheduler)
        end(worker)


def _warm_up(site: Site, warm: Plan, hints: Hints) -> None:
    """Every child has come up, and messages have gone through."""
    wanted = _enrolled(site) + site.parameters.children
    campaigns.resume(site, warm.campaign)

    def all_up() -> bool:
        for _ in range(site.parameters.children):  # a busy child takes no second task, so each gets one
            hints.done(ACCOUNT, Lane.BULK)
            hints.drain(ACCOUNT, Lane.BULK)
        return _enrolled(site) >= wanted

    wait_for("the worker's children", all_up, seconds=_STARTING, pause=1.0)
    wait_for("the first messages", lambda: not _open(site, warm), seconds=_STARTING)


def _enrolled(site: Site) -> int:
    with site.runtime.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM children")).scalar_one())


def _open(site: Site, plan: Plan) -> int:
    found = campaigns.states(site, plan.run)
    return found.get("planned", 0) + found.get("sending", 0)


def _follow(site: Site, plan: Plan) -> None:
    """Until the last message is recorded; raises BenchmarkError where nothing moves any more.

    Asked ten times a second, at the end more often: fifty times all along took 4 % of the machine from the engine.
    """
    began = moved = time.monotonic()
    left = plan.messages
    while left:
        done = plan.messages - left
        rest = left * (moved - began) / done if done else 0.0
        time.sleep(min(0.1, max(0.02, rest / 2)))
        now = _open(site, plan)
        if now != left:
            left, moved = now, time.monotonic()
        if time.monotonic() - moved > _STANDSTILL:
            raise BenchmarkError(f"the engine stands still with {left:,} of {plan.messages:,} messages to go")


def _check(site: Site, plan: Plan, taken: int) -> None:
    """A benchmark that lost or doubled a message has measured nothing."""
    accepted = campaigns.states(site, plan.run).get("accepted", 0)
    if not accepted == taken == plan.messages:
        raise BenchmarkError(f"{plan.messages:,} planned, {accepted:,} accepted, but the stub took {taken:,}")


def _groups(site: Site, fleet: Fleet) -> dict[str, Callable[[], float]]:
    postmaster = site.postmaster()
    valkey = int(site.runtime.redis.info("server")["process_id"])
    return {
        "sender": lambda: tree_seconds(fleet.worker.pid),
        "scheduler": lambda: tree_seconds(fleet.scheduler.pid),
        "postgres": lambda: tree_seconds(postmaster),
        "valkey": lambda: tree_seconds(valkey),
        "stub": lambda: tree_seconds(site.stub.pid),
    }


def _settle(site: Site) -> None:
    """Nothing of what went before is still being written to disk on either side's time, and neighbours are quiet."""
    with site.runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    wait_until_quiet(site.parameters.patience)


def _written(site: Site) -> tuple[float, float]:
    """Bytes of WAL and transactions that write, since the servers came up."""
    with site.runtime.engine.connect() as connection:
        row = connection.execute(
            text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal, pg_current_xact_id()::text AS xid")
        ).one()
    return float(row.wal), float(row.xid)


def _updated(site: Site) -> tuple[int, int]:
    """Updates of deliveries, and how many of them were HOT; a process tells the server when it ends at the latest."""
    with site.runtime.engine.connect() as connection:
        row = connection.execute(
            text("SELECT n_tup_upd AS n, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'deliveries'")
        ).one()
    return row.n, row.hot
