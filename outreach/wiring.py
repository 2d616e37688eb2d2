"""Where the rooms are put together: the only place that knows all of them."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import redis
from fastapi import FastAPI
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from outreach.dispatch.accounts_file import Accounts, Adviser, load_accounts
from outreach.dispatch.breaker import Breaker
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.child import myself
from outreach.dispatch.confirming import Confirming
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.freshness import Freshness
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.marking import with_secrets
from outreach.dispatch.metering import Metering
from outreach.dispatch.recovery import Recovery
from outreach.dispatch.vault import Vaults
from outreach.dispatch.windows import Windows
from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.local.embedded import Embedded, Servers
from outreach.reach.explanations import Explanation, Meaning, Said
from outreach.receipts.polling import Poller
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime, Sending
from outreach.settings import Settings
from outreach.store import claims, migrate
from outreach.store.clock import DatabaseClock
from outreach.store.engine import connect, ready
from outreach.web.app import create

_VALKEY_WAITS = 3.0
"""Seconds for an answer; with one more try well within the shortest lease."""
_embedded: dict[Path, Embedded] = {}
_GARBAGE = 20_000
"""New objects after which the web looks for garbage: a hundred callbacks make some thousands."""


def settings() -> Settings:
    """The settings of the environment and `outreach.toml`; raises OutreachError naming each wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise OutreachError(f"settings (OUTREACH_… or outreach.toml): {wrong}") from None


def servers(chosen: Settings) -> Servers:
    """Where PostgreSQL and Valkey answer: those of the settings, or the embedded ones, started and held."""
    if chosen.database_url and chosen.redis_url:
        return Servers(chosen.database_url, chosen.redis_url)
    embedded = _embedded.setdefault(chosen.data_dir, Embedded(chosen.data_dir))
    started = embedded.acquire(postgres=not chosen.database_url, valkey=not chosen.redis_url)
    return Servers(chosen.database_url or started.database_url, chosen.redis_url or started.redis_url)


def release() -> None:
    """Let go of the embedded servers this process holds; the last holder stops them."""
    for embedded in _embedded.values():
        embedded.release()


def build(chosen: Settings, where: Servers | None = None, *, name: str = "outreach") -> Runtime:
    """The runtime of this process: the schema brought up to date, the accounts read.

    Raises OutreachError for anything that is missing or wrong, saying what to do.
    """
    found = where or servers(chosen)
    engine = connect(found.database_url, name=name)
    ready(engine)
    if not migrate.is_current(engine):
        if not migrate.known(engine):
            raise OutreachError(
                "the database was brought up to date by a newer program than this one: install that version, or"
                " restore a backup made before"
            )
        migrate.upgrade(engine)
    client = redis_client(found.redis_url)
    keys = key_ring(chosen)
    clock = DatabaseClock(engine, shift=timedelta(seconds=chosen.clock_shift_seconds))
    accounts = with_secrets(load_accounts(chosen.accounts_file, timeout=chosen.send_timeout_seconds), keys)
    return Runtime(
        settings=chosen, database_url=found.database_url, redis_url=found.redis_url, engine=engine, redis=client,
        keys=keys, clock=clock, accounts=accounts.known,
        sending=lambda: _sending(chosen, found.database_url, engine, client, keys, clock, accounts),
        receiver=lambda: _receiver(chosen, engine, keys, clock, accounts, found.database_url),
        meaning=meanings(accounts.advisers),
        makers=accounts.makers,
    )  # fmt: skip


