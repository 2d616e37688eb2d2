"""The steps of `outreach demo`: an installation of its own, invented people, one campaign from file to reach table."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.request import urlopen
from zoneinfo import ZoneInfo

from outreach.audience.synthetic import synthesise, synthesise_cases
from outreach.audience.units import load_official
from outreach.domain.clock import VirtualClock
from outreach.domain.errors import OutreachError
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING
from outreach.local.embedded import Embedded
from outreach.local.sandbox import Outcome, read_log
from outreach.local.supervisor import Supervisor
from outreach.local.up import SandboxPart, free_port, need_port, parts, sandbox_accounts
from outreach.planning import actions
from outreach.planning.actions import Loaded
from outreach.planning.forecast import Forecast, forecast
from outreach.reach.confirming import confirm
from outreach.reach.scripts import Script, scripts
from outreach.reach.status import Status, status
from outreach.runtime import Runtime
from outreach.settings import PROJECT, Settings
from outreach.store import campaigns
from outreach.store.versions import read_version

FILE: Final = PROJECT / "campaigns" / "thong-bao-dich-vu-cong.yaml"
STAFF, LEADER, OFFICER = "can-bo@demo.example", "lanh-dao@demo.example", "dai-truyen-thanh@demo.example"
HOME: Final = "01"
PROVINCES: Final = {HOME: 0.7, "38": 0.2, "79": 0.1}
"""Where the invented people live: Hà Nội, Thanh Hoá, Thành phố Hồ Chí Minh, and their shares."""
CASES_PER_PERSON: Final = 0.03
_OPEN_FROM, _OPEN_UNTIL, _PRETENDED = 7, 20, 9
"""Local hours in which the demo keeps the real time; otherwise its clock is put forward to the third."""
_RATE: Final = 2000
_LOOK_EVERY = 0.5
_QUIET = 5.0
"""Seconds without any change after which nothing more follows: longer than the scheduler's ticks."""
_WORKERS_PATIENCE, _RECEIPTS_PATIENCE = 45.0, 15.0
"""Seconds without any change after which the demo goes on although something is still open."""
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


# -- the installation ------------------------------------------------------------------------------------------------


