"""Written Vietnamese into words that can be read out: numbers, dates, times, money, phone numbers, abbreviations."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time
from functools import partial
from typing import Final

from outreach.domain.abbreviations import ABBREVIATIONS, UNITS_OF_MEASURE
from outreach.domain.numbers_vi import (
    LARGEST,
    date_words,
    decimal_words,
    digit_words,
    month_words,
    number_words,
    ordinal_words,
    time_words,
)
from outreach.domain.phones import group_digits
from outreach.domain.vietnamese import nfc

WEB_ADDRESS: Final = re.compile(
    r"(?:https?://|www\.)\S+|[^\s@]{1,64}@[^\s@]{1,250}\.\w+"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,10}(?:vn|com|net|org|gov|info|io)\b\S*",
    re.IGNORECASE,
)
"""Web and e-mail addresses: nothing in them is read out. Lengths are bounded, or long texts would take for ever."""

_Reader = Callable[[re.Match[str]], str | None]


def _full_date(m: re.Match[str]) -> str | None:
    try:
        words = date_words(date(int(m["year"]), int(m["month"]), int(m["day"])))
    except ValueError:
        return None
    return words if not m["lead"] else m["lead"] + words.removeprefix("ngày ")


def _day_and_month(m: re.Match[str]) -> str | None:
    """`30/4`; but `1/2` with no word before it that speaks of a day is a fraction."""
    day, month, lead = int(m["day"]), int(m["month"]), m["lead"] or ""
    if (day, month) == (24, 7) and not lead:
        return "hai mươi bốn trên bảy"
    if not lead and day < month <= 5:
        return f"{number_words(day)} phần {number_words(month)}"
    try:
        date(2024, month, day)
    except ValueError:
        return f"{lead}{number_words(day)} trên {number_words(month)}"
    said = lead.strip().casefold() in ("ngày", "mùng", "mồng", "hôm")
    return f"{lead}{'' if said else 'ngày '}{number_words(day)} {month_words(month)}"


def _month_and_year(m: re.Match[str]) -> str | None:
    if not 1 <= int(m["month"]) <= 12:
        return None
    words = f"{month_words(int(m['month']))} năm {number_words(int(m['year']))}"
    return words if not m["lead"] else m["lead"] + words.removeprefix("tháng ")


def _time_of_day(m: re.Match[str]) -> str | None:
    hour, minute = int(m["hour"]), int(m["minute"] or 0)
    if (hour, minute) == (24, 0):
        return f"{number_words(24)} giờ"
    return time_words(time(hour, minute)) if hour < 24 and minute < 60 else None


def _phone(m: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", m[0])
    if digits.startswith("84"):
        return digit_words(group_digits("+" + digits))
    return digit_words(group_digits("+84" + digits[1:] if digits.startswith("0") else digits))


def _short_number(m: re.Match[str]) -> str:
    return m["lead"] + digit_words(m["digits"])


def _counted(m: re.Match[str]) -> str:
    """A number after thứ, ngày, tháng or quý: first and fourth have words of their own."""
    word, number = m["word"].casefold(), int(m["number"])
    if word == "thứ":
        return f"{m['word']} {ordinal_words(number)}"
    fourth = number == 4 and word in ("tháng", "quý")
    return f"{m['word']} {'tư' if fourth else number_words(number)}"


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def _roman(m: re.Match[str]) -> str:
    values = [_ROMAN[c] for c in m["roman"]]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return m["lead"] + number_words(sum(-v if v < following else v for v, following in pairs))


def _document_number(m: re.Match[str]) -> str:
    """`12/2025/QĐ-UBND`: the number, the year, and what the letters stand for."""
    year = f" năm {number_words(int(m['year']))}" if m["year"] else ""
    return f"{number_words(int(m['number']))}{year} {m['letters'].replace('-', ' ')}"


def _code(m: re.Match[str]) -> str:
    return f"{m['letters']} {digit_words(m['digits'])}"


def _number(m: re.Match[str]) -> str:
    unit = UNITS_OF_MEASURE.get(m["unit"] or "")
    glued = m.string[m.end() : m.end() + 1].isalpha()
    return _number_text(m["number"]) + (f" {unit}" if unit else "") + (" " if glued else "")


def _number_text(written: str) -> str:
    """Dots group thousands and the comma begins the fraction, unless that cannot be meant."""
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", written):
        written = written.replace(".", "")
    elif re.fullmatch(r"\d{1,3}(?:,\d{3}){2,}", written):
        written = written.replace(",", "")
    whole, *fractions = re.split(r"[.,]", written)
    if (
        len(fractions) > 1
        or (len(whole) > 1 and whole.startswith("0"))
        or len(whole) > _MOST_DIGITS
        or int(whole) > LARGEST
    ):
        return digit_words(" ".join((whole, *fractions)))
    return decimal_words(whole, fractions[0]) if fractions else number_words(int(whole))


def _abbreviation(m: re.Match[str]) -> str:
    return ABBREVIATIONS[m[0]]


def _longest_first(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_DAY_LEADS = "ngày|mùng|mồng|hôm|từ|đến|sáng|trưa|chiều|tối|đêm|trước|sau|dịp|lễ|hết|vào"
_ROMAN_LEADS = "quý|giai đoạn|khóa|khoá|thế kỷ|điều|chương|phần|mục|lần thứ|kỳ"
_CALLS = "gọi|gọi số|tổng đài|hotline|đường dây nóng|điện thoại|bấm số|đầu số"
_FIGURES = r"\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d)|\d+(?:[.,]\d+)*"

_RULES: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (
        re.compile(r"\b(?P<number>\d{1,6})(?:/(?P<year>\d{4}))?/(?P<letters>[A-ZĐ][\wĐ]*(?:-[A-ZĐ]\w*)*)"),
        _document_number,
    ),
    (
        re.compile(r"(?P<lead>\b(?i:ngày)\s+)?(?<![\d/])(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})(?!\d)"),
        _full_date,
    ),
    (
        re.compile(r"(?<![\w.+])(?:\+84[ .-]?\d|0\d)(?:[ .-]?\d){8,9}(?!\d)|\b1[89]00(?:[ .-]?\d){4,6}(?!\d)"),
        _phone,
    ),
    (re.compile(rf"(?P<lead>\b(?i:{_CALLS})\s*:?\s*)(?P<digits>\d{{3,5}})(?!\d|[./,:]\d)"), _short_number),
    (
        re.compile(
            r"(?<![\d/.,:])(?P<hour>\d{1,2})(?::|\s*(?:h|g|giờ)\s*)(?P<minute>[0-5]\d)(?:\s*(?:phút\b|p\b))?(?![\d:])"
        ),
        _time_of_day,
    ),
    (re.compile(r"(?<![\d/.,:])(?P<hour>\d{1,2})[hg](?P<minute>)(?!\w)"), _time_of_day),
    (re.compile(r"(?P<lead>\b(?i:tháng)\s+)?(?<![\d/])(?P<month>\d{1,2})/(?P<year>\d{4})(?![\d/])"), _month_and_year),
    (
        re.compile(rf"(?P<lead>\b(?i:{_DAY_LEADS})\s+)?(?<![\d/])(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})(?![\d/])"),
        _day_and_month,
    ),
    (re.compile(r"\b(?P<word>(?i:thứ|ngày|mùng|mồng|tháng|quý))\s+(?P<number>\d{1,2})(?!\d|[./,]\d)"), _counted),
    (re.compile(rf"(?P<lead>\b(?i:{_ROMAN_LEADS})\s+)(?P<roman>[IVXLC]+)\b"), _roman),
    (re.compile(r"\b(?P<letters>[A-ZĐ]{1,3})(?P<digits>\d+)\b"), _code),
    (
        re.compile(rf"(?P<number>{_FIGURES})(?:\s*(?P<unit>{_longest_first(UNITS_OF_MEASURE)})(?![^\W\d_]))?"),
        _number,
    ),
    (re.compile(rf"(?<![^\W_])(?:{_longest_first(ABBREVIATIONS)})(?![^\W_])"), _abbreviation),
)

_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_DASHED_DATE = re.compile(r"(?<!\d)(\d{1,2})([.-])(\d{1,2})\2(\d{4})(?!\d)")
_RANGE = re.compile(r"(?<=[\d%hg])\s*[–—-]\s*(?=\d|(?:thứ|tháng|ngày)\s)")
_DOTTED_TOWN = re.compile(r"\b(TP|TX)\.\s*")
_AFTER_FULL_STOP = re.compile(r"[.!?…][\s\"“]+$")
_MOST_DIGITS = len(str(LARGEST))
_NEAR = 20
"""Characters before a word in which a full stop is looked for."""
_AFTER_PHONES = 3
"""Ranges are read once dates and phone numbers, which have dashes of their own, are words."""


def spell_out(text: str) -> str:
    """The text with figures, dates, times, amounts, phone numbers and known abbreviations in words.

    `25/11/2026` → `ngày hai mươi lăm tháng mười một năm hai nghìn không trăm hai mươi sáu`. Web addresses stay as
    they are, and so does what is not understood: `check_script` points at both.
    """
    pieces, end = [], 0
    text = nfc(text)
    for address in WEB_ADDRESS.finditer(text):
        pieces += [_spelled(text[end : address.start()]), address[0]]
        end = address.end()
    return "".join([*pieces, _spelled(text[end:])])


def _spelled(text: str) -> str:
    text = _DOTTED_TOWN.sub(r"\1 ", text)
    text = _DASHED_DATE.sub(r"\1/\3/\4", _ISO_DATE.sub(r"\3/\2/\1", text))
    for place, (pattern, reader) in enumerate(_RULES):
        if place == _AFTER_PHONES:
            text = _RANGE.sub(" đến ", text)
        text = pattern.sub(partial(_placed, reader), text)
    return text


def _placed(reader: _Reader, m: re.Match[str]) -> str:
    """The words, with a capital where they follow a full stop; the written form where there is no reading."""
    words = reader(m)
    if words is None:
        return m[0]
    if words[:1].islower() and _AFTER_FULL_STOP.search(m.string, max(0, m.start() - _NEAR), m.start()):
        return words[0].upper() + words[1:]
    return words
