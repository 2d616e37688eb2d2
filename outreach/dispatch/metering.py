"""Quotas of providers are kept with their time: asked for now and then, and taken from the answers to messages."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from channels.abilities import Metered
from channels.abilities import Quota as Told
from channels.contract import Adapter, SendError
from outreach.dispatch.loop import SendingLoop
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.quotas import Quota
from outreach.domain.words import Channel
from outreach.store import accounts as account_store
from outreach.store import quotas

log = logging.getLogger(__name__)

_LONGEST = 20.0
"""Seconds after which a child turns to other work."""


@dataclass(frozen=True, slots=True)
class Metering:
    """Asks the providers of all accounts that count."""

    engine: Engine
    loop: SendingLoop
    accounts: Mapping[str, Account]
    clock: Clock

    def read(self) -> int:
        """Ask and keep what is left; returns how many quotas were read. What goes wrong is logged: sending goes on."""
        ends = time.monotonic() + _LONGEST
        try:
            with self.engine.connect() as connection:
                paused = account_store.paused(connection)
        except SQLAlchemyError:
            log.warning("the database is away: no quotas are read")
            return 0
        waiting = [name for name in self.accounts if name not in paused]
        return sum(self._one(name) for name in waiting if time.monotonic() < ends)

    def _one(self, name: str) -> int:
        try:
            told = self.loop.submit(self._asked(name)).result()
            if told:
                keep(self.engine, name, told, self.clock.now())
            return len(told)
        except SendError as error:
            log.warning("quotas were not read: account=%s code=%s reason=%s", name, error.code, error.reason)
        except Exception as error:  # one account's trouble is not the others'
            log.error("quotas were not read: account=%s error=%s", name, type(error).__name__)
        return 0

    async def _asked(self, name: str) -> Sequence[Told]:
        adapter = await self.loop.adapter(name)
        return await adapter.quotas() if isinstance(adapter, Metered) else ()


def note(engine: Engine, account: str, adapter: Adapter, clock: Clock) -> None:
    """Keep what the answers to messages have told; a database that is away costs nothing but that."""
    told = adapter.told_quotas() if isinstance(adapter, Metered) else ()
    if not told:
        return
    try:
        keep(engine, account, told, clock.now())
    except SQLAlchemyError:
        log.warning("the database is away: account=%s its quotas are not kept", account)


def keep(engine: Engine, account: str, told: Sequence[Told], at: datetime) -> None:
    """Keep what a provider told of an account at a moment."""
    known = [Quota(account, Channel(one.channel), one.remaining, one.total, one.daily, at) for one in told]
    with engine.begin() as connection:
        quotas.keep(connection, known)
