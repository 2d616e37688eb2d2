"""What became of a campaign, by command: deliveries, reach, scripts, and sending again."""

from __future__ import annotations

import csv
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState
from outreach.reach.counting import catch_up_all, group_all
from outreach.store import deliveries, reach_groups
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
      - {id: gui, segment: {kind: person}, text: {sms: "Kinh moi ong/ba.", loudspeaker: "Kính thưa bà con."},
         channels: [sms, loudspeaker], mode: all, schedule: {at: launch}}
"""
SECRET = "a secret of these tests, long enough to be one"
AFTER_THE_SLOT = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


@pytest.fixture
def sent(outreach: Commands, engine: Engine, clock: VirtualClock) -> Commands:
    """A campaign launched in the morning to three people, looked at in the evening: delivered, failed, unknown."""
    world = World(engine, KeyRing({1: SECRET}), clock)
    for n, name in enumerate(("An", "Bình", "Cường")):
        world.person(name, phone=f"+8491234567{n}")
    world.launch(CAMPAIGN)
    world.plan()
    ends = {"An": DeliveryState.DELIVERED, "Bình": DeliveryState.FAILED, "Cường": DeliveryState.UNKNOWN}
    with engine.begin() as connection:
        for row in world.rows("d.channel = 'sms'"):
            state = ends[row.name]
            steps = [Change(row.run_id, row.id, DeliveryState.SENDING)]
            steps.append(Change(row.run_id, row.id, state, proves=state is DeliveryState.DELIVERED))
            for step in steps:
                deliveries.advance(connection, [step], now=clock.now())
    shift = int((AFTER_THE_SLOT - datetime.now(UTC)).total_seconds())
    return outreach.changed(secret_key=SECRET, clock_shift_seconds=shift)


def test_deliveries_are_listed_with_masked_addresses_and_reasons(sent: Commands) -> None:
    listed = sent("deliveries", "list", "thu", "--channel", "sms", "--json").json()["deliveries"]
    assert {(one["recipient"]["name"], one["state"]) for one in listed} == {
        ("An", "delivered"),
        ("Bình", "failed"),
        ("Cường", "unknown"),
    }
    said = sent("deliveries", "list", "thu")
    assert said.out == ""
    assert "91234567" not in said.err.replace(" ", "")
    failed = sent("deliveries", "list", "thu", "--state", "failed", "--json").json()["deliveries"]
    assert [one["recipient"]["name"] for one in failed] == ["Bình"]
    assert len(sent("deliveries", "list", "thu", "--limit", "2", "--json").json()["deliveries"]) == 2
    assert sent("deliveries", "list", "thu", "--state", "lost").status == 2


def test_deliveries_go_to_a_file_that_only_its_owner_reads(sent: Commands, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text("what was here before")
    said = sent("deliveries", "list", "thu", "--csv", file, "--json").json()
    with file.open(encoding="utf-8-sig", newline="") as written:
        assert len(list(csv.DictReader(written))) == said["rows"] > 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("all")] == ["all.csv"]
    assert sent("deliveries", "list", "thu", "--csv", tmp_path / "no" / "all.csv").status == 1


def test_just_those_that_failed_are_sent_again(sent: Commands) -> None:
    assert sent("deliveries", "retry", "thu", "--state", "failed", "--json").json()["retried"] == 1
    assert sent("deliveries", "retry", "thu", "--state", "delivered").status == 2


def test_who_resends_the_unknown_is_told_that_it_may_arrive_twice(sent: Commands) -> None:
    said = sent("deliveries", "retry", "thu", "--state", "unknown", "--json")
    assert said.json()["retried"] == 1
    assert "may get them twice" in said.err


def test_reach_counts_receipts_and_confirmed_loudspeakers_apart(sent: Commands, tmp_path: Path) -> None:
    before = sent("reach", "thu", "--by", "channel", "--json").json()
    assert (before["people_reached"], before["measured"], before["estimated"], before["audience"]) == (1, 1, 0, 3)
    (script,) = sent("scripts", "--unit", "00454", "--date", "2026-11-23", "--json").json()["scripts"]
    confirmed = sent("scripts", "confirm", script["id"], "--as", "canbo@xa.vn", "--json").json()
    assert (confirmed["confirmed_by"], confirmed["already"]) == ("canbo@xa.vn", False)
    after = sent("reach", "thu", "--json").json()
    assert (after["people_reached"], after["estimated"]) == (1, 2)

    file = tmp_path / "reach.csv"
    assert sent("reach", "thu", "--by", "message", "--csv", file).out == ""
    with file.open(encoding="utf-8-sig", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["message"], row["name"], row["measured"]) for row in rows] == [("gui", "gui", "1"), ("", "all", "1")]


def test_people_get_the_reach_as_a_table_with_its_rule(sent: Commands) -> None:
    said = sent("reach", "thu", "--by", "unit")
    assert "people reached by unit" in said.err
    assert "min(dân số" in said.err


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(minutes=20), "20 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_lines_that_were_counted_before_say_when(
    sent: Commands, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, age: timedelta, said: str
) -> None:
    monkeypatch.setattr(reach_groups, "LARGE", 1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE campaigns SET state = 'finished'"))
        connection.execute(text("UPDATE runs SET planned_at = planned_at - interval '90 days'"))
    then = VirtualClock(AFTER_THE_SLOT - age)
    catch_up_all(engine, then)
    assert group_all(engine, then) == 1
    assert said in sent("reach", "thu", "--by", "message").err
    assert said in sent("reach", "thu", "--by", "message", "--csv", tmp_path / "reach.csv").err
    assert sent("reach", "thu", "--by", "message", "--json").json()["by_at"] == then.now().isoformat()
    assert "ago" not in sent("reach", "thu", "--by", "unit").err


def test_scripts_are_printed_to_be_read(sent: Commands) -> None:
    assert "Kính thưa bà con." in sent("scripts", "--unit", "01", "--date", "2026-11-23").out
    assert sent("scripts", "--unit", "01", "--date", "2026-11-23", "--format", "html").out.startswith("<!doctype html>")
    assert sent("scripts", "--unit", "77777").status == 1
    assert sent("scripts").status == 2
    assert sent("scripts", "confirm", "x").status == 1


def test_what_is_out_is_counted_before_a_cancellation(sent: Commands) -> None:
    said = sent("campaign", "cancel", "thu", "--json")
    assert said.json()["state"] == "cancelled"
    assert "2 messages are already out and stay out" in said.err


ACCOUNTS = """
[accounts.sms-main]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "a token"
from = "+15005550006"
"""


@pytest.fixture
def refused(sent: Commands, engine: Engine, tmp_path: Path) -> Commands:
    """The one who failed had a wrong number."""
    with engine.begin() as connection:
        for table in ("deliveries", "error_counts"):
            connection.execute(text(f"UPDATE {table} SET code = '21211', reason = 'rejected' WHERE state = 'failed'"))
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS)
    return sent.changed(accounts=file)


def test_the_status_says_what_went_wrong_and_what_to_do(refused: Commands) -> None:
    by_state = {one["state"]: one for one in refused("campaign", "status", "thu", "--json").json()["errors"]}
    assert (by_state["failed"]["code"], by_state["failed"]["n"]) == ("21211", 1)
    assert (by_state["failed"]["account"], by_state["failed"]["provider"]) == ("sms-main", "twilio")
    assert by_state["failed"]["vi"]["what"] == "Số điện thoại không đúng."
    assert (by_state["unknown"]["code"], by_state["unknown"]["n"]) == ("", 1)
    shown = " ".join(refused("campaign", "status", "thu").err.split())
    assert "what went wrong" in shown
    assert "Số điện thoại" in shown


def test_the_list_explains_the_providers_code_beside_our_reason(refused: Commands, tmp_path: Path) -> None:
    (one,) = refused("deliveries", "list", "thu", "--state", "failed", "--json").json()["deliveries"]
    assert one["advice"]["en"]["what"] == "The phone number is not valid."
    assert one["explanation"]["vi"]["what"]
    file = tmp_path / "list.csv"
    refused("deliveries", "list", "thu", "--state", "failed", "--csv", file)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["Mã của nhà cung cấp"], row["Ý nghĩa của mã"][:24]) == ("21211", "Số điện thoại không đúng")
    (fine,) = refused("deliveries", "list", "thu", "--state", "delivered", "--channel", "sms", "--json").json()[
        "deliveries"
    ]
    assert fine["advice"] is None
