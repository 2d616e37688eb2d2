"""The purse of a drain: tokens of an account's bucket for a chunk, what they pay for, and the rest given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import redis

from channels.contract import ErrorKind, SendError
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.messages import Ready
from outreach.domain.accounts import Account
from outreach.domain.retries import throttle

log = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=0.25)
"""How long a drain waits for tokens itself; for more it leaves and is called again."""
_SLICE = 0.1
"""Tokens of this many seconds are waited for together, so that chunks do not shrink to single messages."""
_PATIENCE_FOR_A_LIST = timedelta(seconds=1)
"""The same for an account that sends lists: a whole chunk is worth waiting for, as requests are what it is short of."""


@dataclass(frozen=True, slots=True)
class Purse:
    """Pays for what one account sends; where Valkey is away nothing may leave.

    `urgent`: takes what there is, so that it finds a token while mass runs wait for many at once.
    """

    buckets: Buckets
    account: Account
    pause: Callable[[float], None]
    urgent: bool = False

    def fill(self, chunk: int, weight: int | None, *, patient: bool = True) -> int:
        """Tokens for a chunk of so many messages, waited for a little where `patient`; 0: nothing may leave now.

        `weight`: tokens a message of a list takes, for whole chunks; None: as many as there are.
        """
        wanted, patience = max(1, min(chunk, int(self.account.rate))), _PATIENCE
        least = 1 if self.urgent else max(1, min(wanted, int(self.account.rate * _SLICE)))
        if weight is not None:
            wanted = least = max(1, min(chunk * weight, self.account.burst))
            patience = _PATIENCE_FOR_A_LIST
        for _ in range(2):
            try:
                grant = self.buckets.take(self.account, wanted, least=least)
            except redis.RedisError:
                log.warning("rate limiter is away: account=%s sends nothing", self.account.name)
                return 0
            if grant.tokens or grant.wait > patience or not patient:
                return grant.tokens
            self.pause(grant.wait.total_seconds())
        return 0

    def afford(self, granted: int, ready: Sequence[Ready]) -> tuple[list[Ready], list[Ready]]:
        """Split into what the bucket pays for and what must wait; unused tokens go back."""
        needed = sum(message.tokens for message in ready)
        if needed > granted:
            try:
                granted += self.buckets.take(self.account, needed - granted, least=1).tokens
            except redis.RedisError:
                return [], list(ready)
        leaving: list[Ready] = []
        left = granted
        for position, message in enumerate(ready):
            # A message of more parts than the burst goes alone, and the bucket owes the rest.
            if message.tokens > left and not (not leaving and message.tokens > self.account.burst):
                self.give_back(left)
                return leaving, list(ready[position:])
            leaving.append(message)
            left -= message.tokens
        self.give_back(left)
        return leaving, []

    def give_back(self, tokens: int) -> None:
        """What was not used, at once."""
        try:
            self.buckets.settle(self.account, tokens)
        except redis.RedisError:
            log.warning("rate limiter is away: account=%s", self.account.name)

    def hold(self, pause: timedelta) -> None:
        """Let nobody take a token of the account for so long: the provider asked for it."""
        try:
            self.buckets.hold(self.account, pause)
        except redis.RedisError:
            log.warning("rate limiter is away: account=%s", self.account.name)

    def ear(self) -> Callable[[SendError], None]:
        """Lets the account rest as soon as one answer asks for it: others of its chunk may be long on their way."""
        heard: list[SendError] = []

        def hear(error: SendError) -> None:
            if error.kind is ErrorKind.THROTTLED and not heard:
                heard.append(error)
                asyncio.get_running_loop().run_in_executor(None, self.hold, throttle(error.retry_after, 0.0))

        return hear
