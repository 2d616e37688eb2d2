"""Phone numbers as people write them, made into one canonical form, or refused with a reason.

Sources: the Vietnamese numbering plan as the `phonenumbers` library has it; the 2018 renumbering of 11-digit mobiles.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

RENUMBERED_2018: Final = (
    {f"16{n}": f"3{n}" for n in range(2, 10)}
    | {"120": "70", "121": "79", "122": "77", "126": "76", "128": "78"}
    | {"123": "83", "124": "84", "125": "85", "127": "81", "129": "82"}
    | {"186": "56", "188": "58", "199": "59"}
)
"""Mobile prefixes before and after September 2018, without the leading zero."""


class PhoneMend(StrEnum):
    """What was put right in a number on the way to its canonical form."""

    LEADING_ZERO = "leading zero restored"
    RENUMBERED = "2018 prefix renumbered"
    DECIMAL_TAIL = "decimal tail of a spreadsheet removed"
    FULL_EXPONENT = "scientific notation with all digits expanded"
    TRUNK_ZERO = "zero after the country code removed"


class PhoneProblem(StrEnum):
    """Why a value is not a phone number we can use; the value is the English text."""

    EMPTY = "there is no number"
    NOT_A_NUMBER = "not a phone number: letters or signs that do not belong to one"
    SEVERAL = "several numbers in one cell: keep one"
    SCIENTIFIC = "scientific notation lost digits: format the column as text and export again"
    SHORT_CODE = "a short number, not a subscriber's"
    SERVICE_NUMBER = "a service number (1900, 1800), not a subscriber's"
    WRONG_LENGTH = "wrong number of digits: a Vietnamese mobile number has 10"
    UNKNOWN_PREFIX = "no such prefix: not a number in use"

    @property
    def vietnamese(self) -> str:
        """The same for people who read Vietnamese."""
        return _VIETNAMESE[self]


_VIETNAMESE: Final = {
    PhoneProblem.EMPTY: "không có số",
    PhoneProblem.NOT_A_NUMBER: "không phải số điện thoại: có chữ hoặc ký hiệu lạ",
    PhoneProblem.SEVERAL: "một ô có nhiều số: chỉ giữ một số",
    PhoneProblem.SCIENTIFIC: "bảng tính đã đổi sang dạng 8,49E+10, mất chữ số: định dạng cột là văn bản rồi xuất lại",
    PhoneProblem.SHORT_CODE: "số ngắn, không phải số thuê bao",
    PhoneProblem.SERVICE_NUMBER: "số dịch vụ 1900, 1800, không phải số thuê bao",
    PhoneProblem.WRONG_LENGTH: "sai số chữ số: số di động có 10 chữ số",
    PhoneProblem.UNKNOWN_PREFIX: "đầu số không tồn tại",
}


class PhoneError(ValueError):
    """A value that is no usable phone number; the text never repeats the value."""

    def __init__(self, problem: PhoneProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Phone:
    """A canonical number. `mobile`: takes SMS (a landline does not); `mended`: what was put right."""

    e164: str
    mobile: bool
    mended: tuple[PhoneMend, ...] = ()


_CLEAN_MOBILE = re.compile(r"(?:0|\+?84)((?:3[2-9]|5[689]|7[06-9]|8[1-8]|9[0-8])\d{7})")
_TWO_MOBILES = re.compile(r"(?:0[35789]\d{8}){2,}")
_EXPONENT = re.compile(r"\+?(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
_DECIMAL_TAIL = re.compile(r"(\+?\d{7,15})[.,]0{1,2}")
_SEPARATORS = re.compile(r"[\s.\-()\u2010-\u2015]+")
_SEVERAL = re.compile(r"\d{3}[^\d]*\s*(?:[;/,|&]|\bhoặc\b|\bvà\b|\bor\b)\s*\+?\(?\d[\d\s.\-()]{5,}", re.IGNORECASE)
_SUBSCRIBER_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_SUBSCRIBER = (*_SUBSCRIBER_MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.VOIP)


def parse_phone(raw: str) -> Phone:
    """The number in E.164, read as Vietnamese unless it starts with another country's code; raises PhoneError.

    Puts right what spreadsheets and old lists do to numbers: a lost leading zero, 11-digit mobiles of before 2018,
    +84, 84 and 0084, separators, `912345678.0`.
    """
    if clean := _CLEAN_MOBILE.fullmatch(raw):
        return Phone("+84" + clean[1], mobile=True)
    digits, mends = _digits_of(raw)
    if digits.startswith("+") and not digits.startswith("+84"):
        return _checked(digits, mends)
    national = _national(digits, mends)
    if len(national) == 10 and (new := RENUMBERED_2018.get(national[:3])):
        national = new + national[3:]
        mends.append(PhoneMend.RENUMBERED)
    return _checked("+84" + national, mends)


def _digits_of(raw: str) -> tuple[str, list[PhoneMend]]:
    """Digits with an optional plus sign in front; raises PhoneError for what cannot be one number."""
    text = "".join(c for c in unicodedata.normalize("NFKC", raw) if unicodedata.category(c) != "Cf")
    text = text.strip().lstrip("'’").strip()
    if not text:
        raise PhoneError(PhoneProblem.EMPTY)
    mends: list[PhoneMend] = []
    if exponent := _EXPONENT.fullmatch(text):
        text = _expanded(exponent)
        mends.append(PhoneMend.FULL_EXPONENT)
    elif tail := _DECIMAL_TAIL.fullmatch(text):
        text = tail[1]
        mends.append(PhoneMend.DECIMAL_TAIL)
    if _SEVERAL.search(text):
        raise PhoneError(PhoneProblem.SEVERAL)
    digits = _SEPARATORS.sub("", text)
    if _TWO_MOBILES.fullmatch(digits):
        raise PhoneError(PhoneProblem.SEVERAL)
    if not re.fullmatch(r"\+?[0-9]+", digits):
        raise PhoneError(PhoneProblem.NOT_A_NUMBER)
    return ("+" + digits[2:] if digits.startswith("00") else digits), mends


def _expanded(exponent: re.Match[str]) -> str:
    digits = exponent[1] + (exponent[2] or "")
    if len(digits) != int(exponent[3]) + 1:
        raise PhoneError(PhoneProblem.SCIENTIFIC)
    return digits


def _national(digits: str, mends: list[PhoneMend]) -> str:
    """The national significant number, without zero and country code; raises PhoneError for numbers of services."""
    bare = digits.removeprefix("+84") if digits.startswith("+") else digits
    _refuse_service_numbers(bare)
    if digits.startswith("+") or (bare.startswith("84") and len(bare) >= 11):
        national = bare if digits.startswith("+") else bare[2:]
        if national.startswith("0"):
            mends.append(PhoneMend.TRUNK_ZERO)
        return national.removeprefix("0")
    if bare.startswith("084") and len(bare) == 12:
        mends.append(PhoneMend.TRUNK_ZERO)
        return bare[3:]
    if bare.startswith("0"):
        return bare[1:]
    mends.append(PhoneMend.LEADING_ZERO)
    return bare


def _refuse_service_numbers(bare: str) -> None:
    if re.fullmatch(r"0?1[89]00\d{4,6}", bare):
        raise PhoneError(PhoneProblem.SERVICE_NUMBER)
    if len(bare) <= 6:
        raise PhoneError(PhoneProblem.SHORT_CODE)


def _checked(e164: str, mends: list[PhoneMend]) -> Phone:
    if _CLEAN_MOBILE.fullmatch(e164):
        return Phone(e164, mobile=True, mended=tuple(mends))
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException as error:
        raise PhoneError(PhoneProblem.WRONG_LENGTH) from error
    if not phonenumbers.is_valid_number(number):
        possible = phonenumbers.is_possible_number(number) and not (e164.startswith("+84") and _odd_length(e164[3:]))
        raise PhoneError(PhoneProblem.UNKNOWN_PREFIX if possible else PhoneProblem.WRONG_LENGTH)
    kind = phonenumbers.number_type(number)
    if kind not in _SUBSCRIBER:
        raise PhoneError(PhoneProblem.SERVICE_NUMBER)
    return Phone(e164, kind in _SUBSCRIBER_MOBILE, tuple(mends))


def _odd_length(national: str) -> bool:
    """Whether a Vietnamese number has neither a mobile's 9 digits nor a landline's 10."""
    return len(national) != (10 if national.startswith("2") else 9)


def mask_phone(value: str) -> str:
    """The value with all but the country code and the last three digits hidden: `+84•••••678`; for any text."""
    digits = re.sub(r"\D", "", value)
    shown = digits[-3:] if len(digits) >= 7 else ""
    return ("+84" if value.startswith("+84") else "") + "•••••" + shown


def group_digits(e164: str) -> str:
    """A number as Vietnamese people read it: `0912 345 678`, `024 3825 1234`; service numbers as `1900 1234`."""
    digits = "0" + e164[3:] if e164.startswith("+84") else e164
    if re.fullmatch(r"1[89]00\d{4,6}", digits):
        return f"{digits[:4]} {digits[4:]}"
    if re.fullmatch(r"0\d{9}", digits):
        return f"{digits[:4]} {digits[4:7]} {digits[7:]}"
    if landline := re.fullmatch(r"(02(?:4|8|\d\d))(\d{3,4})(\d{4})", digits):
        return " ".join(landline.groups())
    return digits
