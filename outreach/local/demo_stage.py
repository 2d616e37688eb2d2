"""The installation of `outreach demo`: servers, parts and a provider simulator in a data folder of their own."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.request import urlopen
from zoneinfo import ZoneInfo

from outreach.domain.definition import DEFAULT_TIMEZONE
from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded
from outreach.local.service_user import admit, service_user
from outreach.local.supervisor import Supervisor
from outreach.local.up import SandboxPart, free_port, need_port, parts, sandbox_accounts
from outreach.runtime import Runtime
from outreach.settings import PROJECT, Settings

_OPEN_FROM, _OPEN_UNTIL, _PRETENDED = 9, 20, 9
"""Local hours in which the demo keeps the real time; otherwise its clock is put forward to the third.

Not before 9, although one may write from 7: the reminders of the day are due at 08:30.
"""
_RATE: Final = 2000
_BEHAVIOUR: Final = ("--statuses", "delivered", "--seen-share", "0.2", "--zalo-per-minute", "0")
"""One receipt an SMS; some Zalo messages are read too; Zalo is as fast as the machine, as the SMS gateways are."""
_START_PATIENCE = 60.0

Tell = Callable[[str], None]


class Stopped(OutreachError):
    """Somebody pressed Ctrl-C before the demo had come to its end."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo's own installation while it runs."""

    runtime: Runtime
    sandbox: SandboxPart
    url: str
    stop: threading.Event

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.runtime.settings.data_dir

    def go_on(self) -> None:
        """Raise Stopped once somebody wants to stop."""
        if self.stop.is_set():
            raise Stopped("the demo was stopped")


@contextmanager
def stage(
    base: Settings, build: Callable[[Settings], Runtime], *, port: int, keep: bool, tell: Tell
) -> Iterator[Stage]:
    """An installation in `<data_dir>/demo`, all parts running for the time of the block; Ctrl-C sets its `stop`.

    `keep`: go on with the people and the campaign of the demo before. Raises OutreachError where a part cannot start.
    """
    data = base.data_dir / "demo"
    _private(base.data_dir)
    port = port or free_port()
    need_port("127.0.0.1", port, "the demo's web")
    if not keep:
        _clear(data)
    embedded = Embedded(data)
    servers = embedded.acquire()
    try:
        public_url = f"http://127.0.0.1:{port}"
        sandbox = SandboxPart(data / "sandbox", free_port(), free_port(), _BEHAVIOUR, public_url, free_port())
        values = {
            "data_dir": data,
            "database_url": servers.database_url,
            "redis_url": servers.redis_url,
            "public_url": public_url,
            "accounts": _accounts(data, sandbox),
            "approval": "on",
            "campaigns_dir": PROJECT / "campaigns",
            "templates_dir": PROJECT / "templates",
            "clock_shift_seconds": _clock_shift(datetime.now(ZoneInfo(DEFAULT_TIMEZONE)), tell),
        }
        settings = base.model_copy(update=values)
        runtime = build(settings)
        env = {f"OUTREACH_{name.upper()}": str(value) for name, value in values.items()}
        crew = parts(
            settings, servers, host="127.0.0.1", port=port, workers=settings.workers, sandbox=sandbox, extra=env
        )
        supervisor = Supervisor(crew, embedded=embedded, log_dir=data / "log", announce=tell)
        with _supervised(supervisor) as stop:
            try:
                yield Stage(runtime, sandbox, settings.public_url, stop)
            finally:
                runtime.engine.dispose()
                runtime.redis.close()
    finally:
        embedded.release()


def _private(folder: Path) -> None:
    """Make the folder above the demo's for ourselves; the servers' user passes through as through a data folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        admit(folder, service_user())


def _clear(data: Path) -> None:
    """Delete the demo before this one; raises OutreachError while it runs."""
    if data.exists():
        Embedded(data).remove()
        shutil.rmtree(data, ignore_errors=True)


def _accounts(data: Path, sandbox: SandboxPart) -> Path:
    file = data / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(sandbox_accounts(sandbox, rate=_RATE, zalo_rate=_RATE), encoding="utf-8")
    return file


def _clock_shift(now: datetime, tell: Tell) -> int:
    """Seconds from the campaign's local time to its next 09:00, 0 in the hours in which people may be written to."""
    if _OPEN_FROM <= now.hour < _OPEN_UNTIL:
        return 0
    morning = now.replace(hour=_PRETENDED, minute=0, second=0, microsecond=0)
    if now.hour >= _OPEN_UNTIL:
        morning += timedelta(days=1)
    tell(f"it is {now:%H:%M}, no time to write to people: the demo's clock is put forward to {morning:%H:%M %d/%m/%Y}")
    return int((morning - now).total_seconds())


@contextmanager
def _supervised(supervisor: Supervisor) -> Iterator[threading.Event]:
    """The parts running in the background; what ends the supervisor is raised at the end of the block."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            supervisor.run(stop)
        except BaseException as error:
            failed.append(error)
            stop.set()

    thread = threading.Thread(target=run, name="supervisor")
    with supervisor.stopping_on_signals(stop):
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join()
            if failed:
                raise failed[0]


def await_web(on: Stage) -> None:
    """Wait until the web answers; raises OutreachError when it does not."""
    deadline = time.monotonic() + _START_PATIENCE
    while not _answers(f"{on.url}/readyz"):
        on.go_on()
        if time.monotonic() > deadline:
            raise OutreachError(f"the web does not answer at {on.url}: see {on.data / 'log' / 'web.log'}")
        on.stop.wait(0.1)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False
