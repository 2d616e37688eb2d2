"""Templates: what a recipient gets, what is refused before anybody gets it, and what an error may say."""

import json
import time
from dataclasses import replace
from datetime import date

import pytest

from outreach.domain.context import (
    SAMPLE_CAMPAIGN,
    SAMPLE_CONTACT,
    CaseView,
    LinksView,
    contact_view,
    message_context,
    sample_context,
    unit_view,
)
from outreach.domain.errors import OutreachError
from outreach.domain.rendering import (
    MAX_RENDERED,
    Compiled,
    Rendered,
    RenderError,
    TemplateError,
    TemplateSource,
    compile_template,
    inline_template,
    undeclared,
)
from outreach.domain.template_trial import problems


def source(channel: str, text: str, language: str = "vi") -> TemplateSource:
    return TemplateSource("thu", "Thử", {}, {channel: {language: text}})


def render(text: str, channel: str = "sms", **changes: object) -> Rendered:
    return compile_template(source(channel, text)).render(channel, "vi", sample_context() | changes)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Chào {{ contact | salute }}.", "Chào ông Hùng."),
        ("{{ contact | salute(full=true, capital=true) }}", "Ông Nguyễn Văn Hùng"),
        ("{{ contact.given_name }} {{ contact.birth_date | date_vi }}", "Hùng 19/05/1958"),
        ("{{ contact.birth_date.year }}", "1958"),
        ("{{ case.due_at | time_vi }} ngày {{ case.due_at | date_vi }}", "8 giờ 30 ngày 25/11/2026"),
        ("{{ issuer }}; {{ campaign.title }}", f"{SAMPLE_CAMPAIGN.issuer}; {SAMPLE_CAMPAIGN.title}"),
        ("{{ unit.full_name }} ({{ unit.code }})", "xã Đông Anh (00454)"),
        ("{{ '1500000' | money_vi }}", "1.500.000 đồng"),
        ("{{ '+84912345678' | phone_vi }}", "0912 345 678"),
        (
            "{{ '25/11/2026' | spell_out | unaccent }}",
            "ngay hai muoi lam thang muoi mot nam hai nghin khong tram hai muoi sau",
        ),
        ("{% if contact.age >= 60 %}cụ{% else %}bạn{% endif %}", "cụ"),
        ("{% for word in ['a', 'b'] %}{{ loop.index }}{{ word }} {% endfor %}", "1a 2b"),
        ("{{ contact.attr.so_nha | default('không rõ') }}", "không rõ"),
        ("{% if case is defined %}có{% endif %}", "có"),
        ("Cửa hàng A & B <1>", "Cửa hàng A & B <1>"),
        ("  \n hai dòng\nđây \n", "hai dòng\nđây"),
        ("e\u0323\u0302", "ệ"),
    ],
)
def test_a_text_is_rendered(text: str, body: str) -> None:
    assert render(text) == Rendered(body)


def test_a_list_s_own_columns_are_at_hand() -> None:
    person = replace(SAMPLE_CONTACT, attr={"so_nha": "12", "items": "ba"})
    assert render("{{ contact.attr.so_nha }} {{ contact.attr['items'] }}", contact=person).body == "12 ba"


def test_a_missing_language_falls_back_to_vietnamese_and_a_missing_channel_is_said() -> None:
    compiled = compile_template(TemplateSource("thu", "", {}, {"sms": {"vi": "chào", "en": "hello"}}))
    assert [compiled.render("sms", language, {}).body for language in ("en", "vi", "km")] == ["hello", "chào", "chào"]
    with pytest.raises(RenderError, match="no text for this channel"):
        compiled.render("email", "vi", {})


def test_a_source_survives_json() -> None:
    one = TemplateSource("a", "Một", {"contact.full_name": "Lan"}, {"sms": {"vi": "chào", "en": "hello"}})
    assert TemplateSource.from_json(json.loads(json.dumps(one.to_json()))) == one