def web_app() -> FastAPI:
    """The web application of this process: `uvicorn --factory outreach.wiring:web_app`.

    Ends the process with a line that says what to do where something is missing or wrong. Uvicorn's own access log
    is silenced, since it writes whole addresses, tokens and all.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    silent = logging.getLogger("uvicorn.access")
    silent.handlers.clear()
    silent.propagate = False
    try:
        app = create(build(settings(), name="web"), on_stop=release)
    except OutreachError as error:
        sys.exit(str(error))
    gc.freeze()  # what is there now stays: looking through it again and again took a quarter of a callback's time
    gc.set_threshold(_GARBAGE, 20, 50)
    return app


def redis_client(url: str) -> redis.Redis:
    """A client for Redis or Valkey; raises OutreachError, which never shows the URL, for one that cannot be read.

    A server that is away is tried once more and no longer: what has been claimed and sent must be recorded meanwhile.
    """
    try:
        return redis.Redis.from_url(
            url, socket_timeout=_VALKEY_WAITS, socket_connect_timeout=_VALKEY_WAITS, retry=Retry(NoBackoff(), 1)
        )
    except ValueError:
        hint = "write it like redis://:PASSWORD@HOST:6379/0, a / in the password as %2F"
        raise OutreachError(f"OUTREACH_REDIS_URL cannot be read: {hint}") from None


def key_ring(chosen: Settings) -> KeyRing:
    """The keys of the settings, or those of the data folder's `secret.key`, made at the first start (mode 600).

    The file holds one secret a line, the oldest first; a line added becomes the next version.
    """
    if chosen.secret_key:
        return KeyRing({1: chosen.secret_key})
    file = chosen.data_dir / "secret.key"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(48) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    if not lines:
        raise OutreachError(f"{file} is empty: restore it from a backup, without it no stored address can be read")
    return KeyRing(dict(enumerate(lines, 1)))


def meanings(advisers: Mapping[str, Adviser]) -> Meaning:
    """What the accounts' providers say of their codes, where their adapters can explain them."""

    def meaning(account: str, code: str) -> Explanation | None:
        advice = advisers[account](code) if account in advisers else None
        if advice is None:
            return None
        return Explanation(Said(advice.vi, advice.vi_do), Said(advice.en, advice.en_do))

    return meaning


def _sending(
    chosen: Settings, database_url: str, engine: Engine, client: redis.Redis, keys: KeyRing, clock: Clock,
    accounts: Accounts,
) -> Sending:  # fmt: skip
    me = myself()
    with engine.begin() as connection:
        child = claims.enrol_child(connection, host=me.host, boot=me.boot, pid=me.pid, started=me.started)
    loop = SendingLoop(accounts.makers, Vaults(engine, keys, journals=chosen.data_dir / "tokens").open)
    dispatcher = Dispatcher(
        engine=connect(database_url, name="dispatch", pool_size=2, steady=True), buckets=Buckets(client), loop=loop,
        accounts=accounts.known, keys=keys, clock=clock,
        child=child, public_url=chosen.public_url, lease_s=float(chosen.lease_seconds),
        breaker=Breaker(engine, Windows(client), accounts.known, clock, chosen.send_timeout_seconds),
    )  # fmt: skip
    recovery = Recovery(
        engine=engine, loop=loop, accounts=accounts.known, keys=keys, clock=clock,
        lease_s=float(chosen.lease_seconds), public_url=chosen.public_url, timeout_s=chosen.send_timeout_seconds,
    )  # fmt: skip
    poller = Poller(_receiver(chosen, engine, keys, clock, accounts))
    confirming = Confirming(
        engine, Buckets(client), loop, accounts.known, keys, clock, child, float(chosen.lease_seconds)
    )
    metering = Metering(engine, loop, accounts.known, clock)
    return Sending(dispatcher, recovery, Freshness(engine, loop, accounts.known), poller, confirming, metering)


def _receiver(
    chosen: Settings, engine: Engine, keys: KeyRing, clock: Clock, accounts: Accounts, database_url: str = ""
) -> Receiver:
    """With a `database_url` it gets connections of its own for many callbacks at once; they are made when needed."""
    adapters = {name: make() for name, make in accounts.makers.items()}
    steady = connect(database_url, name="receipts", pool_size=2, steady=True) if database_url else None
    return Receiver(engine, adapters, accounts.known, keys, clock, chosen.zone, steady)
