"""A worker child for tests: a dispatcher over true adapters, its buckets full, without a process of its own."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from outreach.dispatch.breaker import Breaker
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.child import Child, myself
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.windows import Windows
from outreach.domain.accounts import Account
from outreach.store import claims
from tests.world import World

PUBLIC = "http://127.0.0.1:9"
"""Nobody listens there: callbacks go nowhere."""


def child_of(
    world: World, accounts: Mapping[str, Account], loop: SendingLoop, redis_url: str, *, public_url: str = PUBLIC,
    timeout: float = 2.0, owner: Child | None = None,
) -> Dispatcher:  # fmt: skip
    """A child of a world that has these accounts alone; `timeout` (s) of a send; `owner`: its process."""
    me = owner or myself()
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host=me.host, boot=me.boot, pid=me.pid, started=me.started)
    world.accounts = dict(accounts)
    client = redis.Redis.from_url(redis_url)
    buckets = Buckets(client)
    for account in accounts.values():
        buckets.settle(account, account.burst)
    return Dispatcher(
        engine=world.engine, buckets=buckets, loop=loop, accounts=accounts, keys=world.keys, clock=world.clock,
        child=child, public_url=public_url, lease_s=60.0,
        breaker=Breaker(world.engine, Windows(client), accounts, world.clock, timeout),
    )  # fmt: skip
