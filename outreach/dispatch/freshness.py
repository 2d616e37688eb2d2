"""Tokens of accounts that nobody writes through are renewed too: an idle chain ends for good after some months."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from channels.abilities import TokenHolder
from channels.contract import ErrorKind, SendError
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import NO_TOKEN, SEALED_TOKEN
from outreach.domain.accounts import Account
from outreach.store import accounts as account_store

log = logging.getLogger(__name__)

LOST = "-14014"
"""Zalo's code for a refresh token that is used up; another host's journal may hold the one that followed."""
_LONGEST = 20.0
"""Seconds after which a child turns to other work."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Keeps the tokens of all accounts fresh."""

    engine: Engine
    loop: SendingLoop
    accounts: Mapping[str, Account]

    def keep(self) -> int:
        """Renew the tokens that end soon; an account whose tokens are lost is paused. Returns how many were renewed.

        Where providers are slow it leaves off after a while: the next call begins with others.
        """
        ends = time.monotonic() + _LONGEST
        renewed = 0
        for name in random.sample(list(self.accounts), len(self.accounts)):
            if time.monotonic() >= ends:
                log.warning("not all tokens could be looked at: the providers answer slowly")
                break
            renewed += self._one(name)
        return renewed

    def _one(self, name: str) -> bool:
        try:
            renewed = self.loop.submit(self._renewed(name)).result()
            with self.engine.begin() as connection:
                if account_store.resume_renewed(connection, name, lost=[LOST, SEALED_TOKEN], none=[NO_TOKEN]):
                    log.warning("account resumed: account=%s its tokens were found", name)
            return renewed
        except SendError as error:
            if error.kind is ErrorKind.MISCONFIGURED:
                with self.engine.begin() as connection:
                    out = account_store.pause_unless_out(connection, name, code=error.code, reason=error.reason)
                if out:
                    log.error("account paused: account=%s code=%s reason=%s", name, error.code, error.reason)
            else:
                log.warning("tokens were not renewed: account=%s reason=%s", name, error.reason)
        except Exception as error:  # one account's trouble is not the others'
            log.error("tokens were not renewed: account=%s error=%s", name, type(error).__name__)
        return False

    async def _renewed(self, name: str) -> bool:
        adapter = await self.loop.adapter(name)
        return await adapter.keep_fresh() if isinstance(adapter, TokenHolder) else False
