"""The webhooks' part: signed callbacks of four providers against `outreach web`, at a fixed rate and as fast as it can.

python -m benchmarks.webhooks [--rate N] [--seconds S] [--flood N]      measures this part alone, prints its table
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from benchmarks import callbacks
from benchmarks.measures import Parameters, Webhooks
from benchmarks.processes import BenchmarkError, end, start, stub, wait_for
from benchmarks.results import webhook_rows
from benchmarks.site import Site, site
from benchmarks.usage import Meter, Used, tree_seconds, wait_until_quiet

_CALLERS = 64
"""Connections that providers hold open together."""
_WARM = 400
_CAMPAIGN = "do-luong-webhook"


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked for: `rate` a second for `seconds`, then `flood` callbacks as fast as they are answered."""

    rate: int = 200
    seconds: int = 20
    flood: int = 20_000

    @property
    def requests(self) -> int:
        return _WARM + self.rate * self.seconds + self.flood


def measure_webhooks(here: Site, load: Load) -> Webhooks:
    """What `outreach web` answers with, every callback counted in the database afterwards."""
    port = _free_port()
    deliveries = _accepted(here, load.requests)
    made, events = callbacks.requests(port, deliveries, load.requests)
    with _web(here, port) as pid:
        asyncio.run(_flood(port, made[:_WARM]))
        wait_until_quiet(here.parameters.patience)
        paced = made[_WARM : _WARM + load.rate * load.seconds]
        postmaster = here.postmaster()
        groups = {"web": lambda: tree_seconds(pid), "postgres": lambda: tree_seconds(postmaster)}
        meter = Meter(groups)
        steady = asyncio.run(_paced(port, paced, load.rate))
        cpu = _each(meter.stop(), len(paced))
        meter = Meter(groups)
        flooded = asyncio.run(_flood(port, made[_WARM + len(paced) :]))
        used = meter.stop()
    _check(here, deliveries, events)
    highest = load.flood / used.seconds
    return Webhooks(
        load.rate, load.seconds, steady, highest, flooded, cpu, _each(used, load.flood), used.others
    )  # fmt: skip


def _each(used: Used, callbacks: int) -> dict[str, float]:
    return {name: 1000 * seconds / callbacks for name, seconds in used.by.items()}


def _accepted(here: Site, wanted: int) -> dict[str, list[tuple[int, int]]]:
    """A run whose messages the providers have taken: deliveries by account, as (run, id)."""
    each = wanted // 4 + 1
    found: dict[str, list[tuple[int, int]]] = {}
    with here.runtime.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO campaigns (slug, title, state, version, timezone, starts, ends) VALUES"
                " (:slug, 'Đo lường', 'running', 1, 'Asia/Ho_Chi_Minh', now(), now())"
            ),
            {"slug": _CAMPAIGN},
        )
        run = connection.execute(
            text(
                "INSERT INTO runs (campaign, message, scheduled_for, version, state, lane, class, steps, mode, wait_s,"
                " not_after_s, planned_at) VALUES (:slug, 'm', now(), 1, 'sending', 'bulk', 'service_notice',"
                " '{sms,zalo_zns}', 'all', 0, 86400, now()) RETURNING id"
            ),
            {"slug": _CAMPAIGN},
        ).scalar_one()
        for number, (account, channel) in enumerate(callbacks.RECEIPTS.items()):
            values = {"run": run, "account": account, "channel": channel, "each": each, "first": number * each}
            rows = connection.execute(
                text(
                    """
                    WITH made AS (
                        INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, step, account, lane,
                            state, due_at, next_attempt_at, expires_at, attempt, provider_id, sent_at, closes_at)
                        SELECT :run, 'contact', 10000000 + :first + n, :channel, 0, :account, 'bulk', 'accepted',
                            now(), now(), now() + interval '1 day', 1, md5(:account || n), now(),
                            now() + interval '3 days'
                        FROM generate_series(1, :each) AS n RETURNING run_id, id, channel
                    ), counted AS (
                        INSERT INTO run_counts (run_id, channel, state, shard, n)
                        SELECT run_id, channel, 'accepted', 0, count(*) FROM made GROUP BY 1, 2
                        ON CONFLICT (run_id, channel, state, shard) DO UPDATE SET n = run_counts.n + excluded.n
                    )
                    SELECT run_id, id FROM made
                    """
                ),
                values,
            )
            found[account] = [(row.run_id, row.id) for row in rows]
    return found


