"""The plan of Hà Nội for 2025 as a campaign: everything of the document is in it, and every text can be sent."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreach.domain.composing import Text, campaign_view
from outreach.domain.context import LinksView
from outreach.domain.definition import Definition, load_definition
from outreach.domain.definition.parts import Measure
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Rendered, compile_template
from outreach.domain.schedule import At, BeforeCase, Cron
from outreach.domain.segment_file import load_segments
from outreach.domain.sms_text import Encoding, measure, unaccent
from outreach.domain.speech import THANKS, check_script, reading_seconds
from outreach.domain.spell_out import WEB_ADDRESS
from outreach.domain.template_files import TemplateFolder
from outreach.domain.words import CascadeMode, Channel, MessageClass

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "campaigns" / "ha-noi-2025.yaml"
FOLDER = TemplateFolder(PROJECT / "templates")
SEGMENTS = load_segments(PROJECT / "campaigns" / "segments.yaml")

SLOGANS = (
    "Hành chính thông minh - Tận tâm phục vụ",
    "Dịch vụ công trực tuyến - Đơn giản thủ tục, tiết kiệm thời gian",
    "Đăng ký khai sinh trực tuyến - Nhanh chóng, dễ dàng, mọi lúc mọi nơi",
    "Cùng Hà Nội bước vào kỷ nguyên mới với dịch vụ công trực tuyến",
    "Nộp thuế điện tử - Tiết kiệm chi phí, nâng cao hiệu quả kinh doanh",
    "Kết nối dữ liệu trực tuyến - Đồng hành phát triển doanh nghiệp",
    "Dịch vụ công trực tuyến: Giải pháp tiết kiệm thời gian, nâng cao chất lượng phục vụ",
)
"""III.2: the main one, three for citizens, two for businesses, one for officials."""
RESPONSIBLE = (
    "Trung tâm Phục vụ Hành chính công Thành phố",
    "Sở Thông tin và Truyền thông",
    "Công an Thành phố",
    "Các sở, ban, ngành Thành phố",
    "UBND quận, huyện, thị xã",
    "Các cơ quan báo chí, truyền thông của Thành phố",
    "Các tổ chức xã hội, đoàn thể",
    "Các doanh nghiệp, tổ chức kinh tế - xã hội",
)
"""The headings of part V."""
MIX = {
    "elderly": (Channel.LOUDSPEAKER, Channel.SMS),
    "rural": (Channel.LOUDSPEAKER, Channel.SMS, Channel.ZALO_OA),
    "urban": (Channel.ZALO_OA, Channel.EMAIL, Channel.SMS),
    "business": (Channel.EMAIL, Channel.ZALO_OA, Channel.SMS),
    "students": (Channel.ZALO_OA, Channel.TELEGRAM, Channel.EMAIL),
    "officials": (Channel.EMAIL, Channel.TELEGRAM, Channel.SMS),
    "vulnerable": (Channel.SMS, Channel.LOUDSPEAKER),
}
"""II.4 with the channels the engine has, in their order."""


@pytest.fixture(scope="module")
def plan() -> Definition:
    loaded = load_definition(FILE, segments=SEGMENTS, templates=FOLDER)
    assert loaded.errors == ()
    assert loaded.definition is not None
    return loaded.definition


def numbered(plan: Definition, part: str) -> list[str]:
    """The ids of the activities directly below a part of the document."""
    return [one.id for one in plan.activities if re.fullmatch(rf"{re.escape(part)}\.\d+", one.id)]


class TestTheDocument:
    def test_it_names_its_source(self, plan: Definition) -> None:
        assert plan.source is not None
        assert plan.source.seed.startswith("003_")
        assert plan.issuer == "UBND thành phố Hà Nội"

    def test_three_phases_have_the_months_of_the_document(self, plan: Definition) -> None:
        assert [(one.starts, one.ends) for one in plan.phases] == [
            (date(2025, 2, 1), date(2025, 3, 31)),
            (date(2025, 4, 1), date(2025, 10, 31)),
            (date(2025, 11, 1), date(2025, 12, 31)),
        ]

    @pytest.mark.parametrize(
        ("part", "groups"),
        [("III.1", 5), ("III.3", 4), ("III.4", 6), ("III.5", 5), ("III.6", 3), ("V", 8)],
        ids=["contents", "methods", "channel groups", "products", "phases", "responsible groups"],
    )
    def test_every_group_of_the_document_is_an_activity(self, plan: Definition, part: str, groups: int) -> None:
        assert numbered(plan, part) == [f"{part}.{n}" for n in range(1, groups + 1)]

    @pytest.mark.parametrize(("phase", "activities"), [("III.6.1", 3), ("III.6.2", 3), ("III.6.3", 4)])
    def test_every_activity_of_a_phase_lies_in_its_months(self, plan: Definition, phase: str, activities: int) -> None:
        assert len(numbered(plan, phase)) == activities
        spans = {(str(a.starts), str(a.ends)) for a in plan.activities if a.id.startswith(phase)}
        assert spans == {{"III.6.1": ("2025-02", "2025-03"), "III.6.2": ("2025-04", "2025-10")}.get(
            phase, ("2025-11", "2025-12")
        )}  # fmt: skip

    def test_every_activity_has_a_lead_and_what_is_expected_of_it(self, plan: Definition) -> None:
        assert [one.id for one in plan.activities if not one.lead] == []
        leaves = re.compile(r"III\.6\.\d\.\d")
        assert [one.id for one in plan.activities if not one.outputs and not leaves.fullmatch(one.id)] == []

    def test_the_eight_responsible_groups_lead_what_the_document_gives_them(self, plan: Definition) -> None:
        leads = {one.id: one.lead for one in plan.activities}
        assert [leads[f"V.{n}"] for n in range(1, 9)] == list(RESPONSIBLE)
        elsewhere = [one for one in plan.activities if not one.id.startswith("V.")]
        named = {one.lead for one in elsewhere} | {name for one in elsewhere for name in one.together_with}
        assert set(RESPONSIBLE) <= named

    def test_ten_goals_and_three_indicators_are_targets(self, plan: Definition) -> None:
        ids = [target.id for target in plan.targets]
        assert ids[:10] == [f"I.1.2-{n:02}" for n in range(1, 11)]
        assert ids[10:] == ["II.3-1", "II.3-2", "II.3-3"]
        assert {target.by for target in plan.targets} == {date(2025, 12, 31)}

    def test_a_goal_has_a_figure_only_where_the_document_gives_one(self, plan: Definition) -> None:
        goals = {target.id: str(target.goal) for target in plan.targets[:10]}
        shares = {name for name, goal in goals.items() if goal == "100%"}
        assert shares == {"I.1.2-03", "I.1.2-04", "I.1.2-08"}, "two lines of 100 %, and one of every commune"
        assert {goals[name] for name in goals.keys() - shares} == {"done"}

    def test_the_indicators_have_no_goal_as_the_document_sets_none(self, plan: Definition) -> None:
        assert [str(target.goal) for target in plan.targets[10:]] == ["none"] * 3

    def test_the_indicators_are_measured_where_they_can_be(self, plan: Definition) -> None:
        measures = [target.measure for target in plan.targets[10:]]
        assert measures == [Measure.EXTERNAL, Measure.SATISFACTION, Measure.GUIDED]

    @pytest.mark.parametrize("slogan", SLOGANS)
    def test_every_slogan_is_in_the_plan_and_in_a_text_that_is_sent(self, plan: Definition, slogan: str) -> None:
        outputs = next(one.outputs for one in plan.activities if one.id == "III.2")
        assert [output for output in outputs if output.endswith(slogan)]
        sent = {
            (message.id, str(channel))
            for message in plan.messages
            for channel in message.channels
            if slogan in FOLDER.get(message.template).parts[str(channel)]["vi"]
        }
        assert sent


class TestTheMessages:
    def test_there_are_enough_and_all_are_service_notices(self, plan: Definition) -> None:
        assert len(plan.messages) >= 12
        assert {message.message_class for message in plan.messages} == {MessageClass.SERVICE_NOTICE}

    @pytest.mark.parametrize("group", MIX)
    def test_a_group_is_written_to_over_the_channels_that_suit_it(self, plan: Definition, group: str) -> None:
        theirs = [message for message in plan.messages if message.segment == group]
        assert theirs
        assert {message.channels for message in theirs} == {MIX[group]}

    def test_the_elderly_get_both_channels_and_no_link(self, plan: Definition) -> None:
        theirs = [message for message in plan.messages if message.segment == "elderly"]
        assert {message.mode for message in theirs} == {CascadeMode.ALL}
        texts = [FOLDER.get(message.template).parts["sms"]["vi"] for message in theirs]
        assert [text for text in texts if WEB_ADDRESS.search(text) or "links." in text] == []

    @pytest.mark.parametrize("kind", [At, Cron, BeforeCase])
    def test_dated_recurring_and_case_messages_are_there(self, plan: Definition, kind: type) -> None:
        assert [message.id for message in plan.messages if isinstance(message.schedule, kind)]

    def test_every_phase_speaks_and_every_message_serves_an_activity(self, plan: Definition) -> None:
        assert {message.phase for message in plan.messages} >= {"g1", "g2", "g3"}
        assert [message.id for message in plan.messages if not message.activity] == []

    def test_cases_are_told_by_zalo_and_then_by_sms(self, plan: Definition) -> None:
        theirs = [message for message in plan.messages if isinstance(message.schedule, BeforeCase)]
        assert [message.id for message in theirs] == ["tinh-trang-ho-so", "nhac-lich-hen"]
        assert {message.channels for message in theirs} == {(Channel.ZALO_ZNS, Channel.SMS)}

    def test_nothing_is_sent_late_by_more_than_two_days_or_outside_of_the_day(self, plan: Definition) -> None:
        assert max(message.not_after for message in plan.messages) <= timedelta(days=2)
        hours = {
            moment.hour
            for message in plan.messages
            if isinstance(message.schedule, At)
            for moment in message.schedule.moments
        }
        hours |= {int(m.schedule.expression.split()[1]) for m in plan.messages if isinstance(m.schedule, Cron)}
        assert min(hours) >= 7 and max(hours) < 21

    def test_nobody_gets_more_than_two_recurring_notices_a_month(self, plan: Definition) -> None:
        days = [m.schedule.expression.split() for m in plan.messages if isinstance(m.schedule, Cron)]
        assert [fields for fields in days if "*" in fields[2] or fields[4] != "*"] == [], "monthly, not weekly"


NOBODY = dict.fromkeys(("birth_date", "sex", "kind", "occupation", "unit_code", "unit_name", "unit_kind"))
CASE = {
    "case_external_id": "H26.18-250401-0042",
    "case_title": "Đăng ký khai sinh",
    "case_due_at": None,
    "case_state": "open",
}


def somebody(name: str | None, **known: object) -> Recipient:
    place = {"unit_code": "00454", "unit_name": "Xã Đông Anh", "unit_kind": "xa", "unit_languages": ("vi",)}
    fixed: dict[str, Any] = {**NOBODY, "language": "vi", "attrs": {}, **CASE, **place}
    return Recipient(full_name=name, **{**fixed, **known})


KINDS = {
    "an old man": (somebody("Nguyễn Văn Hùng", birth_date=date(1950, 5, 19), sex="male"), "ông Hùng"),
    "an old woman": (somebody("Trần Thị Lan", birth_date=date(1948, 1, 2), sex="female"), "bà Lan"),
    "of unknown sex": (somebody("Lê Minh Anh", birth_date=date(1990, 3, 4)), "ông/bà Anh"),
    "only a name": (somebody("Hoàng An", unit_code=None, unit_name=None, unit_kind=None), "ông/bà An"),
    "under 18": (somebody("Phạm Gia Bảo", birth_date=date(2009, 9, 9), sex="male"), "phụ huynh em Bảo"),
    "a business": (somebody("Công ty TNHH An Phát", kind="business"), "Quý doanh nghiệp"),
}
STATION = somebody(None)


def texts() -> list[tuple[str, str]]:
    """Template and channel of everything the campaign sends."""
    definition = load_definition(FILE, segments=SEGMENTS).definition
    assert definition is not None
    return sorted({(message.template, str(channel)) for message in definition.messages for channel in message.channels})


TEXTS = texts()
TO_PEOPLE = [text for text in TEXTS if text[1] != "loudspeaker"]
LINKS = [LinksView(), LinksView(unsubscribe="https://example.gov.vn/u/a", survey="https://example.gov.vn/s/a")]


def made(plan: Definition, template: str, channel: str, who: Recipient, links: LinksView) -> Rendered:
    compiled = compile_template(FOLDER.get(template))
    due = None if who.full_name is None else plan.messages[0].schedule.moments[0].replace(tzinfo=plan.zone)  # type: ignore[union-attr]
    given = Recipient(**{name: getattr(who, name) for name in who.__slots__} | {"case_due_at": due})
    text = Text(compiled, Channel(channel), campaign_view(plan), plan.zone)
    return text.written(given, today=date(2025, 6, 1), links=links)


@pytest.mark.parametrize("links", LINKS, ids=["no links", "links"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("template", "channel"), TO_PEOPLE)
def test_everybody_gets_a_whole_text_with_their_salutation(
    plan: Definition, template: str, channel: str, kind: str, links: LinksView
) -> None:
    who, salutation = KINDS[kind]
    got = made(plan, template, channel, who, links)
    said = got.body or " ".join(got.parameters.values())
    assert len(said) > 50
    assert "None" not in said + got.subject
    assert "  " not in said
    assert said == unicodedata.normalize("NFC", said)
    full = f"{salutation.rpartition(' ')[0]} {who.full_name}"
    assert salutation in said or full in said
    if channel == "email":
        assert got.subject and len(got.subject) <= 100
        assert "max-width:600px" in got.html


@pytest.mark.parametrize("kind", ["an old man", "an old woman", "only a name"])
def test_who_is_old_or_of_unknown_age_gets_no_link_by_sms_in_any_segment(plan: Definition, kind: str) -> None:
    """The elderly of a rural commune are in `rural` too, and anybody may have a case; `urban` ends at 59."""
    reached = {one.template for one in plan.messages if one.segment not in ("urban", "business", "officials")}
    sent = [
        made(plan, name, "sms", KINDS[kind][0], LINKS[1]).body
        for name, way in TEXTS
        if way == "sms" and name in reached
    ]
    assert len(sent) >= 7
    assert [text for text in sent if WEB_ADDRESS.search(text)] == []


def test_a_reminder_names_no_office_because_the_home_commune_need_not_have_the_case(plan: Definition) -> None:
    who = KINDS["an old man"][0]
    for channel in ("sms", "zalo_zns"):
        got = made(plan, "hn_nhac_hen", channel, who, LinksView())
        assert "Đông Anh" not in got.body + " ".join(got.parameters.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", [name for name, channel in TEXTS if channel == "sms"])
def test_an_sms_is_short_in_both_forms(plan: Definition, template: str, kind: str) -> None:
    text = made(plan, template, "sms", KINDS[kind][0], LinksView()).body
    bare = measure(unaccent(text))
    assert measure(text).parts <= 3
    assert (bare.encoding, bare.parts <= 2) == (Encoding.GSM7, True)


@pytest.mark.parametrize("template", [name for name, channel in TEXTS if channel == "loudspeaker"])
def test_a_script_can_be_understood_and_fits_its_session(plan: Definition, template: str) -> None:
    script = made(plan, template, "loudspeaker", STATION, LinksView()).body
    assert check_script(script) == []
    assert script.startswith("Kính thưa")
    assert script.endswith(THANKS)
    assert "Ủy ban nhân dân thành phố Hà Nội" in script
    assert 30 < reading_seconds(script) < 5 * 60


@pytest.mark.parametrize("template", sorted({name for name, _ in TEXTS}))
def test_no_text_names_a_telephone_number_or_a_page_the_plan_does_not_know(template: str) -> None:
    texts = [text for parts in FOLDER.get(template).parts.values() for text in parts.values()]
    pages = {found[0].rstrip(".;,<") for text in texts for found in re.finditer(r"[\w.]+\.(?:vn|com)\b", text)}
    assert pages <= {"dichvucong.gov.vn", ".gov.vn"}
    phones = re.compile(r"(?<!\d)(?:0\d{9}|1[89]00\d{4}|113)(?!\d)")
    assert [text for text in texts if phones.search(text)] == []
