"""The things `outreach doctor` looks at; each check says what it found and what to do."""

from __future__ import annotations

import shutil
import stat
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import redis
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.cli.session import Session
from outreach.dispatch.child import Child, myself, proven_dead
from outreach.dispatch.freshness import LOST
from outreach.dispatch.vault import NO_TOKEN, SEALED_TOKEN
from outreach.domain.circuits import Circuit
from outreach.domain.errors import OutreachError
from outreach.domain.lifecycle import CampaignState
from outreach.domain.quotas import Quota
from outreach.local.embedded import Servers
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import accounts, bounces, campaigns, circuits, health, migrate, polls, quotas, trial, units
from outreach.store.engine import connect, ready

_LEAST_FREE = 1024**3
"""Bytes below which a disk counts as nearly full."""
_RECENT = timedelta(days=2)
_GOING_ON = (CampaignState.RUNNING, CampaignState.PAUSED)
_START = "outreach up, or outreach worker"


class Finding(StrEnum):
    """How a check ended; only `broken` fails the command."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to `do` ("" where nothing is to be done)."""

    name: str
    finding: Finding
    what: str
    do: str = ""


def examine(session: Session) -> Iterator[Check]:
    """Every check in order; those that need what is broken are left out."""
    try:
        settings = session.settings()
    except OutreachError as error:
        yield Check("settings", Finding.BROKEN, str(error))
        return
    yield _good("settings", f"data folder {settings.data_dir}")
    yield from _machine(settings)
    try:
        servers = session.find_servers(settings)
    except OutreachError as error:
        yield Check("servers", Finding.BROKEN, str(error))
        return
    yield _valkey(servers)
    yield from _database(session, servers)


def _good(name: str, what: str) -> Check:
    return Check(name, Finding.GOOD, what)


# -- this machine ----------------------------------------------------------------------------------------------------


