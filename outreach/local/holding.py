"""Who still needs the servers: a shared file lock per holder, so that a killed holder leaves no trace.

`start.lock` is held exclusively while servers are started or stopped; `holders.lock` is held shared by every process
that uses them. Whoever can have `holders.lock` alone is the last one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outreach.domain.errors import OutreachError
from outreach.local.processes import wait_until

_PATIENCE = 180.0
"""Seconds another process may take for starting or stopping (recovery after a crash included)."""


class Holding:
    """This process's share in one data folder's servers."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._handle: int | None = None

    @contextmanager
    def alone_starting(self) -> Iterator[None]:
        """Nobody else starts or stops meanwhile. Raises OutreachError when another takes three minutes."""
        handle = _open(self._control / "start.lock")
        try:
            if not wait_until(lambda: _lock(handle, fcntl.LOCK_EX), _PATIENCE):
                raise OutreachError(
                    f"another process has been starting or stopping the servers in {self._control} for "
                    f"{_PATIENCE:.0f} s; see what it does, end it, and try again"
                )
            yield
        finally:
            os.close(handle)

    def take(self) -> None:
        """Become a holder; nothing happens to one who is. Needs the start lock."""
        if self._handle is None:
            self._handle = _open(self._control / "holders.lock")
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def drop(self) -> bool:
        """Cease to be a holder; says whether it was the last. Needs the start lock."""
        if self._handle is None:
            return False
        try:
            return _lock(self._handle, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # also for forked children that share the descriptor
            os.close(self._handle)
            self._handle = None

    def forget(self) -> None:
        """In a forked child: let go of the parent's share without touching it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