@contextmanager
def stage(
    base: Settings, build: Callable[[Settings], Runtime], *, port: int, keep: bool, tell: Tell
) -> Iterator[Stage]:
    """An installation in `<data_dir>/demo`, all parts running for the time of the block; Ctrl-C sets its `stop`.

    `keep`: go on with the people and the campaign of the demo before. Raises OutreachError where a part cannot start.
    """
    data = base.data_dir / "demo"
    port = port or free_port()
    need_port("127.0.0.1", port, "the demo's web")
    if not keep:
        _clear(data)
    embedded = Embedded(data)
    servers = embedded.acquire()
    try:
        sandbox = SandboxPart(data / "sandbox", free_port(), free_port(), ("--statuses", "delivered"))
        values = {
            "data_dir": data,
            "database_url": servers.database_url,
            "redis_url": servers.redis_url,
            "public_url": f"http://127.0.0.1:{port}",
            "accounts": _accounts(data, sandbox),
            "approval": "on",
            "campaigns_dir": PROJECT / "campaigns",
            "templates_dir": PROJECT / "templates",
            "clock_shift_seconds": _clock_shift(datetime.now(base.zone), tell),
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


def _clear(data: Path) -> None:
    """Delete the demo before this one; raises OutreachError while it runs."""
    if data.exists():
        Embedded(data).remove()
        shutil.rmtree(data, ignore_errors=True)


def _accounts(data: Path, sandbox: SandboxPart) -> Path:
    file = data / "accounts.toml"
    file.touch(mode=0o600)
    file.write_text(sandbox_accounts(sandbox, rate=_RATE), encoding="utf-8")
    return file


def _clock_shift(now: datetime, tell: Tell) -> int:
    """Seconds to the next 09:00 outside the hours in which messages may be sent, 0 inside them."""
    if _OPEN_FROM <= now.hour < _OPEN_UNTIL:
        return 0
    morning = now.replace(hour=_PRETENDED, minute=0, second=0, microsecond=0)
    if now.hour >= _OPEN_UNTIL:
        morning += timedelta(days=1)
    tell(
        f"it is {now:%H:%M}, when nobody may be written to: the demo's clock is put forward to {morning:%H:%M %d/%m/%Y}"
    )
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


# -- the story -------------------------------------------------------------------------------------------------------


def populate(on: Stage, people: int, *, seed: int) -> tuple[int, int]:
    """Load the units and invent people and cases; returns how many of each there are."""
    runtime = on.runtime
    with runtime.engine.begin() as connection:
        load_official(connection)
    today = _now(on).date()
    rest, invented_cases = people, 0
    for unit in reversed(PROVINCES):
        n = rest if unit == HOME else round(people * PROVINCES[unit])
        rest -= n
        on.go_on()
        synthesise(runtime.engine, n, unit=unit, seed=seed, keys=runtime.keys, today=today)
        cases = round(n * CASES_PER_PERSON)
        invented_cases += cases
        synthesise_cases(runtime.engine, cases, unit=unit, seed=seed, today=today, days=3)
    return people, invented_cases


def approved(on: Stage, load: Callable[[Path], Loaded]) -> tuple[str, Forecast | None]:
    """Load the campaign, hand it in, and approve it as a second person; no forecast where that was done before."""
    engine = on.runtime.engine
    loaded = load(FILE)
    with engine.connect() as connection:
        if campaigns.get(connection, loaded.slug).state is not CampaignState.DRAFT:
            return loaded.slug, None
        frozen = read_version(connection, loaded.slug, loaded.version, 0)
    actions.submit(engine, loaded.slug, who=STAFF)
    figures = forecast(engine, frozen, on.runtime.accounts, on.runtime.clock.now())
    actions.approve(engine, loaded.slug, figures, n=loaded.version, who=LEADER)
    return loaded.slug, figures


def launch(on: Stage, slug: str) -> None:
    """Let it go; when its own dates are over, with all of them moved to start today."""
    runtime = on.runtime
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        if campaign.state is not CampaignState.APPROVED:
            return
        definition = read_version(connection, slug, campaign.version, 0).definition
    today = _now(on).date()
    starting = None if definition.starts <= today <= definition.ends else today
    prepared = actions.prepare_launch(runtime.engine, slug, runtime.clock, starting=starting)
    actions.launch(runtime.engine, prepared, runtime.clock, who=STAFF)


def follow(on: Stage, slug: str, show: Callable[[Status], None]) -> bool:
    """Watch until everything that is due has been sent and its receipts are in; whether it came to that.

    What does not move any more (a lost receipt) is waited for only so long.
    """
    standing = _look(on, slug, None)
    changed = time.monotonic()
    while True:
        on.stop.wait(_LOOK_EVERY)
        on.go_on()
        before, standing = standing, _look(on, slug, standing)
        show(standing)
        if (before.by_channel, _states(before)) != (standing.by_channel, _states(standing)):
            changed = time.monotonic()
        patience = _patience(on, standing)
        if time.monotonic() - changed >= patience:
            return patience == _QUIET


def _look(on: Stage, slug: str, previous: Status | None) -> Status:
    with on.runtime.engine.connect() as connection:
        return status(connection, slug, now=on.runtime.clock.now(), scope=EVERYTHING, previous=previous)


def _states(standing: Status) -> list[RunState]:
    return [run.state for run in standing.runs]


def _patience(on: Stage, standing: Status) -> float:
    """Seconds of standstill to bear with, by what is still open."""
    unplanned = {RunState.SCHEDULED, RunState.PLANNING} & set(_states(standing))
    if not standing.runs or unplanned or standing.waits:
        return _WORKERS_PATIENCE
    with_receipts = {
        str(one) for account in on.runtime.accounts.values() if account.receipts for one in account.channels
    }
    waiting = any(standing.by_channel[name]["accepted"] for name in with_receipts & standing.by_channel.keys())
    return _RECEIPTS_PATIENCE if waiting else _QUIET


@dataclass(frozen=True, slots=True)
class Broadcasts:
    """What officers confirmed: `confirmed` of `planned` scripts of one province, as if it were already `at`."""

    confirmed: int
    planned: int
    at: datetime


def confirm_every_other(on: Stage) -> Broadcasts | None:
    """Confirm every other script of the home province that is still to be read; None where there is none.

    Their hour has not come: they are confirmed with a clock of their own, put forward to the end of their slots.
    """
    waiting = [one for one in _upcoming(on) if not one.confirmed]
    if not waiting:
        return None
    later = VirtualClock(max(one.ends for one in waiting))
    chosen = waiting[::2]
    for one in chosen:
        confirm(on.runtime.engine, one.id, clock=later, at=one.ends, who=OFFICER, note="demo", scope=EVERYTHING)
    return Broadcasts(len(chosen), len(waiting), later.now().astimezone(_zone(on)))


def _upcoming(on: Stage) -> list[Script]:
    """The scripts of the next day on which any are to be read."""
    today = _now(on).date()
    for day in (today, today + timedelta(days=1)):
        found = scripts(on.runtime.engine, HOME, day, scope=EVERYTHING)
        if found:
            return found
    return []


def sent_by_sandbox(on: Stage) -> dict[str, int]:
    """Messages the simulator took, by channel, from its own log."""
    taken = Counter(entry.channel for entry in read_log(on.sandbox.data) if entry.outcome is Outcome.ACCEPTED)
    return {"sms": taken["sms"], "email": taken["email"]}


def _zone(on: Stage) -> ZoneInfo:
    return on.runtime.settings.zone


def _now(on: Stage) -> datetime:
    """The demo's local time."""
    return on.runtime.clock.now().astimezone(_zone(on))
