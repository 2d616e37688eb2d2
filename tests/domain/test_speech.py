"""Loudspeaker scripts: everything in words, short sentences, nothing that cannot be heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.numbers_vi import LARGEST, number_words
from outreach.domain.speech import (
    CHIME,
    THANKS,
    ScriptIssue,
    check_script,
    count_syllables,
    lay_out_broadcast,
    reading_seconds,
)
from outreach.domain.spell_out import spell_out


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "không"),
        (4, "bốn"),
        (10, "mười"),
        (11, "mười một"),
        (14, "mười bốn"),
        (15, "mười lăm"),
        (20, "hai mươi"),
        (21, "hai mươi mốt"),
        (24, "hai mươi tư"),
        (55, "năm mươi lăm"),
        (100, "một trăm"),
        (101, "một trăm linh một"),
        (105, "một trăm linh năm"),
        (111, "một trăm mười một"),
        (121, "một trăm hai mươi mốt"),
        (1000, "một nghìn"),
        (1005, "một nghìn không trăm linh năm"),
        (2026, "hai nghìn không trăm hai mươi sáu"),
        (10_500, "mười nghìn năm trăm"),
        (1_000_000, "một triệu"),
        (1_000_015, "một triệu không trăm mười lăm"),
        (21_000_001, "hai mươi mốt triệu không trăm linh một"),
        (3_000_000_000, "ba tỷ"),
        (-5, "âm năm"),
    ],
)
def test_numbers_are_read_as_vietnamese_says_them(number: int, words: str) -> None:
    assert number_words(number) == words


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_different_numbers_sound_different(one: int, other: int) -> None:
    assert (number_words(one) == number_words(other)) == (one == other)


def test_a_number_beyond_words_is_refused() -> None:
    with pytest.raises(ValueError, match="read out up to"):
        number_words(LARGEST + 1)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("25/11/2026", "ngày hai mươi lăm tháng mười một năm hai nghìn không trăm hai mươi sáu"),
        ("Ngày 05/04/2026", "Ngày năm tháng tư năm hai nghìn không trăm hai mươi sáu"),
        ("2026-11-25", "ngày hai mươi lăm tháng mười một năm hai nghìn không trăm hai mươi sáu"),
        ("11/2026", "tháng mười một năm hai nghìn không trăm hai mươi sáu"),
        ("tháng 4", "tháng tư"),
        ("dịp lễ 30/4", "dịp lễ ngày ba mươi tháng tư"),
        ("từ 01/11 đến 5/11", "từ ngày một tháng mười một đến ngày năm tháng mười một"),
        ("1/2 số hộ", "một phần hai số hộ"),
        ("trực 24/7", "trực hai mươi bốn trên bảy"),
        ("thứ 2 – thứ 6", "thứ hai đến thứ sáu"),
        ("thứ 4, lần thứ 1", "thứ tư, lần thứ nhất"),
        ("quý II", "quý hai"),
        ("08:30", "tám giờ ba mươi phút"),
        ("8h05", "tám giờ năm phút"),
        ("17h", "mười bảy giờ"),
        ("8 giờ 30", "tám giờ ba mươi phút"),
        ("8h-11h30", "tám giờ đến mười một giờ ba mươi phút"),
        ("1.500.000 đồng", "một triệu năm trăm nghìn đồng"),
        ("150.000đ", "một trăm năm mươi nghìn đồng"),
        ("1,5 tỷ", "một phẩy năm tỷ"),
        ("95,05%", "chín mươi lăm phẩy không năm phần trăm"),
        ("12.000 m2", "mười hai nghìn mét vuông"),
        ("2020-2021", "hai nghìn không trăm hai mươi đến hai nghìn không trăm hai mươi mốt"),
        ("0912345678", "không chín một hai, ba bốn năm, sáu bảy tám"),
        ("+84 912 345 678", "không chín một hai, ba bốn năm, sáu bảy tám"),
        ("18001096", "một tám không không, một không chín sáu"),
        ("gọi 113", "gọi một một ba"),
        ("CCCD 001099012345", "căn cước công dân không không một không chín chín không một hai ba bốn năm"),
        ("UBND và HĐND TP. Huế", "Ủy ban nhân dân và Hội đồng nhân dân thành phố Huế"),
        ("số 12/2025/QĐ-UBND", "số mười hai năm hai nghìn không trăm hai mươi lăm Quyết định Ủy ban nhân dân"),
        ("Đủ điều kiện. 3 hộ", "Đủ điều kiện. Ba hộ"),
        ("UBNDX", "UBNDX"),
        ("https://example.gov.vn/25/11/2026", "https://example.gov.vn/25/11/2026"),
    ],
)
def test_what_is_written_short_is_read_in_full(written: str, spoken: str) -> None:
    assert spell_out(written) == spoken


@given(st.text(st.sampled_from("0123456789/.,:-%hđ ngàytháUBNDTP"), max_size=40))
def test_what_is_spelled_out_has_no_figures_left_and_stays_as_it_is(text: str) -> None:
    once = spell_out(text)
    assert not any(c in "0123456789" for c in once)
    assert spell_out(once) == once


@pytest.mark.parametrize(
    ("script", "issues"),
    [
        ("Kính thưa bà con nhân dân.", []),
        ("Mời vào dichvucong.gov.vn để nộp hồ sơ.", [ScriptIssue.WEB_ADDRESS]),
        ("Gửi thư về hoi@example.vn nhé.", [ScriptIssue.WEB_ADDRESS]),
        ("Đến nhà văn hóa (thôn Đoài).", [ScriptIssue.PARENTHESES]),
        ("Có 25 hộ.", [ScriptIssue.DIGITS]),
        ("Mời đến BCH thôn.", [ScriptIssue.ABBREVIATION]),
        ("Nộp và/hoặc gửi.", [ScriptIssue.SYMBOL]),
        ("một " * 20 + ".", []),
        ("một " * 21 + ".", [ScriptIssue.LONG_SENTENCE]),
        ("một " * 15 + ": " + "hai " * 15, []),
        ("[Nhạc hiệu]\nKính thưa bà con.", []),
    ],
)
def test_a_script_is_checked_for_what_listeners_cannot_follow(script: str, issues: list[ScriptIssue]) -> None:
    assert [warning.issue for warning in check_script(script)] == issues


def test_a_warning_says_which_line_and_what_to_do() -> None:
    (warning,) = check_script("Kính thưa bà con.\nCó 25 hộ.")
    assert (warning.line, warning.excerpt) == (2, "25")
    assert "write them as words" in warning.advice


def test_reading_time_follows_the_syllables_and_the_repeats() -> None:
    sentence = "Một hai ba bốn năm sáu bảy."
    once, twice = reading_seconds(sentence, repeats=1), reading_seconds(sentence)
    assert once == pytest.approx(7 / 140 * 60 + 0.5)
    assert twice == pytest.approx(2 * once + 3)
    assert reading_seconds("25/11/2026", repeats=1) == pytest.approx(15 / 140 * 60 + 0.5), "figures count as words"
    assert reading_seconds("") == 0


def test_a_broadcast_is_chime_text_twice_and_thanks_once() -> None:
    whole = lay_out_broadcast(f"Kính thưa bà con.\nMai tiêm chủng.\n{THANKS}\n")
    assert whole.startswith(CHIME)
    assert whole.endswith(THANKS)
    assert (whole.count("Mai tiêm chủng."), whole.count(THANKS)) == (2, 1)
    assert check_script(whole) == []
    assert count_syllables("Ủy ban nhân dân") == 4
