"""The documents say what the program does: their examples are run, their lists are compared with the code's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import pytest

from outreach.audience import case_rows, person_columns, units
from outreach.domain.context import KNOWN_FIELDS, sample_context
from outreach.domain.definition import Loaded, campaign_schema, read_definition
from outreach.domain.rendering import find_problems, inline_template
from outreach.domain.segment_file import load_segments
from outreach.domain.sms_text import measure, unaccent
from outreach.domain.template_env import HTML, TEXT
from outreach.domain.template_files import TemplateFolder
from outreach.settings import PROJECT

SEGMENTS = load_segments(PROJECT / "campaigns" / "segments.yaml")
TEMPLATES = TemplateFolder(PROJECT / "templates")
CAMPAIGN = """
campaign: thu
title: Thử
issuer: UBND xã
starts: 2026-01-01
ends: 2026-12-31
messages: [{{id: thu, segment: {segment}, channels: [sms], schedule: {schedule}, text: {{sms: Xin chào}}}}]
"""


def page(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank."""
    marks = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{marks} |\Z)", page(name), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no heading {heading}"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[str]:
    """The code in the first cells of the tables of a text."""
    return re.findall(r"^\| `(\{.*?\})` \|", text, re.MULTILINE)


def arrows(text: str) -> list[tuple[str, str]]:
    """The lines `what is written → what comes of it` of the text blocks."""
    lines = [line for block in blocks(text, "text") for line in block.splitlines()]
    assert all(" → " in line for line in lines)
    return [(line.rpartition(" → ")[0], line.rpartition(" → ")[2]) for line in lines]


def checked(text: str) -> Loaded:
    return read_definition(text.encode(), "example", segments=SEGMENTS, templates=TEMPLATES)


def examples() -> Iterator[object]:
    for name in ("README.md", "docs/campaign-file.md"):
        for number, block in enumerate(blocks(page(name), "yaml"), 1):
            yield pytest.param(block, id=f"{name}-{number}")


@pytest.mark.parametrize("example", list(examples()))
def test_every_campaign_in_a_document_passes_the_check(example: str) -> None:
    assert checked(example).errors == ()


def test_there_are_examples_to_check() -> None:
    assert [len(blocks(page(name), "yaml")) for name in ("README.md", "docs/campaign-file.md")] == [1, 3]


@pytest.mark.parametrize("schedule", first_cells(section("docs/campaign-file.md", "## Schedules")))
def test_every_schedule_that_is_shown_can_be_written(schedule: str) -> None:
    assert checked(CAMPAIGN.format(segment="elderly", schedule=schedule)).errors == ()


@pytest.mark.parametrize("rule", first_cells(section("docs/campaign-file.md", "## Segments and rules")))
def test_every_rule_that_is_shown_can_be_written(rule: str) -> None:
    assert checked(CAMPAIGN.format(segment=rule, schedule="{at: launch}")).errors == ()


GOALS = section("docs/campaign-file.md", "### A target").partition("| `goal:` |")[2].partition("\n\n")[0]
WRITTEN_GOALS = [
    goal for line in re.findall(r"^\| (`.*?) \|", GOALS, re.MULTILINE) for goal in re.findall(r"`(.+?)`", line)
]


@pytest.mark.parametrize("goal", WRITTEN_GOALS)
def test_every_goal_that_is_shown_can_be_written(goal: str) -> None:
    baseline = ", baseline: 60" if goal[0] in "+-" else ""
    target = f"targets: [{{id: t, title: T, measure: external, goal: {goal}{baseline}}}]\n"
    campaign = CAMPAIGN.format(segment="elderly", schedule="{at: launch}")
    assert checked(campaign + target).errors == ()


def test_there_are_goals_to_check() -> None:
    assert len(WRITTEN_GOALS) == 13


RENDERED = [
    *arrows(section("docs/templates.md", "## Names")),
    *arrows(section("docs/templates.md", "## Filters")),
]


@pytest.mark.parametrize(("written", "received"), RENDERED)
def test_every_template_example_gives_what_it_says(written: str, received: str) -> None:
    assert TEXT.from_string(written).render(sample_context({"so_nha": "12"})) == received


REFUSED = [
    *(("sms", *example) for example in arrows(section("docs/templates.md", "## What is forbidden"))),
    *(("loudspeaker", *example) for example in arrows(section("docs/templates.md", "## Loudspeakers"))),
]


@pytest.mark.parametrize(("channel", "written", "why"), REFUSED)
def test_what_a_document_calls_forbidden_is_refused_with_these_words(channel: str, written: str, why: str) -> None:
    problems = find_problems(inline_template("thu", {channel: written}), channel, "vi")
    assert [problem.what for problem in problems if why in problem.what]


def test_the_e_mail_that_is_shown_can_be_sent() -> None:
    [mail] = blocks(section("docs/templates.md", "## E-mail"), "")
    rendered = HTML.from_string(mail).render(sample_context())
    assert "Nhắc lịch hẹn ngày 25/11/2026" in rendered
    assert "Kính gửi ông Nguyễn Văn Hùng" in rendered


def test_the_sms_that_is_counted_has_these_parts() -> None:
    [shown] = blocks(section("docs/templates.md", "## SMS"), "")
    command, counted = shown.splitlines()
    text = command.partition('"')[2].rstrip('"')
    whole, bare = measure(text), measure(unaccent(text))
    assert counted == f"{whole.encoding} {whole.parts}, unaccented {bare.encoding} {bare.parts}"


def test_every_name_and_filter_of_templates_is_shown() -> None:
    shown = " ".join(written for written, _ in RENDERED)
    names = [f"{view}.{name}" for view, fields in KNOWN_FIELDS.items() for name in fields]
    assert [name for name in names if name not in shown] == []
    assert [name for name in TEXT.filters if not re.search(rf"\| {name}\b", shown)] == []


def keys_of(schema: Mapping[str, object]) -> Iterator[str]:
    """Every key a file may have, at any depth but in rules."""
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            yield from value
        if key != "$defs":
            for inner in value if isinstance(value, list) else [value]:
                yield from keys_of(inner) if isinstance(inner, dict) else ()


def test_every_key_of_a_campaign_file_is_explained() -> None:
    text = page("docs/campaign-file.md")
    keys = set(keys_of(campaign_schema()))
    assert {"not_after", "agency", "cron", "rank"} <= keys
    assert sorted(key for key in keys if not re.search(rf"`[{{]?{key}[:`]|[ {{]{key}:", text)) == []


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## People", person_columns.NAMES),
        ("## The case file", case_rows.NAMES),
        ("## The units file", units._NAMES),
    ],
)
def test_every_column_and_its_headings_are_listed(heading: str, names: Mapping[str, Collection[str]]) -> None:
    text = section("docs/audience-file.md", heading)
    assert [name for name in names if f"`{name}`" not in text] == []
    cells = [set(re.split(r"[,;] ", row)) for row in re.findall(r"^\| `.*?\| (.*?) \|", text, re.MULTILINE)]
    listed = set().union(*cells)
    assert [other for others in names.values() for other in others if other not in listed] == []
