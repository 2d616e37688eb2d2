"""A refusal is known however it is written; a sentence that only has such a word in it is for people to read."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain import opt_out
from outreach.domain.opt_out import WORDS, is_opt_in, is_opt_out
from outreach.domain.vietnamese import plain

REFUSALS = (
    *("TC", "tc", " tc.", "Tc!", "#TC", "tc…", "TỪ CHỐI", "Từ chối", "tu choi", "Tu Choi.", "từ chôi"),
    *("Hủy đăng ký nhận tin", "thôi nhận tin nhé", "Thôi đừng gửi nữa", "tuchoi", "TUCHOI"),
    *("Từ chối ạ", "HUY", "Hủy", "huỷ", "hủy.", "huỷ nhé", "Hủy nhé!", "STOP", "STOP!!", " stop ", "Stop.", "STOPPPP"),
    *("DUNG", "Dừng", "dưng", "xin dừng", "Xin dừng ạ", "Dừng lại", "Dừng đi", "dừng gửi tin"),
    *("stop stop stop", "STOPALL", "unsubscribe", "Cancel", "END", "quit", "please stop", "stop please, thanks"),
    *("Tôi từ chối", "Cho tôi từ chối nhận tin nhắn quảng cáo", "Từ chối nhận tin", "Tôi muốn hủy nhận tin ạ"),
    *("Làm ơn dừng", "Vui lòng dừng gửi tin nhắn", "Đề nghị dừng gửi tin nhắn này", "ngừng gửi tin", "Ngưng nhận tin"),
    *("Không nhận tin nữa", "khong nhan tin nua", "Tôi không muốn nhận nữa", "Đừng gửi tin nữa", "đừng nhắn tin nữa"),
    *("Ｓｔｏｐ", "s\u200btop", "\u202aSTOP\u202c", "Tư\u0300 chô\u0301i", "🙏 Từ chối 🙏", "'TC'", "«dừng»"),
    *("Dạ từ chối ạ", "Dạ dừng ạ", "TC QC", "tc sms", "Hủy QC", "Từ chối, cảm ơn", "cam on, tu choi"),
    "Anh ơi dừng nhé",
)  # fmt: skip
MESSAGES = (
    *("Không hủy lịch hẹn của tôi", "khong huy lich hen cua toi", "Hủy lịch hẹn", "Tôi muốn hủy hồ sơ"),
    *("Xin hủy lịch hẹn", "Không", "Không từ chối", "không dừng", "Không hủy", "Không hủy nhé", "Đừng hủy"),
    *("đừng dừng", "don't stop", "Đúng", "Đúng ạ", "đúng rồi", "Dung roi", "Dùng", "đứng", "Dạ đúng ạ", "Da dung a"),
    *("vang dung", "Đúng tin này"),
    *("Hủy à?", "Dừng ở đâu?", "Từ chối là sao?", "Bị từ chối", "Hồ sơ bị từ chối", "Vì sao từ chối hồ sơ của tôi?"),
    *("Cảm ơn", "Xin hỏi mấy giờ mở cửa?", "Tôi không nhận được tin", "Không nhận được tin nhắn", "tin nhắn này là gì"),
    *("stop bus", "bus stop", "the end of the road", "TCB", "tcvn", "STOPS", "huyện", "Huy Hoàng", "Dung Nguyễn"),
    *("", " ", "...", "🙏", "1", "ok", "vâng ạ", "xin", "nhận tin", "START", "tin", "từ", "chối", "TC 12345", "TC 1"),
    *("dừng " * 13, "Từ chối nhận kết quả", "Hủy đăng ký kết hôn", "hủy đăng ký", "Từ chối lịch hẹn ngày mai"),
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_known(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize("text", MESSAGES)
def test_anything_else_is_a_message_for_people(text: str) -> None:
    assert not is_opt_out(text)


def test_the_name_of_the_sender_may_stand_beside_it() -> None:
    assert not is_opt_out("TC UBND Đông Anh")
    assert is_opt_out("TC UBND Đông Anh", brands=("UBND Đông Anh",))
    assert is_opt_out("Stop dong anh", brands=("Đông Anh", ""))
    assert not is_opt_out("Đông Anh", brands=("Đông Anh",))


def test_no_refusal_is_a_word_for_coming_back() -> None:
    assert not any(is_opt_in(word) for word in WORDS)


CASES = st.sampled_from([str.upper, str.lower, str.title, str.swapcase])
MARKS = st.sampled_from([str, plain, lambda text: unicodedata.normalize("NFD", text)])
SIGNS = st.text(st.sampled_from(" .,!?…-–'\"()#*\n\t\u00a0\u200b🙏😡"), max_size=6)
POLITE = st.sampled_from(["", "ạ", "nhé", "xin", "làm ơn", "tôi", "anh ơi", "please", "cam on", "vui lòng"])


@given(st.sampled_from(WORDS), CASES, MARKS, POLITE, POLITE, SIGNS, SIGNS, SIGNS)
def test_noise_around_a_refusal_changes_nothing(
    word: str,
    case: Callable[[str], str],
    marks: Callable[[str], str],
    before: str,
    behind: str,
    one: str,
    two: str,
    three: str,
) -> None:
    said = f"{one}{before} {two}{case(marks(word))} {behind}{three}"
    assert is_opt_out(said)


@given(
    st.sampled_from(WORDS), st.sampled_from(["lịch hẹn", "hồ sơ", "giúp gì", "bao giờ", "không", "à", "chưa", "số 7"])
)
def test_a_word_about_something_else_makes_it_a_message(word: str, thing: str) -> None:
    assert not is_opt_out(f"{word} {thing}")
    assert not is_opt_out(f"{thing} {word}")


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    assert is_opt_out(text) in (True, False)


@pytest.mark.parametrize("between", [" ", "\n", ".", "“", "🙏", "\u200b"])
def test_a_refusal_is_found_wherever_it_stands_and_never_by_the_beginning_of_a_text_alone(between: str) -> None:
    assert is_opt_out("Từ chối" + between * 1600)
    assert is_opt_out(between * 1600 + "Từ chối")
    assert not is_opt_out("Từ chối" + between * 800 + " là gì, tôi chỉ hỏi giờ làm việc thôi")
    assert not is_opt_out("hủy " + between * 800 + " lịch hẹn")


@pytest.mark.parametrize("written", ["từ\u200bchối", "t\u200bừ chối", "tu\u0300\u031b cho\u0301\u0302i", "ＳＴＯＰ"])
def test_signs_nobody_sees_and_marks_in_another_order_hide_no_refusal(written: str) -> None:
    assert is_opt_out(written)


def test_a_very_long_text_is_for_people() -> None:
    assert not is_opt_out("stop" + " " * 5000)


LETTERS = "aăâáàảãạấầẩẫậbcdđeêghiklmnoôơpqrstuưừứvxyz"


@given(st.text(LETTERS, min_size=1, max_size=5), st.sampled_from([word for one in WORDS for word in one.split()]))
def test_a_word_taken_for_another_is_looked_up_under_the_same_letters(written: str, meant: str) -> None:
    for said in (written, meant, plain(meant), written[0] + meant[1:], meant[:-1] + written[-1]):
        if opt_out._is(said, meant):
            assert opt_out._bare(said) == opt_out._bare(meant)
