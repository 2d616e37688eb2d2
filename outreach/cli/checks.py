"""The things `outreach doctor` looks at; each check says what it found and what to do."""

from __future__ import annotations

import shutil
import stat
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import redis
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.cli.account_checks import contents
from outreach.cli.findings import Check, Finding, good
from outreach.cli.session import Session
from outreach.domain.errors import OutreachError
from outreach.local.embedded import Servers
from outreach.settings import Settings
from outreach.store import health, migrate
from outreach.store.engine import connect, ready

_LEAST_FREE = 1024**3
"""Bytes below which a disk counts as nearly full."""


def examine(session: Session) -> Iterator[Check]:
    """Every check in order; those that need what is broken are left out."""
    try:
        settings = session.settings()
    except OutreachError as error:
        yield Check("settings", Finding.BROKEN, str(error))
        return
    yield good("settings", f"data folder {settings.data_dir}")
    yield from _machine(settings)
    try:
        servers = session.find_servers(settings)
    except OutreachError as error:
        yield Check("servers", Finding.BROKEN, str(error))
        return
    yield _valkey(servers)
    yield from _database(session, servers)


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
        return good("data folder", "is made at the first start")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        return Check("data folder", Finding.BROKEN, f"others may write to {folder}", f"chmod go-w {folder}")
    if mode & 0o007:
        return Check(
            "data folder", Finding.DOUBTFUL, f"mode {mode:o}: others may look into {folder}", f"chmod o-rwx {folder}"
        )
    return good("data folder", f"mode {mode:o}")


def _disk(folder: Path) -> Check:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    what = f"{free / _LEAST_FREE:,.1f} GiB free"
    if free < _LEAST_FREE:
        return Check(
            "disk", Finding.DOUBTFUL, what, f"make room on the disk of {there}: a full disk stops the database"
        )
    return good("disk", what)


def _secret(settings: Settings) -> Check:
    if settings.secret_key:
        if len(settings.secret_key) < 32:
            return Check("secret key", Finding.DOUBTFUL, "is short", "use at least 32 random characters")
        return good("secret key", "from the settings")
    file = settings.data_dir / "secret.key"
    if not file.exists():
        return good("secret key", f"{file} is made at the first start")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Check("secret key", Finding.BROKEN, f"others may read {file}", f"chmod 600 {file}")
    return good("secret key", f"{file}; keep a copy of it elsewhere: without it no stored address can be read")


def _public_url(settings: Settings) -> Check:
    real = _real_accounts(settings.accounts_file)
    if real and _is_loopback(settings.public_url):
        return Check(
            "public address",
            Finding.BROKEN,
            f"{', '.join(real)}: writing to real people, but receipts and refusals would go to {settings.public_url}",
            "set OUTREACH_PUBLIC_URL to where the outside reaches `outreach web`",
        )
    return good("public address", settings.public_url)


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
    return good("valkey", f"{name} {info.get('valkey_version', info['redis_version'])}")


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
    yield from contents(runtime)


def _version(engine: Engine) -> Check:
    with engine.connect() as connection:
        version = health.server_version(connection)
    if int(version.split(".")[0]) < 14:
        return Check("database", Finding.BROKEN, f"PostgreSQL {version}", "use PostgreSQL 14 or newer")
    return good("database", f"PostgreSQL {version}")


def _schema(engine: Engine) -> Check:
    try:
        current = migrate.is_current(engine)
    except SQLAlchemyError as error:
        return Check("schema", Finding.BROKEN, f"cannot be read ({type(error).__name__})", "give the user its rights")
    return good(
        "schema", "is this program's" if current else "was older or missing and has now been brought up to date"
    )
