"""Workers on three hosts, one after the other cut off from everything, from the database, from the broker.

`make chaos` runs it; it needs root, for network namespaces.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import partial

import pytest

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


@pytest.mark.slow
@pytest.mark.skipif("OUTREACH_CHAOS_HOSTS" not in os.environ, reason="several hosts are tried by `make chaos`")
def test_a_host_that_is_cut_off_and_healed_loses_nothing_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = network.missing()
    if lacking:
        pytest.skip(f"no hosts can be made on this machine, which lacks {lacking}")
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
