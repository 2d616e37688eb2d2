"""Everything at once: people with an address on every channel, real providers of the sandbox, a real web, two senders.

The engine's clock is handed in and jumps over the pauses; what the providers and the database count is the true time.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import redis
from sqlalchemy import text

from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.marking import with_secrets
from outreach.dispatch.recovery import Recovery
from outreach.dispatch.vault import Vaults
from outreach.domain.hours import DAYTIME, next_open
from outreach.domain.words import Channel
from outreach.local.sandbox import read_ports
from outreach.local.sandbox.behaviour import MAGIC_CHAT, MAGIC_PREFIX, MAGIC_USER
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.credentials import EsmsAccount, TelegramBot, ZaloApp
from outreach.planning.sharing import share_out
from outreach.receipts.polling import Poller
from outreach.receipts.receiver import Receiver
from outreach.store import accounts as account_store
from outreach.store import claims
from tests.planning.cascade_world import AllChannels
from tests.processes import Installation, Sandbox
from tests.sending import child_of

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
CHANNELS = (Channel.SMS, Channel.ZALO_OA, Channel.ZALO_ZNS, Channel.TELEGRAM, Channel.EMAIL)
TIMEOUT = 2.0
"""Of a send, in seconds: some answers never come."""
ZNS = '[{"template_id": "1", "name": "Chào", "text": "<ten>", "params": [{"name": "ten", "maxLength": 80}]}]'
MAGIC = (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14)
"""Last digits of addresses with a known fate that ends some day."""
MAILBOXES = (
    "invalid", "broken", "content", "silent", "reset", "dropped", "bounce", "full", "policy", "delayed", "complaint",
)  # fmt: skip
_EVERY = 20
"""Every so many have a mailbox with a known fate."""


@dataclass(frozen=True)
class Person:
    """Somebody's addresses."""

    n: int

    @property
    def phone(self) -> str:
        return f"{MAGIC_PREFIX}{self.n:02}" if self.n in MAGIC else f"+8491{self.n:07d}"

    @property
    def user(self) -> str:
        return f"{MAGIC_USER}{self.n:02}" if self.n in MAGIC else f"95{self.n:017d}"

    @property
    def chat(self) -> str:
        return f"{MAGIC_CHAT}{self.n:02}" if self.n in MAGIC else f"40{self.n:014d}"

    @property
    def mailbox(self) -> str:
        nth, rest = divmod(self.n, _EVERY)
        local = f"sandbox-{MAILBOXES[nth % len(MAILBOXES)]}" if rest == 0 else "dan"
        return f"{local}@d{self.n}.example"

    def on(self, channel: Channel) -> str:
        """The address on a channel."""
        return {
            Channel.SMS: self.phone, Channel.ZALO_ZNS: self.phone, Channel.ZALO_OA: self.user,
            Channel.TELEGRAM: self.chat, Channel.EMAIL: self.mailbox,
        }[channel]  # fmt: skip


def accounts_text(box: Sandbox) -> str:
    """An account of every channel at the sandbox, two of SMS: one that can be asked, one that drops repetitions."""
    ports = read_ports(box.data)
    assert ports is not None
    zalo, esms, bot = ZaloApp(), EsmsAccount(), TelegramBot()
    return f"""
[accounts.sms-main]
channel = "sms"
provider = "twilio"
account_sid = "{ACCOUNT_SID}"
auth_token = "{AUTH_TOKEN}"
from = "+15005550006"
base_url = "{box.http}"
rate = "2000/s"
price = 350

[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "{esms.api_key}"
secret_key = "{esms.secret_key}"
brandname = "{esms.brandname}"
base_url = "{box.http}/esms"
rate = "2000/s"
price = 350

[accounts.oa]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "{zalo.app_id}"
app_secret = "{zalo.app_secret}"
oa_id = "{zalo.oa_id}"
oa_secret = "{zalo.oa_secret}"
refresh_token = "{zalo.refresh_token}"
base_url = "{box.http}/zalo"
business_url = "{box.http}/zalo"
oauth_url = "{box.http}/zalo"
rate = "2000/s"

[accounts.bot]
channel = "telegram"
provider = "telegram"
token = "{bot.token}"
base_url = "{box.http}/telegram"
chat_interval = 0
rate = "2000/s"

[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {box.smtp}
tls = "none"
from = "bao@tinh.example"
bounce_address = "tra-lai@tinh.example"
bounce_imap_host = "127.0.0.1"
bounce_imap_port = {ports.imap_port}
bounce_imap_tls = "none"
bounce_imap_username = "tra-lai"
bounce_imap_password = "any"
rate = "2000/s"
"""


