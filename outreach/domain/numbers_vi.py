"""Numbers, dates and times in Vietnamese words, as they are read out.

Northern usage where the country differs: `linh` (not lẻ), `nghìn` (not ngàn).
"""

from __future__ import annotations

from datetime import date, time
from typing import Final

DIGITS: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_SCALES: Final = ("", " nghìn", " triệu", " tỷ", " nghìn tỷ", " triệu tỷ")
LARGEST: Final = 10**18 - 1


def number_words(number: int) -> str:
    """A whole number in words (`25` → `hai mươi lăm`); raises ValueError beyond ± LARGEST."""
    if abs(number) > LARGEST:
        raise ValueError(f"numbers are read out up to {LARGEST}")
    if number < 0:
        return "âm " + number_words(-number)
    groups = _groups_of_three(number)
    words: list[str] = []
    for place, group in groups:
        first = not words
        words.append((_below_thousand(group) if first else _full_group(group)) + _SCALES[place])
    return " ".join(words) or DIGITS[0]


def _groups_of_three(number: int) -> list[tuple[int, int]]:
    """(power of a thousand, 1–999) from the left, empty groups left out."""
    text = f"{number:,}".split(",")
    return [(len(text) - 1 - i, int(group)) for i, group in enumerate(text) if int(group)]


def _full_group(group: int) -> str:
    """A group inside a larger number: its missing hundreds are said."""
    if group >= 100:
        return _below_thousand(group)
    return f"không trăm {_after_hundreds(group)}"


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    return f"{DIGITS[hundreds]} trăm" + (f" {_after_hundreds(rest)}" if rest else "")


def _after_hundreds(rest: int) -> str:
    return f"linh {DIGITS[rest]}" if rest < 10 else _below_hundred(rest)


def _below_hundred(number: int) -> str:
    tens, ones = divmod(number, 10)
    if not tens:
        return DIGITS[ones]
    ten = "mười" if tens == 1 else f"{DIGITS[tens]} mươi"
    if not ones:
        return ten
    special = {1: "mốt" if tens > 1 else "một", 4: "tư" if tens > 1 else "bốn", 5: "lăm"}
    return f"{ten} {special.get(ones, DIGITS[ones])}"


def digit_words(digits: str) -> str:
    """Digits one by one, groups (separated by spaces) with a comma between: `0912 345` → `không chín một hai, ba …`."""
    return ", ".join(" ".join(DIGITS[int(d)] for d in group) for group in digits.split())


def decimal_words(whole: str, fraction: str) -> str:
    """`95,25` → `chín mươi lăm phẩy hai mươi lăm`; longer fractions and those with a leading zero digit by digit."""
    read_whole = len(fraction) <= 2 and not fraction.startswith("0")
    tail = number_words(int(fraction)) if read_whole else digit_words(fraction)
    return f"{number_words(int(whole))} phẩy {tail}"


def ordinal_words(number: int) -> str:
    """What stands after `thứ`: `nhất`, `hai`, `ba`, `tư`, `năm`…"""
    return {1: "nhất", 4: "tư"}.get(number) or number_words(number)


def month_words(month: int) -> str:
    """`tháng tư`, `tháng mười một`; 1–12."""
    return "tháng " + ("tư" if month == 4 else number_words(month))


def date_words(day: date) -> str:
    """`ngày hai mươi lăm tháng mười một năm hai nghìn không trăm hai mươi sáu`."""
    return f"ngày {number_words(day.day)} {month_words(day.month)} năm {number_words(day.year)}"


def time_words(moment: time) -> str:
    """`tám giờ ba mươi phút`, `mười bảy giờ`."""
    hours = f"{number_words(moment.hour)} giờ"
    return f"{hours} {number_words(moment.minute)} phút" if moment.minute else hours