def _machine(settings: Settings) -> Iterator[Check]:
    yield _folder(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _secret(settings)
    if settings.clock_shift_seconds:
        shift = f"the engine's clock is {settings.clock_shift_seconds:+,} s away from the database's"
        yield Check(
            "clock", Finding.DOUBTFUL, shift, "for anything but a demonstration unset OUTREACH_CLOCK_SHIFT_SECONDS"
        )
    if settings.approval == "off":
        alone = "approval is off: one person alone can launch to everybody"
        yield Check("approval", Finding.DOUBTFUL, alone, "unset OUTREACH_APPROVAL unless this is a private machine")
    yield _public_url(settings)


def _folder(folder: Path) -> Check:
    if not folder.exists():
        return _good("data folder", "is made at the first start")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        return Check("data folder", Finding.BROKEN, f"others may write to {folder}", f"chmod go-w {folder}")
    if mode & 0o007:
        return Check(
            "data folder", Finding.DOUBTFUL, f"mode {mode:o}: others may look into {folder}", f"chmod o-rwx {folder}"
        )
    return _good("data folder", f"mode {mode:o}")


def _disk(folder: Path) -> Check:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    what = f"{free / _LEAST_FREE:,.1f} GiB free"
    if free < _LEAST_FREE:
        return Check(
            "disk", Finding.DOUBTFUL, what, f"make room on the disk of {there}: a full disk stops the database"
        )
    return _good("disk", what)


def _secret(settings: Settings) -> Check:
    if settings.secret_key:
        if len(settings.secret_key) < 32:
            return Check("secret key", Finding.DOUBTFUL, "is short", "use at least 32 random characters")
        return _good("secret key", "from the settings")
    file = settings.data_dir / "secret.key"
    if not file.exists():
        return _good("secret key", f"{file} is made at the first start")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Check("secret key", Finding.BROKEN, f"others may read {file}", f"chmod 600 {file}")
    return _good("secret key", f"{file}; keep a copy of it elsewhere: without it no stored address can be read")


def _public_url(settings: Settings) -> Check:
    real = _real_accounts(settings.accounts_file)
    if real and _is_loopback(settings.public_url):
        return Check(
            "public address",
            Finding.BROKEN,
            f"{', '.join(real)}: writing to real people, but receipts and refusals would go to {settings.public_url}",
            "set OUTREACH_PUBLIC_URL to where the outside reaches `outreach web`",
        )
    return _good("public address", settings.public_url)


def _real_accounts(file: Path) -> list[str]:
    """Accounts whose provider is not on this machine; none for a file with mistakes, which are told elsewhere."""
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8")).get("accounts", {})
    except (OSError, ValueError):
        return []
    return [
        name
        for name, section in sections.items()
        if isinstance(section, dict)
        and section.get("provider") != "station"
        and not _is_loopback(str(section.get("base_url") or section.get("url") or f"//{section.get('host', '')}"))
    ]


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# -- servers ---------------------------------------------------------------------------------------------------------


def _valkey(servers: Servers) -> Check:
    try:
        with redis.Redis.from_url(servers.redis_url, socket_timeout=5, socket_connect_timeout=5) as client:
            info = client.info("server")
    except (redis.RedisError, OSError, ValueError) as error:
        return Check("valkey", Finding.BROKEN, f"does not answer ({type(error).__name__})", "mend OUTREACH_REDIS_URL")
    name = "Valkey" if "valkey_version" in info else "Redis"
    return _good("valkey", f"{name} {info.get('valkey_version', info['redis_version'])}")


def _database(session: Session, servers: Servers) -> Iterator[Check]:
    try:
        engine = connect(servers.database_url, name="doctor")
        ready(engine)
    except OutreachError as error:
        yield Check("database", Finding.BROKEN, str(error))
        return
    try:
        yield _version(engine)
        yield _schema(engine)
    finally:
        engine.dispose()
    try:
        runtime = session.runtime()
    except OutreachError as error:
        yield Check("accounts", Finding.BROKEN, str(error))
        return
    yield from _contents(runtime)


def _version(engine: Engine) -> Check:
    with engine.connect() as connection:
        version = health.server_version(connection)
    if int(version.split(".")[0]) < 14:
        return Check("database", Finding.BROKEN, f"PostgreSQL {version}", "use PostgreSQL 14 or newer")
    return _good("database", f"PostgreSQL {version}")


def _schema(engine: Engine) -> Check:
    try:
        current = migrate.is_current(engine)
    except SQLAlchemyError as error:
        return Check("schema", Finding.BROKEN, f"cannot be read ({type(error).__name__})", "give the user its rights")
    return _good(
        "schema", "is this program's" if current else "was older or missing and has now been brought up to date"
    )


def _contents(runtime: Runtime) -> Iterator[Check]:
    with runtime.engine.connect() as connection:
        out, standings = accounts.paused(connection), circuits.standings(connection)
        known = units.count(connection)
        children = health.open_children(connection)
        asked = polls.read(connection, list(runtime.accounts))
        held = bounces.held(connection)
        now = runtime.clock.now()
        tests = len(trial.listed(connection))
        in_trial = [one.slug for one in campaigns.in_states(connection, *_GOING_ON) if one.trial]
        left = quotas.read(connection, list(runtime.accounts))
    sending = [name for name, account in runtime.accounts.items() if account.provider != "station"]
    if sending:
        yield _good("accounts", ", ".join(sending))
    else:
        yield Check(
            "accounts", Finding.DOUBTFUL, "none but the loudspeakers'", f"write {runtime.settings.accounts_file}"
        )
    for name in runtime.accounts.keys() & out.keys():
        why = f"paused since {out[name].since:%Y-%m-%d %H:%M} UTC: {out[name].code} {out[name].reason}".rstrip()
        yield Check(f"account {name}", Finding.BROKEN, why, mending(name, out[name].code))
    for name in runtime.authorising().missing():
        if name not in out:
            yield Check(f"account {name}", Finding.BROKEN, "nobody has authorised it yet", mending(name, NO_TOKEN))
    yield from _asked(asked.values(), now)
    for one_held in held.values():
        what = (
            f"too much came back since {one_held.since:%Y-%m-%d %H:%M} UTC: {one_held.n:,} bounces bar nobody before a"
            " person has looked"
        )
        yield Check(f"bounces of {one_held.account}", Finding.DOUBTFUL, what, "outreach bounces held list")
    yield from _quotas(left, runtime.settings.zone, now)
    for one in standings.values():
        if one.circuit is Circuit.OPEN and one.name in runtime.accounts:
            why = f"its provider does not work ({one.cause})"
            yield Check(
                f"account {one.name}",
                Finding.DOUBTFUL,
                why,
                f"tried again with what is sent next, or by outreach account test {one.name}; ask the provider",
            )
    names = [f"account {name}" for name, account in runtime.accounts.items() if account.trial]
    for name in [*names, *(f"campaign {slug}" for slug in in_trial)]:
        what = f"is in trial mode: it writes to {tests} listed test addresses and to nobody else"
        yield Check(
            name, Finding.DOUBTFUL, what, "outreach account trial list; docs/trial-and-tests.md says how it ends"
        )
    if known:
        yield _good("units", f"{known:,} loaded")
    else:
        yield Check("units", Finding.DOUBTFUL, "none are loaded", "outreach units load")
    yield from _nowhere(runtime, {one.unit for one in runtime.accounts.values()} - {""})
    yield _workers(children)
    yield from _outdated(children, runtime.settings.accounts_file)


def _nowhere(runtime: Runtime, named: Iterable[str]) -> Iterator[Check]:
    """Accounts of units that do not exist would never send anything."""
    with runtime.engine.connect() as connection:
        there = units.paths(connection)
    for code in sorted(set(named) - there.keys()):
        names = ", ".join(name for name, account in runtime.accounts.items() if account.unit == code)
        what = f"there is no unit {code}, so nobody is served"
        yield Check(f"account {names}", Finding.BROKEN, what, "mend unit in accounts.toml: outreach units find NAME")


def _outdated(children: Iterable[health.Child], file: Path) -> Iterator[Check]:
    """Workers of this machine that began before the accounts file was last written do not know what it says now."""
    written = file.stat().st_mtime if file.exists() else 0.0
    ours = (Child(one.host, one.boot, one.pid, one.started) for one in children if one.host == myself().host)
    if any(one.started < written and not proven_dead(one) for one in ours):
        what = f"{file.name} was changed after their start: they send by what it said then"
        yield Check(
            "workers' accounts", Finding.DOUBTFUL, what, "restart outreach up, or the worker, web and scheduler"
        )


def _asked(found: Iterable[polls.Poll], now: datetime) -> Iterator[Check]:
    """Mailboxes and what else must be asked: whether they answer, and what messages meet at their recipients'."""
    for one in sorted(found, key=lambda poll: poll.name):
        name = f"mailbox of {one.name}"
        if one.failing_since is not None:
            what = f"cannot be read since {one.failing_since:%Y-%m-%d %H:%M} UTC: {one.trouble}"
            yield Check(name, Finding.BROKEN, what, "mend that: bounces are not noticed meanwhile; nothing else waits")
        elif one.polled_at is not None:
            yield _good(name, f"read {one.polled_at:%Y-%m-%d %H:%M} UTC")
        if one.warned_at is not None and now - one.warned_at < _RECENT:
            what = f"messages came back for what we are or send, last {one.warned_at:%Y-%m-%d %H:%M} UTC: {one.warning}"
            yield Check(f"mail of {one.name}", Finding.DOUBTFUL, what, "look at SPF, DKIM, DMARC and the server's name")


def _quotas(known: Iterable[Quota], zone: ZoneInfo, now: datetime) -> Iterator[Check]:
    """What providers still take, as they last said."""
    for one in known:
        name, what = f"quota of {one.account}", one.told(zone)
        today = now.astimezone(zone).date()
        if one.nearly_used and one.left_on(today, zone) == one.remaining:
            yield Check(name, Finding.DOUBTFUL, what, "spread what is due, use another channel, or ask for more")
        else:
            yield _good(name, what)


def mending(name: str, code: str) -> str:
    """What brings a paused account back: a lost token by another authorisation, the rest once it is mended."""
    if code in (LOST, NO_TOKEN, SEALED_TOKEN):
        again = "" if code == NO_TOKEN else " again"
        return f"authorise the app{again}: outreach account authorise {name}"
    return f"mend that, then: outreach account resume {name}"


def _workers(children: list[health.Child]) -> Check:
    """What the enrolled children tell: they enrol when they first look for something to send, not at their start."""
    here = myself().host
    elsewhere = sum(1 for one in children if one.host != here)
    alive = sum(
        1 for one in children if one.host == here and not proven_dead(Child(one.host, one.boot, one.pid, one.started))
    )
    beside = f"; {elsewhere:,} enrolled on other machines, whose life cannot be seen from here" if elsewhere else ""
    if alive:
        return _good("workers", f"{alive:,} living on this machine{beside}")
    if elsewhere:
        return _good("workers", f"none on this machine{beside}")
    if children:
        return Check("workers", Finding.DOUBTFUL, "no worker is alive: those that were at work have ended", _START)
    return Check(
        "workers",
        Finding.DOUBTFUL,
        "none has enrolled yet: one enrols with its first run to send, so an idle one cannot be told from none",
        f"if none was started: {_START}",
    )
