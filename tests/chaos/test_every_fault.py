"""Ten thousand through providers with every fault at once: all is settled, explained, and as their log says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.local.sandbox.faults import Fault, ReceiptFault
from tests.chaos.everything import CHANNELS, ZNS, Stage, staged
from tests.chaos.reckoning import Reckoning
from tests.planning.cascade_world import AllChannels, campaign
from tests.processes import free_port, sandbox, wait_for

PEOPLE = int(os.environ.get("OUTREACH_FAULT_PEOPLE", "2000"))
"""Each has an address on five channels."""
SEED = os.environ.get("OUTREACH_FAULT_SEED", "7")
PROVIDERS = {"twilio", "esms", "zalo", "telegram", "smtp"}
IN_DOUBT_BY_FATE = 25
"""Addresses whose known fate is that nobody answers."""
SECRET = "a secret of this test run, long enough to be one"
CODES = (
    *("429:0.3%", "500:1%", "503:0.4%"),
    *("twilio=20429:0.2%", "twilio=21610:0.5%", "twilio=21211:0.5%", "twilio=30005:1%", "twilio=30007:0.5%"),
    *("esms=99:0.5%", "esms=146:0.5%", "esms=103:0.4%"),
    *("zalo=-32:0.2%", "zalo=-100:0.5%", "zalo=-114:0.5%", "zalo=-216:0.2%", "zalo=-218:0.2%", "zalo=-230:0.5%"),
    *("zalo=-115:0.1%", "telegram=400:0.5%", "telegram=403:0.5%"),
    *("smtp=421:0.5%", "smtp=451:1%", "smtp=452:0.5%", "smtp=552:0.5%", "smtp=554:0.5%"),
)
FAULTS = (
    *(word for code in CODES for word in ("--fail", code)),
    *("--latency", "10ms±10ms", "--latency", "zalo=20ms±10ms", "--seed", SEED, "--fail-share", "0.02"),
    *("--reset-before-read", "0.3%", "--reset-after-write", "0.3%", "--silent", "0.1%", "--garbled", "0.3%"),
    *("--lost-receipts", "2%", "--duplicate-receipts", "2%", "--disordered-receipts", "2%"),
    *("--late-receipts", "2%:3s", "--seen-share", "0.1", "--statuses", "sent,delivered", "--receipt-ms", "50"),
    *("--zalo-per-minute", "0", "--telegram-per-s", "0"),
)


@pytest.fixture
def stage(engine: Engine, clock: VirtualClock, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    port, templates = free_port(), tmp_path / "zns.json"
    templates.write_text(ZNS)
    hooks = ("--webhook", f"zalo=http://127.0.0.1:{port}/webhooks/oa", "--zns-templates", str(templates))
    world = AllChannels(engine, KeyRing({1: SECRET}), clock)
    with (
        sandbox(tmp_path / "sandbox", *FAULTS, *hooks, "--imap-port", "0") as box,
        staged(world, box, redis_url, database_url, tmp_path / "data", secret=SECRET, port=port) as made,
    ):
        yield made


def settle(stage: Stage) -> None:
    """What comes after the sending: late receipts, bounces, questions to a provider that can be asked."""
    wait_for("the receipts", lambda: Reckoning(stage).all_told, seconds=60)
    for _ in range(4):  # a question may fail too, and what no provider has is sent again once its lease is over
        stage.recovery.ask_unknown()
        stage.work(seconds=60)
    wait_for("the receipts of those", lambda: Reckoning(stage).all_told, seconds=60)
    stage.poll()
    stage.receiver.replay()


@pytest.mark.slow
def test_whatever_the_providers_do_everybody_is_settled_explained_and_as_their_log_says(stage: Stage) -> None:
    began = time.monotonic()
    stage.populate(PEOPLE)
    stage.world.launch(campaign(*CHANNELS, more="mode: all, not_after: 3d"))
    stage.world.plan()
    stage.work(seconds=240)
    sent = time.monotonic() - began
    settle(stage)
    found = Reckoning(stage)
    print(f"\nsent in {sent:.0f} s, settled in {time.monotonic() - began:.0f} s\n{found.report()}")
    assert len(found.rows) == len(CHANNELS) * PEOPLE
    assert {kind for _, kind in found.befell()} == {*Fault, *ReceiptFault} - {Fault.UNDELIVERED}
    assert {provider for provider, kind in found.befell() if kind != Fault.FAIL} == PROVIDERS, "more than codes"
    assert found.unsettled() == []
    assert found.taken_twice() == []
    assert found.not_as_the_log_says() == []
    assert found.unexplained() == []
    assert found.not_reached_as_proved() == []
    assert stage.world.counts_agree()
    assert found.counted_without_words() == []
    assert found.asked_in_vain() == []
    assert found.faults_told_differently() == []
    assert len(found.in_doubt()) <= 0.02 * len(found.rows) + IN_DOUBT_BY_FATE
    assert len(found.doubted_without_cause()) <= 0.002 * len(found.rows), "a slow machine, at most"
