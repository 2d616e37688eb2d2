"""Languages by their codes (ISO 639, two or three letters), as a Vietnamese page names them."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = "vi"
NAMES: Final = {
    VIETNAMESE: "tiếng Việt",
    "en": "tiếng Anh",
    "zh": "tiếng Hoa",
    "km": "tiếng Khmer",
    "tyz": "tiếng Tày",
    "nut": "tiếng Nùng",
    "blt": "tiếng Thái",
    "mtq": "tiếng Mường",
    "hmn": "tiếng Mông",
    "ium": "tiếng Dao",
    "cjm": "tiếng Chăm",
    "jra": "tiếng Gia Rai",
    "rad": "tiếng Ê Đê",
    "bdq": "tiếng Ba Na",
    "sed": "tiếng Xơ Đăng",
    "kpm": "tiếng Cơ Ho",
    "hre": "tiếng Hrê",
}
"""The larger languages of the country (codes from memory, unverified); others are shown by their code."""


def language_name(code: str) -> str:
    """`tiếng Mông`; for a language that is not listed `tiếng` and its code."""
    return NAMES.get(code, f"tiếng {code}")
