"""What a text costs as SMS: its encoding, its parts, and the cheaper form without marks.

Sources: 3GPP TS 23.038 (GSM 7-bit alphabet and extension table),
TS 23.040 (6 octets of header in each of several parts).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from outreach.domain.vietnamese import MARK_REMOVAL, PLAIN_LETTERS, nfc

GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION: Final = frozenset("^{}\\[]~|€\f")
"""Characters of GSM-7 that take two units, which stay in one part."""

GSM_LIMITS: Final = (160, 153)
UCS2_LIMITS: Final = (70, 67)


class Encoding(StrEnum):
    """How a text travels; any character outside GSM-7 forces UCS-2 on the whole of it."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


class TextForm(StrEnum):
    """Which form of a text an account sends."""

    ACCENTED = "accented"
    UNACCENTED = "unaccented"
    CHEAPEST = "cheapest"
    """Unaccented where that costs fewer parts, else as written."""


@dataclass(frozen=True, slots=True)
class Parts:
    """`parts`: messages billed (0 for an empty text, which is never sent); `units`: septets or UTF-16 units in all."""

    encoding: Encoding
    parts: int
    units: int


def _class_of(characters: Iterable[str]) -> str:
    return "".join(re.escape(c) for c in sorted(characters))


_OUTSIDE_GSM = re.compile(f"[^{_class_of(GSM_BASIC | GSM_EXTENSION)}]")
_EXTENSION = re.compile(f"[{_class_of(GSM_EXTENSION)}]")
_ONE_UNIT_ONE_GLYPH = re.compile(r"[\x00-\u02ff\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*")


@lru_cache(maxsize=128)  # a message is measured three times on its way
def measure(text: str) -> Parts:
    """Encoding, parts and units of a text, as gateways and Twilio's own calculator count them.

    Two-unit characters, surrogate pairs and glyphs made of several characters (joined emoji, letter + mark) are
    never split over two parts.
    """
    if _OUTSIDE_GSM.search(text):
        if _ONE_UNIT_ONE_GLYPH.fullmatch(text):
            return Parts(Encoding.UCS2, _evenly(len(text), UCS2_LIMITS), len(text))
        sizes = [_utf16_units(glyph) for glyph in _glyphs(text)]
        return Parts(Encoding.UCS2, _packed(sizes, UCS2_LIMITS), sum(sizes))
    if not _EXTENSION.search(text):
        return Parts(Encoding.GSM7, _evenly(len(text), GSM_LIMITS), len(text))
    sizes = [2 if c in GSM_EXTENSION else 1 for c in text]
    return Parts(Encoding.GSM7, _packed(sizes, GSM_LIMITS), sum(sizes))


def _evenly(units: int, limits: tuple[int, int]) -> int:
    alone, joined = limits
    return min(units, 1) if units <= alone else -(-units // joined)


def _packed(sizes: list[int], limits: tuple[int, int]) -> int:
    """Parts when each size stays whole (one larger than a part is cut at the part's end)."""
    alone, joined = limits
    if sum(sizes) <= alone:
        return min(len(sizes), 1)
    parts, free = 1, joined
    for size in sizes:
        if size > free:
            parts, free = parts + 1, joined
        while size > free:
            size, parts = size - free, parts + 1
        free -= size
    return parts


def _utf16_units(text: str) -> int:
    return sum(2 if c > "\uffff" else 1 for c in text)


_JOINER = "\u200d"


def _glyphs(text: str) -> Iterator[str]:
    """What a reader sees as one sign; the rules of UAX #29 that occur in messages (marks, emoji, flags)."""
    glyph = ""
    for c in text:
        if glyph and _joins(glyph, c):
            glyph += c
            continue
        if glyph:
            yield glyph
        glyph = c
    if glyph:
        yield glyph


def _joins(glyph: str, c: str) -> bool:
    if glyph[-1] < " ":
        return False
    if unicodedata.category(c) in ("Mn", "Me", "Mc") or c == "\u200c" or c == _JOINER:
        return True
    if "🏻" <= c <= "🏿":
        return unicodedata.category(glyph[0]) == "So"
    if glyph[-1] == _JOINER:
        return unicodedata.category(c) == "So"
    return len(glyph) == 1 and _is_flag_letter(glyph) and _is_flag_letter(c)


def _is_flag_letter(c: str) -> bool:
    return "🇦" <= c <= "🇿"


_PUNCTUATION = {
    **dict.fromkeys("‐‑‒–—―−•·", "-"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys(
        "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    ),
    **dict.fromkeys("\u2028\u2029", "\n"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    "…": "...",
    "₫": "d",
    "×": "x",
    "→": "->",
}
_PUNCTUATION_CODES = {ord(c): plain for c, plain in _PUNCTUATION.items()}
_FAST_TABLE = {**PLAIN_LETTERS, **_PUNCTUATION_CODES}
_SLOW_TABLE = {**MARK_REMOVAL, **_PUNCTUATION_CODES}
_ASCII_TO_MEND = re.compile("[`\t]")


def unaccent(text: str) -> str:
    """The text with bare Latin letters and plain punctuation, so that Vietnamese fits GSM-7; the rest stays."""
    if text.isascii() and not _ASCII_TO_MEND.search(text):
        return text
    fast = text.translate(_FAST_TABLE)
    if fast.isascii():
        return fast
    return nfc(unicodedata.normalize("NFD", fast).translate(_SLOW_TABLE))


def formed(text: str, form: TextForm) -> str:
    """The text in the form an account sends; `cheapest` gives up the marks only where that saves a part."""
    if form is TextForm.ACCENTED:
        return text
    bare = unaccent(text)
    if form is TextForm.UNACCENTED or bare == text:
        return bare
    return bare if measure(bare).parts < measure(text).parts else text
