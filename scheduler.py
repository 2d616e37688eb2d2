"""APScheduler's entry: `python scheduler.py`. Fixed ticks in memory; what is due stands in the database."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger

from outreach import wiring
from outreach.domain.errors import OutreachError
from outreach.tasks import Hints, celery_app
from outreach.ticks import ticks


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that is skipped while the last one runs is meant
    try:
        runtime = wiring.build(wiring.settings(), name="scheduler")
    except OutreachError as error:
        sys.exit(str(error))
    hints = Hints(celery_app(runtime.redis_url), runtime.redis)
    scheduler = BlockingScheduler(
        executors={"default": ThreadPoolExecutor(12)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    for tick in ticks(runtime, hints, runtime.receiver()):
        scheduler.add_job(tick.run, IntervalTrigger(seconds=tick.seconds), id=tick.name)

    def stop(signum: int, frame: FrameType | None) -> None:
        scheduler.shutdown(wait=False)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    scheduler.start()
    wiring.release()


if __name__ == "__main__":
    main()
