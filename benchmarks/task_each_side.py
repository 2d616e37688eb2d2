"""The side of "one task for each message": its Celery worker, with as many processes as the engine has."""

from __future__ import annotations

import os
import time

import psycopg

from benchmarks import task_each
from benchmarks.measures import Sent
from benchmarks.posting import BODY, TO
from benchmarks.processes import BenchmarkError, end, start, wait_for
from benchmarks.site import Site
from benchmarks.usage import Meter, peak_memory, tree_seconds
from outreach.tasks import celery_app

_STARTING = 60.0
_LONGEST = 120.0
_WARM = 100


def measure_task_each(site: Site, messages: int) -> Sent:
    """Every task is in the queue before the clock starts: putting them there costs the other side nothing."""
    broker = celery_app(site.runtime.redis_url).conf.broker_url
    os.environ |= {
        "TASK_EACH_BROKER": broker, "TASK_EACH_DATABASE": site.runtime.database_url,
        "TASK_EACH_URL": f"http://127.0.0.1:{site.stub.port}",
    }  # fmt: skip
    task_each.app.conf.broker_url = broker
    with psycopg.connect(site.runtime.database_url, autocommit=True) as database:
        task_each.messages.create(site.runtime.engine)
        worker = start(
            site.folder / "task_each.log", "-m", "celery", "-A", "benchmarks.task_each", "worker", "--concurrency",
            str(site.parameters.children), "--without-gossip", "--without-mingle", "--loglevel", "warning", "--queues",
            "warm",
        )  # fmt: skip
        try:
            _publish("warm", _WARM)
            wait_for("the plain worker", lambda: _sent(database) >= _WARM, seconds=_STARTING)
            _publish(task_each.QUEUE, messages)
            meter = Meter({"sender": lambda: tree_seconds(worker.pid), "stub": lambda: tree_seconds(site.stub.pid)})
            task_each.app.control.add_consumer(task_each.QUEUE)
            began = time.monotonic()
            while _sent(database) < _WARM + messages:
                if time.monotonic() - began > _LONGEST:
                    raise BenchmarkError("one task for each message does not come to an end")
                time.sleep(0.05)
            used = meter.stop()
            memory = peak_memory(worker.pid)
        finally:
            end(worker)
        task_each.messages.drop(site.runtime.engine)
    return Sent(messages, used.seconds, used.by, memory, used.others)


def _publish(queue: str, messages: int) -> None:
    with task_each.app.connection_for_write() as connection, connection.Producer() as producer:
        for _ in range(messages):
            task_each.send.apply_async((TO, BODY), queue=queue, producer=producer)


def _sent(database: psycopg.Connection[tuple[object, ...]]) -> int:
    row = database.execute("SELECT count(*) FROM plain_messages WHERE state = 'accepted'").fetchone()
    assert row is not None
    return int(str(row[0]))
