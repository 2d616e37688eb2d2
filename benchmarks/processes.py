"""Starting, following and ending the processes of a benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent


class BenchmarkError(Exception):
    """The benchmark cannot go on; the text says why."""


def environment() -> dict[str, str]:
    """Of a process that finds the project wherever it is started."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def output_of(module: str, *arguments: str) -> str:
    """What a module prints; raises BenchmarkError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{module} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def start(log: Path, *command: str) -> subprocess.Popen[bytes]:
    """A process of the installation; its output goes to `log`."""
    with log.open("ab") as stream:
        return subprocess.Popen([sys.executable, *command], env=environment(), stdout=stream, stderr=stream)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; after 20 s it has to."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(what: str, ready: Callable[[], object], *, seconds: float, pause: float = 0.02) -> None:
    """Poll until `ready()` holds; raises BenchmarkError after `seconds`."""
    ends = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > ends:
            raise BenchmarkError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stub provider."""

    port: int
    pid: int

    def taken(self) -> int:
        """How many messages it has taken since it started."""
        with urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as response:
            return int(response.read().partition(b":")[2].strip(b" }"))


@contextmanager
def stub(processes: int, delay: float = 0.0) -> Iterator[Stub]:
    """A stub provider on a free port, which answers after `delay` seconds."""
    command = [sys.executable, "-m", "benchmarks.stub", "--processes", str(processes), "--delay", str(delay)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise BenchmarkError("the stub provider did not start")
        yield Stub(int(port), process.pid)
    finally:
        end(process)
