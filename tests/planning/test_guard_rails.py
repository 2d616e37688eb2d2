"""What stands between a mistake and a million citizens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from outreach.domain.errors import OutreachError
from outreach.domain.lifecycle import IllegalTransition, RunState
from outreach.planning import actions
from outreach.planning.forecast import Forecast
from outreach.store import campaigns
from tests.world import World

NOTICE = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao"}
        channels: [sms]
        schedule: {at: 2026-11-23T10:00}
"""
"""Due an hour after the clock of these tests starts."""


def people(world: World, number: int, first: int = 0) -> None:
    for n in range(first, first + number):
        world.person(f"P{n:03d}", phone=f"+8491{n:07d}")


def test_a_run_that_grew_beyond_what_was_approved_waits_for_a_person(world: World) -> None:
    people(world, 10)
    slug = world.launch(NOTICE)
    people(world, 2, first=10)
    world.later(hours=1)
    world.plan()
    [run] = world.runs()
    assert run.state == RunState.HELD
    assert run.reason == "audience is 12, 10 was approved"
    actions.release(world.engine, slug, run.id, who="leader@demo.vn")
    assert world.runs()[0].state == RunState.SENDING


def test_a_tenth_more_is_let_through(world: World) -> None:
    people(world, 10)
    world.launch(NOTICE)
    people(world, 1, first=10)
    world.later(hours=1)
    world.plan()
    assert world.runs()[0].state == RunState.SENDING


def test_a_held_run_that_nobody_releases_expires(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE)
    people(world, 2, first=1)
    world.later(hours=1)
    world.plan()
    world.later(hours=25)
    actions.finish_ended(world.engine, world.clock)
    assert world.runs()[0].state == RunState.EXPIRED


def test_a_run_that_is_due_too_long_expires_unplanned(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE)
    world.later(hours=26)
    world.plan()
    assert [(run.state, run.reason) for run in world.runs()] == [("expired", "late")]
    assert world.rows() == []


def test_who_wrote_it_cannot_approve_it(world: World) -> None:
    slug = world.load(NOTICE, who="leader@demo.vn")
    actions.submit(world.engine, slug, who="staff@demo.vn")
    with pytest.raises(OutreachError, match="approval needs a second person"):
        world.approve(slug)


def test_nothing_is_launched_without_approval(world: World) -> None:
    slug = world.load(NOTICE)
    prepared = actions.prepare_launch(world.engine, slug, world.clock, starting=None)
    with pytest.raises(IllegalTransition, match="cannot launch a campaign that is draft: it must be approved"):
        actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")


def test_an_edit_needs_its_own_approval_while_the_approved_version_keeps_running(world: World) -> None:
    people(world, 1)
    slug = world.launch(NOTICE)
    world.load(NOTICE.replace("Kinh chao", "Kinh moi"))
    with world.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
    assert (campaign.state, campaign.version, campaign.approved_version) == ("running", 2, 1)
    world.later(hours=1)
    world.plan()
    assert world.runs()[0].version == 1


def test_an_approval_of_a_version_that_is_not_the_newest_any_more_is_refused(world: World) -> None:
    slug = world.load(NOTICE)
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.load(NOTICE.replace("Kinh chao", "Kinh moi"))
    with pytest.raises(OutreachError, match="version 1 of thu is not the newest any more"):
        actions.approve(world.engine, slug, _nothing(), n=1, who="leader@demo.vn")


def test_loading_the_same_file_again_changes_nothing(world: World) -> None:
    world.load(NOTICE)
    world.load(NOTICE)
    with world.engine.connect() as connection:
        assert campaigns.get(connection, "thu").version == 1


def test_a_campaign_whose_dates_are_past_launches_nothing(world: World) -> None:
    slug = world.load(NOTICE.replace("2026", "2020"))
    with pytest.raises(OutreachError, match=r"every date of thu is past .* --starting DATE"):
        actions.prepare_launch(world.engine, slug, world.clock, starting=None)


def test_launching_from_another_day_moves_every_date_and_shows_the_calendar_first(world: World) -> None:
    people(world, 1)
    slug = world.load(NOTICE.replace("2026", "2020"))
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.approve(slug)
    prepared = actions.prepare_launch(world.engine, slug, world.clock, starting=date(2026, 1, 2))
    assert prepared.calendar == ((datetime(2026, 11, 25, 3, tzinfo=UTC), "chao"),)  # 2020 had a leap day
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    world.plan()
    assert world.runs() == []
    world.later(days=2, hours=1)
    world.plan()
    assert [run.scheduled_for for run in world.runs()] == [datetime(2026, 11, 25, 3, tzinfo=UTC)]


