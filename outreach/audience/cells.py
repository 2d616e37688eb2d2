"""Single cells of an audience file: read into what is stored, or refused with a reason that never repeats them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from unicodedata import category
from zoneinfo import ZoneInfo

from outreach.domain.email_addresses import EmailError
from outreach.domain.phones import PhoneError
from outreach.domain.spreadsheet_text import as_meant
from outreach.domain.vietnamese import nfc, search_key
from outreach.domain.words import Channel

MAX_CELL = 500
"""Characters of one cell."""
CLEAR = "-"
"""A cell that clears what is stored."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPREADSHEET = ("'", "#")
_FORMULA_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!)")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{1,2}")
"""A long number as a spreadsheet shows it: `1,23457E+11`."""
_FOREIGN_SIGNS = re.compile("[\u0080-\u009f\u00a1-\u00a9\u00ab-\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7]")
"""Signs that no name has: text of an old font, or UTF-8 read as something else."""
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_VIETNAMESE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[ T]00:00(?::00)?)?")
_LETTER = re.compile(r"[^\W\d_]")
_SERIAL = re.compile(r"\d{5}")
_SERIAL_ZERO = date(1899, 12, 30)
"""Day 0 of Excel's count, from the first of March 1900 on (before it, Excel has a day too many)."""
_YEAR = re.compile(r"\d{4}")
_FIRST_YEAR = 1900
_OLDEST = 120
"""Years: nobody is older; an earlier day stands for one that is not known (01/01/1900), or is a slip."""


class CellError(ValueError):
    """A filled cell that cannot be used; the text says why, `vietnamese` says it for people who read Vietnamese."""

    def __init__(self, english: str, vietnamese: str) -> None:
        super().__init__(english)
        self.vietnamese = vietnamese


def reasons(error: ValueError) -> tuple[str, str]:
    """What is wrong with a cell, in English and in Vietnamese, of any error that reading one raises."""
    if isinstance(error, CellError):
        return str(error), error.vietnamese
    if isinstance(error, PhoneError | EmailError):
        return str(error), error.problem.vietnamese
    return str(error), str(error)


def tidy(cell: str) -> str:
    """The cell without surrounding blanks, in NFC; raises CellError for what no cell may hold."""
    text = cell.strip()
    if not text.isascii():
        text = nfc(text).strip("\u200b\u200e\u200f\ufeff\u00a0 ")
    if len(text) > MAX_CELL:
        raise CellError(f"longer than {MAX_CELL} characters", f"dài hơn {MAX_CELL} ký tự")
    if not text.isprintable() and _CONTROL.search(text):
        raise CellError("holds a control character: type the value again", "có ký tự điều khiển: hãy gõ lại giá trị")
    return _of_a_spreadsheet(text) if text[:1] in _SPREADSHEET else text


tidy_repeated = lru_cache(maxsize=1 << 14)(tidy)
"""The same for columns of few values."""


def _of_a_spreadsheet(text: str) -> str:
    """The text without the apostrophe that keeps a formula from running; raises CellError for a formula's error."""
    if (meant := as_meant(text)) != text:
        return meant.strip()
    if _FORMULA_ERROR.fullmatch(text):
        raise CellError(
            "a formula that went wrong: mend it in the workbook", "công thức bị lỗi: sửa lại trong bảng tính"
        )
    return text


def one_line(text: str) -> str:
    """The text with single plain spaces and without signs nobody sees; raises CellError for a line break."""
    if "\n" in text or "\r" in text:
        raise CellError("holds a line break", "có dấu xuống dòng")
    if text.isascii() or text.isprintable():
        return text if "  " not in text and "\t" not in text else " ".join(text.split())
    seen = text if text.isprintable() else "".join(sign for sign in text if category(sign) != "Cf")
    return " ".join(seen.split())


def full_name(text: str) -> str:
    """A name of at most 200 characters with a letter in it."""
    name = one_line(text)
    if len(name) > 200:
        raise CellError("a name may have at most 200 characters", "tên dài quá 200 ký tự")
    if name == CLEAR:
        raise CellError("the name is empty", "thiếu họ tên")
    if not _LETTER.search(name):
        raise CellError("a name needs a letter", "họ tên phải có chữ cái")
    if not name.isascii() and _FOREIGN_SIGNS.search(name):
        raise CellError(
            "holds signs that no name has: text of an old font (import with --encoding tcvn3 or vni), or damaged",
            "có ký hiệu lạ trong họ tên: chữ phông cũ (nhập với --encoding tcvn3 hoặc vni) hoặc bị hỏng",
        )
    return name


