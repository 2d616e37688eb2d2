"""The vault of rotating tokens: one chain of pairs per account, renewed once for all processes, sealed at rest.

A refresh token works once. So whoever renews holds the account's lock in the database while the provider answers,
reads the pair again under it, and commits the new one before anybody uses it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from channels.abilities import Tokens
from channels.contract import ErrorKind, SendError
from outreach.dispatch.journal import Journal
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.store import account_tokens
from outreach.store.account_tokens import StoredTokens

log = logging.getLogger(__name__)

Refresh = Callable[[Tokens], Awaitable[Tokens]]
LONG_AGO = datetime.fromtimestamp(0, UTC)
"""When a pair ended that is only a configured refresh token."""
NO_TOKEN = "no_token"  # noqa: S105
SEALED_TOKEN = "sealed_token"  # noqa: S105
"""The vault's own codes, for an account that has no pair or whose pair nobody can open: an authorisation mends both."""
_NONE = Tokens("", "", LONG_AGO)
"""What a first authorisation follows."""
_UNAUTHORISED = "nobody has authorised the app for this account yet: run `outreach account authorise"
_ENDING = timedelta(minutes=2)
"""A remembered pair that ends sooner is read again: somebody may have renewed it."""
_PATIENCE_S = 40
"""Seconds to wait for somebody else's renewal: longer than any request to a provider lasts."""
_AGAIN = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses in seconds between attempts to commit a new pair while the database is away and its senders wait."""
_LATER = 15.0
"""Seconds between attempts to commit it after that, for as long as the process lives."""
_WAIT = 30.0
"""Seconds an account waits whose pair cannot be read or stored."""
_AT_ONCE = 2
"""Renewals of a process under way together: each holds a connection and, waiting for its lock, a thread."""


@dataclass(frozen=True, slots=True)
class Vaults:
    """Opens the vaults of a process; one for each account."""

    engine: Engine
    keys: KeyRing
    pauses: Sequence[float] = _AGAIN
    later: float = _LATER
    journals: Path | None = None
    """The folder of this host's journals of pairs not yet committed; None keeps none."""
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def open(self, account: str, first_refresh_token: str) -> AccountVault:
        """The vault of an account, whose chain begins with the configured refresh token."""
        return AccountVault(self, account, first_refresh_token)


