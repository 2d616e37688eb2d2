"""Campaign files against the templates: every channel must have something to say, in words the template knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign_files import GOOD

from outreach.domain.definition import read_definition
from outreach.domain.segment_file import load_segments
from outreach.domain.template_files import TemplateFolder

SEGMENTS = load_segments(Path(__file__).parents[2] / "campaigns" / "segments.yaml")
MAIL = (
    "{% block subject %}Chào{% endblock %}{% block text %}Chào {{ contact.fulname }}\n\n{{ case.due_at }}{% endblock %}"
)


@pytest.fixture
def templates(tmp_path: Path) -> TemplateFolder:
    for name, files in {
        "chao_hoi": {"sms.vi.j2": "Chào {{ contact.full_name }}", "email.vi.j2": MAIL},
        "nhac_lich": {
            "sms.vi.j2": "Hẹn {{ case.due_at | date_vi }}",
            "loudspeaker.vi.j2": "Mời {{ contact.full_name }}",
        },
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "meta.yaml").write_text("title: Chào hỏi\n", encoding="utf-8")
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    return TemplateFolder(tmp_path)


def said(templates: TemplateFolder, **lines: str) -> list[str]:
    """What is said of the good file with the lines of its message written otherwise."""
    numbers = {"text": 20, "channels": 21, "schedule": 22}
    text = GOOD.text().splitlines()
    for key, value in lines.items():
        text[numbers[key] - 1] = f"    {value}"
    loaded = read_definition("\n".join(text).encode(), "thu.yaml", segments=SEGMENTS, templates=templates)
    return [f"{mistake.line}: {mistake.what}" for mistake in loaded.errors]


CASE = 'schedule: {before: case.due_at, days: 2, at: "08:30"}'


def test_an_unknown_template_is_told_the_nearest(templates: TemplateFolder) -> None:
    assert said(templates, text="template: chao_ho") == ['20: unknown template "chao_ho"; did you mean "chao_hoi"?']


def test_a_template_that_lacks_a_channel_is_told_the_file_to_add(templates: TemplateFolder) -> None:
    assert said(templates, text="template: chao_hoi", channels="channels: [telegram]") == [
        '20: template "chao_hoi" says nothing for channel "telegram"; add chao_hoi/telegram.vi.j2'
    ]


def test_unknown_variables_of_a_template_are_named_with_its_file_and_line(templates: TemplateFolder) -> None:
    found = said(templates, text="template: chao_hoi", channels="channels: [email]", schedule=CASE)
    assert found == ['20: chao_hoi/email.vi.j2:1: unknown variable "contact.fulname"; did you mean "full_name"?']


def test_a_message_without_a_case_may_not_speak_of_one(templates: TemplateFolder) -> None:
    found = said(templates, text="template: nhac_lich")
    assert found == [
        '20: nhac_lich/sms.vi.j2:1: "case.due_at": there is no case at hand; '
        "give the message a schedule {before: case.due_at}"
    ]
    assert said(templates, text="template: nhac_lich", schedule=CASE) == []


def test_a_script_may_not_name_anybody(templates: TemplateFolder) -> None:
    (found,) = said(templates, text="template: nhac_lich", channels="channels: [loudspeaker]")
    assert found.startswith("20: nhac_lich/loudspeaker.vi.j2:1: ")
    assert "personal data" in found


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('text: {sms: "Chào {{ contact.fulname }}"}', 'unknown variable "contact.fulname"; did you mean "full_name"?'),
        ('text: {sms: "Chào {{ nguoi }}"}', 'unknown variable "nguoi"'),
        ('text: {sms: "Chào {{ contact.full_name"}', "not a template"),
        ('text: {sms: "{{ 2 * 3 }}"}', "the sign * may not be used"),
    ],
)
def test_a_text_in_place_is_looked_at_like_a_template(templates: TemplateFolder, text: str, part: str) -> None:
    (found,) = said(templates, text=text)
    assert found.startswith("20: ")
    assert part in found


def test_a_good_text_in_place_has_no_mistake(templates: TemplateFolder) -> None:
    assert said(templates, text='text: {sms: "Chào {{ contact.full_name }}, {{ unit.name }} kính báo"}') == []


def test_only_one_part_of_a_message_is_wrong_yet_all_of_it_is_looked_at(templates: TemplateFolder) -> None:
    found = said(templates, text="template: chao_ho", channels="channels: [smss]", schedule="schedule: {at: sau}")
    assert [line.split(":")[0] for line in found] == ["20", "21", "22"]
