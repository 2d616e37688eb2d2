"""One Valkey server on a Unix socket; it keeps nothing over a restart and may be lost at any time."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import asdict
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

import psutil

from outreach.domain.errors import OutreachError
from outreach.local.binaries import Binaries
from outreach.local.logfile import cap, gist
from outreach.local.places import VALKEY_SOCKET, Place, own
from outreach.local.processes import Mark, end, spawn, wait_until

_READY_SECONDS = 10.0
_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    "logfile": "",  # its standard output, which is the log file
    "daemonize": "no",
    "always-show-logo": "no",
}


class Valkey:
    """The Valkey server of one data folder; `start` and `stop` need the start lock."""

    name = "valkey"

    def __init__(self, place: Place, programs: Binaries) -> None:
        self._place, self._program = place, programs.valkey
        self._socket = place.sockets / VALKEY_SOCKET
        self._log = place.log(self.name)
        self._note = place.control / "valkey.pid"

    @property
    def url(self) -> str:
        """Where it answers, as redis-py reads it."""
        return f"unix://{quote(str(self._socket), safe='/')}"

    def alive(self) -> bool:
        """Whether it runs and can be reached; cheap enough to ask every second."""
        cap(self._log)
        return self._socket.exists() and (self._process() is not None or self._says_pong())

    def start(self) -> None:
        """Have it running; raises OutreachError with the reason and what to do."""
        own(self._place.sockets, self._place.identity)
        process = self._process()
        if self._says_pong() or (process is not None and wait_until(self._says_pong, 2.0)):
            return
        if process is not None:
            self._end(process)  # alive, but its socket was swept away or it hangs
        cap(self._log)
        since = self._log.stat().st_size if self._log.exists() else 0
        child = spawn(self._command(), log=self._log, identity=self._place.identity)
        self._write_note(child.pid)
        wait_until(lambda: child.poll() is not None or self._says_pong(), _READY_SECONDS)
        if not self._says_pong():
            raise OutreachError(
                f"the embedded Valkey in {self._place.valkey} did not start: {gist(self._log, since)}; see {self._log}"
            )

    def stop(self) -> None:
        """Stop it; what it holds is lost, as it may be."""
        process = self._process()
        if process is not None:
            self._end(process)
        else:
            self._ask("SHUTDOWN NOSAVE")  # started by one who was killed before writing it down
        self._note.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        settings = _SETTINGS | {"unixsocket": str(self._socket), "dir": str(self._place.valkey)}
        return [str(self._program), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def _end(self, process: psutil.Process) -> None:
        end(process, (SIGTERM, 5.0), (SIGKILL, 5.0))

    def _process(self) -> psutil.Process | None:
        try:
            return Mark(**json.loads(self._note.read_text())).process()
        except (OSError, ValueError, TypeError):
            return None

    def _write_note(self, pid: int) -> None:
        mark = Mark.of(pid)
        if mark is not None:
            part = self._note.with_suffix(".new")
            part.write_text(json.dumps(asdict(mark)))
            part.rename(self._note)

    def _says_pong(self) -> bool:
        return self._ask("PING").startswith(b"+PONG")

    def _ask(self, command: str) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line, suppress(OSError):
            line.settimeout(1.0)
            line.connect(str(self._socket))
            line.sendall(f"{command}\r\n".encode())
            return line.recv(64)
        return b""
