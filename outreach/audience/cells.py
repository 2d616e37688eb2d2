"""Single cells of an audience file: read into what is stored, or refused with a reason that never repeats them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from outreach.domain.vietnamese import nfc, search_key

MAX_CELL = 500
"""Characters of one cell."""
CLEAR = "-"
"""A cell that clears what is stored."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_VIETNAMESE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_YEAR = re.compile(r"\d{4}")
_FIRST_YEAR = 1900


class CellError(ValueError):
    """A filled cell that cannot be used; the text says why."""


def tidy(cell: str) -> str:
    """The cell without surrounding blanks, in NFC; raises CellError for what no cell may hold."""
    text = cell.strip()
    if not text.isascii():
        text = nfc(text).strip("\u200b\u200e\u200f\ufeff\u00a0 ")
    if len(text) > MAX_CELL:
        raise CellError(f"longer than {MAX_CELL} characters")
    if _CONTROL.search(text):
        raise CellError("holds a control character: type the value again")
    return text


def one_line(text: str) -> str:
    """The text with single spaces; raises CellError for a line break."""
    if "\n" in text:
        raise CellError("holds a line break")
    return text if "  " not in text and "\t" not in text else " ".join(text.split())


def full_name(text: str) -> str:
    """A name of at most 200 characters with a letter in it."""
    name = one_line(text)
    if len(name) > 200:
        raise CellError("a name may have at most 200 characters")
    if name == CLEAR:
        raise CellError("the name is empty")
    if not any(letter.isalpha() for letter in name):
        raise CellError("a name needs a letter")
    return name


def external_id(text: str) -> str:
    """A list's own number for a person or a case: at most 200 characters, not starting with `~`."""
    if text == CLEAR:
        raise CellError("an external id cannot be cleared: leave the cell blank")
    if text.startswith("~"):
        raise CellError('may not start with "~"')
    if len(text) > 200:
        raise CellError("may have at most 200 characters")
    return one_line(text)


def birth_date(text: str, today: date) -> date:
    """A day from 1900 to `today`; a year alone is its first of January."""
    day = calendar_day(text)
    if day.year < _FIRST_YEAR:
        raise CellError(f"before {_FIRST_YEAR}")
    if day > today:
        raise CellError("in the future")
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
        raise CellError("not a date: write YYYY-MM-DD, DD/MM/YYYY or a year")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise CellError("no such day in the calendar") from None


def moment(text: str, zone: ZoneInfo, *, without_time: time) -> datetime:
    """A date, with `HH:MM` after it or at `without_time`, local to `zone`; raises CellError."""
    day, _, clock = text.replace("T", " ").partition(" ")
    if _YEAR.fullmatch(day):
        raise CellError("not a date: write YYYY-MM-DD or DD/MM/YYYY, and HH:MM after it where the hour matters")
    try:
        at = time.fromisoformat(clock.strip()) if clock.strip() else without_time
    except ValueError:
        raise CellError("the time of the day must be HH:MM") from None
    if at.tzinfo is not None:
        raise CellError("times are local: leave the offset out")
    found = calendar_day(day)
    if not 2000 <= found.year <= 2100:
        raise CellError("the year must lie between 2000 and 2100")
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
    return _one_of(_SEX, text, "must be nam, nữ or khác (male, female, other)")


@lru_cache(maxsize=1 << 12)
def kind(text: str) -> str:
    """`person` or `business`, in English or Vietnamese."""
    return _one_of(_KIND, text, "must be người dân or doanh nghiệp (person, business)")


def _one_of(words: Mapping[str, str], text: str, what: str) -> str:
    found = words.get(search_key(text))
    if found is None:
        raise CellError(what)
    return found


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
        raise CellError("not a language: write its code (vi, hmn, km) or its Vietnamese name")
    return found or text


def tags(text: str) -> list[str]:
    """Words between `,` `;` or `|`, in lower case or ours for those we know, each once, sorted."""
    given = {" ".join(word.split()).casefold() for word in re.split(r"[,;|\n]", text)} - {""}
    words = {_TAGS.get(search_key(word), word) for word in given}
    if any(len(word) > 60 for word in words):
        raise CellError("a tag may have at most 60 characters")
    return sorted(words)


def account_id(text: str) -> str:
    """A user or chat id: digits only."""
    if not re.fullmatch(r"\d{3,25}", text, re.ASCII):
        raise CellError("not an id: it has digits only")
    return text
