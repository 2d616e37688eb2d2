"""The console script: puts the commands and the wiring together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outreach.cli.app import app
from outreach.cli.session import Session

if TYPE_CHECKING:
    from outreach.local.embedded import Servers
    from outreach.runtime import Runtime
    from outreach.settings import Settings


def main() -> None:
    """Run one command and exit with its status: 0 done, 1 wrong input or state, 2 usage."""
    app(prog_name="outreach", obj=session())


def session() -> Session:
    """A session whose wiring is imported (half a second) when a command first needs it."""
    return Session(_settings, _servers, _build, _release)


def _settings() -> Settings:
    from outreach.wiring import settings

    return settings()


def _servers(settings: Settings) -> Servers:
    from outreach.wiring import servers

    return servers(settings)


def _build(settings: Settings) -> Runtime:
    from outreach.wiring import build

    return build(settings, name="command")


def _release() -> None:
    import sys

    wiring = sys.modules.get("outreach.wiring")
    if wiring is not None:
        wiring.release()


if __name__ == "__main__":
    main()