def external_id(text: str) -> str:
    """A list's own number for a person or a case: at most 200 characters, not starting with `~`."""
    if text == CLEAR:
        raise CellError("an external id cannot be cleared: leave the cell blank", "không thể xoá mã số: để trống ô")
    if text.startswith("~"):
        raise CellError('may not start with "~"', 'không được bắt đầu bằng "~"')
    if len(text) > 200:
        raise CellError("may have at most 200 characters", "dài quá 200 ký tự")
    if _ROUNDED.fullmatch(text):
        raise CellError(
            "a number a spreadsheet has rounded: format the column as text and type it again",
            "số đã bị bảng tính làm tròn: định dạng cột là văn bản rồi nhập lại",
        )
    return one_line(text)


def birth_date(text: str, today: date, *, serials: bool = False) -> tuple[date, bool]:
    """A day of the last 120 years, and whether it was put right; a year alone is its first of January.

    `serials`: as a workbook holds it, which counts days: five digits are a date that was not formatted as one, and a
    day of 1905 is a year that was (1956 days after the beginning of the count).
    """
    if serials and _SERIAL.fullmatch(text):
        return _plausible(_SERIAL_ZERO + timedelta(days=int(text)), today), True
    day = calendar_day(text)
    year = (day - _SERIAL_ZERO).days
    if serials and _ISO.fullmatch(text) and _FIRST_YEAR <= year <= today.year:
        return _plausible(date(year, 1, 1), today), True
    return _plausible(day, today), False


def _plausible(day: date, today: date) -> date:
    if day.year < today.year - _OLDEST:
        raise CellError(f"more than {_OLDEST} years ago", f"cách đây hơn {_OLDEST} năm")
    if day > today:
        raise CellError("in the future", "ở tương lai")
    return day


@lru_cache(maxsize=1 << 16)
def calendar_day(text: str) -> date:
    """`YYYY-MM-DD`, `DD/MM/YYYY` or a year (its first of January); raises CellError."""
    if found := _ISO.fullmatch(text):
        year, month, day = found.groups()
    elif found := _VIETNAMESE.fullmatch(text):
        day, month, year = found.groups()
    elif _YEAR.fullmatch(text):
        year, month, day = text, "1", "1"
    else:
        raise CellError(
            "not a date: write YYYY-MM-DD, DD/MM/YYYY or a year", "không phải ngày: viết 31/12/1990 hoặc chỉ năm 1990"
        )
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise CellError("no such day in the calendar", "ngày không có trong lịch") from None


def moment(text: str, zone: ZoneInfo, *, without_time: time) -> datetime:
    """A date, with `HH:MM` after it or at `without_time`, local to `zone`; raises CellError."""
    day, _, clock = text.replace("T", " ").partition(" ")
    if _YEAR.fullmatch(day):
        raise CellError(
            "not a date: write YYYY-MM-DD or DD/MM/YYYY, and HH:MM after it where the hour matters",
            "không phải ngày: viết 31/12/2026, thêm giờ như 08:30 nếu cần",
        )
    try:
        at = time.fromisoformat(clock.strip()) if clock.strip() else without_time
    except ValueError:
        raise CellError("the time of the day must be HH:MM", "giờ phải viết như 08:30") from None
    if at.tzinfo is not None:
        raise CellError("times are local: leave the offset out", "giờ địa phương: bỏ phần múi giờ")
    found = calendar_day(day)
    if not 2000 <= found.year <= 2100:
        raise CellError("the year must lie between 2000 and 2100", "năm phải từ 2000 đến 2100")
    return datetime.combine(found, at, zone)


def _words(table: Mapping[str, str]) -> Mapping[str, str]:
    spoken = {meaning: (meaning.replace("_", " "), *words.split(",")) for meaning, words in table.items()}
    return {word: meaning for meaning, words in spoken.items() for word in words}


_SEX = _words({"male": "nam,m,ong", "female": "nu,f,ba", "other": "khac,gioi tinh khac"})
_KIND = _words({"person": "nguoi dan,ca nhan,nguoi", "business": "doanh nghiep,ho kinh doanh,cong ty,to chuc,dn"})
_OCCUPATION = _words(
    {
        "student": "hoc sinh,sinh vien,hoc sinh sinh vien,hssv",
        "civil_servant": "cong chuc,vien chuc,can bo,can bo cong chuc,cong chuc vien chuc,can bo cong chuc vien chuc",
        "farmer": "nong dan,lam nong,lam ruong",
        "worker": "cong nhan",
        "office": "nhan vien van phong,van phong",
        "trader": "buon ban,tieu thuong,kinh doanh",
        "teacher": "giao vien,giang vien",
        "retired": "huu tri,nghi huu,huu",
        "homemaker": "noi tro",
        "freelance": "lao dong tu do,tu do",
    }
)
_LANGUAGE = _words(
    {
        "vi": "viet,tieng viet,kinh,tieng kinh",
        "tyz": "tay",
        "nut": "nung",
        "blt": "thai",
        "mtq": "muong",
        "hmn": "mong,hmong,h mong",
        "ium": "dao",
        "km": "khmer,kho me",
        "cjm": "cham",
        "jra": "gia rai,jrai",
        "rad": "e de,ede",
        "bdq": "ba na,bahnar",
        "sed": "xo dang",
        "kpm": "co ho,k ho",
        "hre": "hre",
        "zh": "hoa",
    }
)
"""Vietnamese names of the larger languages and their ISO 639 codes (from memory, unverified); any code is taken."""
_CODE = re.compile(r"[a-z]{2,3}")
_TAGS = _words(
    {
        "elderly": "nguoi cao tuoi,cao tuoi",
        "vulnerable": "yeu the,nguoi yeu the",
        "student": "hoc sinh,sinh vien",
        "press": "bao chi",
        "collaborator": "collaborators,cong tac vien",
    }
)
"""Tags the default segments ask for, and how lists call them."""


