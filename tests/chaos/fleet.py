"""An installation with four worker children on a sandbox, judged by the times in the sandbox's log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine, text

from outreach.local.sandbox import Entry, Outcome
from outreach.local.sandbox.log import REQUESTS
from outreach.settings import Settings
from outreach.store.clock import DatabaseClock
from outreach.wiring import key_ring
from tests.chaos.test_kills import Site, morning_shift, populate
from tests.processes import Installation, Sandbox, free_port, sandbox, wait_for
from tests.world import World

WORKERS = ("first", "second")
CHILDREN = 2
"""Of each worker."""
ONE_PART = "UBND thong bao: moi ong/ba nhan ket qua."
QUIET = ("--fail-share", "0", "--lost-receipts", "100%")
"""Nobody fails, and no receipts keep the machine busy."""


def esms(box: Sandbox, rate: str) -> str:
    return f"""
[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{box.http}/esms"
rate = "{rate}"
price = 350
"""


@dataclass
class Tail:
    """The log of a sandbox, of which only what is new is read again."""

    file: Path
    entries: list[Entry] = field(default_factory=list)
    _offset: int = 0

    def read(self) -> list[Entry]:
        """Everything so far, oldest first."""
        if self.file.exists():
            with self.file.open("rb") as log:
                log.seek(self._offset)
                new = log.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._offset += len(whole)
            for line in whole.splitlines():
                said = json.loads(line)
                self.entries.append(Entry(**{**said, "outcome": Outcome(said["outcome"])}))
        return self.entries

    def accepted(self, **of: str) -> list[Entry]:
        """What was taken; `of`: fields and what they are."""
        wanted = of.items()
        return [
            one
            for one in self.read()
            if one.outcome is Outcome.ACCEPTED and all(getattr(one, name) == value for name, value in wanted)
        ]


@dataclass
class Fleet(Site):
    """A site whose campaigns are of one message each."""

    world: World = field(kw_only=True)
    tail: Tail = field(kw_only=True)

    def populate(self, people: int, *, mailboxes: bool = False) -> None:
        """People with a phone number, and a mailbox where wanted."""
        keys = self.world.keys
        populate(self.engine, keys, people)
        if not mailboxes:
            return
        addresses = [f"nguoi{n}@example.vn" for n in range(people)]
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                    " SELECT c.id, 'email', v.fingerprint, 1, v.sealed FROM contacts c"
                    " JOIN unnest(CAST(:ids AS text[]), CAST(:fingerprints AS bytea[]), CAST(:sealed AS bytea[]))"
                    " AS v(external_id, fingerprint, sealed) ON v.external_id = c.external_id"
                ),
                {
                    "ids": [str(n) for n in range(people)],
                    "fingerprints": [keys.fingerprint(address) for address in addresses],
                    "sealed": [keys.seal(address) for address in addresses],
                },
            )

    def sent(self, slug: str) -> list[Entry]:
        """What the provider has taken of a campaign."""
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT id FROM runs WHERE campaign = :slug"), {"slug": slug})
            runs = tuple(f"{row.id}." for row in rows)
        return [one for one in self.tail.accepted() if one.key.startswith(runs)]

    def faults(self, **faults: object) -> None:
        """Put other faults in the place of those that are on."""
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.box.http}/faults", json.dumps(faults).encode(), headers)
        with urlopen(request, timeout=10) as answer:
            assert json.load(answer)["ok"]

    def wait_for_more(self) -> None:
        """Wait until a few more have left."""
        before = len(self.tail.accepted())
        wait_for("more messages", lambda: len(self.tail.accepted()) > before + 20, seconds=40)

    def waiting(self, slug: str) -> int:
        """How many deliveries of a campaign have not left and still may."""
        with self.engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT count(*) FROM deliveries d JOIN runs r ON r.id = d.run_id"
                    " WHERE r.campaign = :slug AND d.state IN ('planned', 'sending')"
                ),
                {"slug": slug},
            )
            return int(found.scalar_one())


def campaign(slug: str, *, body: str = ONE_PART, channels: Sequence[str] = ("sms",)) -> str:
    """A message to everybody at the launch."""
    texts = {"sms": f'sms: "{body}"', "email": f'email: {{subject: "Thông báo", body: "{body}"}}'}
    written = ", ".join(texts[one] for one in channels)
    return f"""
        campaign: {slug}
        title: Đợt lớn
        issuer: UBND thành phố
        starts: 2025-01-01
        ends: 2035-12-31
        messages:
          - id: gui
            segment: {{kind: person}}
            text: {{{written}}}
            channels: [{", ".join(channels)}]
            mode: all
            schedule: {{at: launch}}
    """


@contextmanager
def fleet(
    engine: Engine, database_url: str, redis_url: str, folder: Path, patch: pytest.MonkeyPatch,
    accounts: Callable[[Sandbox], str], *options: str, web: bool = False, workers: bool = True,
) -> Iterator[Fleet]:  # fmt: skip
    """Sandbox (with `options`), scheduler and two workers; of the web only its port unless `web`."""
    shift, port, data = morning_shift(), free_port(), folder / "data"
    data.mkdir(mode=0o700)
    environment = {
        "OUTREACH_DATA_DIR": str(data),
        "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
        "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OUTREACH_CLOCK_SHIFT_SECONDS": str(shift),
    }
    for name, value in environment.items():
        patch.setenv(name, value)
    hooks = ("--webhook", f"twilio=http://127.0.0.1:{port}/webhooks/sms-main") if web else ()
    with sandbox(folder / "sandbox", *QUIET, *options, *hooks) as box:
        (data / "accounts.toml").write_text(accounts(box))
        settings = Settings()
        clock = DatabaseClock(engine, shift=timedelta(seconds=shift))
        world = World(engine, key_ring(settings), clock)  # type: ignore[arg-type]
        installation = Installation(data, environment)
        installation.start_scheduler()
        if web:
            installation.start_web(port)
        for name in WORKERS if workers else ():
            installation.start_worker(name, CHILDREN)
        try:
            tail = Tail(folder / "sandbox" / REQUESTS)
            yield Fleet(engine, installation, box, redis_url, port, world=world, tail=tail)
        finally:
            installation.stop()


def seconds(entries: Sequence[Entry]) -> list[float]:
    """When each came, from the first on."""
    times = sorted(one.moment.timestamp() for one in entries)
    return [moment - times[0] for moment in times]


def within(times: Sequence[float], start: float, length: float) -> int:
    """How many are in a window."""
    return sum(start <= moment < start + length for moment in times)


def windows(times: Sequence[float], length: float, *, start: float, end: float, step: float = 0.1) -> list[int]:
    """How many are in every window that lies between `start` and `end`."""
    places = int((end - start - length) / step + 1e-6)
    return [within(times, start + place * step, length) for place in range(places + 1)]


def beyond(times: Sequence[float], rate: float, weight: int = 1) -> float:
    """By how much the fullest window of any length goes beyond what the rate alone allows in it."""
    worst, lowest = 0.0, float("inf")
    for number, moment in enumerate(times):
        lowest = min(lowest, number * weight - rate * moment)
        worst = max(worst, (number + 1) * weight - rate * moment - lowest)
    return worst


def pass_by(length: float, what: str = "time") -> None:
    """Watch for so many seconds what happens."""
    ends = time.monotonic() + length
    wait_for(what, lambda: time.monotonic() > ends, seconds=length + 30)