class TestEmail:
    TEXT = (
        "{% block subject %}Hồ sơ của {{ contact.full_name }}{% endblock %}\n"
        "{% block body %}<p>Chào {{ contact.full_name }}</p><ol><li>một</li><li>hai</li></ol>"
        '<p><a href="{{ links.survey }}">Đánh giá</a></p>{% endblock %}'
    )

    def mail(self, name: str) -> Rendered:
        return render(self.TEXT, "email", contact=replace(SAMPLE_CONTACT, full_name=name))

    def test_values_are_escaped_in_the_html_and_nowhere_else(self) -> None:
        mail = self.mail("<script>alert(1)</script> & Lan")
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Lan" in mail.html
        assert "<script>" not in mail.html
        assert mail.subject == "Hồ sơ của <script>alert(1)</script> & Lan"
        assert "Chào <script>alert(1)</script> & Lan" in mail.body

    def test_the_text_part_says_what_the_html_says(self) -> None:
        assert self.mail("Lan").body == "Chào Lan\n\n1. một\n2. hai\n\nĐánh giá (https://example.gov.vn/s/abc)"

    @pytest.mark.parametrize("ending", ["\r\nBcc: a@example.vn", "\nX: y", "\u2028X: y", "\x00\x0bX: y", "\x85X: y"])
    def test_nothing_in_a_name_begins_another_header(self, ending: str) -> None:
        subject = self.mail("Lan" + ending).subject
        assert len(subject.splitlines()) == 1
        assert subject.isprintable()

    def test_the_html_is_a_whole_document_in_its_language(self) -> None:
        html = self.mail("Lan").html
        assert html.startswith('<!doctype html>\n<html lang="vi">')
        assert '<meta charset="utf-8">' in html

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("{% block body %}x{% endblock %}", "needs {% block subject %}"),
            ("{% block subject %}x{% endblock %}", "needs {% block body %}"),
            ("a{% block subject %}x{% endblock %}{% block body %}x{% endblock %}", "never sent"),
            ("{% block subjct %}x{% endblock %}{% block body %}x{% endblock %}", 'block "subjct"'),
            ("{% block subject %}x{% endblock %}{% block body %}<mjml></mjml>{% endblock %}", "MJML"),
        ],
    )
    def test_a_mail_with_wrong_blocks_is_refused(self, text: str, what: str) -> None:
        with pytest.raises(TemplateError, match=what.replace("{", r"\{")):
            compile_template(source("email", text))


class TestInPlace:
    def test_texts_of_a_campaign_file_make_a_template(self) -> None:
        made = inline_template("nhac", {"sms": "Chào {{ contact | salute }}", "loudspeaker": "Kính thưa bà con."})
        assert compile_template(made).render("sms", "km", sample_context()).body == "Chào ông Hùng"

    def test_a_plain_mail_gets_an_html_part_with_its_paragraphs_links_and_everything_else_escaped(self) -> None:
        texts = {"subject": "A & B", "body": "Chào {{ contact.full_name }},\nxem {{ links.survey }}.\n\nTạm biệt"}
        person = replace(SAMPLE_CONTACT, full_name="<b>Lan</b>")
        context = sample_context() | {
            "contact": person,
            "links": LinksView(survey="https://example.gov.vn/s/1?a=1&b=2"),
        }
        mail = compile_template(inline_template("m", {"email": texts})).render("email", "vi", context)
        assert mail.subject == "A & B"
        assert mail.body == "Chào <b>Lan</b>,\nxem https://example.gov.vn/s/1?a=1&b=2.\n\nTạm biệt"
        link = "https://example.gov.vn/s/1?a=1&amp;b=2"
        expected = f'<p>Chào &lt;b&gt;Lan&lt;/b&gt;,<br>\nxem <a href="{link}">{link}</a>.</p>\n<p>Tạm biệt</p>'
        assert expected in mail.html

    def test_an_html_mail_stays_html(self) -> None:
        made = inline_template("m", {"email": {"subject": "S", "body": "<p>Chào</p>"}})
        assert "<p>Chào</p>" in compile_template(made).render("email", "vi", sample_context()).html

    @pytest.mark.parametrize("texts", [{"email": "x"}, {"email": {"subject": "x", "body": ""}}, {"sms": {"body": "x"}}])
    def test_texts_of_the_wrong_form_are_refused(self, texts: dict[str, str | dict[str, str]]) -> None:
        with pytest.raises(OutreachError):
            inline_template("m", texts)


class TestLoudspeaker:
    def test_a_script_is_spelled_out(self) -> None:
        body = render(
            "UBND {{ unit.full_name }} mời họp lúc 8h ngày {{ campaign.starts | date_vi }}.", "loudspeaker"
        ).body
        assert body == (
            "Ủy ban nhân dân xã Đông Anh mời họp lúc tám giờ "
            "ngày một tháng mười một năm hai nghìn không trăm hai mươi sáu."
        )

    @pytest.mark.parametrize("path", ["contact.full_name", "case.title", "links.survey"])
    def test_personal_data_is_found_before_it_is_heard(self, path: str) -> None:
        text = source("loudspeaker", f"Kính thưa bà con.\n{{{{ {path} }}}}")
        assert undeclared(text, "loudspeaker", "vi") == {(path, 2)}
        with pytest.raises(TemplateError, match="may not use personal data"):
            compile_template(text)


