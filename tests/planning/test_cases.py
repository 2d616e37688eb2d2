"""Reminders of cases: once per case and due date, before it is due, in the campaign's own days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tests.world import World

REMINDER = """
    campaign: nhac
    title: Nhắc hẹn
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: nhac-lich-hen
        segment: {case.state: open}
        text: {sms: "Ho so {{ case.external_id }} hen ngay {{ case.due_at | date_vi }}"}
        channels: [sms]
        schedule: {before: case.due_at, days: 2, at: "08:30"}
"""
# The clock stands at Monday 2026-11-23, 09:00 in Hà Nội.
WEDNESDAY = datetime(2026, 11, 25, 8, tzinfo=UTC)


def test_a_case_is_reminded_of_two_days_before(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.case("An", WEDNESDAY + timedelta(days=1))
    world.launch(REMINDER)
    world.plan()
    assert world.rows() == []
    world.later(hours=23, minutes=30)
    world.plan()
    assert [run.scheduled_for for run in world.runs()] == [datetime(2026, 11, 24, 1, 30, tzinfo=UTC)]
    assert [(row.state, row.lane, row.subject_id != 0) for row in world.rows()] == [("planned", "reminder", True)]


def test_two_cases_of_one_person_are_two_reminders(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.case("An", WEDNESDAY, name="H1")
    world.case("An", WEDNESDAY, name="H2")
    world.launch(REMINDER)
    world.plan()
    assert [row.state for row in world.rows()] == ["planned", "planned"]


def test_the_same_date_never_reminds_twice_and_a_moved_date_again(world: World) -> None:
    world.person("An", phone="+84912000001")
    case = world.case("An", WEDNESDAY)
    world.launch(REMINDER)
    world.plan()
    world.later(hours=1)
    world.plan()
    assert len(world.rows()) == 1
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE cases SET due_at = :due WHERE id = :id"), {"due": WEDNESDAY + timedelta(days=2), "id": case}
        )
    world.later(days=2)
    world.plan()
    assert len(world.rows()) == 2


def test_a_case_that_came_late_is_reminded_of_while_it_still_helps(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.person("Bình", phone="+84912000002")
    world.case("An", WEDNESDAY)
    world.launch(REMINDER)
    world.plan()
    world.later(hours=3)
    world.case("Bình", WEDNESDAY, name="H2")
    world.plan()
    world.plan()
    assert [row.name for row in world.rows()] == ["An", "Bình"]
    assert len(world.runs()) == 2


def test_reminders_missed_while_nothing_was_scheduled_are_on_the_record_as_late(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.person("Bình", phone="+84912000002")
    world.case("An", WEDNESDAY + timedelta(days=1))
    world.case("Bình", WEDNESDAY + timedelta(days=4), name="H2")
    world.launch(REMINDER)
    world.plan()
    world.later(days=4)
    for _ in range(2):
        world.plan()
        found = [(run.scheduled_for, run.state, run.reason) for run in world.runs()]
        assert found == [
            (datetime(2026, 11, 24, 1, 30, tzinfo=UTC), "expired", "late"),
            (datetime(2026, 11, 27, 1, 30, tzinfo=UTC), "sending", ""),
        ]
    assert [row.name for row in world.rows()] == ["Bình"]


def test_a_closed_case_is_not_reminded_of(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.case("An", WEDNESDAY, state="closed")
    world.launch(REMINDER)
    world.plan()
    assert world.runs() == []


def test_a_reminder_is_not_for_whoever_shares_the_phone(world: World) -> None:
    """Each case is its own message, even to one phone."""
    world.person("An", phone="+84912000001")
    world.person("Bình", phone="+84912000001")
    world.case("An", WEDNESDAY, name="H1")
    world.case("Bình", WEDNESDAY, name="H2")
    world.launch(REMINDER)
    world.plan()
    assert [row.state for row in world.rows()] == ["planned", "planned"]


def test_the_day_of_a_case_is_reckoned_where_summer_time_is_kept(world: World) -> None:
    """In Berlin the clocks went back on 25 October 2026: 08:30 is 06:30 UTC before and 07:30 after."""
    world.person("An", phone="+84912000001")
    world.clock.set(datetime(2026, 10, 23, 12, tzinfo=UTC))
    world.case("An", datetime(2026, 10, 26, 22, 30, tzinfo=UTC), name="H1")  # 23:30 on the 26th in Berlin
    world.case("An", datetime(2026, 10, 28, 9, tzinfo=UTC), name="H2")
    world.launch(REMINDER.replace("title: Nhắc hẹn", "title: Nhắc hẹn\n    timezone: Europe/Berlin"))
    for _ in range(4):
        world.later(days=1)
        world.plan()
    assert [run.scheduled_for for run in world.runs()] == [
        datetime(2026, 10, 24, 6, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 7, 30, tzinfo=UTC),
    ]
