"""The rate of a provider account, shared by all workers: a token bucket in Valkey, weighted by SMS parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import redis

from outreach.domain.accounts import Account

_SCRIPT = Path(__file__).with_name("bucket.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens taken, or (where `tokens` is 0) how long to wait before asking again."""

    tokens: int
    wait: timedelta = timedelta(0)


_LONGER = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
"""


class Buckets:
    """The buckets of every account. Where Valkey is away the calls raise `redis.RedisError`: then nothing is sent."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._take = client.register_script(_SCRIPT)
        self._hold = client.register_script(_LONGER)

    def take(self, account: Account, wanted: int, *, least: int = 1) -> Grant:
        """Take up to `wanted` tokens, at least `least` or none.

        `least` beyond the burst is lowered to it, and the tokens beyond it are owed: the bucket goes below zero.
        """
        affordable = min(least, account.burst)
        granted, wait_ms = self._take(
            keys=[_bucket(account.name), _hold(account.name)], args=[account.rate, account.burst, wanted, affordable]
        )
        return Grant(int(granted), timedelta(milliseconds=int(wait_ms)))

    def settle(self, account: Account, tokens: int) -> None:
        """Give back unused tokens (positive) or owe those used beyond the grant (negative)."""
        if tokens:
            self._client.hincrbyfloat(_bucket(account.name), "tokens", float(tokens))

    def hold(self, account: Account, pause: timedelta) -> None:
        """Let no worker take a token of this account for `pause`: the provider asked for it. The longest one counts."""
        milliseconds = max(1, int(pause.total_seconds() * 1000))
        self._hold(keys=[_hold(account.name)], args=[milliseconds])


def _bucket(name: str) -> str:
    return f"outreach:bucket:{name}"


def _hold(name: str) -> str:
    return f"outreach:hold:{name}"
