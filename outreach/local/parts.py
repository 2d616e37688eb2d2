"""One part of `outreach up`: its command, its living process, when it may be started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import psutil

from outreach.local import child
from outreach.local.logfile import cap
from outreach.local.processes import Mark, end_all, session_of

_LONGEST = 30.0
_HEALTHY = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep running; `grace` is the seconds it gets between its stop signal and SIGKILL."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""
    stop_signal: int = SIGTERM
    grace: float = 15.0


@dataclass(slots=True)
class Backoff:
    """How long a part that keeps dying waits: 1, 2, 4 … 30 s; a minute of health is forgiven."""

    deaths: int = 0

    def after(self, lived: float) -> float:
        """The pause in seconds after a life of `lived` seconds."""
        self.deaths = 1 if lived >= _HEALTHY else self.deaths + 1
        return float(min(2.0 ** min(self.deaths - 1, 10), _LONGEST))


class Running:
    """A part and its process, if it has one."""

    def __init__(self, part: Part, log_dir: Path) -> None:
        self.part = part
        self.log = log_dir / f"{part.name}.log"
        self.starts = 0
        self.resume_at = 0.0
        """When to start it again, on the monotonic clock."""
        self.end = ""
        """How it last died, in words."""
        self._backoff = Backoff()
        self._began = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def up(self) -> bool:
        """Whether it has a process (which may just have died)."""
        return self._child is not None

    @property
    def mark(self) -> Mark | None:
        """Its process as it is written down."""
        return Mark.of(self._child.pid) if self._child is not None else None

    def start(self, now: float) -> None:
        """Start its process in a session of its own, output appended to its log."""
        cap(self.log)
        launcher = [sys.executable, "-I", "-S", child.__file__, str(os.getpid()), str(int(self.part.stop_signal))]
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [*launcher, *self.part.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.part.env},
            )
        self._began = now
        self.starts += 1

    def died(self, now: float) -> bool:
        """Whether it has just died; then the rest of its session is ended and the next start set."""
        if self._child is None or self._child.poll() is None:
            return False
        end_all(session_of(self._child.pid))
        self.end = manner(self._child.returncode)
        self._child = None
        self.resume_at = now + self._backoff.after(now - self._began)
        return True

    def ask_to_stop(self) -> None:
        """Send the stop signal to the part alone: it knows best how to end its own children."""
        self._signal(self.part.stop_signal)

    def stopped(self) -> bool:
        """Whether its process has ended."""
        return self._child is None or self._child.poll() is not None

    def kill(self) -> None:
        """End it and whatever it has left behind, at once."""
        if self._child is None:
            return
        rest = session_of(self._child.pid)
        self._signal(SIGKILL)
        self._child.wait()
        end_all([*rest, *session_of(self._child.pid)])
        self._child = None

    def _signal(self, signal: int) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.send_signal(signal)


def manner(status: int) -> str:
    """An exit status in words: `signal 9`, `exit 1`."""
    return f"signal {-status}" if status < 0 else f"exit {status}"


def end_leftover(process: psutil.Process, stop_signal: int, grace: float) -> None:
    """End a part that a killed supervisor left behind, and its session."""
    from_its_session = session_of(process.pid)
    with suppress(psutil.Error):
        process.send_signal(Signals(stop_signal))
    _, stubborn = psutil.wait_procs([process], timeout=grace)
    end_all([*stubborn, *from_its_session])
