"""Text typed with the old Vietnamese fonts, TCVN3 (ABC) and VNI-Win, into Unicode.

Those fonts drew Vietnamese letters in the places of Western European ones, so their text is stored as Western letters
and signs: `NguyÔn V¨n Hïng`, `Nguyeãn Vaên Huøng`. Sources: TCVN 5712:1993 (VN3) as cp1252 shows it; the VNI-Windows
character set, a base letter and a mark after it.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

from outreach.domain.vietnamese import TONES

_TCVN3_SIGNS: Final = "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢§£¤¥¦"
_TCVN3_LETTERS: Final = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂĐÊÔƠƯ"
_TCVN3: Final = str.maketrans(_TCVN3_SIGNS, _TCVN3_LETTERS)

_VNI_TONES: Final = dict(zip("øûõùï", TONES[1:], strict=True))
_VNI_MARKS: Final = {
    **_VNI_TONES,
    "â": "\u0302", "à": "\u0302\u0300", "å": "\u0302\u0309", "ã": "\u0302\u0303", "á": "\u0302\u0301",
    "ä": "\u0302\u0323",
    "ê": "\u0306", "è": "\u0306\u0300", "ú": "\u0306\u0309", "ü": "\u0306\u0303", "é": "\u0306\u0301",
    "ë": "\u0306\u0323",
}  # fmt: skip
"""What a letter of VNI-Win adds to the vowel before it."""
_CIRCUMFLEX, _BREVE = "âàåãáä", "êèúüéë"
_VNI_ALONE: Final = {
    "ñ": "đ", "ô": "ơ", "ö": "ư", "í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ",
}  # fmt: skip
_VNI_BASES: Final = {"a": _CIRCUMFLEX + _BREVE, "e": _CIRCUMFLEX, "o": _CIRCUMFLEX, "u": "", "y": "", "ô": "", "ö": ""}


def _vni_table() -> dict[str, str]:
    table = dict(_VNI_ALONE)
    for base, marks in _VNI_BASES.items():
        for mark in marks + "".join(_VNI_TONES):
            table[base + mark] = unicodedata.normalize("NFC", _VNI_ALONE.get(base, base) + _VNI_MARKS[mark])
    del table["yï"]  # VNI has a letter of its own for it: î
    for written, letter in list(table.items()):
        for form in (written[0].upper() + written[1:], written.upper()):
            table[form] = letter.upper()
    return table


_VNI: Final = _vni_table()
_VNI_SIGNS: Final = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)))


class Legacy(StrEnum):
    """An encoding of the old fonts; the value is what `--encoding` takes."""

    TCVN3 = "tcvn3"
    VNI = "vni"

    @property
    def spoken(self) -> str:
        """What people call it."""
        return "TCVN3 (ABC)" if self is Legacy.TCVN3 else "VNI-Windows"

    @property
    def signs(self) -> frozenset[str]:
        """Every character beyond ASCII that its text can hold, with the usual quotation marks and dashes."""
        return _REPERTOIRE[self]


_PUNCTUATION = "“”‘’–—…•\u00a0"
_REPERTOIRE = {
    Legacy.TCVN3: frozenset(_TCVN3_SIGNS + _PUNCTUATION),
    Legacy.VNI: frozenset("".join(_VNI) + _PUNCTUATION),
}


def to_unicode(text: str, legacy: Legacy, *, name: bool = False) -> str:
    """Text of an old font in NFC; letters of no such font stay as they are.

    TCVN3 has no accented capitals (a second font drew small letters as capitals): a text all in capitals gets its
    accented letters capital too, and in a `name` every word begins with a capital.
    """
    if text.isascii():
        return text
    if legacy is Legacy.VNI:
        return unicodedata.normalize("NFC", _VNI_SIGNS.sub(lambda found: _VNI[found[0]], text))
    found = text.translate(_TCVN3)
    if _in_capitals(found):
        return found.upper()
    return " ".join(_capital(word) for word in found.split(" ")) if name else found


def _in_capitals(text: str) -> bool:
    """Whether a TCVN3 text was meant in capitals: no small ASCII letter, and two capitals together somewhere."""
    return not re.search("[a-z]", text) and re.search(r"[A-ZĂÂĐÊÔƠƯ]{2}", text) is not None


def _capital(word: str) -> str:
    return word if word[:1].isascii() else word[:1].upper() + word[1:]