class TestZns:
    TEXT = (
        'template_id: "12345"\nparameters:\n  ten: "{{ contact.full_name }}"\n  ngay: "{{ case.due_at | date_vi }}"\n'
    )

    def test_parameters_are_rendered_for_the_provider_s_template(self) -> None:
        made = render(self.TEXT, "zalo_zns")
        assert (made.template_id, made.parameters) == ("12345", {"ten": "Nguyễn Văn Hùng", "ngay": "25/11/2026"})

    def test_an_unknown_variable_is_found_on_its_line(self) -> None:
        assert undeclared(source("zalo_zns", self.TEXT.replace("due_at", "due")), "zalo_zns", "vi") == {("case.due", 4)}

    @pytest.mark.parametrize(
        "text", ["parameters: {}", "template_id: 1", "template_id: 1\nparameters: {}\nx: 1", "a: [", "[]"]
    )
    def test_a_file_of_the_wrong_form_is_refused(self, text: str) -> None:
        with pytest.raises(TemplateError, match=r"thu/zalo_zns\.vi\.yaml:\d"):
            compile_template(source("zalo_zns", text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ contact.full_name }}", set()),
        ("a\n{{ contact.ful_name }}", {("contact.ful_name", 2)}),
        ("{{ nguoi.ten }}", {("nguoi.ten", 1)}),
        ("{% if ten %}\n{{ contact.attr.a }}\n{{ unit['kod'] }}{% endif %}", {("ten", 1), ("unit.kod", 3)}),
        ("{% for x in contact.attr.ds %}{{ x }}{{ loop.index }}{{ y }}{% endfor %}", {("y", 1)}),
        ("{% for x in ds %}{% endfor %}{{ x }}", {("ds", 1), ("x", 1)}),
        ("{{ contact }}", {("contact", 1)}),
        ("{{ contact | salute }}", set()),
        ("{{ case.due_at.hour }}", set()),
        ("{{ case.due_at.tzinfo }}", {("case.due_at.tzinfo", 1)}),
        ("{{ contact.full_name.__class__ }}", {("contact.full_name.__class__", 1)}),
        ("{{ issuer.x }}", {("issuer.x", 1)}),
        ("{{ contact.attr }}", {("contact.attr", 1)}),
    ],
)
def test_unknown_variables_are_found_with_their_lines(text: str, found: set[tuple[str, int]]) -> None:
    assert undeclared(source("sms", text), "sms", "vi") == found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ contact.ful_name }}", 'thu/sms.vi.j2:1: unknown variable "contact.ful_name"; did you mean "full_name"?'),
        ("a\n{{ x | date_v }}", 'unknown filter "date_v"; did you mean "date_vi"?'),
        ("a\n{% if %}", "thu/sms.vi.j2:2: not a template"),
        ("{{ contact.full_name", "not a template"),
    ],
)
def test_a_mistake_is_refused_with_file_line_and_what_would_be_right(text: str, what: str) -> None:
    with pytest.raises(TemplateError) as refused:
        compile_template(source("sms", text))
    assert what in str(refused.value)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ contact.full_name['__cla' ~ 'ss__']['__mro__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ contact.__init__.__globals__ }}",
        "{{ contact['__init__'] }}",
        "{{ [contact] | map(attribute='__class__') | join }}",
        "{{ [contact] | join(attribute='__class__.__mro__') }}",
        "{{ '{0.__class__}'.format(contact) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' | center(1000000000) }}",
        "{% for i in range(1000000000) %}{% endfor %}",
        "{% for a in 'xxxxxxxxxx' %}{% for b in 'xxxxxxxxxx' %}{% endfor %}{% endfor %}",
        "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set x = 'ab' %}{% set x = x ~ x %}",
        "{% set x %}{{ x }}{{ x }}{% endset %}",
        "{% with x = 1 %}{{ x }}{% endwith %}",
        "{% include 'secrets' %}",
        "{% import 'os' as os %}",
        "{% extends 'base' %}",
        "{{ self.__init__ }}",
        "{{ cycler }}{{ lipsum() }}",
        "{{ links | attr('__class__') }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ 1" + " + 1" * 5000 + " }}",
        "{{ " + "not " * 200 + "1 }}",
        "{% if 1 %}" * 200 + "{% endif %}" * 200,
        "a" * 100_001,
    ],
)
def test_what_reaches_further_or_grows_without_bound_is_stopped_at_once(attack: str) -> None:
    began = time.monotonic()
    with pytest.raises((TemplateError, RenderError)):
        render(attack)
    assert time.monotonic() - began < 2


