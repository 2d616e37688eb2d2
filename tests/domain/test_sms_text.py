"""What a text costs as SMS, and when giving up the marks is worth it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.sms_text import GSM_BASIC, GSM_EXTENSION, Encoding, TextForm, formed, measure, unaccent

VIETNAMESE = (
    "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵÁĐƯ 0123456789.,:-–“”…"
)


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units"),
    [
        ("", Encoding.GSM7, 0, 0),
        ("a", Encoding.GSM7, 1, 1),
        ("a" * 160, Encoding.GSM7, 1, 160),
        ("a" * 161, Encoding.GSM7, 2, 161),
        ("a" * 306, Encoding.GSM7, 2, 306),
        ("a" * 307, Encoding.GSM7, 3, 307),
        ("à è é ì ò ù É @ £ Ω \n", Encoding.GSM7, 1, 21),
        ("€" * 80, Encoding.GSM7, 1, 160),
        ("€" * 81, Encoding.GSM7, 2, 162),
        ("\f", Encoding.GSM7, 1, 2),
        ("`", Encoding.UCS2, 1, 1),
        ("\t", Encoding.UCS2, 1, 1),
        ("á", Encoding.UCS2, 1, 1),
        ("đ" * 70, Encoding.UCS2, 1, 70),
        ("đ" * 71, Encoding.UCS2, 2, 71),
        ("đ" * 134, Encoding.UCS2, 2, 134),
        ("đ" * 135, Encoding.UCS2, 3, 135),
        ("😀" * 35, Encoding.UCS2, 1, 70),
        ("😀" * 36, Encoding.UCS2, 2, 72),
        ("😀" * 67, Encoding.UCS2, 3, 134),
    ],
)
def test_a_text_is_measured(text: str, encoding: Encoding, parts: int, units: int) -> None:
    assert measure(text) == type(measure(text))(encoding, parts, units)


def test_an_extension_character_is_not_split_over_two_parts() -> None:
    assert measure("a" * 306).parts == 2
    assert measure("a" * 152 + "€" + "a" * 152).parts == 3, "the sign would straddle, so it moves on whole"
    assert measure("a" * 151 + "€" + "a" * 153).parts == 2


def test_a_surrogate_pair_is_not_split_over_two_parts() -> None:
    assert measure("đ" * 66 + "😀" + "đ" * 66).parts == 3
    assert measure("đ" * 65 + "😀" + "đ" * 67).parts == 2


@pytest.mark.parametrize("glyph", ["👨‍👩‍👧", "🇻🇳", "👍🏽", "❤️", "e\u0301"])
def test_a_joined_glyph_stays_in_one_part(glyph: str) -> None:
    units = len(glyph.encode("utf-16-le")) // 2
    assert measure("đ" * 66 + glyph + "đ" * (134 - 66 - units)).parts == 3
    assert measure("đ" * (67 - units) + glyph + "đ" * 67).parts == 2


def slow_parts(text: str) -> int:
    """The definition once more, written for reading."""
    gsm = set(text) <= GSM_BASIC | GSM_EXTENSION
    sizes = [2 if c in GSM_EXTENSION and gsm else len(c.encode("utf-16-le")) // 2 for c in text]
    alone, joined = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= alone:
        return 1 if text else 0
    parts, free = 1, joined
    for size in sizes:
        if size > free:
            parts, free = parts + 1, joined
        free -= size
    return parts


@given(st.text(st.sampled_from(VIETNAMESE + "".join(GSM_EXTENSION) + "😀"), max_size=700))
def test_parts_agree_with_the_definition(text: str) -> None:
    assert measure(text).parts == slow_parts(text)


@given(st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENSION)), max_size=700))
def test_gsm_text_is_never_sent_in_the_dearer_encoding(text: str) -> None:
    measured = measure(text)
    assert measured.encoding is Encoding.GSM7
    assert measured.parts == slow_parts(text)


@given(st.text(max_size=400), st.text(max_size=40))
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert measure(text + more).units >= measure(text).units
    if measure(text + more).encoding is measure(text).encoding:
        assert measure(text + more).parts >= measure(text).parts


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Đường đi Hoà Bình", "Duong di Hoa Binh"),
        ("“Ủy ban” – ‘xã’ — …", "\"Uy ban\" - 'xa' - ..."),
        ("giá\u00a0100.000\u202f₫ • miễn\u200bphí", "gia 100.000 d - mienphi"),
        ("e\u0323\u0302", "e"),
        ("`a`\tb", "'a' b"),
        ("Ê Đê ƀuôn ơ\u0306", "E De buon o"),
        ("plain text", "plain text"),
        ("ខ្ញុំ", "ខ្ញុំ"),
        ("😀 vui", "😀 vui"),
    ],
)
def test_marks_and_fine_punctuation_are_made_plain(text: str, bare: str) -> None:
    assert unaccent(text) == bare


@given(st.text(st.sampled_from(VIETNAMESE), max_size=300))
def test_vietnamese_without_marks_is_plain_ascii_and_cheaper_or_equal(text: str) -> None:
    bare = unaccent(text)
    assert bare.isascii()
    assert measure(bare).parts <= measure(text).parts
    assert unaccent(unicodedata.normalize("NFD", text)) == bare


@given(st.text(max_size=200))
def test_unaccenting_twice_changes_nothing_more(text: str) -> None:
    assert unaccent(unaccent(text)) == unaccent(text)


def test_the_cheapest_form_keeps_the_marks_where_they_cost_nothing() -> None:
    short, long = "Mời bà đến nhận kết quả.", "Mời bà đến nhận kết quả. " * 4
    assert formed(short, TextForm.CHEAPEST) == short
    assert formed(long, TextForm.CHEAPEST) == unaccent(long)
    assert formed(short, TextForm.UNACCENTED) == "Moi ba den nhan ket qua."
    assert formed(long, TextForm.ACCENTED) == long


@given(st.text(max_size=400))
def test_the_cheapest_form_never_costs_more_than_the_others(text: str) -> None:
    cheapest = measure(formed(text, TextForm.CHEAPEST)).parts
    assert cheapest == min(measure(text).parts, measure(unaccent(text)).parts)
