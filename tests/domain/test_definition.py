"""The frozen definition: the same after a trip through the database, one hash for one meaning, dates that move."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from campaign_files import GOOD, MESSAGES, WRONG, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.domain.definition import (
    Definition,
    Goal,
    all_past,
    calendar,
    campaign_schema,
    days_until,
    definition_from_json,
    load_definition,
    read_definition,
    shifted,
)
from outreach.domain.definition.goals import to_goal
from outreach.domain.mistakes import Mistakes
from outreach.domain.schedule import At, BeforeCase, Cron
from outreach.domain.segment_file import load_segments
from outreach.domain.template_files import TemplateFolder
from outreach.domain.words import Channel
from outreach.domain.yaml_tree import parse

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
SEGMENTS = load_segments(CAMPAIGNS / "segments.yaml")
DEMO = CAMPAIGNS / "thong-bao-dich-vu-cong.yaml"
SCHEMA = campaign_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def define(text: str) -> Definition:
    loaded = read_definition(text.encode(), "thu.yaml", segments=SEGMENTS)
    assert loaded.definition is not None, loaded.errors
    return loaded.definition


def demo() -> Definition:
    loaded = load_definition(DEMO, segments=SEGMENTS)
    assert loaded.definition is not None, loaded.errors
    return loaded.definition


def test_trial_mode_is_part_of_the_hash_and_survives_being_stored() -> None:
    text = DEMO.read_text(encoding="utf-8")
    normal, trial = define(text), define(text.replace("messages:", "trial: true\nmessages:", 1))
    assert (normal.trial, trial.trial) == (False, True)
    assert normal.hash != trial.hash
    assert "trial" not in normal.to_json()
    assert define(text.replace("messages:", "trial: false\nmessages:", 1)).hash == normal.hash
    assert definition_from_json(json.loads(json.dumps(trial.to_json()))) == trial


@pytest.mark.parametrize("written", ["yes", '"true"', "1", "", "[true]"])
def test_trial_mode_is_true_or_false_and_nothing_else(written: str) -> None:
    text = DEMO.read_text(encoding="utf-8").replace("messages:", f"trial: {written}\nmessages:", 1)
    loaded = read_definition(text.encode(), "thu.yaml", segments=SEGMENTS)
    assert ['"trial"' in mistake.what for mistake in loaded.errors] == [True]


def plain(text: bytes) -> Any:
    root = parse(text, Mistakes("thu.yaml"))
    assert root is not None
    return root.plain()


DEFINITIONS = [define(GOOD.text()), define(MESSAGES), demo()]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.slug)
def test_a_definition_comes_back_from_json_as_it_was(definition: Definition) -> None:
    stored = json.loads(json.dumps(definition.to_json()))
    assert definition_from_json(stored) == definition
    assert definition_from_json(stored).hash == definition.hash


def test_the_order_of_keys_and_comments_do_not_change_the_hash() -> None:
    lines = GOOD.text().splitlines()
    turned = "\n".join(["# một", lines[2], lines[1], lines[0], *lines[3:]])
    assert define(turned).hash == define(GOOD.text()).hash


@pytest.mark.parametrize(("old", "new"), [("Xin chào", "Xin chào bà con"), ("80%", "81%"), ("08:30", "08:31")])
def test_any_change_of_meaning_changes_the_hash(old: str, new: str) -> None:
    assert define(GOOD.text().replace(old, new)).hash != define(GOOD.text()).hash


def test_what_is_no_definition_is_refused_with_every_reason() -> None:
    with pytest.raises(ValueError, match=r'must be a list, not text.*no "title"'):
        definition_from_json({**{k: v for k, v in demo().to_json().items() if k != "title"}, "messages": "none"})


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text", [GOOD.text().encode(), MESSAGES.encode(), DEMO.read_bytes()], ids=["good", "mau", "demo"]
)
def test_the_schema_takes_good_files(text: bytes) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(text))] == []


PIECES = [
    *dict.fromkeys(re.findall(r"[^\s,:{}\[\]]+|[,:{}\[\]\n]", MESSAGES + GOOD.text())),
    *"|>&*!%@#\t'\"-",
    "~",
    "7",
]


@settings(deadline=None)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=4),
    text=st.sampled_from([GOOD.text(), MESSAGES]),
)
def test_whatever_is_written_is_either_defined_or_told_what_is_wrong(
    cuts: list[tuple[int, int, str]], text: str
) -> None:
    words = re.findall(r"[ ]+|[^\s,:{}\[\]]+|[,:{}\[\]\n]", text)
    for place, removed, piece in cuts:
        words[place : place + removed] = [piece]
    written = "".join(words).encode()
    loaded = read_definition(written, "thu.yaml", segments=SEGMENTS)
    assert (loaded.definition is None) is bool(loaded.errors)
    assert all(mistake.line >= 1 and "\n" not in mistake.what for mistake in loaded.errors)
    if loaded.definition is not None:
        VALIDATOR.validate(plain(written))
        assert definition_from_json(loaded.definition.to_json()) == loaded.definition


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.slug)
def test_what_is_stored_has_the_form_of_a_campaign_file(definition: Definition) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(definition.to_json())] == []


SEEN_BY_EDITORS = [case for case in WRONG if case.name.startswith(("unknown key", "missing", "rule with an unknown"))]


@pytest.mark.parametrize("case", SEEN_BY_EDITORS, ids=lambda case: case.name)
def test_the_schema_refuses_unknown_and_missing_keys(case: Case) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(plain(case.text(GOOD).encode()))


def test_every_key_of_the_schema_says_what_it_is_for() -> None:
    message = SCHEMA["properties"]["messages"]["items"]
    assert all(about["description"] for about in (SCHEMA["properties"] | message["properties"]).values())


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("80", Goal(80)),
        ("80.5%", Goal(80.5, percent=True)),
        ("10-15%", Goal(10, 15, percent=True)),
        ("10% – 15%", Goal(10, 15, percent=True)),
        ("100-200", Goal(100, 200)),
        ("+20%", Goal(20, percent=True, change=1)),
        ("+20", Goal(20, change=1)),
        ("-10-15%", Goal(10, 15, percent=True, change=-1)),
        ("-50", Goal(50, change=-1)),
        ("done", Goal(done=True)),
        ("none", Goal(none=True)),
    ],
)
def test_goals_are_read_as_plans_write_them(text: str, goal: Goal) -> None:
    assert to_goal(text) == goal


@pytest.mark.parametrize("text", ["", "%", "80 phần trăm", "10,5%", "15-10", "10%-15", "--5", "1-2-3", "Done", "+0%"])
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a goal|smaller to the larger|changes nothing"):
        to_goal(text)


def test_a_goal_is_met_from_its_lower_end_and_a_rank_from_the_first_place() -> None:
    assert [Goal(10, 15, percent=True).met_by(value) for value in (9.9, 10, 16)] == [False, True, True]
    assert [Goal(rank=70).met_by(place) for place in (0, 1, 70, 71)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("written", "baseline", "needed", "just_missed"),
    [
        ("+20%", 60, 72, 71.9),
        ("+20", 60, 80, 79.9),
        ("-10-15%", 200, 180, 180.1),
        ("-50", 300, 250, 251),
        ("80%", 60, 80, 79.9),
        ("done", None, 1, 0),
    ],
)
def test_a_change_counts_from_the_baseline(
    written: str, baseline: float | None, needed: float, just_missed: float
) -> None:
    goal = to_goal(written)
    assert goal.needed(baseline) == needed
    assert goal.met_by(needed, baseline)
    assert not goal.met_by(just_missed, baseline)
    assert goal.gap(just_missed, baseline) == pytest.approx(abs(needed - just_missed))


def test_less_is_better_under_a_ceiling() -> None:
    assert [Goal(at_most=30).met_by(value) for value in (0, 30, 30.5)] == [True, True, False]
    assert Goal(at_most=0).gap(61) == 61


def test_a_change_without_its_baseline_is_neither_met_nor_missed() -> None:
    goal = to_goal("+20%")
    assert (goal.needed(None), goal.gap(100, None), goal.met_by(100, None)) == (None, None, False)


def test_a_shift_moves_every_date_but_the_launch() -> None:
    moved = shifted(define(MESSAGES), 10)
    assert (moved.starts, moved.ends) == (date(2026, 1, 11), date(2027, 1, 10))
    assert (moved.phases[0].starts, moved.phases[0].ends) == (date(2026, 4, 11), date(2026, 7, 10))
    assert [target.by for target in moved.targets][:2] == [date(2027, 1, 10), date(2026, 7, 10)]
    cron, at, launch, case = (message.schedule for message in moved.messages)
    assert isinstance(cron, Cron)
    assert (cron.first, cron.last) == (date(2026, 4, 11), date(2026, 7, 10))
    assert at == At((datetime.fromisoformat("2026-05-11 08:30"), datetime.fromisoformat("2026-05-12 08:30")))
    assert launch == define(MESSAGES).messages[2].schedule
    assert isinstance(case, BeforeCase)
    assert case.last == date(2026, 12, 10)


def test_a_shifted_month_becomes_days() -> None:
    activity = shifted(define(GOOD.text()), 1).activities[0]
    assert (str(activity.starts), str(activity.ends)) == ("2026-01-02", "2026-07-01")


def test_a_shift_there_and_back_changes_no_date() -> None:
    definition = replace(define(MESSAGES), activities=())
    assert shifted(shifted(definition, 400), -400) == definition
    assert days_until(definition, date(2027, 1, 1)) == 365


def test_a_shifted_campaign_can_be_stored() -> None:
    moved = shifted(demo(), 100)
    assert definition_from_json(moved.to_json()) == moved


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_calendar_lists_every_occurrence_by_time() -> None:
    listed = calendar(define(MESSAGES), launched_at=utc("2026-04-03 10:00"))
    assert listed[:2] == [(utc("2026-04-03 10:00"), "cron"), (utc("2026-04-03 10:00"), "launch")]
    assert [item for item in listed if item[1] == "at"] == [
        (utc("2026-05-01 01:30"), "at"),
        (utc("2026-05-02 01:30"), "at"),
    ]
    assert len([item for item in listed if item[1] == "cron"]) == 13
    assert listed == sorted(listed)


def test_before_the_launch_the_calendar_has_no_launch() -> None:
    assert {message for _, message in calendar(define(MESSAGES))} == {"cron", "at"}


ONCE = GOOD.text()  # at 08:30 on 2 March 2026 in Hà Nội, at most 6 hours late


@pytest.mark.parametrize(
    ("text", "now", "past"),
    [
        (ONCE, "2026-03-02 01:29", False),
        (ONCE, "2026-03-02 07:29", False),
        (ONCE, "2026-03-02 07:31", True),
        (ONCE.replace("2026-03-02T08:30", "launch"), "2026-12-31 16:59", False),
        (ONCE.replace("2026-03-02T08:30", "launch"), "2026-12-31 17:00", True),
        (ONCE.replace("at: 2026-03-02T08:30", 'cron: "30 8 * * 1"'), "2026-06-29 07:29", False),
        (ONCE.replace("at: 2026-03-02T08:30", 'cron: "30 8 * * 1"'), "2026-06-29 07:31", True),
        (ONCE.replace("at: 2026", 'before: case.due_at, days: 1, at: "08:30", from: 2026').replace("T08:30}", "}"),
         "2026-06-30 07:29", False),
        (ONCE.replace("at: 2026", 'before: case.due_at, days: 1, at: "08:30", from: 2026').replace("T08:30}", "}"),
         "2026-06-30 07:31", True),
    ],
)  # fmt: skip
def test_a_campaign_is_past_when_nothing_of_it_can_leave_any_more(text: str, now: str, past: bool) -> None:
    assert all_past(define(text), utc(now)) is past


def test_the_demo_campaign_has_a_text_for_every_channel() -> None:
    templates = TemplateFolder(CAMPAIGNS.parent / "templates")
    assert load_definition(DEMO, segments=SEGMENTS, templates=templates).errors == ()


def test_the_demo_campaign_has_every_kind_of_message() -> None:
    kinds = {type(message.schedule).__name__ for message in demo().messages}
    assert kinds == {"AtLaunch", "BeforeCase", "Cron"}
    assert {channel for message in demo().messages for channel in message.channels} == set(Channel)
    assert demo().activities
    assert demo().targets
