"""Whether a word can be a Vietnamese syllable: how text that was read in the wrong encoding is told from text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from outreach.domain.vietnamese import TONES

_ONSETS: Final = (
    "", "b", "c", "ch", "d", "đ", "g", "gh", "gi", "h", "k", "kh", "l", "m", "n", "ng", "ngh", "nh", "p", "ph", "qu",
    "r", "s", "t", "th", "tr", "v", "x", "kr", "bl", "pl",
)  # fmt: skip
_OPEN_RIMES: Final = """
    a ai am an ang anh ao au ay ăm ăn ăng âm ân âng âu ây e em en eng eo ê êm ên êng ênh êu i ia im in inh iu iêm iên
    iêng iêu o oa oai oam oan oang oanh oao oay oăm oăn oăng oe oem oen oeo oi om on ong oong ô ôi ôm ôn ông ơ ơi ơm ơn
    u ua uân uâng uây uê uên uênh uêu ui um un ung uôi uôm uôn uông uơ uơn uy uya uyên uyn uynh uyu
    ư ưa ưi ưm ưn ưng ưu ươi ươm ươn ương ươu y yêm yên yêng yêu yn ynh
"""
_CLOSED_RIMES: Final = """
    ac ach ap at ăc ăk ăp ăt âc âp ât ak ec ek ep et êch êk êp êt ich ik ip it iêc iêp iêt oac oach oap oat oăc oăt oc
    oet ok ooc op ot ôc ôk ôp ôt ơk ơp ơt uât uc uêch uêt uôc uôt up ut uych uyêt uyp uyt ưc ưt ươc ươp ươt yêt ych yt
"""
"""Rimes that end in a stop, which only the tones sắc and nặng go with."""
_STOP_TONES: Final = {TONES.index("\u0301"), TONES.index("\u0323")}

_OPEN = frozenset(onset + rime for onset in _ONSETS for rime in _OPEN_RIMES.split())
_CLOSED = frozenset(onset + rime for onset in _ONSETS for rime in _CLOSED_RIMES.split())
_TONE_OF = {mark: place for place, mark in enumerate(TONES) if mark}
_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f\u00a0\u2010-\u2026\u200b-\u200f\ufeff]+[^\s!-@\[-`{-~\u2010-\u2026]*")
"""A word with at least one letter beyond ASCII; signs such as `¸` count as letters, for old fonts drew them so."""


@lru_cache(maxsize=1 << 14)
def is_syllable(word: str) -> bool:
    """Whether the spelling rules allow `word` (any case, with or without composed letters); it need not exist."""
    letters, tone = "", 0
    for sign in unicodedata.normalize("NFD", word.lower()):
        found = _TONE_OF.get(sign)
        if found is None:
            letters += sign
        elif tone:
            return False
        else:
            tone = found
    bare = unicodedata.normalize("NFC", letters)
    return bare in _OPEN or (bare in _CLOSED and tone in _STOP_TONES)


def marked_words(text: str) -> list[str]:
    """The words of `text` that hold a letter or sign beyond ASCII: only they tell an encoding."""
    return [] if text.isascii() else _WORD.findall(text)


def invalid_words(text: str) -> int:
    """How many marked words of `text` are no Vietnamese syllables."""
    return sum(not is_syllable(word) for word in marked_words(text))
