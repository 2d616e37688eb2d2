"""Text of the old fonts: every letter of both tables there and back, and nothing else touched."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.legacy_text import Legacy, to_unicode
from outreach.domain.syllables import invalid_words, is_syllable, marked_words

TCVN3 = dict(
    zip(
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        bytes.fromhex(
            "A1A2A3A4A5A6A7 A8A9AAABACADAE B5B6B7B8B9 BBBCBDBEC6 C7C8C9CACB CCCECFD0D1 D2D3D4D5D6 D7D8DCDDDE"
            "DFE1E2E3E4 E5E6E7E8E9 EAEBECEDEE EFF1F2F3F4 F5F6F7F8F9 FAFBFCFDFE"
        ).decode("cp1252"),
        strict=True,
    )
)
"""The codes of TCVN 5712:1993, table VN3, as cp1252 shows them."""
WRITTEN = (
    "aù aø aû aõ aï aá aà aå aã aä aâ aé aè aú aü aë aê ñ eù eø eû eõ eï eá eà eå eã eä eâ í ì æ ó ò "
    "où oø oû oõ oï oá oà oå oã oä oâ ôù ôø ôû ôõ ôï ô uù uø uû uõ uï öù öø öû öõ öï ö yù yø yû yõ î"
)
VNI = dict(
    zip(
        "áàảãạ ấầẩẫậâ ắằẳẵặă đ éèẻẽẹ ếềểễệê íìỉĩị óòỏõọ ốồổỗộô ớờởỡợơ úùủũụ ứừửữựư ýỳỷỹỵ".replace(" ", ""),
        WRITTEN.split(),
        strict=True,
    )
)
VNI |= {letter.upper(): written.upper() for letter, written in VNI.items()}
MARKED = sorted(VNI)
SENTENCES = (
    "Ủy ban nhân dân xã Đông Anh kính mời ông Nguyễn Văn Hùng đến bộ phận một cửa",
    "Trần Thị Thuỷ, thôn Ngoài, khuya ngoằn ngoèo, quỳnh, giếng, rượu, khuỷu, thuở, quyết",
    "Đắk Lắk: giữ gìn, chuyện, nghiêng, tuyết, uống, ướt, yêu, ý",
)


def encode(text: str, legacy: Legacy) -> str:
    table = TCVN3 if legacy is Legacy.TCVN3 else VNI
    return "".join(table.get(letter, letter) for letter in unicodedata.normalize("NFC", text))


def test_the_tables_of_the_test_are_whole() -> None:
    vowels = [
        unicodedata.normalize("NFC", v + t) for v in "aăâeêioôơuưy" for t in ("", *"\u0300\u0301\u0303\u0309\u0323")
    ]
    letters = {"đ", *(letter for letter in vowels if not letter.isascii())}
    assert {letter for letter in VNI if letter.islower()} == letters
    assert {letter for letter in TCVN3 if letter.islower()} == letters


@pytest.mark.parametrize("letter", sorted(TCVN3))
def test_every_letter_of_tcvn3_is_read(letter: str) -> None:
    assert to_unicode(TCVN3[letter], Legacy.TCVN3) == letter


@pytest.mark.parametrize("letter", MARKED)
def test_every_letter_of_vni_is_read(letter: str) -> None:
    assert to_unicode(VNI[letter], Legacy.VNI) == letter


@given(st.text(st.sampled_from([*"abcdghiklmnopqrstuvxy ,.0123", *(c for c in MARKED if c.islower())]), max_size=60))
def test_any_small_text_comes_back_from_tcvn3(text: str) -> None:
    assert to_unicode(encode(text, Legacy.TCVN3), Legacy.TCVN3) == text


WORDS = st.lists(st.sampled_from([word for line in SENTENCES for word in line.replace(",", "").split()]), max_size=12)


@given(WORDS)
def test_any_sentence_comes_back_from_vni_in_any_case(words: list[str]) -> None:
    for text in (" ".join(words), " ".join(words).upper(), " ".join(words).title()):
        assert to_unicode(encode(text, Legacy.VNI), Legacy.VNI) == text


@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_plain_ascii_is_never_touched(text: str) -> None:
    assert {to_unicode(text, legacy) for legacy in Legacy} == {text}
    assert marked_words(text) == []


def test_capitals_that_tcvn3_has_not_are_restored() -> None:
    shouted = "NGUY" + TCVN3["ễ"] + "N TH" + TCVN3["ị"] + " " + TCVN3["á"] + "NH"
    assert to_unicode(shouted, Legacy.TCVN3) == "NGUYỄN THỊ ÁNH"
    assert to_unicode(encode("Vũ ánh", Legacy.TCVN3), Legacy.TCVN3, name=True) == "Vũ Ánh"
    assert to_unicode(encode("Vũ", Legacy.TCVN3), Legacy.TCVN3) == "Vũ"
    assert to_unicode(encode("số 5, ấp Đông", Legacy.TCVN3), Legacy.TCVN3) == "số 5, ấp Đông"


@pytest.mark.parametrize("text", SENTENCES)
def test_vietnamese_is_made_of_syllables_and_text_of_old_fonts_is_not(text: str) -> None:
    assert invalid_words(text) == invalid_words(unicodedata.normalize("NFD", text)) == 0
    for legacy in Legacy:
        marked = marked_words(encode(text, legacy))
        assert sum(not is_syllable(word) for word in marked) >= 0.7 * len(marked)


@pytest.mark.parametrize("word", ["hoà", "hòa", "thuỷ", "THỦY", "đặng", "Ý", "quyền", "giữ", "nghiễm", "ngoèo", "Đắk"])
def test_a_syllable_is_known_however_it_is_written(word: str) -> None:
    assert is_syllable(word)
    assert is_syllable(unicodedata.normalize("NFD", word))


@pytest.mark.parametrize("word", ["café", "Müller", "José", "hốc̉", "bốôn", "mềc", "ắă", "Ã¡", "nguyÔn", "vaên", "tạch̃"])
def test_what_breaks_the_rules_of_spelling_is_no_syllable(word: str) -> None:
    assert not is_syllable(word)
