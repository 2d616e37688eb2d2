"""Workers on three hosts, one after the other cut off from everything, from the database, from the broker.

`make chaos` runs it; it needs root, for network namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from outreach.settings import PROJECT
from tests.chaos import network
from tests.chaos.besieged import CHILDREN, LEASE
from tests.chaos.hosts import HOSTS, Hosts, hosts
from tests.chaos.network import SERVERS
from tests.chaos.test_kills import morning_shift
from tests.chaos.test_torments import GONE, PROVIDERS, UNRECORDED, Reckoned, launch
from tests.world import World

PEOPLE = int(os.environ.get("OUTREACH_CHAOS_HOSTS_PEOPLE", "36000"))
RATE = "200/s"
"""Of each account: slow enough for the cuts to come in the middle."""
CUTS = (("mot", tuple(SERVERS)), ("hai", ("postgresql",)), ("ba", ("valkey",)), ("mot", ("provider",)))
"""Who is cut off from what, in this order."""


@pytest.fixture(scope="module")
def _hosts_can_be_made() -> None:
    lacking = network.missing()
    if lacking:
        pytest.skip(f"no hosts can be made on this machine, which lacks {lacking}")


def makes_hosts(test: Callable[..., None]) -> Callable[..., None]:
    """A test that `make chaos` runs where it can."""
    asked = pytest.mark.skipif(
        "OUTREACH_CHAOS_HOSTS" not in os.environ, reason="several hosts are tried by `make chaos`"
    )
    marked: Callable[..., None] = pytest.mark.slow(asked(pytest.mark.usefixtures("_hosts_can_be_made")(test)))
    return marked


def cut_off(site: Hosts) -> None:
    """One after the other, each for longer than its lease, in the middle of sending."""
    for host, servers in CUTS:
        before = site.gone()
        assert not site.settled(PEOPLE), "all had been sent before the last cut: take more PEOPLE"
        assert site.wait(partial(site.is_busy, host), seconds=30), f"{host} has nothing to do"
        site.cut(host, LEASE + 6, *servers)
        print(f"{before:6d} gone  {host} ({site.under_way(host)} under way) loses {', '.join(servers)}", flush=True)
        assert site.wait(lambda: not site._later, seconds=LEASE + 30)
        print(f"{site.gone():6d} gone  {host} is back", flush=True)


def calm_down(site: Hosts) -> Reckoned:
    """Everything is settled, and what is unknown was asked for or sent again under its key."""
    assert site.wait(lambda: site.settled(PEOPLE), seconds=60 + PEOPLE / 50), f"not settled: {site.counts()}"
    ends = time.monotonic() + 240
    while Reckoned(site).left_over() and time.monotonic() < ends:
        site.ask_unknown()
        site.wait(lambda: False, seconds=2)
    assert site.wait(lambda: site.settled(PEOPLE), seconds=120), f"not settled: {site.counts()}"
    return Reckoned(site)


def report(left: Reckoned, seconds: float) -> None:
    unknown = Counter((PROVIDERS[row.account], row.reason) for row in left.unknown)
    print(f"{len(left.rows)} people on {len(HOSTS)} hosts in {seconds:.0f} s, {len(CUTS)} cuts")
    print("states:", dict(Counter(row.state for row in left.rows)), "twice:", dict(left.twice()), "lost:", left.lost())
    print("unknown:", {" / ".join(cause): n for cause, n in sorted(unknown.items())}, flush=True)


def check(site: Hosts, world: World, left: Reckoned) -> None:
    assert len({row.recipient_id for row in left.rows}) == len(left.rows) == PEOPLE
    assert {row.state for row in left.rows} <= {*GONE, "unknown"}
    assert left.lost() == {}, "said to be sent, but no provider has it"
    assert left.twice() == {}, "sent twice"
    assert left.left_over() == 0, "it could have been asked for, or sent again under its key"
    assert len(left.unknown) <= UNRECORDED * CHILDREN * site.harm["hosts cut off"]
    assert site.locked_by_nobody() == 0, "a transaction of a host that was cut off is still open"
    assert world.counts_agree(), "the counters do not say what the rows say"


SEND = """
import asyncio, sys
from channels import http
from channels.contract import Lease, SendError

async def send() -> None:
    async with http.open_session(timeout=2.0) as session:
        await http.post(session, sys.argv[1], b"first", {}, Lease.lasting(60))
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        try:
            await http.post(session, sys.argv[1], b"second", {}, Lease.lasting(60))
        except SendError as error:
            print(error.kind, flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(send())
"""


class Heard(BaseHTTPRequestHandler):
    """Takes note of what arrives."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@makes_hosts
def test_what_was_written_into_a_cut_cable_does_not_arrive_when_it_is_mended() -> None:
    """Else it would come after its lease, when somebody else may have sent it: the kernel tries for many minutes."""
    Heard.bodies.clear()
    with network.network("mot") as net, ThreadingHTTPServer((net.address("provider"), 0), Heard) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{net.address('provider')}:{server.server_port}/"
        command = net.inside("mot", sys.executable, "-c", SEND, url)
        with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdin is not None
            assert sender.stdout is not None
            assert sender.stdout.readline() == "open\n"
            net.cut("mot", "provider")
            print(file=sender.stdin, flush=True)
            assert sender.stdout.readline() == "uncertain\n"
            time.sleep(3)  # the system's own patience (2 s) is over
            net.heal("mot", "provider")
            time.sleep(15)  # longer than the longest pause between two of its tries by now
            sender.kill()
        server.shutdown()
    assert Heard.bodies == [b"first"]


@makes_hosts
def test_a_host_that_is_cut_off_and_healed_loses_nothing_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    began, shift = time.monotonic(), morning_shift()
    with hosts(rate=RATE, shift=shift) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        site.start_all()
        world = launch(site, PEOPLE)
        cut_off(site)
        left = calm_down(site)
        report(left, time.monotonic() - began)
        assert site.enrolled() >= len(HOSTS) * CHILDREN, "not every child of every host had work"
        check(site, world, left)
