"""Confirming refusals: one at a time is claimed, sent and written down, so that a kill leaves at most one in doubt."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import redis
from sqlalchemy import Engine

from channels.contract import Accepted, Adapter, Content, ErrorKind, Lease, Outgoing, SendError
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.purse import Purse
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.confirmation import confirmation
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.retries import backoff, throttle
from outreach.domain.sms_text import measure
from outreach.domain.words import Channel
from outreach.store import circuits, confirmations
from outreach.store.confirmations import Claimed, State

log = logging.getLogger(__name__)

LONGEST = 10.0
"""Seconds after which a child turns to other work."""
_MARGIN = 0.8
"""The share of a lease in which writing may begin."""
_UNWELL = timedelta(minutes=10)
"""How long one waits whose account a person must mend, or whose key is missing."""


@dataclass(frozen=True, slots=True)
class Confirming:
    """Sends what is due; one per worker child."""

    engine: Engine
    buckets: Buckets
    loop: SendingLoop
    accounts: Mapping[str, Account]
    keys: KeyRing
    clock: Clock
    child: int
    lease_s: float

    def work(self, *, longest: float = LONGEST) -> int:
        """Send what is due, for at most `longest` seconds; returns how many were taken by their providers."""
        ends = time.monotonic() + longest
        with self.engine.begin() as connection:
            lost = confirmations.give_up(connection, self.clock.now())
        if lost:
            log.warning("confirmations are unknown, their sender was killed: n=%s", lost)
        taken = 0
        while time.monotonic() < ends and (claimed := self._claim()) is not None:
            taken += self._serve(claimed)
        return taken

    def _claim(self) -> Claimed | None:
        with self.engine.begin() as connection:
            resting = circuits.resting(connection)
            able = [one.name for one in self.accounts.values() if one.name not in resting and not one.trial]
            return confirmations.claim(
                connection, able, child=self.child, lease_s=self.lease_s, now=self.clock.now()
            )  # fmt: skip

    def _serve(self, claimed: Claimed) -> bool:
        lease = Lease.lasting(self.lease_s * _MARGIN)
        account = self.accounts[claimed.account]
        text = confirmation(claimed.channel, account.text_form)
        if not self._afford(claimed, account, text):
            return False
        try:
            to = self.keys.open(claimed.value, claimed.key_version)
        except OutreachError:
            log.error("a confirmation cannot be addressed: account=%s its key is missing", account.name)
            self._put_off(claimed, _UNWELL, counts=False)
            return False
        outgoing = Outgoing(
            key=f"0.{claimed.id}.0", to=to, content=Content(channel=str(claimed.channel), body=text), lease=lease
        )
        try:
            adapter = self.loop.submit(self.loop.adapter(account.name)).result(timeout=30)
            self.loop.submit(_sent(adapter, outgoing)).result()
        except SendError as error:
            self._failed(claimed, account, error)
            return False
        except Exception as error:  # a bug: it may have left
            log.error("adapter failed: account=%s error=%s", account.name, type(error).__name__)
            self._settle(claimed, State.UNKNOWN, code="bug")
            return False
        self._settle(claimed, State.ACCEPTED)
        return True

    def _afford(self, claimed: Claimed, account: Account, text: str) -> bool:
        """Pay from the account's bucket; where that is short or away it waits a little, untouched."""
        needed = max(1, measure(text).parts) if claimed.channel is Channel.SMS else 1
        try:
            grant = self.buckets.take(account, needed, least=needed)
        except redis.RedisError:
            self._put_off(claimed, timedelta(seconds=5), counts=False)
            return False
        if grant.tokens < needed:
            self._put_off(claimed, max(grant.wait, timedelta(seconds=1)), counts=False)
            return False
        return True

    def _failed(self, claimed: Claimed, account: Account, error: SendError) -> None:
        """What an error means here: tried again only where nothing can have left."""
        spread = random.random()  # noqa: S311 - nothing secret is drawn
        code = error.code.encode("utf-8", "ignore").decode().replace("\0", "")[:200]
        match error.kind:
            case ErrorKind.TRANSIENT if not error.may_have_left and (pause := backoff(claimed.attempt, spread)):
                self._put_off(claimed, pause, code=code)
            case ErrorKind.TRANSIENT:
                self._settle(claimed, State.UNKNOWN if error.may_have_left else State.FAILED, code=code)
            case ErrorKind.THROTTLED | ErrorKind.POSTPONED:
                pause = throttle(error.retry_after, spread)
                if error.kind is ErrorKind.THROTTLED:
                    Purse(self.buckets, account, time.sleep).hold(pause)
                self._put_off(claimed, pause, code=code, counts=False)
            case ErrorKind.NOT_SENT:
                self._put_off(claimed, timedelta(seconds=1), code=code, counts=False)
            case ErrorKind.MISCONFIGURED:
                log.error("a confirmation waits: account=%s code=%s reason=%s", account.name, error.code, error.reason)
                self._put_off(claimed, _UNWELL, code=code, counts=False)
            case ErrorKind.UNCERTAIN:
                self._settle(claimed, State.UNKNOWN, code=code)
            case _:
                self._settle(claimed, State.FAILED, code=code)

    def _settle(self, claimed: Claimed, state: State, *, code: str = "") -> None:
        with self.engine.begin() as connection:
            now = self.clock.now()
            confirmations.settle(connection, claimed, state, child=self.child, now=now, code=code)

    def _put_off(self, claimed: Claimed, pause: timedelta, *, code: str = "", counts: bool = True) -> None:
        until = self.clock.now() + pause
        with self.engine.begin() as connection:
            confirmations.put_off(connection, claimed, child=self.child, until=until, code=code, counts=counts)


async def _sent(adapter: Adapter, outgoing: Outgoing) -> Accepted:
    return await adapter.send(outgoing)
