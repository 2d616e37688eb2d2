"""What a command works with, made when it is first asked for: whoever starts the program hands it in."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import typer

from outreach.cli.output import warn

if TYPE_CHECKING:
    from outreach.local.embedded import Servers
    from outreach.runtime import Runtime
    from outreach.settings import Settings

APPROVAL_OFF = (
    "APPROVAL IS OFF (OUTREACH_APPROVAL=off): one person alone can launch to everybody; for a private machine only"
)


@dataclass(slots=True)
class Session:
    """The settings and the runtime of one command; nothing is read or started before it is needed.

    `servers` says where PostgreSQL and Valkey answer (starting the embedded ones), `build` connects to them; `release`
    lets go of the embedded ones. Each raises OutreachError.
    """

    load_settings: Callable[[], Settings]
    find_servers: Callable[[Settings], Servers]
    build: Callable[[Settings], Runtime]
    release: Callable[[], None]
    debug: bool = False
    _settings: Settings | None = field(default=None, init=False)
    _runtime: Runtime | None = field(default=None, init=False)

    def settings(self) -> Settings:
        """The settings; says so where approval is off."""
        if self._settings is None:
            self._settings = self.load_settings()
            if self._settings.approval == "off":
                warn(APPROVAL_OFF)
        return self._settings

    def runtime(self) -> Runtime:
        """Everything a command works with, the database included."""
        if self._runtime is None:
            self._runtime = self.build(self.settings())
        return self._runtime

    def today(self) -> date:
        """The installation's calendar day."""
        return self.runtime().clock.now().astimezone(self.settings().zone).date()

    def close(self) -> None:
        """Let go of everything."""
        if self._runtime is not None:
            self._runtime.engine.dispose()
            self._runtime.redis.close()
            self._runtime = None
        self.release()


def session_of(context: typer.Context) -> Session:
    """The session the program was started with."""
    found = context.find_root().obj
    if not isinstance(found, Session):
        raise TypeError("the commands run in a session: start them by `python -m outreach`")
    return found


def acting(given: str | None) -> str:
    """Who acts: the person named, else this system's user."""
    return given.strip() if given and given.strip() else f"{getpass.getuser()}@{socket.gethostname()}"
