"""Every template that is shipped can be sent, read out and understood; and folders of templates are read strictly."""

from pathlib import Path

import pytest

from outreach.domain.context import SAMPLE_CONTACT, contact_view, sample_context
from outreach.domain.definition.parts import Text
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.rendering import compile_template
from outreach.domain.sms_text import Encoding, measure, unaccent
from outreach.domain.speech import THANKS, check_script, reading_seconds
from outreach.domain.spell_out import WEB_ADDRESS
from outreach.domain.template_files import TemplateFolder, load_template, template_names, variable_lines
from outreach.domain.template_review import review
from outreach.domain.template_variables import why_unknown
from outreach.domain.words import Channel

FOLDER = Path(__file__).parents[2] / "templates"
NAMES = template_names(FOLDER)
TEXTS = [
    (name, channel, language)
    for name in NAMES
    for channel, texts in load_template(FOLDER, name).parts.items()
    for language in texts
]
LONG_ISSUER = "Trung tâm Phục vụ hành chính công thành phố Hồ Chí Minh"


def body(name: str, channel: str, language: str, **changes: object) -> str:
    context = sample_context() | changes
    rendered = compile_template(load_template(FOLDER, name)).render(channel, language, context, samples=True)
    return rendered.body or "\n".join(rendered.parameters.values())


def test_the_four_templates_of_the_plans_are_here() -> None:
    assert {"gioi_thieu_dvc", "nhac_lich_hen", "huong_dan_nguoi_cao_tuoi", "canh_bao_lua_dao"} <= set(NAMES)


@pytest.mark.parametrize(("name", "channel", "language"), TEXTS)
def test_every_text_has_no_problem_and_says_something(name: str, channel: str, language: str) -> None:
    assert TemplateFolder(FOLDER).problems(name, Channel(channel), about_case=True) == []
    assert len(body(name, channel, language)) > 50


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_variable_is_one_a_template_may_use(name: str) -> None:
    template = load_template(FOLDER, name)
    assert template.title
    assert [why for path in template.variables if (why := why_unknown(path, "sms", about_case=True))] == []


@pytest.mark.parametrize(("name", "channel", "language"), [text for text in TEXTS if text[1] == "sms"])
@pytest.mark.parametrize("issuer", ["UBND thành phố Hà Nội", LONG_ISSUER])
def test_an_sms_takes_two_parts_at_most_without_its_marks(name: str, channel: str, language: str, issuer: str) -> None:
    measured = measure(unaccent(body(name, channel, language, issuer=issuer)))
    assert (measured.encoding, measured.parts <= 2) == (Encoding.GSM7, True)


def test_elderly_people_get_no_links() -> None:
    assert not WEB_ADDRESS.search(body("huong_dan_nguoi_cao_tuoi", "sms", "vi"))


@pytest.mark.parametrize(("name", "channel", "language"), [text for text in TEXTS if text[1:] == ("loudspeaker", "vi")])
@pytest.mark.parametrize("issuer", ["UBND thành phố Hà Nội", LONG_ISSUER])
def test_a_script_can_be_read_out_in_a_slot(name: str, channel: str, language: str, issuer: str) -> None:
    script = body(name, channel, language, issuer=issuer)
    assert check_script(script) == []
    assert script.startswith("Kính thưa")
    assert script.endswith(THANKS)
    assert reading_seconds(script) < 15 * 60


@pytest.mark.parametrize(("name", "channel", "language"), [text for text in TEXTS if text[1] != "loudspeaker"])
def test_somebody_of_whom_only_the_name_is_known_gets_a_whole_text(name: str, channel: str, language: str) -> None:
    person = contact_view("Lan", SAMPLE_CONTACT.birth_date or pytest.fail("no date"))
    text = body(name, channel, language, contact=person)
    assert "None" not in text
    assert "  " not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_template_passes_its_own_check(name: str) -> None:
    found = review(load_template(FOLDER, name), variable_lines(FOLDER, name))
    assert [str(finding) for finding in found if finding.error] == []


def test_a_text_in_another_language_is_a_sample_marked_in_meta_and_at_its_top() -> None:
    foreign = [(name, channel, language) for name, channel, language in TEXTS if language != "vi"]
    assert foreign, "one is shipped to show how"
    for name, channel, language in foreign:
        template = load_template(FOLDER, name)
        assert language in template.samples
        assert template.parts[channel][language].startswith("{# BẢN MẪU")
        assert "BẢN MẪU" not in body(name, channel, language), "the note is for the translator"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / "mau" / name).parent.mkdir(exist_ok=True)
        (folder / "mau" / name).write_text(text, encoding="utf-8")
    return folder


def test_a_template_is_read_with_its_meta_and_in_every_language(tmp_path: Path) -> None:
    files = {
        "meta.yaml": "title: Mẫu\nvariables: {contact.full_name: Lan}",
        "sms.vi.j2": "\ufeffchào",
        "sms.en.j2": "hello",
    }
    template = load_template(write(tmp_path, files), "mau")
    assert (template.title, template.variables) == ("Mẫu", {"contact.full_name": "Lan"})
    assert template.parts == {"sms": {"vi": "chào", "en": "hello"}}
    assert template.languages("sms") == ("vi", "en")


@pytest.mark.parametrize("name", ["mao", "../mau", "mau/../mau", "", "/etc"])
def test_a_name_that_is_no_template_of_the_folder_is_not_found(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"meta.yaml": "title: Mẫu"})
    with pytest.raises(NotFound):
        load_template(tmp_path, name)


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"meta.yaml": "tile: Mẫu"}, 'unknown key "tile"; did you mean "title"?'),
        ({"meta.yaml": "title: [", "sms.vi.j2": "a"}, "broken YAML"),
        ({"meta.yaml": "title: a\nvariables: 3"}, "must be a mapping"),
        ({"meta.yaml": "title: a\nsamples: tyz"}, '"samples" must be a list of languages'),
        ({"meta.yaml": "title: a\nsamples: [vi]"}, '"vi" cannot be a sample'),
        ({"meta.yaml": "title: a\nsamples: [Tày]"}, '"Tày" cannot be a sample'),
        ({"meta.yaml": "title: a", "smss.vi.j2": "a"}, 'unknown channel "smss"; did you mean "sms"?'),
        ({"meta.yaml": "title: a", "sms.j2": "a"}, "name it <channel>.<language>.j2"),
        ({"meta.yaml": "title: a", "zalo_zns.vi.j2": "a"}, "name it zalo_zns.vi.yaml"),
    ],
)
def test_a_folder_with_a_slip_is_refused_with_its_file(tmp_path: Path, files: dict[str, str], what: str) -> None:
    write(tmp_path, files)
    with pytest.raises(OutreachError) as refused:
        load_template(tmp_path, "mau")
    assert what in str(refused.value)
    assert str(tmp_path / "mau") in str(refused.value)
    assert what in "\n".join(TemplateFolder(tmp_path).problems("mau", Channel.SMS, about_case=False))


def test_a_text_in_place_is_checked_like_a_file() -> None:
    folder = TemplateFolder(FOLDER)
    assert folder.text_problems(Text(Channel.SMS, "Chào {{ contact | salute }}"), about_case=False) == []
    (problem,) = folder.text_problems(Text(Channel.SMS, "Chào {{ contact.nme }}"), about_case=False)
    assert 'unknown variable "contact.nme"' in problem
    (problem,) = folder.text_problems(Text(Channel.EMAIL, "Chào", ""), about_case=False)
    assert 'needs a "subject"' in problem
