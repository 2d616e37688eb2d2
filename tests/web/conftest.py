"""A site: the web application behind a real server on a free port, on the test's own database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from web_site import ACCOUNTS, PUBLIC_URL, Site, serving

from outreach import wiring
from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime, Sending
from outreach.settings import Settings
from outreach.store.engine import connect
from tests.world import World


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS)
    return load_accounts(file, timeout=2.0)


@pytest.fixture
def runtime(world: World, accounts: Accounts, database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A runtime of its own connections, as another process has them."""
    engine = connect(database_url, name="web test")
    client = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)

    def receiver() -> Receiver:
        adapters = {name: make() for name, make in accounts.makers.items()}
        return Receiver(engine, adapters, accounts.known, world.keys, world.clock)

    yield Runtime(
        settings=Settings(public_url=PUBLIC_URL), database_url=database_url, redis_url=redis_url, engine=engine,
        redis=client, keys=world.keys, clock=world.clock, accounts=accounts.known, sending=_nothing_is_sent,
        receiver=receiver, meaning=wiring.meanings(accounts.advisers),
    )  # fmt: skip
    engine.dispose()
    client.close()


def _nothing_is_sent() -> Sending:
    raise AssertionError(f"the web must not make a {Dispatcher.__name__}")


@pytest.fixture
def serve() -> Iterator[Callable[[Runtime], Site]]:
    """Starts a site on a runtime; stopped at the end of the test."""
    with serving() as start:
        yield start


@pytest.fixture
def site(serve: Callable[[Runtime], Site], runtime: Runtime) -> Site:
    return serve(runtime)
