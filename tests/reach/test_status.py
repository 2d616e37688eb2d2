"""How a campaign stands: counts, runs, what comes next, what holds it up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from outreach.domain.errors import NotFound
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.reach.status import Status, status
from outreach.store import accounts, runs
from outreach.store import status as store
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message

WEEKLY = (
    "id: tuan, segment: {kind: person}, channels: [sms], text: {sms: Chào}, "
    'schedule: {cron: "30 8 * * 1", from: 2026-11-23, until: 2026-12-31}'
)
REMINDER = (
    "id: nhac, segment: {case.state: open}, channels: [sms], text: {sms: Chào}, "
    'schedule: {before: case.due_at, days: 2, at: "08:30"}'
)


def read(land: ReachWorld, *, scope: Scope = EVERYTHING, previous: Status | None = None) -> Status:
    with land.engine.connect() as connection:
        return status(connection, "thu", now=land.clock.now(), scope=scope, previous=previous)


@pytest.fixture
def sent(land: ReachWorld) -> ReachWorld:
    """Two in the village and one in the ward with a phone, one in the ward with an e-mail address only."""
    land.person("An", phone="+84912345671", unit=RURAL)
    land.person("Bình", phone="+84912345672", unit=RURAL)
    land.person("Chi", phone="+84912345673", unit=URBAN)
    land.person("Dung", email="dung@example.vn", unit=URBAN)
    land.run(campaign(message("chao", "sms, email")))
    return land


def test_counts_are_whole_by_state_and_by_channel(sent: ReachWorld) -> None:
    sent.becomes(DeliveryState.DELIVERED, "c.full_name = 'An'")
    sent.becomes(DeliveryState.FAILED, "c.full_name = 'Chi'")
    plain = read(sent).to_json()
    assert plain["deliveries"] == {
        "total": 5, "planned": 2, "sending": 0, "accepted": 0, "unknown": 0, "failed": 1, "delivered": 1, "read": 0,
        "suppressed": 1, "expired": 0, "cancelled": 0,
    }  # fmt: skip
    assert {channel: counts["total"] for channel, counts in plain["by_channel"].items()} == {"sms": 4, "email": 1}
    assert plain["by_channel"]["email"]["planned"] == 1
    assert (plain["campaign"], plain["state"], plain["rate_per_s"]) == ("thu", "running", None)
    (run,) = plain["runs"]
    assert (run["message"], run["state"], run["audience"], run["deliveries"]["total"]) == ("chao", "sending", 4, 5)


def test_the_whole_is_read_from_the_counters_and_never_from_the_rows(sent: ReachWorld) -> None:
    asked: list[str] = []

    def take_down(*values: Any) -> None:
        asked.append(values[2])

    with sent.engine.connect() as connection:
        given = runs.of_campaign(connection, "thu")
        event.listen(connection, "before_cursor_execute", take_down)
        store.standing(connection, given, scope=EVERYTHING)
    assert asked
    assert not any("deliveries" in statement for statement in asked)


def test_an_officer_counts_only_the_communes_own(sent: ReachWorld) -> None:
    seen = read(sent, scope=OFFICER)
    assert (seen.deliveries["total"], seen.deliveries["planned"], list(seen.by_channel)) == (2, 2, ["sms"])
    (run,) = seen.runs
    assert (run.audience, run.cost, run.deliveries["total"]) == (2, None, 2)


def test_the_rate_is_what_left_between_two_readings(sent: ReachWorld) -> None:
    first = read(sent)
    sent.becomes(DeliveryState.ACCEPTED, "d.channel = 'sms'")
    sent.later(seconds=2)
    second = read(sent, previous=first)
    assert second.rate_per_s == 1.5
    sent.becomes(DeliveryState.DELIVERED, "d.channel = 'sms'")
    sent.later(seconds=1)
    assert read(sent, previous=second).rate_per_s == 0
    assert read(sent, previous=read(sent)).rate_per_s is None


def test_watching_goes_on_while_something_waits(sent: ReachWorld) -> None:
    assert read(sent).waits
    sent.becomes(DeliveryState.ACCEPTED, "true")
    assert not read(sent).waits


def test_what_comes_next_is_told_for_dated_messages_and_reminders(land: ReachWorld) -> None:
    land.person("An", phone="+84912345671")
    land.run(campaign(WEEKLY, REMINDER))
    coming = read(land).coming
    monday = datetime.fromisoformat("2026-11-30T08:30:00+07:00")
    assert [(one.message, one.at) for one in coming] == [
        *(("tuan", monday + timedelta(weeks=n)) for n in range(5)),
        ("nhac", None),
    ]
    actions.cancel(land.engine, "thu", land.clock, who="staff")
    after = read(land)
    assert (after.state, after.coming) == (CampaignState.CANCELLED, ())


def test_a_held_run_says_why(land: ReachWorld) -> None:
    land.person("An", phone="+84912345671")
    slug = land.launch(campaign(message("chao", "sms")))
    for n in range(5):
        land.person(f"Mới {n}", phone=f"+8491234568{n}")
    land.plan()
    (run,) = read(land).runs
    assert (slug, run.state, run.reason) == ("thu", RunState.HELD, "audience is 6, 1 was approved")


def test_a_paused_account_is_told_while_the_campaign_waits_for_it(sent: ReachWorld) -> None:
    with sent.engine.begin() as connection:
        accounts.pause(connection, "sms-main", code="20003", reason="wrong token")
        accounts.pause(connection, "somebody-elses", code="x", reason="y")
    (account,) = read(sent).to_json()["paused_accounts"]
    assert (account["name"], account["code"], account["reason"]) == ("sms-main", "20003", "wrong token")
    sent.becomes(DeliveryState.ACCEPTED, "d.channel = 'sms'")
    assert read(sent).paused_accounts == ()


def test_a_draft_has_no_runs_but_dates(land: ReachWorld) -> None:
    land.load(campaign(WEEKLY, message("chao", "sms")))
    seen = read(land)
    assert (seen.state, seen.runs, seen.deliveries["total"]) == (CampaignState.DRAFT, (), 0)
    assert {one.message for one in seen.coming} == {"tuan"}


def test_an_unknown_campaign_is_not_found(land: ReachWorld) -> None:
    with pytest.raises(NotFound, match="no campaign"):
        read(land)


def test_a_run_at_night_says_until_when_it_waits(sent: ReachWorld) -> None:
    assert [run.waits_until for run in read(sent).runs] == [None]
    sent.later(hours=14)  # 23:00 in Hà Nội
    (run,) = read(sent).runs
    assert run.waits_until == datetime(2026, 11, 24, 0, tzinfo=UTC)
    assert run.to_json()["waits_until"] == "2026-11-24T00:00:00+00:00"
    sent.becomes(DeliveryState.SENDING, "d.state = 'planned'")
    sent.becomes(DeliveryState.DELIVERED, "d.state = 'sending'")
    assert read(sent).runs[0].waits_until is None


def test_an_emergency_waits_for_no_morning(land: ReachWorld) -> None:
    land.person("An", phone="+84912345671", unit=RURAL)
    land.run(campaign(message("chao", "sms", more="class: emergency")))
    land.later(hours=14)
    assert read(land).runs[0].waits_until is None


def test_the_launch_is_told_and_stays_between_readings(sent: ReachWorld) -> None:
    first = read(sent)
    sent.later(seconds=10)
    assert first.launched_at is not None
    assert read(sent, previous=first).launched_at == first.launched_at
