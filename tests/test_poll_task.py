"""From the scheduler's hint to the cursor: what a worker does about a mailbox, as the wiring puts it together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from channels.contract import Accepted, Content, Lease, Outgoing
from outreach import wiring
from outreach.local.embedded import Servers
from outreach.local.sandbox import read_ports
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import polls
from outreach.tasks import POLL, Hints, celery_app, register
from tests.processes import Sandbox, sandbox


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def runtime(box: Sandbox, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    ports = read_ports(box.data)
    assert ports is not None
    (tmp_path / "accounts.toml").write_text(f"""
[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {ports.smtp_port}
tls = "none"
from = "bao@tinh.example"
bounce_address = "tra-lai@tinh.example"
bounce_imap_host = "127.0.0.1"
bounce_imap_port = {ports.imap_port}
bounce_imap_tls = "none"
bounce_imap_username = "tra-lai"
bounce_imap_password = "any"
""")
    chosen = Settings(data_dir=tmp_path, secret_key="a secret that is only of these tests, long enough")
    built = wiring.build(chosen, Servers(database_url, redis_url), name="test")
    yield built
    built.engine.dispose()


def send(runtime: Runtime, to: str) -> Accepted:
    """Send one message through the account's own adapter."""

    async def story() -> Accepted:
        adapter = runtime.receiver().adapters["mail"]
        content = Content(channel="email", subject="a", body="b")
        accepted = await adapter.send(Outgoing("1.1.1", to, content, Lease.lasting(30)))
        await adapter.aclose()
        return accepted

    return asyncio.run(story())


def test_a_worker_that_takes_the_hint_reads_the_mailbox(runtime: Runtime, box: Sandbox, redis_url: str) -> None:
    marked = send(runtime, "sandbox-bounce@thu.example")
    assert marked.provider_id.startswith("1.1.1-")
    assert [entry.key for entry in box.accepted()] == ["1.1.1"]
    app = celery_app(redis_url)
    hints = Hints(app, redis.Redis.from_url(redis_url))
    sending = runtime.sending()
    register(app, lambda: sending, hints)
    assert hints.poll()
    app.tasks[POLL]()
    sending.dispatcher.loop.close()
    with runtime.engine.connect() as connection:
        found = polls.read(connection, ["mail"])["mail"]
        kept = connection.exec_driver_sql("SELECT account, event_key FROM raw_events").all()
    assert (found.cursor.rpartition(":")[2], found.trouble) == ("1", "")
    assert [(row.account, row.event_key.startswith("mail:1.1.1:")) for row in kept] == [("mail", True)]
    assert hints.poll(), "the hint was taken, another may follow"