def test_a_text_beyond_the_limit_is_refused() -> None:
    person = replace(SAMPLE_CONTACT, attr={"x": "a" * (MAX_RENDERED + 1)})
    with pytest.raises(RenderError, match="longer than 200,000 characters"):
        render("{{ contact.attr.x }}", contact=person)


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("a\n\n{{ contact.attr.bi_mat }}", "contact.attr.bi_mat"),
        ("a\n\n{{ contact.occupation }}", "contact.occupation"),
        ("a\n\n{{ contact.full_name | date_vi }}", "contact.full_name"),
        ("a\n\n{{ contact.full_name | money_vi }}", "contact.full_name"),
        ("a\n\n{{ contact.full_name | phone_vi }}", "contact.full_name"),
        ("a\n\n{{ contact.full_name - 1 }}", "contact.full_name"),
        ("a\n\n{{ case.title }}", "case"),
    ],
)
def test_an_error_names_the_place_and_the_variable_and_never_the_value(text: str, variable: str) -> None:
    secret = replace(SAMPLE_CONTACT, full_name="Bí Mật", occupation=None)
    context = sample_context() | {"contact": secret}
    context.pop("case")
    with pytest.raises(RenderError) as failed:
        compile_template(source("sms", text)).render("sms", "vi", context)
    assert (failed.value.line, failed.value.variable) == (3, variable)
    assert "thu/sms.vi, line 3" in str(failed.value)
    assert "Bí Mật" not in str(failed.value)
    assert failed.value.__suppress_context__, "the original error, which may hold values, is not printed"


class TestProblems:
    def test_a_channel_without_a_text_is_said(self) -> None:
        (problem,) = problems(source("sms", "a"), "email", about_case=False)
        assert problem == 'template "thu" says nothing for channel "email"; add thu/email.vi.j2'

    def test_a_text_needs_its_vietnamese_form(self) -> None:
        (problem,) = problems(source("sms", "a", "en"), "sms", about_case=False)
        assert problem == "thu/sms.vi.j2 is missing: other languages fall back to it"

    def test_a_case_must_be_at_hand(self) -> None:
        text = source("sms", "Hồ sơ {{ case.external_id }}")
        (problem,) = problems(text, "sms", about_case=False)
        assert problem.startswith('thu/sms.vi.j2:1: "case.external_id": there is no case at hand')
        assert problems(text, "sms", about_case=True) == []

    def test_a_trial_finds_what_only_happens_in_rendering(self) -> None:
        (problem,) = problems(source("sms", "{{ contact.full_name | date_vi }}"), "sms", about_case=False)
        assert "date_vi needs a date" in problem

    def test_an_empty_text_is_said(self) -> None:
        assert problems(source("sms", " {# nothing #} "), "sms", about_case=False) == ["thu/sms.vi.j2 is empty"]

    def test_columns_of_a_list_are_tried_with_an_example(self) -> None:
        assert problems(source("sms", "{{ contact.attr.phi | money_vi }}"), "sms", about_case=False) == []


class TestViews:
    def test_a_contact_has_age_and_given_name_of_the_day(self) -> None:
        person = contact_view("TRẦN THỊ LAN", date(2026, 11, 21), birth_date=date(1966, 11, 22), sex="female")
        assert (person.given_name, person.age, person.language, person.kind) == ("Lan", 59, "vi", "person")

    @pytest.mark.parametrize(
        ("name", "kind", "full"),
        [
            ("Xã Đông Anh", "xa", "xã Đông Anh"),
            ("Đông Anh", "xa", "xã Đông Anh"),
            ("Thành phố Hà Nội", "thanh_pho", "thành phố Hà Nội"),
            ("Bản Lác", "", "Bản Lác"),
        ],
    )
    def test_a_unit_is_named_as_in_a_sentence(self, name: str, kind: str, full: str) -> None:
        assert unit_view(name, kind).full_name == full

    def test_a_context_without_case_or_contact_has_none(self) -> None:
        context = message_context(campaign=SAMPLE_CAMPAIGN)
        assert set(context) == {"campaign", "issuer", "unit", "links"}
        assert "case" in message_context(campaign=SAMPLE_CAMPAIGN, case=CaseView("1"))


def test_a_compiled_template_is_fast_enough_for_a_million() -> None:
    text = (
        "Kính gửi {{ contact.full_name }}, hồ sơ {{ case.external_id }} đã có kết quả tại {{ unit.full_name }}. "
        + "a" * 60
    )
    compiled: Compiled = compile_template(source("sms", text))
    context = sample_context()
    began = time.process_time()
    for _ in range(3000):
        compiled.render("sms", "vi", context)
    assert 3000 / (time.process_time() - began) > 10_000
