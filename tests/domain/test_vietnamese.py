"""Vietnamese text as keys: what a search finds, which names are one, in which order lists stand."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.vietnamese import name_key, nfc, plain, search_key, sort_key

LETTERS = st.text(st.sampled_from("aàảãáạăằắâầấbcdđeèéêềếghiìíklmnoòóôồốơờớpqrstuùúưừứvxyỳý "), max_size=30)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Nguyễn  Văn   An", "nguyen van an"),
        ("TRẦN THỊ-ĐÀO.", "tran thi dao"),
        ("  Xã Đông Anh (mới) ", "xa dong anh moi"),
        ("ＨÀ　NỘI", "ha noi"),
        ("", ""),
    ],
)
def test_a_search_forgives_case_marks_and_punctuation(text: str, key: str) -> None:
    assert search_key(text) == key
    assert search_key(unicodedata.normalize("NFD", text)) == key


@given(st.text(max_size=60))
def test_a_search_key_is_its_own_search_key_and_has_single_spaces(text: str) -> None:
    key = search_key(text)
    assert search_key(key) == key
    assert key == " ".join(key.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hòa", "Hoà"),
        ("HOÀNG THÚY", "hoàng  thuý"),
        ("Khỏe", "Khoẻ"),
        ("Thủy", "Thuỷ"),
        ("Nguyễn Văn An ", unicodedata.normalize("NFD", "nguyễn văn an")),
    ],
)
def test_two_spellings_of_a_name_match(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Hoà", "Hoa"), ("Hòa", "Hóa"), ("Thuý", "Thuỷ"), ("Đào", "Dào")])
def test_different_names_do_not_match(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(LETTERS)
def test_a_name_key_is_its_own_name_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)
    assert name_key(unicodedata.normalize("NFD", text).upper()) == name_key(text)


def assert_ascending(words: list[str]) -> None:
    keys = [sort_key(word).encode() for word in words]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    "in_order",
    [
        "ma mà mả mã má mạ mă mằm mâm mân",
        "an ăn ân ba ca da đa ê i la na o ô ơ pa qua ra ta u ư va xa y",
        "ho hò hỏ hõ hó họ hô hồ hơ hờ",
        "1 2 an",
    ],
)
def test_words_stand_in_dictionary_order_under_byte_comparison(in_order: str) -> None:
    assert_ascending(in_order.split())


def test_tones_decide_only_between_equal_letters() -> None:
    assert_ascending(["Hà An", "Ha Bình", "Hà Bình", "Hạ Bình", "Hà Châu"])


def test_shorter_words_come_first_and_foreign_marks_last() -> None:
    assert_ascending(["Lê", "Lê Nu", "Lê Ñu", "Lê Nung", "Lên"])


@given(LETTERS)
def test_the_order_does_not_depend_on_case_form_or_spaces(text: str) -> None:
    assert sort_key(text) == sort_key(unicodedata.normalize("NFD", text).upper()) == sort_key(f"  {text} ")


@given(LETTERS, LETTERS)
def test_equal_letters_with_other_tones_stay_neighbours(one: str, other: str) -> None:
    """The part before the tones decides first, so a tone never parts what the letters join."""
    letters, tones = sort_key(one).split("\x1f"), sort_key(other).split("\x1f")
    assert (sort_key(one) < sort_key(other)) == (letters < tones)


@given(st.text(max_size=80))
def test_any_text_has_keys_that_a_database_can_hold(text: str) -> None:
    text = text.replace("\x00", "")
    for key in (search_key(text), sort_key(text), name_key(text)):
        assert "\x00" not in key
        assert nfc(key) == key


def test_plain_letters_lose_every_latin_mark_and_keep_other_scripts() -> None:
    assert plain("Đặng Ưu Ñ ƀ") == "Dang Uu N b"
    assert plain("ភាសាខ្មែរ") == "ភាសាខ្មែរ"
