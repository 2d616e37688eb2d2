"""Vietnamese text as keys: for searching, for matching names, for sorting; and letters without their marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

TONES: Final = ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
"""Combining tone marks in dictionary order: ngang, huyền, hỏi, ngã, sắc, nặng."""

ALPHABET: Final = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
"""Vietnamese alphabetical order, with f j w z (of foreign names) where Latin has them."""

_VOWELS = "aăâeêioôơuưy"
_TONED = {unicodedata.normalize("NFC", v + t): (v, i) for v in _VOWELS for i, t in enumerate(TONES)}
_PLAIN_STROKES = {"đ": "d", "Đ": "D", "ƀ": "b", "Ƀ": "B"}
_MARK_RANGES = (
    (0x0300, 0x036F),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
)

MARK_REMOVAL: Final[Mapping[int, str | None]] = {
    **{code: None for first, last in _MARK_RANGES for code in range(first, last + 1)},
    **{ord(letter): plain for letter, plain in _PLAIN_STROKES.items()},
}
"""Translation of decomposed text: marks on Latin letters go, struck letters lose the stroke.

Vowel signs of other scripts (Khmer, Thai…) are nonspacing marks too, and are kept: without them nothing is readable.
"""


def _base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter).translate(MARK_REMOVAL)


PLAIN_LETTERS: Final[Mapping[int, str]] = {
    ord(form): _base(form) for letter in (*_TONED, "đ") for form in (letter, letter.upper()) if not form.isascii()
}
"""Every precomposed Vietnamese letter with its plain Latin one: the fast way for NFC text."""


def nfc(text: str) -> str:
    """The text in NFC: the form everything is stored, measured and compared in."""
    return unicodedata.normalize("NFC", text)


def plain(text: str) -> str:
    """The text with every Latin letter bare of its marks (`Đường` → `Duong`), in NFC."""
    if text.isascii():
        return text
    fast = text.translate(PLAIN_LETTERS)
    if fast.isascii():
        return fast
    return nfc(unicodedata.normalize("NFD", fast).translate(MARK_REMOVAL))


_NOT_WORD = re.compile(r"(?:[^\w\u0300-\u036f\u1780-\u17ff]|_)+")
"""What separates words; combining marks and Khmer vowel signs belong to theirs."""


def search_key(text: str) -> str:
    """What a search compares: no case, no marks, no punctuation, single spaces (`Nguyễn  Văn-An` → `nguyen van an`)."""
    folded = plain(unicodedata.normalize("NFKC", text).casefold())
    return _NOT_WORD.sub(" ", folded).strip()


def _moved_tones() -> dict[str, str]:
    return {nfc(a + tone) + b: a + nfc(b + tone) for a, b in ("oa", "oe", "uy") for tone in TONES[1:]}


_MOVED_TONES = _moved_tones()
_MOVED_TONES_RE = re.compile("|".join(_MOVED_TONES))


def name_key(text: str) -> str:
    """What two spellings of one name share: NFC, no case, single spaces, òa = oà, òe = oè, ùy = uỳ.

    For matching only, never for showing: marks stay, because Hoà and Hoa are two people.
    """
    folded = " ".join(nfc(nfc(text).casefold()).split())
    return folded if folded.isascii() else _MOVED_TONES_RE.sub(lambda found: _MOVED_TONES[found[0]], folded)


_LEVELS = "\x1f"
"""Stands between the letters and the tones of a sort key; lower than the space between words."""
_FOREIGN_MARK = str(len(TONES))
_PRIMARY = {letter: chr(ord("A") + place) for place, letter in enumerate(ALPHABET)}
_PRIMARY_TABLE = {ord(form): _PRIMARY[letter] for form, (letter, _) in _TONED.items()} | {
    ord(letter): code for letter, code in _PRIMARY.items()
}
_TONE_TABLE = {ord(c): "0" for c in f"0123456789 {ALPHABET}"} | {ord(c): str(tone) for c, (_, tone) in _TONED.items()}
_KNOWN = re.compile(f"[{''.join(map(chr, _TONE_TABLE))}]*")


def sort_key(text: str) -> str:
    """A key whose byte order (collation "C") is Vietnamese dictionary order: letters first, then tones, case ignored.

    The order is that of CLDR's `vi` collation: a ă â … d đ e ê … o ô ơ … u ư, and on equal letters ngang, huyền, hỏi,
    ngã, sắc, nặng, looked at from left to right. Digits come before letters, other scripts after them.
    """
    folded = _NOT_WORD.sub(" ", nfc(nfc(text).casefold())).strip()
    if _KNOWN.fullmatch(folded):
        return folded.translate(_PRIMARY_TABLE) + _LEVELS + folded.translate(_TONE_TABLE).rstrip("0")
    return _foreign_sort_key(folded)


def _foreign_sort_key(folded: str) -> str:
    """The same for text with letters outside the alphabet: a foreign mark weighs after the tones."""
    primary, tones = "", ""
    for letter in folded:
        bare = letter if ord(letter) in _TONE_TABLE else plain(letter)
        if not bare:
            tones = tones[:-1] + _FOREIGN_MARK
            continue
        primary += bare.translate(_PRIMARY_TABLE)
        tones += _TONE_TABLE.get(ord(letter), "0" if bare == letter else _FOREIGN_MARK * len(bare))
    return primary + _LEVELS + tones.rstrip("0")
