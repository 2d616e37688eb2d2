"""Campaign files: a good one is read whole; of a wrong one every mistake is told at once, with its line."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from campaign_files import GOOD, MESSAGES, WRONG, Case

from outreach.domain.definition import Goal, Loaded, Measure, load_definition, read_definition
from outreach.domain.schedule import At, AtLaunch, BeforeCase, Cron
from outreach.domain.segment_file import load_segments
from outreach.domain.segments import Field, Leaf, Op
from outreach.domain.words import CascadeMode, Channel, Lane, MessageClass

SEGMENTS = load_segments(Path(__file__).parents[2] / "campaigns" / "segments.yaml")


def read(text: str | bytes) -> Loaded:
    return read_definition(text if isinstance(text, bytes) else text.encode(), "thu.yaml", segments=SEGMENTS)


def said(text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in read(text).errors]


def test_the_good_file_of_the_table_is_good() -> None:
    assert said(GOOD.text()) == []


def test_the_table_is_large_and_every_case_has_its_own_name() -> None:
    assert len({case.name for case in WRONG}) == len(WRONG) >= 45


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_a_wrong_file_is_told_what_is_wrong_and_where(case: Case) -> None:
    assert case.said
    assert said(case.text(GOOD)) == [f"thu.yaml:{what}" for what in case.said]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_a_wrong_file_has_no_definition(case: Case) -> None:
    assert read(case.text(GOOD)).definition is None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "1: the file is empty"),
        (b"# only a comment\n", "1: the file is empty"),
        ("title: Chiến dịch".encode("utf-16"), "1: byte 0xFF is not UTF-8; save the file as UTF-8"),
        (b"campaign: a\ntitle: Ti\xeang Vi\xeat", "2: byte 0xEA is not UTF-8; save the file as UTF-8"),
        (b"campaign: a\ntitle: a\x07b\n", "2: control character U+0007; remove it"),
        (b'campaign: a\ntitle: "a\\0b"\n', "2: control character U+0000; remove it"),
        (b'campaign: a\ntitle: "a\\ud800b"\n', "2: control character U+D800; remove it"),
        (b"- campaign\n", '1: a campaign must be a mapping with "campaign", "title", "issuer", "starts", "ends", '
            '"messages", not a list'),
        (b"title: " + b"a" * 1_000_000, "1: the file has 1,000,007 bytes; at most 1,000,000 are read"),
        (b"campaign: a\ntitle: " + b"[" * 500, "2: nested more than 20 levels deep"),
        (b"campaign: a\n" + BOMB.encode(), "6: more than 100,000 values, aliases followed"),
        (b"a: &a [*a]\n", '1: "*a" refers to nothing; write "&a" before a value'),
        (b"%YAML 9.9\n---\n", "1: broken YAML: found incompatible YAML document (version 1.* is required)"),
    ],
    ids=["empty", "comment", "utf-16", "cp1258", "control", "escaped", "surrogate", "list", "large", "deep", "bomb",
         "own alias", "version"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(data: bytes, what: str) -> None:
    assert said(data) == [f"thu.yaml:{what}"]


def test_a_mistake_is_one_line_of_bounded_length_whatever_it_quotes() -> None:
    found = said(GOOD.text().replace("thu-nghiem", '"' + "a b\n\n " * 9000 + '"'))
    assert all("\n" not in what and len(what) < 600 for what in found)
    assert found[0].startswith('thu.yaml:1: "campaign": "a b')


def test_a_missing_file_is_a_mistake_without_a_line(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert [str(e) for e in load_definition(path, segments={}).errors] == [
        f"{path}: cannot be read: No such file or directory"
    ]


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert said(b"\xef\xbb\xbf" + GOOD.text().encode()) == []


def test_windows_line_ends_count_as_one() -> None:
    case = next(case for case in WRONG if case.name == "unknown activity")
    assert said(case.text(GOOD).replace("\n", "\r\n")) == [f"thu.yaml:{what}" for what in case.said]


def test_yaml_1_2_words_stay_words_and_text_becomes_nfc() -> None:
    loaded = read(GOOD.text().replace("Chiến dịch thử", "on").replace("UBND xã Đông Anh", "UBND xa\u0303"))
    assert loaded.definition is not None
    assert (loaded.definition.title, loaded.definition.issuer) == ("on", "UBND xã")
    escaped = read(GOOD.text().replace("UBND xã Đông Anh", '"UBND xa\\u0303"'))
    assert escaped.definition is not None
    assert escaped.definition.issuer == "UBND xã"


def test_an_alias_stands_for_its_value() -> None:
    text = GOOD.text().replace("issuer: UBND xã Đông Anh", "issuer: &ai UBND xã").replace("lead: UBND xã", "lead: *ai")
    loaded = read(text)
    assert loaded.definition is not None
    assert loaded.definition.activities[0].lead == "UBND xã"


def test_dates_of_the_past_are_no_mistake() -> None:
    assert said(GOOD.text().replace("2026", "2020")) == []


def test_everything_a_file_says_is_in_the_definition() -> None:
    definition = read(MESSAGES).definition
    assert definition is not None
    assert definition.timezone == "Asia/Ho_Chi_Minh"
    cron, at, launch, case = definition.messages
    assert cron.schedule == Cron("0 17 * * 5", date(2026, 4, 1), date(2026, 6, 30))
    assert cron.channels == (Channel.LOUDSPEAKER, Channel.SMS)
    assert (cron.mode, cron.wait, cron.not_after) == (CascadeMode.CASCADE, timedelta(hours=4), timedelta(hours=24))
    assert at.schedule == At((datetime.fromisoformat("2026-05-01 08:30"), datetime.fromisoformat("2026-05-02 08:30")))
    assert at.segment == Leaf(Field.UNIT, Op.IS, ("01",))
    assert (at.message_class, cron.message_class) == (MessageClass.EMERGENCY, MessageClass.SERVICE_NOTICE)
    email = at.text(Channel.EMAIL)
    assert email is not None
    assert (email.subject, email.body) == ("Chào", "<p>Chào")
    assert at.text(Channel.SMS) is None
    assert (launch.schedule, launch.mode, launch.lane) == (AtLaunch(), CascadeMode.ALL, Lane.BULK)
    assert case.schedule == BeforeCase(2, time(8, 30), date(2026, 1, 1), date(2026, 11, 30))
    assert (case.lane, case.wait, case.not_after) == (Lane.REMINDER, timedelta(minutes=30), timedelta(days=2))


def test_targets_keep_goal_baseline_scope_and_their_day() -> None:
    definition = read(MESSAGES).definition
    assert definition is not None
    share, rank, *_ = definition.targets
    assert (share.goal, share.baseline, share.by) == (Goal(10, 15, percent=True), 60, date(2026, 12, 31))
    assert share.measure is Measure.EXTERNAL
    assert share.scope is not None
    assert (share.scope.agency, share.scope.unit) == ("Sở Y tế", "01")
    assert (rank.goal, rank.by) == (Goal(rank=70), date(2026, 6, 30))


def test_names_of_segments_and_templates_are_collected() -> None:
    definition = read(MESSAGES).definition
    assert definition is not None
    assert definition.segment_names == {"rural"}
    assert definition.template_names == {"x"}
