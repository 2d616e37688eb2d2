"""One PostgreSQL server on a Unix socket: made, started, found again, mended after a kill, stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

from outreach.domain.errors import OutreachError
from outreach.local.binaries import POSTGRES_MAJOR, Binaries
from outreach.local.logfile import cap, gist, summary
from outreach.local.places import POSTGRES_SOCKET, Place, own
from outreach.local.postgres_settings import FORCED, INITDB, NAME, kept
from outreach.local.processes import end, end_all, living, spawn, surroundings, wait_until

_READY_SECONDS = 120.0
"""Recovery after a crash replays at most `max_wal_size`."""


_UNFINISHED = "postgres.new-"


class Postgres:
    """The PostgreSQL server of one data folder; `start` and `stop` need the start lock."""

    name = "postgres"

    def __init__(self, place: Place, programs: Binaries) -> None:
        self._place, self._programs = place, programs
        self._cluster = place.cluster
        self._socket = place.sockets / POSTGRES_SOCKET
        self._log = place.log(self.name)

    @property
    def url(self) -> str:
        """Where it answers, as libpq and SQLAlchemy read it."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._place.sockets), safe='/')}"

    def alive(self) -> bool:
        """Whether it runs and can be reached; cheap enough to ask every second."""
        cap(self._log)
        return self._socket.exists() and (self._postmaster() is not None or self._answers())

    def start(self) -> None:
        """Have it running and its database there; raises OutreachError with the reason and what to do."""
        own(self._place.sockets, self._place.identity)
        self._refuse_other_version()
        running = self._postmaster()
        if running is not None and not wait_until(self._socket.exists, 5.0):
            self.stop()  # its socket was swept away: nobody can reach it any more
            running = None
        if running is not None or self._answers():
            self._wait_ready(None, 0)
            return
        self._end_leftovers()
        if not self._cluster.exists():
            self._initialise()
        self._take_over_lock()
        cap(self._log)
        since = self._log.stat().st_size if self._log.exists() else 0
        self._wait_ready(spawn(self._command(), log=self._log, identity=self._place.identity), since)

    def stop(self) -> None:
        """Stop it as `pg_ctl stop -m fast` does; one that does not obey in a minute is ended the hard way."""
        running = self._postmaster()
        if running is None:
            return
        end(running, (SIGINT, 60.0), (SIGQUIT, 10.0), (SIGKILL, 5.0))
        self._end_leftovers()

    def _command(self) -> list[str]:
        settings = FORCED | {"unix_socket_directories": str(self._place.sockets)}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs.postgres), "-D", str(self._cluster), *flags]

    # -- what runs -------------------------------------------------------------------------------------------------

    def _pid_file(self) -> list[str]:
        try:
            return _read(self._cluster / "postmaster.pid").splitlines()
        except OSError:
            return []

    def _postmaster(self) -> psutil.Process | None:
        """The living server of this very cluster; a number that has passed to another process does not count."""
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        process = living(int(lines[0]))
        with suppress(psutil.Error):
            if process is not None and self._serves_here(process.cmdline()):
                return process
        return None

    def _serves_here(self, argv: list[str]) -> bool:
        return bool(argv) and Path(argv[0]).name == "postgres" and str(self._cluster) in argv

    def _answers(self) -> bool:
        """Whether somebody listens on the socket (also from another container on the same folder)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            with suppress(OSError):
                probe.connect(str(self._socket))
                return True
        return False

    def _end_leftovers(self) -> None:
        """End children that outlived a killed server: two servers must never write one cluster."""
        if not self._pid_file():
            return
        wait_until(lambda: not _working_in(self._cluster), 1.0)
        end_all(_working_in(self._cluster))

    def _take_over_lock(self) -> None:
        """Put our number into a stale lock file.

        PostgreSQL takes any living process of that number for a server, but not its own parent (us); and unlike a
        removal this keeps its check that the old shared memory is in use by nobody.
        """
        (self._place.sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)
        lines = self._pid_file()
        if lines:
            content = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
            handle = os.open(self._cluster / "postmaster.pid", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
            with os.fdopen(handle, "w") as lock:
                lock.write(content)

    # -- making and waiting ----------------------------------------------------------------------------------------

    def _refuse_other_version(self) -> None:
        if not self._cluster.exists():
            return
        try:
            found = _read(self._cluster / "PG_VERSION").strip()
        except FileNotFoundError:
            raise OutreachError(
                f"{self._cluster} is not a whole database folder; move it away to begin with an empty database"
            ) from None
        if found != POSTGRES_MAJOR:
            raise OutreachError(
                f"the database in {self._cluster} was made by PostgreSQL {found}, this installation has "
                f"{POSTGRES_MAJOR}; restore a backup into a new OUTREACH_DATA_DIR or install the older version"
            )

    def _initialise(self) -> None:
        """Make the cluster under another name first, so that a kill leaves none or a whole one."""
        self._clear_interrupted()
        part = self._cluster.with_name(f"{_UNFINISHED}{uuid4().hex[:8]}")
        own(part, self._place.identity)
        flags = [word for name, value in kept().items() for word in ("--set", f"{name}={value}")]
        done = subprocess.run(
            [str(self._programs.initdb), "-D", str(part), "--username", NAME, *INITDB, *flags],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            **surroundings(self._place.identity),
        )
        if done.returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise self._failed("could not make its database", summary(done.stderr.decode(errors="replace")))
        part.rename(self._cluster)
        _sync(self._cluster.parent)

    def _clear_interrupted(self) -> None:
        """End and remove what a killed process was about to make; its initdb may still be writing."""
        for part in self._cluster.parent.glob(f"{_UNFINISHED}*"):
            _end_initdb(part)
            shutil.rmtree(part, ignore_errors=True)

    def _wait_ready(self, child: subprocess.Popen[bytes] | None, since: int) -> None:
        def over() -> bool:
            ended = child is None or child.poll() is not None  # ours, or of one who was killed while starting it
            return self._has_database() or (ended and self._postmaster() is None and not self._answers())

        if wait_until(over, _READY_SECONDS) and self._socket.exists() and self._has_database():
            return
        told = gist(self._log, since) if self._log.exists() else "it left no log"
        raise self._failed("did not start", told)

    def _has_database(self) -> bool:
        """Whether it answers; the first time its database is made."""
        if not self._socket.exists():
            return False
        try:
            with psycopg.connect(
                host=str(self._place.sockets), user=NAME, dbname="postgres", autocommit=True, connect_timeout=5
            ) as session:
                if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone():
                    session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        except psycopg.OperationalError:
            return False
        return True

    def _failed(self, what: str, told: str) -> OutreachError:
        advice = next((advice for sign, advice in _ADVICE.items() if sign in told), f"see {self._log}")
        return OutreachError(f"the embedded PostgreSQL in {self._cluster} {what}: {told}; {advice}")


_ADVICE = {
    "No space left on device": "free some disk space and start again",
    "Disk quota exceeded": "free some disk space and start again",
    "Permission denied": "give the folder back to the user it was made by, or choose another OUTREACH_DATA_DIR",
    "wrong ownership": "give the folder back to the user it was made by, or choose another OUTREACH_DATA_DIR",
    "shared memory": "another server may still use the folder, or the machine is short of shared memory",
}


def _working_in(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's processes on this cluster: its folder is where they work."""
    return _running("postgres", lambda process: Path(process.cwd()) == folder)


def _end_initdb(folder: Path) -> None:
    end_all(_running("initdb", lambda process: str(folder) in process.cmdline()))
    wait_until(lambda: not _working_in(folder), 1.0)
    end_all(_working_in(folder))


def _running(program: str, such: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name() == program and process.status() != psutil.STATUS_ZOMBIE and such(process):
                found.append(process)
    return found


def _read(path: Path) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), errors="replace") as file:
        return file.read()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
