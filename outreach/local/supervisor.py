"""Keeps the parts of `outreach up` and the embedded servers running, and stops them all cleanly."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded
from outreach.local.logfile import cap
from outreach.local.parts import Part, Running, end_leftover
from outreach.local.processes import Mark

__all__ = ["Part", "Supervisor"]

_TICK = 0.1
_LOOK_AT_SERVERS = 1.0
_SILENCE = 60.0
_NOTICEABLE = 2.0
"""Seconds of pause from which a person is told that one begins."""


class Supervisor:
    """Runs `parts` in their order until told to stop; logs go to `<log_dir>/<name>.log`."""

    def __init__(
        self, parts: Sequence[Part], *, embedded: Embedded | None, log_dir: Path, announce: Callable[[str], None]
    ) -> None:
        self._running = [Running(part, log_dir) for part in parts]
        self._embedded, self._log_dir, self._announce = embedded, log_dir, announce
        self._hurry = threading.Event()
        self._next_look = 0.0
        self._told: dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Start everything, keep it running until `stop`, stop it in reverse order, release the servers.

        Raises OutreachError when another supervisor runs on the same log folder.
        """
        self._log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._only_one():
            self._end_leftovers()
            try:
                while not stop.is_set():
                    self._tend()
                    stop.wait(_TICK)
            finally:
                self._stop_parts()
        if self._embedded is not None:
            self._embedded.release()

    def hurry(self) -> None:
        """Stop without grace: what still runs is killed."""
        self._hurry.set()

    @contextmanager
    def stopping_on_signals(self, stop: threading.Event) -> Iterator[None]:
        """Within the block the first Ctrl-C or SIGTERM sets `stop`, the second hurries. Main thread only."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            if stop.is_set():
                self.hurry()
            stop.set()

        before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    # -- keeping it running ------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        """One round over servers and parts; a full disk does not end the parts that run."""
        try:
            self._look_around()
            for running in self._running:
                self._tend_part(running, time.monotonic())
        except OSError as error:
            self._complain(f"the parts cannot be tended: {error.strerror} ({error.filename}); mend that")

    def _look_around(self) -> None:
        if time.monotonic() >= self._next_look:
            self._look_at_servers()
            for running in self._running:
                cap(running.log)
            self._next_look = time.monotonic() + _LOOK_AT_SERVERS

    def _look_at_servers(self) -> None:
        if self._embedded is None:
            return
        try:
            for name in self._embedded.ensure():
                self._announce(f"{name} died; restarted")
        except OutreachError as error:
            self._complain(str(error))

    def _complain(self, what: str) -> None:
        """Say it once a minute, though it is met in every round."""
        now = time.monotonic()
        if now >= self._told.get(what, 0.0):
            self._told[what] = now + _SILENCE
            self._announce(what)

    def _tend_part(self, running: Running, now: float) -> None:
        name = running.part.name
        if running.died(now):
            pause = running.resume_at - now
            if pause >= _NOTICEABLE:
                self._announce(f"{name} died ({running.end}); next try in {pause:.0f} s, see {running.log}")
        if not running.up and now >= running.resume_at:
            running.start(now)
            self._write_down()
            again = f"{name} died ({running.end}); restarted, {_ordinal(running.starts - 1)} time"
            self._announce(again if running.starts > 1 else f"{name} started")

    # -- stopping ----------------------------------------------------------------------------------------------------

    def _stop_parts(self) -> None:
        for running in reversed(self._running):
            if not running.up:
                continue
            running.ask_to_stop()
            if self._ends_within(running, running.part.grace):
                self._announce(f"{running.part.name} stopped")
            else:
                self._announce(f"{running.part.name} killed: it did not stop in time")
            running.kill()
            self._write_down()

    def _ends_within(self, running: Running, grace: float) -> bool:
        deadline = time.monotonic() + grace
        while not running.stopped() and time.monotonic() < deadline:
            if self._hurry.wait(_TICK / 5):
                return running.stopped()
        return running.stopped()

    # -- what a killed supervisor leaves -----------------------------------------------------------------------------

    @property
    def _notes(self) -> Path:
        return self._log_dir / "parts.json"

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        handle = os.open(self._log_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise OutreachError(
                f"outreach already runs on {self._log_dir.parent}; stop it first or choose another OUTREACH_DATA_DIR"
            ) from None
        finally:
            os.close(handle)

    def _write_down(self) -> None:
        """Note the living parts, for the next supervisor in case this one is killed."""
        notes = [
            {
                "name": each.part.name,
                "stop_signal": int(each.part.stop_signal),
                "grace": each.part.grace,
                **asdict(mark),
            }
            for each in self._running
            if (mark := each.mark) is not None
        ]
        part = self._notes.with_suffix(".new")
        part.write_text(json.dumps(notes))
        part.rename(self._notes)

    def _end_leftovers(self) -> None:
        try:
            notes = json.loads(self._notes.read_text())
        except (OSError, ValueError):
            return
        for note in reversed(notes):
            left = Mark(note["pid"], note["created"]).process()
            if left is not None:
                self._announce(f"{note['name']} was left running by a killed outreach; ending it")
                end_leftover(left, note["stop_signal"], note["grace"])


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