@lru_cache(maxsize=1 << 12)
def sex(text: str) -> str:
    """`male`, `female` or `other`, in English or Vietnamese."""
    return _one_of(_SEX, text, "must be nam, nữ or khác (male, female, other)", "phải là nam, nữ hoặc khác")


@lru_cache(maxsize=1 << 12)
def kind(text: str) -> str:
    """`person` or `business`, in English or Vietnamese."""
    what = "must be người dân or doanh nghiệp (person, business)"
    return _one_of(_KIND, text, what, "phải là người dân hoặc doanh nghiệp")


def _one_of(words: Mapping[str, str], text: str, what: str, vietnamese: str) -> str:
    found = words.get(search_key(text))
    if found is None:
        raise CellError(what, vietnamese)
    return found


_CHANNELS = _words(
    {
        "sms": "tin nhan,nhan tin,dien thoai",
        "zalo_oa": "zalo,zalo oa",
        "zalo_zns": "zns",
        "email": "thu dien tu,e mail,mail,thu",
        "telegram": "",
        "": "tat ca,moi kenh,all,tat ca cac kenh",
    }
)
_PURPOSES = {"quang cao": "advertising", "tiep thi": "advertising", "khuyen mai": "advertising"}
"""How lists call the purpose that advertising needs."""


@lru_cache(maxsize=1 << 10)
def consent_channel(text: str) -> str:
    """The channel a consent holds for, in English or Vietnamese; "" for all."""
    found = _CHANNELS.get(search_key(text))
    if found is None or (found and not Channel(found).to_people):
        raise CellError(
            "not a channel: write sms, zalo_oa, zalo_zns, email or telegram, or leave it blank for all",
            "không phải kênh: viết sms, zalo_oa, zalo_zns, email hoặc telegram, để trống nếu là tất cả",
        )
    return found


@lru_cache(maxsize=1 << 10)
def consent_purpose(text: str) -> str:
    """What was agreed to; `quảng cáo` is what the law calls advertising."""
    if len(text) > 200:
        raise CellError("may have at most 200 characters", "dài quá 200 ký tự")
    return _PURPOSES.get(search_key(text)) or one_line(text)


@lru_cache(maxsize=1 << 12)
def occupation(text: str) -> str:
    """Our word for a known occupation, else the text in lower case."""
    return _OCCUPATION.get(search_key(text)) or one_line(text).casefold()


@lru_cache(maxsize=1 << 12)
def language(text: str) -> str:
    """A language code (ISO 639, two or three letters) or a language's Vietnamese name."""
    key = search_key(text)
    found = _LANGUAGE.get(key.removeprefix("tieng ")) or _LANGUAGE.get(key)
    if found is None and not _CODE.fullmatch(text):
        raise CellError(
            "not a language: write its code (vi, hmn, km) or its Vietnamese name",
            "không phải ngôn ngữ: viết mã (vi, hmn, km) hoặc tên tiếng Việt",
        )
    return found or text


def tags(text: str) -> list[str]:
    """Words between `,` `;` or `|`, in lower case or ours for those we know, each once, sorted."""
    given = {" ".join(word.split()).casefold() for word in re.split(r"[,;|\n]", text)} - {""}
    words = {_TAGS.get(search_key(word), word) for word in given}
    if any(len(word) > 60 for word in words):
        raise CellError("a tag may have at most 60 characters", "một nhãn dài quá 60 ký tự")
    return sorted(words)


def account_id(text: str) -> str:
    """A user or chat id: digits only."""
    if not re.fullmatch(r"\d{3,25}", text, re.ASCII):
        raise CellError("not an id: it has digits only", "không phải mã tài khoản: chỉ gồm chữ số")
    return text
