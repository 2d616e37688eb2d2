"""The database's clock: every process of every host plans and sends by the same time."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

_RESYNC = 60.0
"""Seconds after which the database is asked again; in between the machine's own clock counts on."""


class DatabaseClock:
    """Tells the database's time (plus `shift`), so that a host whose own clock is wrong expires or sends nothing.

    Where the database is away the last known offset goes on.
    """

    def __init__(self, engine: Engine, *, shift: timedelta = timedelta(0)) -> None:
        self._engine = engine
        self._shift = shift
        self._lock = threading.Lock()
        self._base: datetime | None = None
        self._asked = 0.0

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        with self._lock:
            if self._base is None or _ticking() - self._asked > _RESYNC:
                self._ask()
            base = self._base or datetime.now(UTC)
            return base + timedelta(seconds=_ticking() - self._asked) + self._shift

    def _ask(self) -> None:
        try:
            with self._engine.connect() as connection:
                base: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        except SQLAlchemyError:
            if self._base is None:
                raise
            return
        self._base, self._asked = base, _ticking()


def _ticking() -> float:
    """Seconds of the clock that counts on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