def test_what_was_due_before_the_launch_is_on_record_as_expired(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE.replace("{at: 2026-11-23T10:00}", "{at: [2026-11-01T10:00, 2026-11-23T10:00]}"))
    world.plan()
    assert [(run.state, run.reason) for run in world.runs()] == [("expired", "late")]


def test_a_night_run_leaves_in_the_morning_and_its_lateness_counts_from_there(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE.replace("T10:00", "T23:00").replace("schedule:", "not_after: 2h\n        schedule:"))
    world.later(hours=15)
    world.plan()
    [row] = world.rows()
    assert row.due_at == datetime(2026, 11, 24, 0, tzinfo=UTC)  # 07:00 in Hà Nội
    assert row.expires_at - row.due_at == timedelta(hours=2)


def test_an_emergency_leaves_at_night(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE.replace("T10:00", "T23:00").replace("starts: 2026", "class: emergency\n    starts: 2026", 1))
    world.later(hours=14)
    world.plan()
    assert world.rows()[0].due_at == datetime(2026, 11, 23, 16, tzinfo=UTC)
    with world.engine.connect() as connection:
        [noted] = connection.execute(text("SELECT who, object, detail FROM audit WHERE action = 'emergency'"))
    assert (noted.who, noted.object, noted.detail) == ("staff@demo.vn", "thu/chao", {"reason": "a drill"})


def test_an_emergency_without_its_reason_is_not_launched(world: World) -> None:
    people(world, 1)
    with pytest.raises(OutreachError, match="say why with --reason TEXT"):
        world.launch(NOTICE.replace("starts: 2026", "class: emergency\n    starts: 2026", 1), reason=" ")
    with world.engine.connect() as connection:
        assert campaigns.get(connection, "thu").state == "approved"


def test_a_fourth_sms_within_a_day_is_left_out_as_capped(world: World) -> None:
    people(world, 1)
    world.launch(
        NOTICE.replace(
            "{at: 2026-11-23T10:00}",
            "{at: [2026-11-23T10:00, 2026-11-23T11:00, 2026-11-23T12:00, 2026-11-23T13:00, 2026-11-24T11:30]}",
        )
    )
    for _ in range(4):
        world.later(hours=1)
        world.plan()
    assert [state for _, _, state, _ in world.states()] == ["planned"] * 3 + ["suppressed"]
    assert world.states()[-1][3] == "capped"
    world.later(hours=23)
    world.plan()
    assert world.states()[-1][2] == "planned"


def test_advertising_reaches_only_those_who_agreed(world: World) -> None:
    people(world, 2)
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO consents (contact_id, purpose, given_at, legal_basis)"
                " VALUES (:c, 'advertising', now(), 'x')"
            ),
            {"c": world.people["P000"]},
        )
    world.launch(NOTICE.replace("starts: 2026", "class: advertising\n    starts: 2026", 1))
    world.later(hours=1)
    world.plan()
    assert world.states() == [("P000", "sms", "planned", None), ("P001", "sms", "suppressed", "no_consent")]


def test_two_schedulers_make_one_run(world: World) -> None:
    people(world, 1)
    world.launch(NOTICE)
    world.later(hours=1)
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: world.plan(), range(2)):
            pass
    assert len(world.runs()) == 1
    assert len(world.rows()) == 1


def test_the_campaign_is_finished_when_nothing_is_to_come(world: World) -> None:
    slug = world.launch(NOTICE)
    world.later(hours=1)
    world.plan()
    actions.finish_ended(world.engine, world.clock)
    with world.engine.connect() as connection:
        assert campaigns.get(connection, slug).state == "finished"


def _nothing() -> Forecast:
    return Forecast(())


def test_a_run_that_became_dearer_than_approved_waits_too(world: World) -> None:
    """The same people, but by now they have phones: SMS cost what e-mails did not."""
    for n in range(10):
        world.person(f"P{n:03d}", email=f"p{n}@example.vn")
    both = NOTICE.replace('{sms: "Kinh chao"}', '{sms: "Kinh chao", email: {subject: "Chào", body: "Kính chào"}}')
    world.launch(both.replace("channels: [sms]", "channels: [sms, email]"))
    with world.engine.begin() as connection:
        for name, contact in world.people.items():
            phone = f"+8491{int(name[1:]):07d}"
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                    " VALUES (:c, 'sms', :f, 1, :v)"
                ),
                {"c": contact, "f": world.keys.fingerprint(phone), "v": world.keys.seal(phone)},
            )
    world.later(hours=1)
    world.plan()
    assert [(run.state, run.reason) for run in world.runs()] == [("held", "cost is 3500 VND, 100 was approved")]
