"""Words by which citizens refuse further messages, or take that back, however they write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from outreach.domain.vietnamese import search_key

WORDS: Final = (
    *("tc", "từ chối", "hủy", "stop", "dừng", "ngừng", "stopall", "unsubscribe", "cancel", "end", "quit"),
    *("không nhận nữa", "không nhận tin nữa", "không muốn nhận", "đừng gửi tin", "đừng gửi nữa", "đừng nhắn tin"),
    *("thôi nhận tin", "hủy đăng ký nhận tin", "tuchoi"),
)
"""Decree 91/2020 asks for a refusal by plain reply; the English ones are those of SMS providers."""
_ABOUT: Final = (
    *("nhận", "gửi", "tin", "nhắn", "nhắn tin", "tin nhắn", "thông báo", "quảng cáo", "này", "qc", "sms", "zalo"),
    "messages",
)
"""What may be refused in so many words: messages, and nothing else (`hủy lịch hẹn` cancels an appointment)."""
_POLITE: Final = (
    *("ạ", "nhé", "nha", "nhá", "đi", "ơi", "nữa", "luôn", "ngay", "lại", "với", "giúp", "giùm", "dùm", "hộ", "cho"),
    *("thôi", "xin", "vui lòng", "làm ơn", "cảm ơn", "cám ơn", "muốn", "yêu cầu", "đề nghị", "please", "pls", "thanks"),
    *("tôi", "mình", "em", "anh", "chị", "cháu", "bạn", "ông", "bà", "bác", "cô", "chú", "ad", "admin"),
)
_AFFIRMING: Final = ("dạ", "vâng", "ừ", "ok")
"""Polite too; but before a `dung` without its marks, which may be `đúng` (right), they say yes."""
_MOST_WORDS: Final = 12
_DRAWN_OUT: Final = re.compile(r"([a-z])\1{2,}")
"""As in STOPPPP."""
_LONGEST: Final = 4000
"""Characters; a refusal is never judged by its beginning alone."""
_TONE_FIRST: Final = re.compile(r"([\u0300\u0301\u0303\u0309])([\u0302\u0306])")
"""A tone typed before the mark that shapes its letter, which NFC does not put together."""
_WORD: Final = re.compile(r"[^\W_]+")
_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")


def is_opt_out(text: str, *, brands: Sequence[str] = ()) -> bool:
    """Whether a message says nothing but that no more are wanted.

    In any case, with all, some or none of its diacritics, with punctuation, polite words and the sender's own names
    (`brands`) around it. Any other word makes it a message for people: `Không hủy lịch hẹn của tôi`.
    """
    if len(text) > _LONGEST:
        return False
    words, parted = _words(text), _words(text, parted=True)
    return _says_no(words, tuple(brands)) or (parted != words and _says_no(parted, tuple(brands)))


def _says_no(words: Sequence[str], brands: tuple[str, ...]) -> bool:
    if not 0 < len(words) <= _MOST_WORDS:
        return False
    return _refuses(words, _phrases(_ABOUT), _phrases(_polite(brands))) and not _may_say_yes(words)


@lru_cache(maxsize=64)
def _polite(brands: tuple[str, ...]) -> tuple[str, ...]:
    own = (" ".join(_words(brand)) for brand in brands)
    return (*_POLITE, *_AFFIRMING, *filter(None, own))


AGAIN = frozenset({"start", "unstop", "bat dau", "dang ky", "dk", "nhan tin", "nhan lai"})
"""Words by which a refusal is taken back. YES, which some SMS providers take too, answers too many other questions."""


def is_opt_in(text: str) -> bool:
    """Whether a message says nothing but that messages are wanted again."""
    return search_key(text) in AGAIN


Phrases = Mapping[str, Sequence[Sequence[str]]]
"""Phrases by the bare letters of their first word: nearly every word of a citizen begins none."""
Syllable = tuple[tuple[tuple[str, frozenset[str]], ...], frozenset[str]]
"""Letters with what shapes them (ă â ê ô ơ ư đ), and the tone apart, which people put on different letters."""


def _words(text: str, *, parted: bool = False) -> list[str]:
    """The words, in small letters and NFC; signs that nobody sees stand for nothing, or (`parted`) for a space."""
    folded = _TONE_FIRST.sub(r"\2\1", unicodedata.normalize("NFKD", text).casefold())
    seen = "".join((" " if parted else "") if unicodedata.category(one) == "Cf" else one for one in folded)
    return [_DRAWN_OUT.sub(r"\1", word) for word in _WORD.findall(unicodedata.normalize("NFC", seen))]


def _refuses(words: Sequence[str], about: Phrases, polite: Phrases) -> bool:
    """Whether the words can be read as a refusal with polite words around it, and what it is about behind it."""
    before, after = {0}, set[int]()  # how far the words were read without, and with, a refusal
    for at in range(len(words)):
        if at in before:
            before |= _ends(words, at, polite)
        if at in before | after:
            after |= _ends(words, at, _phrases(WORDS))
        if at in after:
            after |= _ends(words, at, polite) | _ends(words, at, about)
    return len(words) in after


def _ends(words: Sequence[str], at: int, phrases: Phrases) -> set[int]:
    """Where those phrases end that begin at a place."""
    return {
        at + len(phrase)
        for phrase in phrases.get(_bare(words[at]), ())
        if at + len(phrase) <= len(words)
        and all(_is(written, meant) for written, meant in zip(words[at:], phrase, strict=False))
    }


def _may_say_yes(words: Sequence[str]) -> bool:
    """Whether it may as well be `dạ đúng ạ`, written without marks."""
    return "dung" in words and any(_is(word, one) for word in words for one in _AFFIRMING)


@lru_cache(maxsize=64)
def _phrases(phrases: tuple[str, ...]) -> Phrases:
    found: dict[str, list[list[str]]] = {}
    for phrase in phrases:
        words = phrase.split()
        found.setdefault(_bare(words[0]), []).append(words)
    return found


def _bare(word: str) -> str:
    """Its letters without what shapes them: equal for any two of which `_is` holds."""
    return "".join(letter for letter, _ in _syllable(word)[0])


def _is(written: str, meant: str) -> bool:
    """Whether a word is the one meant: bare (`dung`), without its tone (`dưng`) or whole (`dừng`); `đúng` is not."""
    if written == meant:
        return True
    if len(written) != len(meant):
        return False
    (letters, tone), (right, right_tone) = _syllable(written), _syllable(meant)
    if tone:
        return (letters, tone) == (right, right_tone)
    return all(
        one == other and marks <= right_marks
        for (one, marks), (other, right_marks) in zip(letters, right, strict=True)
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _syllable(word: str) -> Syllable:
    letters: list[tuple[str, frozenset[str]]] = []
    tone: frozenset[str] = frozenset()
    for letter in word:
        apart = unicodedata.normalize("NFD", letter)
        base, marks = apart[0], list(apart[1:])
        if base == "đ":
            base, marks = "d", ["đ", *marks]
        tone |= _TONES & frozenset(marks)
        letters.append((base, frozenset(marks) - _TONES))
    return tuple(letters), tone
