"""`outreach up` keeps its parts running, stops them in order, and cleans up after one that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from local_servers import answers, silent, valkey

from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded
from outreach.local.logfile import cap
from outreach.local.parts import Backoff
from outreach.local.processes import Mark, gone, wait_until
from outreach.local.supervisor import Part, Supervisor

WAIT = "import signal; signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\nwhile 1: signal.pause()"
)
SUPERVISE = """
import sys, threading
from pathlib import Path
from outreach.local.supervisor import Part, Supervisor
logs, code, grace = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
part = Part("part", (sys.executable, "-c", code), grace=grace)
stop = threading.Event()
supervisor = Supervisor([part], embedded=None, log_dir=logs, announce=lambda line: print(line, flush=True))
with supervisor.stopping_on_signals(stop):
    supervisor.run(stop)
"""


def python(name: str, code: str, **more: float) -> Part:
    return Part(name, (sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def noted(logs: Path) -> dict[str, psutil.Process]:
    """The living parts, as the supervisor wrote them down."""
    try:
        notes = json.loads((logs / "parts.json").read_text())
    except FileNotFoundError:
        return {}
    marks = {note["name"]: Mark(note["pid"], note["created"]).process() for note in notes}
    return {name: process for name, process in marks.items() if process is not None}


def eventually(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, 20)


class Up:
    """A supervisor in a thread of this process."""

    def __init__(self, logs: Path, parts: list[Part], embedded: Embedded | None = None) -> None:
        self.logs, self.said, self.stop = logs, list[str](), threading.Event()
        self.supervisor = Supervisor(parts, embedded=embedded, log_dir=logs, announce=self.said.append)
        self.thread = threading.Thread(target=self.supervisor.run, args=(self.stop,))
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        self.thread.join()

    def saying(self, line: str) -> None:
        eventually(lambda: line in self.said)


@pytest.fixture
def logs(room: Path) -> Path:
    return room / "log"


@pytest.fixture
def up(logs: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*parts: Part, embedded: Embedded | None = None) -> Up:
        started.append(Up(logs, list(parts), embedded))
        return started[-1]

    yield start
    for each in started:
        each.supervisor.hurry()
        each.end()


@pytest.fixture
def process(logs: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A supervisor in a process of its own, running one part."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, grace: float = 15) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SUPERVISE, str(logs), code, str(grace)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        )
        eventually(lambda: "part" in noted(logs))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
    for left in noted(logs).values():
        left.kill()


def test_parts_run_with_their_environment_and_their_output_goes_to_their_log(up: Callable[..., Up], logs: Path) -> None:
    speaks = f"import os; print('hello', os.environ['WHO'], flush=True); {WAIT}"
    up(Part("speaker", (sys.executable, "-c", speaks), env={"WHO": "world"}))
    eventually(lambda: (logs / "speaker.log").exists() and "hello world" in (logs / "speaker.log").read_text())


def test_a_killed_part_is_started_again_and_the_operator_told(up: Callable[..., Up], logs: Path) -> None:
    running = up(python("worker", WAIT), python("web", WAIT))
    running.saying("web started")
    web = noted(logs)["web"]
    noted(logs)["worker"].kill()
    running.saying("worker died (signal 9); restarted, 1st time")
    noted(logs)["worker"].kill()
    running.saying(f"worker died (signal 9); next try in 2 s, see {logs / 'worker.log'}")
    running.saying("worker died (signal 9); restarted, 2nd time")
    assert noted(logs)["web"] == web


def test_what_a_dead_part_leaves_in_its_session_is_ended(up: Callable[..., Up], logs: Path) -> None:
    family = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{WAIT}']).pid, flush=True); {WAIT}"
    )
    running = up(python("worker", family))
    eventually(lambda: (logs / "worker.log").exists() and (logs / "worker.log").read_text().endswith("\n"))
    child = psutil.Process(int((logs / "worker.log").read_text()))
    noted(logs)["worker"].kill()
    running.saying("worker died (signal 9); restarted, 1st time")
    assert gone(child)


def test_parts_are_stopped_in_reverse_order(up: Callable[..., Up], logs: Path) -> None:
    running = up(python("first", WAIT), python("second", WAIT))
    running.saying("second started")
    running.end()
    assert running.said == ["first started", "second started", "second stopped", "first stopped"]
    assert noted(logs) == {}


def test_a_part_that_does_not_stop_in_time_is_killed(up: Callable[..., Up], logs: Path) -> None:
    running = up(python("deaf", STUBBORN, grace=0.2))
    eventually(lambda: (logs / "deaf.log").exists() and "deaf" in (logs / "deaf.log").read_text())
    running.end()
    assert running.said[-1] == "deaf killed: it did not stop in time"


def test_a_program_that_does_not_exist_is_told_in_the_log(up: Callable[..., Up], logs: Path) -> None:
    running = up(Part("lost", ("/no/such/program",)))
    running.saying("lost died (exit 127); restarted, 1st time")
    assert "/no/such/program cannot be run: No such file or directory" in (logs / "lost.log").read_text()


def test_dead_servers_are_restarted_and_released_at_the_end(
    up: Callable[..., Up], embedded: Embedded, logs: Path
) -> None:
    servers = embedded.acquire()
    running = up(python("worker", WAIT), embedded=embedded)
    valkey(servers).kill()
    running.saying("valkey died; restarted")
    assert answers(servers)
    running.end()
    assert silent(servers)


def test_a_second_supervisor_on_the_same_folder_is_refused(up: Callable[..., Up], logs: Path) -> None:
    up(python("worker", WAIT)).saying("worker started")
    before = noted(logs)
    other = Supervisor([python("worker", WAIT)], embedded=None, log_dir=logs, announce=print)
    with pytest.raises(OutreachError, match="already runs"):
        other.run(threading.Event())
    assert noted(logs) == before


def test_ctrl_c_stops_the_parts(process: Callable[..., subprocess.Popen[str]]) -> None:
    supervisor = process(WAIT)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.communicate(timeout=20)[0].splitlines() == ["part started", "part stopped"]
    assert supervisor.returncode == 0


def test_a_second_ctrl_c_does_not_wait(process: Callable[..., subprocess.Popen[str]], logs: Path) -> None:
    supervisor = process(STUBBORN, grace=600)
    eventually(lambda: "deaf" in (logs / "part.log").read_text())
    supervisor.send_signal(signal.SIGINT)
    while supervisor.poll() is None:
        supervisor.send_signal(signal.SIGINT)
        wait_until(lambda: supervisor.poll() is not None, 0.2)
    assert supervisor.communicate()[0].splitlines()[-1] == "part killed: it did not stop in time"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_supervisor_takes_its_parts_along(process: Callable[..., subprocess.Popen[str]], logs: Path) -> None:
    supervisor = process(WAIT)
    part = noted(logs)["part"]
    supervisor.kill()
    eventually(lambda: gone(part))


def test_what_a_killed_supervisor_left_running_is_ended_by_the_next(
    process: Callable[..., subprocess.Popen[str]], up: Callable[..., Up], logs: Path
) -> None:
    supervisor = process(STUBBORN, grace=0.2)
    eventually(lambda: "deaf" in (logs / "part.log").read_text())
    left = noted(logs)["part"]
    supervisor.kill()
    supervisor.wait()
    assert not gone(left)
    up(python("fresh", WAIT)).saying("part was left running by a killed outreach; ending it")
    eventually(lambda: gone(left) and list(noted(logs)) == ["fresh"])


def test_the_pauses_grow_to_half_a_minute_and_a_minute_of_health_is_forgiven() -> None:
    backoff = Backoff()
    assert [backoff.after(0.5) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(60) == 1


def test_a_log_that_has_grown_is_set_aside_while_its_writer_goes_on(room: Path) -> None:
    log = room / "part.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" * 10)
        assert not cap(log, limit=1000)
        assert cap(log, limit=50)
        writer.write(b"new line\n")
    assert log.read_text() == "new line\n"
    assert log.with_name("part.log.1").read_text() == "old line\n" * 10
