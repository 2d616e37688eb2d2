"""What is said of a whole template: its mistakes with file and line, and what is doubtful."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.domain.context import ContactView
from outreach.domain.template_examples import example_context, used_variables, wrong_examples
from outreach.domain.template_files import load_template, variable_lines
from outreach.domain.template_review import Finding, review

GOOD = {
    "meta.yaml": "title: Mẫu\nvariables:\n  contact.full_name: Nguyễn Văn Hùng\n  issuer: UBND xã\n",
    "sms.vi.j2": "Kính gửi {{ contact | salute }}. {{ issuer }}",
}


def found(folder: Path, changed: dict[str, str] | None = None, /, **more: str) -> list[Finding]:
    template = folder / "mau"
    template.mkdir()
    for name, text in {**GOOD, **(changed or {})}.items():
        (template / name).write_text(text, encoding="utf-8")
    return review(load_template(folder, "mau"), variable_lines(folder, "mau"))


def errors(folder: Path, changed: dict[str, str]) -> list[str]:
    return [str(one) for one in found(folder, changed) if one.error]


def warnings(folder: Path, changed: dict[str, str]) -> list[str]:
    return [str(one) for one in found(folder, changed) if not one.error]


def test_a_good_template_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sms.vi.j2": "a\n{{ contact.fulname }}"}, 'mau/sms.vi.j2:2: unknown variable "contact.fulname"'),
        ({"sms.vi.j2": "a\n{{ issuer | uper }}"}, 'mau/sms.vi.j2:2: unknown filter "uper"'),
        ({"sms.vi.j2": "a\n\n{% if %}"}, "mau/sms.vi.j2:3: not a template"),
        ({"email.vi.j2": "chào"}, "mau/email.vi.j2:1: an e-mail needs"),
        ({"telegram.hmn.j2": "Nyob zoo"}, "mau/telegram.vi.j2: is missing"),
        ({"zalo_zns.vi.yaml": "template_id: '1'"}, 'mau/zalo_zns.vi.yaml:1: add "parameters"'),
        ({"loudspeaker.vi.j2": "Kính thưa\n{{ contact.full_name }}"}, "mau/loudspeaker.vi.j2:2: "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_text_is_told_with_its_line(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    assert [line for line in errors(tmp_path, changed) if line.startswith(said)]


def test_a_variable_that_is_used_must_be_documented(tmp_path: Path) -> None:
    changed = {"telegram.vi.j2": "Kính chào\n{{ unit.full_name }}, {{ contact.attr.so_nha }}"}
    assert errors(tmp_path, changed) == [
        'mau/telegram.vi.j2:2: "contact.attr.so_nha" is used and stands not in meta.yaml; add it there with an example',
        'mau/telegram.vi.j2:2: "unit.full_name" is used and stands not in meta.yaml; add it there with an example',
    ]


def test_a_salutation_may_be_tried_on_a_business(tmp_path: Path) -> None:
    meta = GOOD["meta.yaml"] + "  contact.kind: business\n"
    assert errors(tmp_path, {"meta.yaml": meta}) == []


def test_the_kind_of_somebody_who_is_not_saluted_is_documented_for_nothing(tmp_path: Path) -> None:
    meta = "title: Mẫu\nvariables:\n  contact.kind: business\n  issuer: UBND xã\n"
    (told,) = errors(tmp_path, {"meta.yaml": meta, "sms.vi.j2": "Kính báo. {{ issuer }}"})
    assert told == 'mau/meta.yaml:3: "contact.kind" is documented and used in no text; remove it'


def test_a_variable_that_is_documented_must_be_used_and_exist(tmp_path: Path) -> None:
    meta = GOOD["meta.yaml"] + "  unit.full_name: xã Đông Anh\n  contact.tuoi: 70\n"
    told = errors(tmp_path, {"meta.yaml": meta})
    assert told[0] == 'mau/meta.yaml:5: "unit.full_name" is documented and used in no text; remove it'
    assert told[1].startswith('mau/meta.yaml:6: unknown variable "contact.tuoi"')


@pytest.mark.parametrize(
    ("path", "example", "wanted"),
    [
        ("contact.age", "bảy mươi", "whole years"),
        ("contact.birth_date", "19/05/1958", "a date like 2026-11-25"),
        ("case.due_at", "mai", "a moment like 2026-11-25T08:30"),
    ],
)
def test_an_example_must_be_one(tmp_path: Path, path: str, example: str, wanted: str) -> None:
    changed = {
        "meta.yaml": f"{GOOD['meta.yaml']}  {path}: {example}\n",
        "telegram.vi.j2": "{% if " + path + " %}a{% endif %}",
    }
    (told,) = [line for line in errors(tmp_path, changed) if "must be" in line]
    assert told == f'mau/meta.yaml:5: the example "{example}" of "{path}" must be {wanted}'


def test_a_part_of_a_date_is_documented_by_the_date(tmp_path: Path) -> None:
    changed = {
        "meta.yaml": GOOD["meta.yaml"] + "  contact.birth_date: 1958-05-19\n",
        "telegram.vi.j2": "{{ contact.birth_date.year }}",
    }
    assert errors(tmp_path, changed) == []


def test_what_shows_only_when_a_text_is_made_is_told_with_its_line(tmp_path: Path) -> None:
    (told,) = errors(tmp_path, {"sms.vi.j2": "{{ issuer }}\n{{ contact.full_name | date_vi }}"})
    assert told == "mau/sms.vi.j2:2: date_vi needs a date: contact.full_name"


def test_a_text_that_says_nothing_or_more_than_a_channel_takes_is_a_mistake(tmp_path: Path) -> None:
    told = errors(tmp_path, {"zalo_oa.vi.j2": "a" * 2001, "telegram.vi.j2": "{# chờ #}"})
    assert told == ["mau/telegram.vi.j2: is empty", "mau/zalo_oa.vi.j2: has 2,001 characters; zalo_oa takes 2,000"]


def test_a_script_is_looked_at_line_by_line(tmp_path: Path) -> None:
    script = "Kính thưa bà con.\nMời vào dichvucong.gov.vn nhé.\n{% if unit.name %}\nĐến BCH thôn.\n{% endif %}"
    meta = GOOD["meta.yaml"] + "  unit.name: Xã Đông Anh\n"
    told = warnings(tmp_path, {"meta.yaml": meta, "loudspeaker.vi.j2": script})
    assert [line.split(": ")[:2] for line in told] == [
        ["mau/loudspeaker.vi.j2:2", "“dichvucong.gov.vn”"],
        ["mau/loudspeaker.vi.j2:4", "“BCH”"],
    ]


def test_a_script_in_another_language_is_not_judged_by_vietnamese_rules(tmp_path: Path) -> None:
    assert found(tmp_path, {"loudspeaker.vi.j2": "Kính thưa bà con.", "loudspeaker.hmn.j2": "Nyob BCH 25."}) == []


def test_a_script_that_takes_too_long_is_doubtful(tmp_path: Path) -> None:
    (told,) = warnings(tmp_path, {"loudspeaker.vi.j2": "Xin mời bà con đến ngay.\n" * 250})
    assert "minutes to read twice; at most 15" in told


@pytest.mark.parametrize(("length", "doubtful"), [(190, 0), (202, 1)])
def test_an_sms_of_more_than_three_parts_is_doubtful(tmp_path: Path, length: int, doubtful: int) -> None:
    text = "{{ issuer }} {{ contact | salute }}".ljust(35)
    told = warnings(tmp_path, {"sms.vi.j2": text + "ằ" * (length - len("UBND xã ông Hùng"))})
    assert len([line for line in told if "SMS parts" in line]) == doubtful


class TestSamples:
    def test_every_sample_text_is_pointed_at(self, tmp_path: Path) -> None:
        changed = {
            "meta.yaml": GOOD["meta.yaml"] + "samples: [tyz]\n",
            "sms.tyz.j2": "Pỉ noọng {{ contact | salute }}. {{ issuer }}",
        }
        (told,) = warnings(tmp_path, changed)
        assert told.startswith("mau/sms.tyz.j2: a sample in tiếng Tày, never sent")

    def test_a_sample_without_a_text_is_a_mistake(self, tmp_path: Path) -> None:
        (told,) = errors(tmp_path, {"meta.yaml": GOOD["meta.yaml"] + "samples: [tyz]\n"})
        assert told == 'mau/meta.yaml: "samples" names tyz, in which there is no text; remove it'


class TestExamples:
    def test_a_template_is_tried_on_the_examples_of_its_meta(self, tmp_path: Path) -> None:
        meta = (
            "title: Mẫu\nvariables:\n  contact.full_name: Trần Thị Lan\n  contact.birth_date: 1990-01-01\n"
            "  issuer: UBND xã Ba Vì\n  contact.attr.phi: 5000\n  links.survey: https://example.gov.vn/s/x\n"
        )
        text = "{{ contact | salute }} {{ contact.birth_date.year }} {{ contact.attr.phi }} {{ issuer }}"
        text += " {{ links.survey }}"
        assert found(tmp_path, {"meta.yaml": meta, "sms.vi.j2": text}) == []
        context = example_context(load_template(tmp_path, "mau"))
        person = context["contact"]
        assert isinstance(person, ContactView)
        assert (person.full_name, person.given_name, person.age, person.attr) == (
            "Trần Thị Lan",
            "Lan",
            36,
            {"phi": "5000"},
        )
        assert (context["issuer"], context["campaign"].issuer) == ("UBND xã Ba Vì", "UBND xã Ba Vì")
        assert context["links"].survey == "https://example.gov.vn/s/x"

    def test_a_wrong_example_leaves_ours_in_its_place(self, tmp_path: Path) -> None:
        found(tmp_path, {"meta.yaml": GOOD["meta.yaml"] + "  contact.age: x\n"})
        source = load_template(tmp_path, "mau")
        assert list(wrong_examples(source)) == ["contact.age"]
        assert example_context(source)["contact"].age == 68

    def test_variables_are_known_by_where_they_are_used_first(self, tmp_path: Path) -> None:
        found(tmp_path, {"zalo_zns.vi.yaml": 'template_id: "1"\nparameters:\n  ma: "{{ case.external_id }}"\n'})
        assert used_variables(load_template(tmp_path, "mau")) == {
            "contact.full_name": ("mau/sms.vi.j2", 1),
            "issuer": ("mau/sms.vi.j2", 1),
            "case.external_id": ("mau/zalo_zns.vi.yaml", 3),
        }
