"""A mail server slower than its account's rate: what waits for a connection costs no try, and is never in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.domain.circuits import Circuit
from outreach.domain.words import Lane
from outreach.store import circuits
from tests.dispatch.test_mail_returns import CAMPAIGN
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

PEOPLE = 15


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path / "sandbox", "--latency", "smtp=150ms") as running:
        yield running


@pytest.fixture
def dispatcher(world: World, box: Sandbox, redis_url: str, tmp_path: Path) -> Iterator[Dispatcher]:
    file = tmp_path / "accounts.toml"
    file.write_text(f"""
[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {box.smtp}
tls = "none"
from = "bao@tinh.example"
connections = 1
rate = "1000/s"
""")
    accounts = load_accounts(file, timeout=1.0)
    loop = SendingLoop(accounts.makers)
    yield child_of(world, accounts.known, loop, redis_url, timeout=1.0)
    loop.close()


def test_a_slow_mail_server_gets_everything_once_at_its_own_pace(
    world: World, dispatcher: Dispatcher, box: Sandbox
) -> None:
    for n in range(PEOPLE):
        world.person(f"P{n}", email=f"p{n}@thu.example")
    world.launch(CAMPAIGN)
    world.plan()
    for _ in range(PEOPLE):
        if dispatcher.drain("mail", Lane.BULK).sent == 0:
            break
    assert {(row.state, row.attempt) for row in world.rows()} == {("accepted", 1)}
    assert set(Counter(entry.to for entry in box.accepted()).values()) == {1}
    with world.engine.connect() as connection:
        assert circuits.standing(connection, "mail").circuit is Circuit.CLOSED
    assert world.counts_agree()
