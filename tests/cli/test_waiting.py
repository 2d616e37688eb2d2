"""What holds a campaign up, and how far a demo is: in words for people."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from outreach import wiring
from outreach.cli.campaign_status import look
from outreach.cli.demo import _Progress, _show_around
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState, Reason
from outreach.local.demo_stage import Stage
from outreach.local.up import SandboxPart
from outreach.store import accounts, circuits, deliveries
from outreach.store.deliveries import Change
from tests.cli.commands import Commands
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Chiến dịch thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: gui, segment: {kind: person}, text: {sms: "Kinh moi ong/ba."}, channels: [sms], schedule: {at: launch}}
      - {id: cu, segment: {kind: person}, text: {sms: "Kinh moi ong/ba."}, channels: [sms],
         schedule: {at: [2026-10-05T09:00, 2026-10-12T09:00, 2026-12-07T09:00]}}
"""
SECRET = "a secret of these tests, long enough to be one"
AT_NIGHT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
AT_NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.fixture
def running(outreach: Commands, engine: Engine, clock: VirtualClock) -> Commands:
    """A campaign with one message to send and one whose first two dates were past at its launch."""
    world = World(engine, KeyRing({1: SECRET}), clock)
    world.person("An", phone="+84912345670")
    world.launch(CAMPAIGN)
    world.plan()
    return at(outreach, AT_NIGHT)


def at(outreach: Commands, moment: datetime) -> Commands:
    shift = int((moment - datetime.now(UTC)).total_seconds())
    return outreach.changed(secret_key=SECRET, clock_shift_seconds=shift)


def test_at_night_a_run_says_until_when_it_waits(running: Commands) -> None:
    assert "waits until 07:00 (open hours)" in running("campaign", "status", "thu").err
    assert "waits until" not in at(running, AT_NOON)("campaign", "status", "thu").err


def test_dates_that_were_past_do_not_look_like_a_failure(running: Commands) -> None:
    said = running("campaign", "status", "thu").err
    assert "2 past dates of the plan, not sent" in said
    assert said.index("gui") < said.index("2 past dates")
    assert "expired" not in said


def test_a_paused_campaign_and_a_paused_account_are_named(running: Commands, engine: Engine) -> None:
    running("campaign", "pause", "thu")
    with engine.begin() as connection:
        accounts.pause(connection, "sms-main", code="20003", reason="authentication")
    said = running("campaign", "status", "thu").err
    assert "the campaign is paused: outreach campaign resume thu" in said
    assert "outreach account resume sms-main" in said


def test_an_account_that_is_ill_is_named_wherever_one_would_look(running: Commands, engine: Engine) -> None:
    with engine.begin() as connection:
        circuits.found_ill(
            connection, "sms-main", cause="50 of 50 sends failed", pause=lambda tries: timedelta(hours=1)
        )
    said = running("campaign", "status", "thu").err
    assert "account sms-main does not work since" in said
    assert "(50 of 50 sends failed): it is tried again by itself; 1 deliveries wait for it" in said
    (ill,) = running("campaign", "status", "thu", "--json").json()["ill_accounts"]
    assert (ill["name"], ill["waiting"]) == ("sms-main", 1)


def test_the_demo_points_to_itself_with_its_clock(
    running: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = wiring.build(running.settings, name="test")
    _show_around(Stage(runtime, SandboxPart(tmp_path, 1, 2, ()), "http://127.0.0.1:8000", threading.Event()))
    said = capsys.readouterr().err
    runtime.engine.dispose()
    assert f"OUTREACH_CLOCK_SHIFT_SECONDS={running.settings.clock_shift_seconds} outreach doctor" in said


def test_without_a_terminal_a_line_is_told_every_ten_seconds(
    running: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = wiring.build(running.settings, name="test")
    standing = look(runtime, "thu")
    runtime.engine.dispose()
    now = time.monotonic()
    for terminal, began in ((False, now - 11), (True, now - 11), (False, now)):
        told = _Progress(terminal, began)
        told(standing)
        told(standing)
    assert capsys.readouterr().err == "11 s: 0 sent, 1 still to be sent\n"


def test_watching_shows_what_went_wrong_as_a_single_look_does(running: Commands, engine: Engine) -> None:
    with engine.begin() as connection:
        [row] = connection.execute(text("SELECT run_id, id FROM deliveries")).all()
        failed = Change(row.run_id, row.id, DeliveryState.FAILED, reason=str(Reason.REJECTED), code="30007")
        deliveries.advance(connection, [failed], now=AT_NOON)
    running("campaign", "cancel", "thu", "--yes")
    watched = " ".join(running("campaign", "status", "thu", "--watch").err.split())
    looked = running("campaign", "status", "thu").err
    assert "what went wrong 1 failed, sms-main 30007: Nhà cung cấp từ chối. Tra mã lỗi" in watched
    for words in ("what went wrong", "sms-main 30007", "Nhà cung cấp từ chối"):
        assert words in looked
