"""E-mail templates: styles put in place, nothing that acts or loads, files that may go along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from outreach.domain.attachments import LARGEST_TOGETHER, MOST
from outreach.domain.context import sample_context
from outreach.domain.errors import OutreachError
from outreach.domain.rendering import Rendered, TemplateSource, compile_template, find_problems
from outreach.domain.template_files import load_template
from outreach.domain.template_review import review
from outreach.domain.template_trial import problems

STYLED = """{% block subject %}Chào{% endblock %}{% block body %}
<style>p { color: #a00 } .nut { padding: 8px } @media (max-width: 600px) { p { font-size: 20px } }</style>
<p>Kính gửi {{ contact | salute }}</p><p class="nut"><a href="https://tin.example.vn">Xem</a></p>
{% endblock %}"""


def source(text: str) -> TemplateSource:
    return TemplateSource("thu", "Thử", {}, {"email": {"vi": text}})


def body(html: str) -> str:
    return "{% block subject %}Chào{% endblock %}{% block body %}\n" + html + "\n{% endblock %}"


def render(text: str) -> Rendered:
    return compile_template(source(text)).render("email", "vi", sample_context())


def test_styles_are_put_into_the_elements_and_rules_for_small_screens_stay() -> None:
    made = render(STYLED)
    assert '<p style="color: #a00;">Kính gửi ông Hùng</p>' in made.html
    assert 'class="nut"' in made.html
    assert "padding: 8px" in made.html
    assert "@media" in made.html
    assert ".nut {" not in made.html
    assert made.html.startswith("<!doctype html>") or made.html.startswith("<!DOCTYPE html>")
    assert "color" not in made.body
    assert "Kính gửi ông Hùng" in made.body


def test_a_mail_without_styles_is_left_as_it_is() -> None:
    assert render(body("<p>Kính gửi</p>")).html.count("style=") == 2


def test_what_is_filled_in_cannot_bring_styles_or_links_along() -> None:
    contact = replace(sample_context()["contact"], full_name="<link rel=stylesheet href=//x><style>*{}</style>")  # type: ignore[type-var]
    text = STYLED.replace("{{ contact | salute }}", "{{ contact.full_name }}")
    made = compile_template(source(text)).render("email", "vi", sample_context() | {"contact": contact})
    assert "<link" not in made.html
    assert "&lt;style&gt;" in made.html


def test_nothing_is_loaded_even_where_a_template_asks_for_it(tmp_path: Path) -> None:
    sheet = tmp_path / "x.css"
    sheet.write_text("p { color: #123456 }")
    links = "".join(f'<link rel="stylesheet" href="{where}">' for where in (f"file://{sheet}", sheet))
    text = body(f"{links}<style>b {{}}</style><p>x</p>")
    assert "123456" not in render(text).html


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ('<iframe src="https://x.example"></iframe>', "<iframe>"),
        ('<form action="https://x.example"><input></form>', "<form>"),
        ('<link rel="stylesheet" href="https://x.example/a.css">', "<link>"),
        ('<meta http-equiv="Refresh" content="0; url=https://x.example">', "<meta>"),
        ('<p onclick="x()">a</p>', '"onclick"'),
        ('<a href="javascript:alert(1)">a</a>', "href"),
        ('<img src="https://x.example/pixel.gif">', "image from elsewhere"),
        ('<img src="file:///etc/passwd">', "src"),
        ('<table background="https://x.example/a.png"></table>', "image from elsewhere"),
        ("<style>@import 'https://x.example/a.css';</style>", "style sheet loads"),
        ("<style>p { background: url( https://x.example/a.png) }</style>", "style sheet loads"),
        ("<p style=\"background: url('https://x.example/a.png')\">a</p>", "style loads"),
        ("<SVG onload=x()></SVG>", "<svg>"),
    ],
)
def test_what_acts_or_loads_is_refused_with_its_line(html: str, what: str) -> None:
    found = find_problems(source(body(f"<p>a</p>\n{html}")), "email", "vi")
    assert found
    assert {problem.line for problem in found} == {3}
    assert any(what in problem.what for problem in found)
    assert problems(source(body(html)), "email", about_case=False)


@pytest.mark.parametrize(
    "html",
    [
        '<img src="data:image/png;base64,iVBORw0KGgo=" alt="Quốc huy">',
        '<a href="https://dichvucong.gov.vn">Cổng</a> <a href="mailto:a@b.example">thư</a> <a href="tel:1800">gọi</a>',
        "{% if contact.age and contact.age < 60 %}<p>một</p>{% endif %}",
        '<a href="{{ links.unsubscribe }}">Từ chối</a>',
    ],
)
def test_what_only_shows_is_allowed(html: str) -> None:
    assert find_problems(source(body(html)), "email", "vi") == []


def test_a_plain_text_may_speak_of_anything() -> None:
    text = "{% block subject %}a{% endblock %}{% block text %}Không bấm <script> lạ{% endblock %}"
    assert find_problems(source(text), "email", "vi") == []


def test_a_version_approved_before_a_rule_was_made_can_still_be_sent() -> None:
    text = body('<img src="https://x.example/a.png">')
    assert find_problems(source(text), "email", "vi")
    assert "x.example" in render(text).html


def test_a_text_written_for_itself_stands_in_the_place_of_the_one_that_is_made() -> None:
    text = body("<p>Thư</p>") + "{% block text %}Chữ <b>{% endblock %}"
    assert find_problems(source(text), "email", "vi") == []
    made = render(text)
    assert made.body == "Chữ <b>"
    assert "<p>Thư</p>" in made.html
    assert "Chữ" not in made.html
    assert problems(source("{% block subject %}a{% endblock %}"), "email", about_case=False)


# -- files that go along ---------------------------------------------------------------------------------------------

PDF = b"%PDF-1.7 to khai"


def folder(root: Path, *, text: str = "email.vi.j2", **files: bytes) -> Path:
    place = root / "thu"
    (place / "attachments").mkdir(parents=True)
    (place / "meta.yaml").write_text("title: Thử\n", encoding="utf-8")
    (place / text).write_text(body("<p>Chào</p>") if "email" in text else "Chao", encoding="utf-8")
    return place / "attachments"


def test_files_of_the_folder_go_with_the_e_mail(tmp_path: Path) -> None:
    files = folder(tmp_path)
    (files / "Tờ khai số 1.pdf").write_bytes(PDF)
    (files / "danh-sach.CSV").write_text("một,hai")
    (files / ".DS_Store").write_bytes(b"x")
    loaded = load_template(tmp_path, "thu")
    assert [(one.name, one.media_type, one.size) for one in loaded.attachments] == [
        ("Tờ khai số 1.pdf", "application/pdf", len(PDF)), ("danh-sach.CSV", "text/csv", 9),
    ]  # fmt: skip
    made = compile_template(loaded).render("email", "vi", sample_context())
    assert [one.content for one in made.attachments] == [PDF, "một,hai".encode()]
    assert review(loaded, {}) == []


def test_a_version_holds_the_digest_and_not_the_file(tmp_path: Path) -> None:
    (folder(tmp_path) / "a.pdf").write_bytes(PDF)
    loaded = load_template(tmp_path, "thu")
    frozen = loaded.to_json()
    [kept] = frozen["attachments"]
    assert set(kept) == {"name", "digest", "size"}
    assert TemplateSource.from_json(frozen) == loaded
    assert TemplateSource.from_json(frozen, {kept["digest"]: PDF}).attachments[0].content == PDF
    assert "attachments" not in source(STYLED).to_json()


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("cai-dat.exe", b"MZ", "not sent"),
        ("macro.docm", b"PK\x03\x04", "not sent"),
        ("goi.zip", b"PK\x03\x04", "not sent"),
        ("khong-duoi", b"x", "not sent"),
        ("a.pdf", b"MZ\x90\x00", "is no .pdf file"),
        ("a.docx", PDF, "is no .docx file"),
        ("a.txt", b"\xff\xfe\x00", "is no .txt file"),
        ("a.pdf", b"", "empty"),
        ("a.pdf", b"%PDF-" + b"x" * LARGEST_TOGETHER, "larger"),
        ('"; x=".pdf', PDF, "rename"),
        ("a\u202efdp.pdf", PDF, "rename"),
        ("a\n.pdf", PDF, "rename"),
        (f"{'ạ' * 78}.pdf", PDF, "rename"),
    ],
)
def test_files_that_must_not_be_sent_are_refused(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (folder(tmp_path) / name).write_bytes(content)
    with pytest.raises(OutreachError, match=what):
        load_template(tmp_path, "thu")


def test_a_link_to_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.pdf").write_bytes(PDF)
    (folder(tmp_path) / "a.pdf").symlink_to(tmp_path / "secret.pdf")
    with pytest.raises(OutreachError, match="not a file"):
        load_template(tmp_path, "thu")


def test_number_and_size_together_have_a_limit(tmp_path: Path) -> None:
    files = folder(tmp_path)
    for number in range(3):
        (files / f"{number}.pdf").write_bytes(b"%PDF-" + b"x" * (LARGEST_TOGETHER // 2))
    with pytest.raises(OutreachError, match="together"):
        load_template(tmp_path, "thu")
    for number in range(MOST + 1):
        (files / f"{number}.pdf").write_bytes(PDF)
    with pytest.raises(OutreachError, match="at most 10"):
        load_template(tmp_path, "thu")


def test_only_e_mails_carry_files(tmp_path: Path) -> None:
    (folder(tmp_path, text="sms.vi.j2") / "a.pdf").write_bytes(PDF)
    with pytest.raises(OutreachError, match="only e-mails"):
        load_template(tmp_path, "thu")


def test_large_files_are_warned_of(tmp_path: Path) -> None:
    (folder(tmp_path) / "a.pdf").write_bytes(b"%PDF-" + b"x" * 1_200_000)
    [finding] = review(load_template(tmp_path, "thu"), {})
    assert (finding.error, "web page" in finding.what) == (False, True)