@dataclass
class Stage:
    """An installation that writes to everybody on every channel."""

    world: AllChannels
    box: Sandbox
    accounts: Accounts
    installation: Installation
    client: redis.Redis
    children: Sequence[Dispatcher]
    recovery: Recovery
    receiver: Receiver
    people: dict[int, Person] = field(default_factory=dict)
    """By contact id."""
    mended: Counter[str] = field(default_factory=Counter)
    """How often a person had to mend an account."""
    throttled: int = 0
    """How often a provider's wish for silence was cut short."""

    def populate(self, people: int) -> None:
        """So many people with an address on every channel."""
        everybody = [Person(n) for n in range(people)]
        keys, rows = self.world.keys, []
        for one in everybody:
            for channel, account in (("sms", ""), ("zalo_oa", "oa"), ("telegram", "bot"), ("email", "")):
                rows.append((str(one.n), channel, account, one.on(Channel(channel))))
        with self.world.engine.begin() as connection:
            found = connection.execute(
                text(
                    "INSERT INTO contacts (source, external_id, identity, full_name, search_key, sort_key, unit_code)"
                    " SELECT 'main', n::text, n::text::bytea, 'Người ' || n, 'nguoi', 'nguoi', '00454'"
                    " FROM generate_series(0, :last) AS n RETURNING id, external_id"
                ),
                {"last": people - 1},
            ).all()
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)"
                    " SELECT c.id, v.channel, v.account, v.fingerprint, 1, v.sealed FROM contacts c"
                    " JOIN unnest(CAST(:ids AS text[]), CAST(:channels AS text[]), CAST(:accounts AS text[]),"
                    " CAST(:fingerprints AS bytea[]), CAST(:sealed AS bytea[]))"
                    " AS v(external_id, channel, account, fingerprint, sealed) ON v.external_id = c.external_id"
                ),
                {
                    "ids": [row[0] for row in rows],
                    "channels": [row[1] for row in rows],
                    "accounts": [row[2] for row in rows],
                    "fingerprints": [keys.fingerprint(row[3]) for row in rows],
                    "sealed": [keys.seal(row[3]) for row in rows],
                },
            )
        self.people = {row.id: everybody[int(row.external_id)] for row in found}

    def work(self, *, seconds: float) -> None:
        """Send until nothing is to be sent any more; the clock jumps over every pause."""
        ended, trouble = threading.Event(), list[BaseException]()
        threads = [
            threading.Thread(target=self._send, args=(nth, child, ended, trouble))
            for nth, child in enumerate(self.children)
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        try:
            while not trouble and self._open():
                assert time.monotonic() < until, f"not done in {seconds} s: {self.counts()}"
                self._tick()
                time.sleep(0.05)
        finally:
            ended.set()
            for thread in threads:
                thread.join(60)
        assert trouble == []

    def _send(self, nth: int, child: Dispatcher, ended: threading.Event, trouble: list[BaseException]) -> None:
        try:
            while not ended.is_set():
                with self.world.engine.connect() as connection:
                    due = claims.due_lanes(connection, list(self.accounts.known), self.world.clock.now())
                due.sort(reverse=bool(nth))  # they begin at opposite ends, and meet
                for account, lane in due:
                    child.drain(account, lane, longest=2.0)
                if not due:
                    ended.wait(0.02)
        except BaseException as error:
            trouble.append(error)

    def _tick(self) -> None:
        """What scheduler, time and a person do."""
        held = list(self.client.scan_iter("outreach:hold:*"))
        if held:
            self.throttled += int(self.client.delete(*held))  # it lasts by the true clock, which does not jump
        share_out(self.world.engine, self.world.accounts, self.world.clock)
        with self.world.engine.begin() as connection:
            for name in account_store.paused(connection):
                self.mended[name] += account_store.resume(connection, name)
            connection.execute(text("UPDATE account_states SET probe_at = now() WHERE circuit = 'open'"))
            waits = connection.execute(
                text(
                    "SELECT min(next_attempt_at) FILTER (WHERE state = 'planned') AS at,"
                    " count(*) FILTER (WHERE state = 'sending') AS sending FROM deliveries"
                    " WHERE state IN ('planned', 'sending')"
                )
            ).one()
        if waits.at is not None and not waits.sending and waits.at > self.world.clock.now():
            self.world.clock.set(max(self.world.clock.now(), next_open(DAYTIME, waits.at, HANOI)))

    def _open(self) -> int:
        counts = self.counts()
        return counts["planned"] + counts["sending"]

    def counts(self) -> Counter[str]:
        """Deliveries by state."""
        with self.world.engine.connect() as connection:
            rows = connection.execute(text("SELECT state, count(*) AS n FROM deliveries GROUP BY state"))
            return Counter({row.state: row.n for row in rows})

    def rows(self) -> Sequence[Any]:
        """All deliveries."""
        with self.world.engine.connect() as connection:
            return connection.execute(text("SELECT * FROM deliveries")).all()

    def poll(self) -> int:
        """Read the mailbox of bounces; returns how many were new."""
        return Poller(self.receiver).poll_all()


@contextmanager
def staged(
    world: AllChannels, box: Sandbox, redis_url: str, database_url: str, data: Path, *, secret: str, port: int
) -> Iterator[Stage]:
    """The stage at a running sandbox, whose events go to `port`."""
    data.mkdir(mode=0o700)
    (data / "accounts.toml").write_text(accounts_text(box))
    public = f"http://127.0.0.1:{port}"
    installation = Installation(
        data,
        {
            "OUTREACH_DATA_DIR": str(data), "OUTREACH_DATABASE_URL": database_url, "OUTREACH_REDIS_URL": redis_url,
            "OUTREACH_PUBLIC_URL": public, "OUTREACH_SECRET_KEY": secret,
            "OUTREACH_CLOCK_SHIFT_SECONDS": str(int((world.clock.now() - datetime.now(UTC)).total_seconds())),
        },
    )  # fmt: skip
    accounts = with_secrets(load_accounts(data / "accounts.toml", timeout=TIMEOUT, environment=os.environ), world.keys)
    loops = [SendingLoop(accounts.makers, Vaults(world.engine, world.keys).open) for _ in range(2)]
    children = [child_of(world, accounts.known, loop, redis_url, public_url=public, timeout=TIMEOUT) for loop in loops]
    recovery = Recovery(
        world.engine, loops[0], accounts.known, world.keys, world.clock, lease_s=60.0, public_url=public
    )
    adapters = {name: make() for name, make in accounts.makers.items()}
    receiver = Receiver(world.engine, adapters, accounts.known, world.keys, world.clock)
    client = redis.Redis.from_url(redis_url)
    try:
        installation.start_web(port)
        yield Stage(world, box, accounts, installation, client, children, recovery, receiver)
    finally:
        installation.stop()
        for loop in loops:
            loop.close()
        client.close()
