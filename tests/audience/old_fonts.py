"""Text as the old fonts stored it, for lists of tests: by the tables of the standard, not by those of the program."""

from __future__ import annotations

import unicodedata

_TCVN3 = dict(
    zip(
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        bytes.fromhex(
            "A1A2A3A4A5A6A7 A8A9AAABACADAE B5B6B7B8B9 BBBCBDBEC6 C7C8C9CACB CCCECFD0D1 D2D3D4D5D6 D7D8DCDDDE"
            "DFE1E2E3E4 E5E6E7E8E9 EAEBECEDEE EFF1F2F3F4 F5F6F7F8F9 FAFBFCFDFE"
        ).decode("cp1252"),
        strict=True,
    )
)
_WRITTEN = (
    "aù aø aû aõ aï aá aà aå aã aä aâ aé aè aú aü aë aê ñ eù eø eû eõ eï eá eà eå eã eä eâ í ì æ ó ò "
    "où oø oû oõ oï oá oà oå oã oä oâ ôù ôø ôû ôõ ôï ô uù uø uû uõ uï öù öø öû öõ öï ö yù yø yû yõ î"
)
_VNI = dict(
    zip(
        "áàảãạấầẩẫậâắằẳẵặăđéèẻẽẹếềểễệêíìỉĩịóòỏõọốồổỗộôớờởỡợơúùủũụứừửữựưýỳỷỹỵ",
        _WRITTEN.split(),
        strict=True,
    )
)
_VNI |= {letter.upper(): written.upper() for letter, written in _VNI.items()}


def tcvn3(text: str) -> str:
    """Small letters and the seven capitals the font has."""
    return "".join(_TCVN3.get(letter, letter) for letter in unicodedata.normalize("NFC", text))


def vni(text: str) -> str:
    return "".join(_VNI.get(letter, letter) for letter in unicodedata.normalize("NFC", text))
