"""How the sends of the last half minute went, by account: kept in Valkey, shared by all workers, soon forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Final

import redis

from outreach.domain.circuits import Tally

_SPAN: Final = 5
"""Seconds counted together."""
_SPANS: Final = 6
_KEPT: Final = 60
_FIELDS: Final = ("well", "ill", "ms", "chunks")


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of every account; the calls raise `redis.RedisError` where Valkey is away."""

    client: redis.Redis
    seconds: Callable[[], float] = field(default=time)

    def note(self, account: str, chunk: Tally) -> None:
        """Add a chunk."""
        key = _key(account, self._now())
        pipeline = self.client.pipeline(transaction=False)
        for name, value in zip(
            _FIELDS, (chunk.well, chunk.ill, round(1000 * chunk.seconds), chunk.chunks), strict=True
        ):
            if value:
                pipeline.hincrby(key, name, value)
        pipeline.expire(key, _KEPT)
        pipeline.execute()

    def read(self, account: str) -> Tally:
        """What the last half minute comes to."""
        pipeline = self.client.pipeline(transaction=False)
        for span in self._spans():
            pipeline.hmget(_key(account, span), *_FIELDS)
        well, ill, ms, chunks = (
            sum(int(one or 0) for one in column) for column in zip(*pipeline.execute(), strict=True)
        )
        return Tally(well, ill, ms / 1000, chunks)

    def forget(self, account: str) -> None:
        """Begin anew: what was is known to everybody."""
        self.client.delete(*(_key(account, span) for span in self._spans()))

    def _now(self) -> int:
        return int(self.seconds() / _SPAN)

    def _spans(self) -> range:
        return range(self._now() - _SPANS + 1, self._now() + 1)


def _key(account: str, span: int) -> str:
    return f"outreach:window:{account}:{span}"