class AccountVault:
    """The tokens of one account (`channels.abilities.TokenVault`); used in one event loop."""

    def __init__(self, process: Vaults, account: str, first_refresh_token: str) -> None:
        self._engine = process.engine
        self._keys = process.keys
        self._pauses = process.pauses
        self._later = process.later
        self._gate = process.gate
        self._account = account
        self._first = first_refresh_token
        self._journal = Journal(process.journals, account, process.keys)
        self._looking = asyncio.Lock()
        self._remembered: Tokens | None = None
        self._won: dict[str, Tokens] = {}
        self._renewal: asyncio.Task[Tokens] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def current(self) -> Tokens:
        """The pair in use, remembered until it is about to end; raises SendError(THROTTLED | MISCONFIGURED)."""
        if (remembered := self._lasting()) is not None:
            return remembered
        async with self._looking:
            if (remembered := self._lasting()) is not None:
                return remembered
            try:
                self._remembered = pair = await asyncio.to_thread(self._look)
            except SQLAlchemyError:  # nothing has left: whatever is wrong there, the account waits
                pair = None
        if pair is None:
            raise SendError(ErrorKind.THROTTLED, "", "the stored token cannot be read now", _WAIT)
        return pair

    async def rotate(self, stale: Tokens, refresh: Refresh) -> Tokens:
        """The pair that follows `stale`; those who ask at the same time share one renewal. Raises SendError."""
        while self._renewal is not None and not self._renewal.done():
            found = await asyncio.shield(self._renewal)
            if found.refresh != stale.refresh:
                return found
        # A caller that goes away must not take the renewal with it: the used-up token would be lost.
        self._renewal = asyncio.create_task(self._renewed(stale, refresh))
        self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._renewal)

    async def adopt(self, exchange: Callable[[], Awaitable[Tokens]]) -> None:
        """Begin the chain anew with the pair of a new authorisation; raises SendError and SQLAlchemyError."""
        connection = await asyncio.to_thread(self._locked)
        try:
            stored = await asyncio.to_thread(account_tokens.read, connection, self._account)
            try:
                before = self._opened(stored)
            except SendError:
                before = _NONE
            fresh = await exchange()
            self._journal.keep(before, fresh)
            await asyncio.to_thread(self._store, connection, stored, fresh, before)
            self._remembered = fresh
        finally:
            await asyncio.to_thread(connection.close)

    async def aclose(self) -> None:
        """Wait for a renewal under way, so that its pair is stored; try once more with one that could not be."""
        if self._renewal is not None and not self._renewal.done():
            await asyncio.wait([self._renewal])
        self._closing.set()
        if self._storing is not None:
            await asyncio.wait([self._storing])

    async def _renewed(self, stale: Tokens, refresh: Refresh) -> Tokens:
        for pause in (*self._pauses, None):
            try:
                async with self._gate:
                    return await self._under_lock(stale, refresh)
            except SQLAlchemyError:
                if pause is None or not self._won:
                    break
            log.warning("the database is away: account=%s a new token is stored again in %s s", self._account, pause)
            await asyncio.sleep(pause)
        if self._won and (self._storing is None or self._storing.done()):
            self._storing = asyncio.create_task(self._stored_later(stale, refresh))
        raise SendError(ErrorKind.THROTTLED, "", "the renewed token cannot be stored now", _WAIT)

    async def _stored_later(self, stale: Tokens, refresh: Refresh) -> None:
        """Store a pair nobody else has as soon as the database is back, before another process uses its forerunner."""
        while self._won:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._later)
            try:
                await self._under_lock(stale, refresh)
            except Exception as error:  # this task has nobody to tell
                log.warning("a new token waits: account=%s error=%s", self._account, type(error).__name__)
            if self._won and self._closing.is_set():
                log.error("a new token was lost: account=%s authorise the app again", self._account)
                return

    async def _under_lock(self, stale: Tokens, refresh: Refresh) -> Tokens:
        connection = await asyncio.to_thread(self._locked)
        try:
            stored = await asyncio.to_thread(account_tokens.read, connection, self._account)
            pair = self._opened(stored)
            if pair.refresh == stale.refresh:
                # One that could not be stored is not asked for again: its forerunner is used up.
                fresh = self._won.get(pair.refresh) or self._journal.successor(pair)
                if fresh is None:
                    fresh = await refresh(pair)
                    self._journal.keep(pair, fresh)  # before anything else is awaited: a kill must not lose it
                self._won = {pair.refresh: fresh}
                await asyncio.to_thread(self._store, connection, stored, fresh, pair)
                log.info("tokens renewed: account=%s until=%s", self._account, fresh.expires_at.isoformat())
                pair = fresh
            self._won = {}
        finally:
            await asyncio.to_thread(connection.close)
        self._remembered = pair
        return pair

    def _lasting(self) -> Tokens | None:
        """The remembered pair, unless it is about to end."""
        pair = self._remembered
        return pair if pair is not None and pair.expires_at - datetime.now(UTC) > _ENDING else None

    def _look(self) -> Tokens:
        with self._engine.connect() as connection:
            pair = self._opened(account_tokens.read(connection, self._account))
        if self._journal.successor(pair) is None:
            return pair
        with self._locked() as connection:  # whoever won it was killed before it was stored
            stored = account_tokens.read(connection, self._account)
            pair = self._opened(stored)
            if (fresh := self._journal.successor(pair)) is not None:
                self._store(connection, stored, fresh, pair)
                log.warning("a token was taken over from this host's journal: account=%s", self._account)
                pair = fresh
        return pair

    def _locked(self) -> Connection:
        connection = self._engine.connect()
        try:
            account_tokens.lock(connection, self._account, patience_s=_PATIENCE_S)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened(self, stored: StoredTokens | None) -> Tokens:
        """The stored pair; or the configured token, where it is one that this chain has not seen yet.

        Where neither is there, a first pair that was won and never stored follows nothing.
        """
        marks = {mark for _, mark in self._keys.fingerprints(self._label)}
        if self._first and (stored is None or marks.isdisjoint(stored.seeds)):
            return Tokens("", self._first, LONG_AGO)
        if stored is None:
            if self._journal.successor(_NONE) is not None:
                return _NONE
            raise SendError(ErrorKind.MISCONFIGURED, NO_TOKEN, f"{_UNAUTHORISED} {self._account}`")
        try:
            pair = json.loads(self._keys.open(stored.sealed, stored.key_version))
        except OutreachError:
            pair = None
        if pair is None and self._journal.successor(_NONE) is not None:
            return _NONE
        if pair is None:
            raise SendError(
                ErrorKind.MISCONFIGURED, SEALED_TOKEN, "the stored tokens were sealed with another secret key: restore"
                " it, or authorise the app again: `outreach account authorise NAME`",
            )  # fmt: skip
        return Tokens(pair["access"], pair["refresh"], stored.expires_at)

    def _store(self, connection: Connection, before: StoredTokens | None, fresh: Tokens, followed: Tokens) -> None:
        seeds = () if before is None else before.seeds
        mark = self._keys.fingerprint(self._label)
        sealed = self._keys.seal(json.dumps({"access": fresh.access, "refresh": fresh.refresh}))
        kept = StoredTokens(
            sealed, self._keys.version, fresh.expires_at, seeds if mark in seeds else (*seeds, mark),
        )  # fmt: skip
        account_tokens.write(connection, self._account, kept)
        connection.commit()
        self._journal.forget(followed)

    @property
    def _label(self) -> str:
        return f"refresh token of {self._account}: {self._first}"
