"""Celery's entry: `celery -A worker worker`. Each child keeps one event loop and one session per account."""

from __future__ import annotations

import gc
import logging
import sys
from dataclasses import replace
from functools import cache, partial
from typing import Any

from celery.signals import setup_logging, worker_process_shutdown

from outreach import wiring
from outreach.domain.errors import OutreachError
from outreach.runtime import Sending
from outreach.tasks import Hints, celery_app, register

try:
    _settings = wiring.settings()
    _servers = wiring.servers(_settings)
    wiring.build(_settings, _servers).engine.dispose()  # schema and accounts are checked before the first child
except OutreachError as error:
    sys.exit(str(error))

app = celery_app(_servers.redis_url)
app.conf.update(worker_concurrency=_settings.workers)
_GARBAGE = 20_000
"""New objects after which a child looks for garbage: a chunk makes some thousands."""
_hints = Hints(app, wiring.redis_client(_servers.redis_url))


@cache
def _sending() -> Sending:
    """This child's own dispatcher; made after the fork, when its first task comes."""
    sending = wiring.build(_settings, _servers, name="worker").sending()
    gc.freeze()  # what is there now stays: looking through it again and again took a fifth of a child's time
    gc.set_threshold(_GARBAGE, 20, 50)
    helped = replace(sending.dispatcher, hint=_hints.drain, help=partial(_hints.drain, helping=True))
    return replace(sending, dispatcher=helped)


register(app, _sending, _hints)


def _log(**_: Any) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("celery.app.trace", "celery.worker.strategy", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _close(**_: Any) -> None:
    if _sending.cache_info().currsize:
        _sending().dispatcher.loop.close()


setup_logging.connect(_log)
worker_process_shutdown.connect(_close)
