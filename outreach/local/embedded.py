"""PostgreSQL and Valkey in the data folder: started by the first process that needs them, stopped by the last.

The servers are detached: a killed holder leaves them running, and the next one finds and uses them.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outreach.domain.errors import OutreachError
from outreach.local.binaries import binaries
from outreach.local.holding import Holding
from outreach.local.places import SYSTEM, Place, control_folder, settle, system_folder
from outreach.local.postgres import Postgres
from outreach.local.service_user import Identity
from outreach.local.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the embedded servers of a data folder answer."""

    database_url: str
    """`postgresql://…?host=<socket folder>`."""
    redis_url: str
    """`unix:///…/valkey.sock`."""


class Embedded:
    """The servers of one data folder, as one process holds them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = Path(os.path.realpath(data_dir.expanduser()))
        self._holding: Holding | None = None
        self._servers: dict[str, Postgres | Valkey] = {}
        self._wanted: set[str] = set()
        self._process = os.getpid()

    def acquire(self, *, postgres: bool = True, valkey: bool = True) -> Servers:
        """Start what is asked for and does not run, and hold it until `release` or the end of the process.

        Doing it again changes nothing. The URL of a server not asked for is where it would answer.
        Raises OutreachError, saying why and what to do, when a server cannot be started.
        """
        self._begin_anew_after_fork()
        try:
            control = control_folder(self._data_dir)
            holding = self._holding or Holding(control)
            with holding.alone_starting():
                place = settle(self._data_dir, control)
                self._servers = _servers(place)
                asked = {name for name, wanted in (("postgres", postgres), ("valkey", valkey)) if wanted}
                self._hold_and_start(holding, asked)
        except OSError as error:
            raise OutreachError(
                f"the embedded servers in {self._data_dir} cannot be used: {error.strerror} ({error.filename}); "
                "mend that or choose another OUTREACH_DATA_DIR"
            ) from error
        return Servers(self._servers["postgres"].url, self._servers["valkey"].url)

    def release(self) -> None:
        """Let go; the last holder stops the servers. Nothing happens to one who holds nothing."""
        if self._process != os.getpid() or self._holding is None:
            return
        with self._holding.alone_starting():
            self._let_go(self._holding)

    def ensure(self) -> list[str]:
        """Restart whichever server this process holds and has died; returns their names.

        Raises OutreachError when one cannot be restarted.
        """
        if self._process != os.getpid() or self._holding is None:
            return []
        if all(self._servers[name].alive() for name in self._wanted):
            return []
        with self._holding.alone_starting():
            dead = [name for name in sorted(self._wanted) if not self._servers[name].alive()]
            for name in dead:
                self._servers[name].start()
        return dead

    def remove(self) -> None:
        """Stop the servers and delete their data for good (the rest of the data folder stays).

        Raises OutreachError while another process holds them.
        """
        control = control_folder(self._data_dir)
        holding = self._holding or Holding(control)
        with holding.alone_starting():
            holding.take()
            place = settle(self._data_dir, control)
            self._servers = _servers(place)
            if not self._let_go(holding):
                raise OutreachError(f"the servers in {self._data_dir} are in use by another process; stop it first")
            for folder in {place.sockets, place.home, control}:
                shutil.rmtree(folder, ignore_errors=True)

    def _hold_and_start(self, holding: Holding, asked: set[str]) -> None:
        first = self._holding is None
        if first:
            holding.take()
            self._holding = holding
            atexit.register(self.release)
        try:
            for name in sorted(self._wanted | asked):
                self._servers[name].start()
        except BaseException:
            if first:  # who already holds servers keeps them
                self._let_go(holding)
            raise
        self._wanted |= asked

    def _let_go(self, holding: Holding) -> bool:
        """Drop the share, under the start lock; says whether it was the last and the servers were stopped."""
        last = holding.drop()
        self._holding = None
        self._wanted = set()
        atexit.unregister(self.release)
        if last:
            for server in self._servers.values():
                server.stop()
        return last

    def _begin_anew_after_fork(self) -> None:
        if self._process == os.getpid():
            return
        if self._holding is not None:
            self._holding.forget()
        self._holding, self._wanted, self._process = None, set(), os.getpid()
        atexit.unregister(self.release)


def _servers(place: Place) -> dict[str, Postgres | Valkey]:
    programs = binaries(place.identity, _system(place.identity))
    return {server.name: server for server in (Postgres(place, programs), Valkey(place, programs))}


def _system(identity: Identity) -> Path:
    return system_folder() if identity.switched else SYSTEM


@contextmanager
def temporary(data_dir: Path) -> Iterator[Servers]:
    """Servers for the length of a block, for tests: stopped and deleted at its end."""
    embedded = Embedded(data_dir)
    try:
        yield embedded.acquire()
    finally:
        embedded.remove()