@contextmanager
def _web(here: Site, port: int) -> Iterator[int]:
    """`outreach web` as an operator starts it, on accounts of its own; gives its process id."""
    file = here.folder / "webhook-accounts.toml"
    file.write_text(callbacks.ACCOUNTS)
    kept = {name: os.environ.get(name) for name in ("OUTREACH_ACCOUNTS", "OUTREACH_PUBLIC_URL")}
    os.environ |= {"OUTREACH_ACCOUNTS": str(file), "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    try:
        web = start(here.folder / "web.log", "-m", "outreach", "web", "--port", str(port))
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    try:
        wait_for("the web", lambda: _answers(port), seconds=30, pause=0.1)
        yield web.pid
    except BenchmarkError as error:
        raise BenchmarkError(f"{error}; the web says:\n{(here.folder / 'web.log').read_text()[-3000:]}") from None
    finally:
        end(web)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class _Caller:
    """A provider's connection, kept open; raises BenchmarkError for any answer but 200."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, request: bytes) -> None:
        """Send and wait for the answer; a connection that the server has closed meanwhile is opened anew."""
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length:")
        await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchmarkError(f"a callback was answered with {head.splitlines()[0].decode()}")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _paced(port: int, requests: Sequence[bytes], rate: int) -> list[float]:
    """Send at a fixed rate whatever the answers; milliseconds of each from the moment it was due to its answer."""
    idle = [_Caller(port) for _ in range(_CALLERS)]
    everybody = list(idle)
    began = time.monotonic() + 0.1

    async def send(number: int, request: bytes) -> float:
        due = began + number / rate
        caller = idle.pop() if idle else _Caller(port)
        await caller.call(request)
        idle.append(caller)
        return 1000 * (time.monotonic() - due)

    sending = []
    for number, request in enumerate(requests):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sending.append(asyncio.create_task(send(number, request)))
    took = await asyncio.gather(*sending)
    for one in {*everybody, *idle}:
        one.close()
    return took


async def _flood(port: int, requests: Sequence[bytes]) -> list[float]:
    """Send from all connections at once, each its next as soon as it has its answer; milliseconds of each."""
    left = iter(requests)

    async def call_all() -> list[float]:
        caller, took = _Caller(port), []
        for request in left:
            began = time.monotonic()
            await caller.call(request)
            took.append(1000 * (time.monotonic() - began))
        caller.close()
        return took

    return [one for took in await asyncio.gather(*(call_all() for _ in range(_CALLERS))) for one in took]


def _check(here: Site, deliveries: Mapping[str, Sequence[tuple[int, int]]], events: int) -> None:
    """A benchmark that lost or doubled a callback has measured nothing."""
    run = deliveries["twilio"][0][0]
    with here.runtime.engine.connect() as connection:
        row = connection.execute(
            text(
                """
                SELECT (SELECT count(*) FROM raw_events WHERE applied_at IS NOT NULL) AS events,
                    (SELECT count(*) FROM inbound) AS texts,
                    (SELECT count(*) FROM deliveries WHERE run_id = :run AND state = 'delivered') AS delivered,
                    (SELECT sum(n) FROM run_counts WHERE run_id = :run AND state = 'delivered') AS counted,
                    (SELECT count(*) FROM reached WHERE run_id = :run) AS reached
                """
            ),
            {"run": run},
        ).one()
    if not (row.events == events and row.delivered == row.counted == row.reached == events - row.texts):
        raise BenchmarkError(f"{events} events were sent; the database has {row._asdict()}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the webhooks alone.")
    parser.add_argument("--rate", type=int, default=200, help="callbacks a second (default 200)")
    parser.add_argument("--seconds", type=int, default=20, help="for so long (default 20)")
    parser.add_argument("--flood", type=int, default=20_000, help="callbacks sent at once after that (20,000)")
    given = parser.parse_args()
    try:
        with stub(1) as provider, site(provider, Parameters(0, 1, 1, 1, 1, 10.0)) as here:
            found = measure_webhooks(here, Load(given.rate, given.seconds, given.flood))
    except BenchmarkError as error:
        sys.exit(str(error))
    for name, figure in webhook_rows(found):
        print(f"{name}: {figure}")


if __name__ == "__main__":
    main()
