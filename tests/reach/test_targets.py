"""Targets: what the engine measures against a plain count of the rows, and what people enter."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.reach import target_entry, visits
from outreach.reach.report import reach
from outreach.reach.target_entry import Entered
from tests.reach.reach_world import RURAL, URBAN, ReachWorld, campaign, message

DELIVERED, FAILED, ACCEPTED = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.ACCEPTED
WHO = "can-bo@xa.example"


def head(*targets: str) -> str:
    return "targets:\n" + "\n".join(f"  - {{{target}}}" for target in targets)


def external(goal: str, *, more: str = "") -> str:
    return f"id: t, title: Chỉ tiêu, measure: external, goal: {goal}{', ' + more if more else ''}"


def enter(land: ReachWorld, value: str, *, target: str = "t", **more: Any) -> Entered:
    return target_entry.set_value(land.engine, "thu", target, value, clock=land.clock, who=WHO, **more)


def shown(land: ReachWorld, target: str = "t") -> dict[str, Any]:
    """The target as the report gives it."""
    return next(one for one in land.report().to_json()["targets"] if one["id"] == target)


def days_ago(land: ReachWorld, days: int) -> date:
    return (land.clock.now() - timedelta(days=days)).date()


@pytest.fixture
def entered(land: ReachWorld) -> ReachWorld:
    """A campaign with one external target of at least 80, counted from 60."""
    land.load(campaign(message("chao", "sms"), head=head(external("80", more='baseline: 60, suffix: "%"'))))
    return land


# --- measured


@pytest.fixture
def crowd(land: ReachWorld) -> ReachWorld:
    """Forty people of all ages in two communes, some without an address, some sharing one; sent and received over
    40 days at random (always the same)."""
    dice = random.Random(7)
    for n in range(40):
        shared = f"+8491200000{dice.randrange(4)}"
        land.person(
            f"Người {n:02}",
            phone=dice.choice([None, f"+8498765{n:04}", f"+8498765{n:04}", shared]),
            email=dice.choice([None, f"n{n}@example.vn"]),
            born=date(dice.randrange(1935, 2005), 1, 1),
            unit=dice.choice([RURAL, URBAN]),
        )
    measures = [
        "id: all, title: A, measure: reached_share, goal: 80%",
        "id: old, title: B, measure: reached_share, segment: elderly, goal: 80%",
        f'id: rural, title: C, measure: reached_share, scope: {{unit: "{RURAL}"}}, goal: 80%',
        "id: both, title: D, measure: reached_share, goal: 9%, segment: {age: {min: 30}}, "
        f'scope: {{unit: "{URBAN}"}}',
        "id: sent, title: E, measure: delivered_share, goal: 80%",
        f'id: sent-old, title: F, measure: delivered_share, segment: elderly, scope: {{unit: "{URBAN}"}}, goal: 80%',
        "id: shown-how, title: G, measure: guided, goal: 50",
        "id: shown-old, title: H, measure: guided, segment: elderly, goal: 50",
    ]
    land.run(campaign(message("mot", "sms, email", more="mode: all"), message("hai", "sms"), head=head(*measures)))
    for row in land.rows("d.state = 'planned'"):
        land.clock.advance(timedelta(hours=dice.randrange(6, 20)))
        outcome = dice.choice([DELIVERED, DELIVERED, ACCEPTED, FAILED])
        land.becomes(ACCEPTED, f"d.run_id = {row.run_id} AND d.id = {row.id}")
        land.becomes(outcome, f"d.run_id = {row.run_id} AND d.id = {row.id}")
        if dice.random() < 0.3:
            visits.record(
                land.engine, "thu", row.recipient_id, day=land.clock.now().date(), guided=dice.randrange(4),
                clock=land.clock, scope=EVERYTHING, who=WHO,
            )  # fmt: skip
    return land


def table(land: ReachWorld, statement: str) -> list[dict[str, Any]]:
    with land.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(statement))]


def counted(land: ReachWorld, measure: str, *, least_age: int = 0, unit: str = "", before: datetime) -> float | None:
    """A figure by going through all rows in plain Python, as of a moment; None where nothing had been sent."""
    today = land.clock.now().date()
    people = {
        one["id"]
        for one in table(land, "SELECT id, birth_date, unit_code FROM contacts")
        if today.year - one["birth_date"].year >= least_age and unit in ("", one["unit_code"])
    }
    if measure == "guided":
        visited = table(land, "SELECT contact_id, day, guided FROM visits WHERE undone_at IS NULL")
        return sum(one["guided"] for one in visited if one["contact_id"] in people and one["day"] <= before.date())
    if measure == "delivered_share":
        sent = [
            one
            for one in table(land, "SELECT * FROM deliveries WHERE recipient_kind = 'contact'")
            if one["recipient_id"] in people
            and one["state"] in ("accepted", "failed", "delivered")
            and (one["sent_at"] or one["due_at"]) <= before
        ]
        return 100 * sum(one["proved"] for one in sent) / len(sent) if sent else None
    met = table(land, "SELECT contact_id, first_at FROM reached")
    return 100 * sum(one["contact_id"] in people and one["first_at"] <= before for one in met) / len(people)


WAYS = {
    "all": ("reached_share", {}),
    "old": ("reached_share", {"least_age": 60}),
    "rural": ("reached_share", {"unit": RURAL}),
    "both": ("reached_share", {"least_age": 30, "unit": URBAN}),
    "sent": ("delivered_share", {}),
    "sent-old": ("delivered_share", {"least_age": 60, "unit": URBAN}),
    "shown-how": ("guided", {}),
    "shown-old": ("guided", {"least_age": 60}),
}


def test_measured_figures_and_their_trend_are_those_of_a_plain_count(crowd: ReachWorld) -> None:
    now = crowd.clock.now()
    for target, (measure, of_whom) in WAYS.items():
        one = shown(crowd, target)
        figure = counted(crowd, measure, before=now, **of_whom)
        assert figure is not None
        assert one["now"] == pytest.approx(figure, abs=0.006), target
        assert one["now"] > 0, target
        for days in (7, 30):
            past = counted(crowd, measure, before=now - timedelta(days=days), **of_whom)
            change = None if past is None else pytest.approx(figure - past, abs=0.006)
            assert one["trend"][f"days_{days}"] == change, (target, days)


def test_the_figures_of_the_last_month_are_not_all_the_same(crowd: ReachWorld) -> None:
    now = crowd.clock.now()
    for measure in ("reached_share", "delivered_share", "guided"):
        week, month = (counted(crowd, measure, before=now - timedelta(days=days)) for days in (7, 30))
        assert len({counted(crowd, measure, before=now), week, month}) == 3


def test_nobody_was_reached_a_week_before_the_launch_and_so_all_of_it_is_new(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.person("Bình")
    share = "id: t, title: T, measure: reached_share, goal: 80%"
    land.run(campaign(message("chao", "sms"), head=head(share)))
    land.becomes(DELIVERED, "true")
    one = shown(land)
    assert (one["now"], one["trend"]["days_7"], one["trend"]["since_previous"]) == (50.0, 50.0, None)
    assert (one["updated"], one["entered"]) == ("2026-11-23", None)


def test_a_share_of_nobody_is_not_measured_and_nothing_is_claimed_of_it(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678", unit=URBAN)
    share = f'id: t, title: T, measure: reached_share, goal: 80%, scope: {{unit: "{RURAL}"}}, by: 2026-12-31'
    land.run(campaign(message("chao", "sms"), head=head(share)))
    one = shown(land)
    assert (one["now"], one["met"], one["gap"], one["status"]) == (None, None, None, "unmeasured")
    assert one["note"] == {"vi": "chưa đo", "en": "not measured yet"}
    land.later(days=60)
    assert shown(land)["status"] == "overdue"


def test_a_share_is_judged_by_the_straight_line_from_the_first_day_to_its_own(land: ReachWorld) -> None:
    for n in range(10):
        land.person(f"N{n}", phone=f"+8491234567{n}")
    head_of = head("id: t, title: T, measure: reached_share, goal: 100%, by: 2026-12-28")
    land.run(campaign(message("chao", "sms"), head=head_of).replace("starts: 2026-01-01", "starts: 2026-11-18"))
    land.becomes(DELIVERED, "c.full_name IN ('N0')")  # 5 of 40 days are over: an eighth is due
    assert (shown(land)["status"], shown(land)["now"]) == ("behind", 10.0)
    land.becomes(DELIVERED, "c.full_name IN ('N1')")
    assert shown(land)["status"] == "on_track"
    land.becomes(DELIVERED, "true")
    assert (shown(land)["status"], shown(land)["gap"]) == ("met", 0.0)


# --- entered


def test_what_is_entered_stands_in_the_report_with_gap_and_whose_it_is(land: ReachWorld) -> None:
    agency = 'baseline: 60, suffix: "%", scope: {agency: Trung tâm Phục vụ hành chính công}, by: 2026-12-31'
    land.load(campaign(message("chao", "sms"), head=head(external("80", more=agency))))
    enter(land, "72.5", day=date(2026, 11, 20), note="báo cáo tháng 11")
    one = shown(land)
    assert (one["now"], one["gap"], one["met"], one["needed"], one["baseline"]) == (72.5, 7.5, False, 80.0, 60.0)
    assert one["scope"] == {"agency": "Trung tâm Phục vụ hành chính công", "unit": ""}
    assert (one["updated"], one["entered"]["who"]) == ("2026-11-20", WHO)
    assert (one["entered"]["note"], one["by"], one["suffix"]) == ("báo cáo tháng 11", "2026-12-31", "%")
    assert one["status"] == "behind"


def test_a_correction_takes_the_place_of_a_figure_and_hides_nothing(entered: ReachWorld) -> None:
    day = date(2026, 11, 20)
    enter(entered, "72", day=day)
    entered.later(minutes=5)
    corrected = enter(entered, "70", day=day, note="gõ nhầm")
    assert (corrected.before and corrected.before.value, corrected.again) == (72, False)
    assert shown(entered)["now"] == 70
    words = target_entry.history(entered.engine, "thu", "t")
    assert [(one.day, one.value, one.holds, one.note) for one in words] == [
        (day, 72, False, ""),
        (day, 70, True, "gõ nhầm"),
    ]
    (audit,) = table(entered, "SELECT who, object, detail FROM audit WHERE detail ->> 'before' = '72.0'")
    assert (audit["who"], audit["object"]) == (WHO, "thu/t")


def test_the_same_figure_again_changes_nothing(entered: ReachWorld) -> None:
    enter(entered, "72")
    assert enter(entered, "72").again
    assert len(target_entry.history(entered.engine, "thu", "t")) == 1


def test_a_figure_taken_back_gives_way_to_the_one_before_and_stays_in_the_history(entered: ReachWorld) -> None:
    enter(entered, "65", day=date(2026, 11, 1))
    enter(entered, "99", day=date(2026, 11, 20))
    target_entry.unset_value(entered.engine, "thu", "t", date(2026, 11, 20), clock=entered.clock, who=WHO)
    assert (shown(entered)["now"], shown(entered)["updated"]) == (65, "2026-11-01")
    assert [one.value for one in target_entry.history(entered.engine, "thu", "t")] == [65, 99, None]
    with pytest.raises(NotFound, match="no figure of 2026-11-20"):
        target_entry.unset_value(entered.engine, "thu", "t", date(2026, 11, 20), clock=entered.clock, who=WHO)
    enter(entered, "70", day=date(2026, 11, 20))
    assert shown(entered)["now"] == 70


def test_the_trend_of_entered_figures_looks_at_the_one_before_and_7_and_30_days_back(entered: ReachWorld) -> None:
    for days, value in ((45, "61"), (20, "65"), (8, "66"), (3, "70"), (0, "71")):
        enter(entered, value, day=days_ago(entered, days))
    trend = shown(entered)["trend"]
    assert trend == {
        "since_previous": 1, "previous": days_ago(entered, 3).isoformat(), "days_7": 5, "days_30": 10,
    }  # fmt: skip


def test_one_figure_has_no_trend(entered: ReachWorld) -> None:
    enter(entered, "66")
    assert set(shown(entered)["trend"].values()) == {None}


@pytest.mark.parametrize(
    ("goal", "value", "gap", "met"),
    [
        ("10-15%", "9.5", 0.5, False),
        ("10-15%", "10", 0, True),
        ("{rank: 70}", "86", 16, False),
        ("{rank: 70}", "70", 0, True),
        ("{at_most: 0}", "61", 61, False),
        ("{at_most: 0}", "0", 0, True),
        ("done", "not-done", 1, False),
        ("done", "done", 0, True),
    ],
)
def test_every_form_of_goal_knows_what_is_missing(
    land: ReachWorld, goal: str, value: str, gap: float, met: bool
) -> None:
    land.load(campaign(message("chao", "sms"), head=head(external(goal))))
    enter(land, value)
    assert (shown(land)["gap"], shown(land)["met"]) == (gap, met)


@pytest.mark.parametrize(
    ("goal", "value", "gap", "met"),
    [
        ('"+20%"', "71.5", 0.5, False),
        ('"+20%"', "72", 0, True),
        ('"+20"', "79", 1, False),
        ('"-10-15%"', "54", 0, True),
    ],
)
def test_a_goal_counted_from_a_baseline_knows_what_is_missing(
    land: ReachWorld, goal: str, value: str, gap: float, met: bool
) -> None:
    land.load(campaign(message("chao", "sms"), head=head(external(goal, more="baseline: 60"))))
    enter(land, value)
    assert (shown(land)["gap"], shown(land)["met"]) == (gap, met)


def test_an_indicator_without_a_goal_is_shown_with_its_trend_and_not_judged(land: ReachWorld) -> None:
    land.load(campaign(message("chao", "sms"), head=head(external("none", more="suffix: hồ sơ"))))
    assert shown(land)["status"] == "unmeasured"
    enter(land, "120", day=days_ago(land, 9))
    enter(land, "150")
    one = shown(land)
    assert (one["goal"], one["now"], one["gap"], one["met"], one["status"]) == ("none", 150, None, None, "open")
    assert one["trend"]["days_7"] == 30


@pytest.mark.parametrize(
    ("goal", "value", "why"),
    [
        ("80", "nhiều", "is not a figure"),
        ("80", "1.234.567", "is not a figure"),
        ("80", "80,5", "with a point"),
        ("{rank: 70}", "0", "is a rank"),
        ("{rank: 70}", "3.5", "is a rank"),
        ("done", "7", "write done or not-done"),
    ],
)
def test_a_value_the_goal_cannot_take_is_refused_with_what_would_be_right(
    land: ReachWorld, goal: str, value: str, why: str
) -> None:
    land.load(campaign(message("chao", "sms"), head=head(external(goal))))
    with pytest.raises(OutreachError, match=why):
        enter(land, value)


def test_a_figure_is_of_a_day_that_has_been(entered: ReachWorld) -> None:
    with pytest.raises(OutreachError, match="in the future"):
        enter(entered, "70", day=date(2026, 11, 24))
    with pytest.raises(OutreachError, match="2000 or later"):
        enter(entered, "70", day=date(1999, 12, 31))
    assert enter(entered, "70").value.day == date(2026, 11, 23)


def test_satisfaction_is_entered_with_how_many_answered(land: ReachWorld) -> None:
    land.load(campaign(message("chao", "sms"), head=head("id: t, title: Hài lòng, measure: satisfaction, goal: 90%")))
    with pytest.raises(OutreachError, match="--answers"):
        enter(land, "88%")
    with pytest.raises(OutreachError, match="from 0 to 100"):
        enter(land, "120", answers=10)
    enter(land, "88%", answers=412)
    one = shown(land)
    assert (one["now"], one["gap"], one["suffix"], one["entered"]["answers"]) == (88, 2, "%", 412)


def test_what_the_engine_measures_is_not_entered_and_a_slip_of_the_pen_is_told_the_nearest_name(
    land: ReachWorld,
) -> None:
    share = "id: tiep-can, title: T, measure: reached_share, goal: 80%"
    land.load(campaign(message("chao", "sms"), head=head(share)))
    with pytest.raises(OutreachError, match="measured by the engine"):
        enter(land, "70", target="tiep-can")
    with pytest.raises(NotFound, match='did you mean "tiep-can"'):
        enter(land, "70", target="tiep-cn")


def test_figures_outlive_the_version_they_were_entered_under(entered: ReachWorld) -> None:
    enter(entered, "72")
    entered.load(campaign(message("chao", "sms"), head=head(external("85", more="baseline: 60"))))
    assert (shown(entered)["now"], shown(entered)["gap"]) == (72, 13)
    entered.load(campaign(message("chao", "sms"), head=head("id: khac, title: K, measure: external, goal: 5")))
    assert [one.value for one in target_entry.history(entered.engine, "thu", "t")] == [72]
    with pytest.raises(OutreachError, match="not in the campaign any more"):
        enter(entered, "73")
    targets, _, former = target_entry.listed(entered.engine, "thu", clock=entered.clock)
    assert ([one.id for one in targets], former) == (["khac"], ["t"])


def test_a_figure_is_judged_by_the_day_it_is_of(land: ReachWorld) -> None:
    """From 60 on 1 January to 80 on 31 December 2026: 364 days, half of them over on 2 July."""
    more = "baseline: 60, by: 2026-12-31"
    land.load(campaign(message("chao", "sms"), head=head(external("80", more=more))))
    enter(land, "70", day=date(2026, 7, 2))
    assert shown(land)["status"] == "on_track"
    enter(land, "69.9", day=date(2026, 7, 3))
    assert shown(land)["status"] == "behind"
    land.later(days=60)
    assert shown(land)["status"] == "overdue"


def test_the_targets_of_an_officer_are_measured_on_the_officers_own_people(land: ReachWorld) -> None:
    land.person("Quê", unit=RURAL)
    land.person("Phố", unit=URBAN, phone="+84912345678")
    share = "id: t, title: T, measure: reached_share, goal: 80%"
    land.run(campaign(message("chao", "sms"), head=head(share)))
    land.becomes(DELIVERED, "true")
    whole = reach(land.engine, "thu", clock=land.clock, scope=EVERYTHING).targets[0]
    part = reach(land.engine, "thu", clock=land.clock, scope=EVERYTHING, unit=RURAL).targets[0]
    assert (whole.now, part.now) == (50.0, 0.0)
