"""A sandbox, its accounts and a child that sends through them; a file with other needs has fixtures of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from tests.processes import Sandbox, accounts_toml, sandbox
from tests.sending import child_of
from tests.world import World


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def accounts(box: Sandbox, tmp_path: Path) -> Accounts:
    file = tmp_path / "accounts.toml"
    file.write_text(accounts_toml(box))
    return load_accounts(file, timeout=2.0)


@pytest.fixture
def dispatcher(world: World, accounts: Accounts, redis_url: str) -> Iterator[Dispatcher]:
    loop = SendingLoop(accounts.makers)
    yield child_of(world, accounts.known, loop, redis_url)
    loop.close()
