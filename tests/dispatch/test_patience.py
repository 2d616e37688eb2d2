"""What one answer of a chunk changes while the others of it are on their way."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
import redis

from channels.contract import Accepted, ErrorKind, Outgoing, SendError
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.flights import fly
from outreach.dispatch.purse import Purse
from tests.dispatch.test_lists import ready
from tests.world import account

HUNDRED = account(rate=100.0, burst=100)


@pytest.fixture
def buckets(redis_url: str) -> Buckets:
    return Buckets(redis.Redis.from_url(redis_url))


class Slow:
    """Asks for patience at once for the first, and is done with the others when the account rests."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self.rested = False

    async def send(self, outgoing: Outgoing) -> Accepted:
        if outgoing.to == "1":
            raise SendError(ErrorKind.THROTTLED, "429", "wait", retry_after=60)
        ends = time.monotonic() + 10
        while time.monotonic() < ends and not self.rested:
            await asyncio.sleep(0.01)
            self.rested = self._buckets.take(HUNDRED, 1).wait > timedelta(seconds=30)
        return Accepted(outgoing.to)


def test_the_account_rests_as_soon_as_one_answer_asks_for_it(buckets: Buckets) -> None:
    slow = Slow(buckets)
    ear = Purse(buckets, HUNDRED, time.sleep).ear()
    landed = asyncio.run(fly(slow, [ready("1"), ready("2")], ear))  # type: ignore[arg-type]
    assert slow.rested
    assert isinstance(landed.results[0], SendError)


def test_urgent_work_takes_the_first_token_while_a_mass_run_waits_for_many(buckets: Buckets, redis_url: str) -> None:
    ahead = int(time.time() * 1000) + 900  # as of a clock that has gone back: the bucket does not fill meanwhile
    redis.Redis.from_url(redis_url).hset("outreach:bucket:sms-main", mapping={"tokens": "3", "at": str(ahead)})
    mass, urgent = (Purse(buckets, HUNDRED, lambda _: None, urgent=urgent) for urgent in (False, True))
    assert mass.fill(100, None, patient=False) == 0
    assert urgent.fill(100, None, patient=False) == 3
