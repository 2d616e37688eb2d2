"""Households of an invented population: who lives together, who has which phone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from outreach.audience import invented_names as names
from outreach.audience.invented_names import Weighted
from outreach.domain.vietnamese import plain

_BUSINESS_SHARE = 0.04 * 3.3
"""Of households: about 4 % of all records, as a household has 3.3 people on average."""
_SIZES = Weighted({"1": 11, "2": 20, "3": 25, "4": 26, "5": 11, "6": 7})
_BANDS = tuple(accumulate(share if youngest >= 18 else 1.5 * share for youngest, _, share in names.AGE_BANDS))
"""Of all but the heads of households, who are adults: so the whole has its share of children."""
_ADULT_BANDS = tuple(accumulate(share if youngest >= 18 else 0.0 for youngest, _, share in names.AGE_BANDS))
_DOMAINS = ("example.org", "example.net", "example.com")
_WORK = Weighted({"farmer": 28, "worker": 24, "trader": 16, "office": 12, "freelance": 12, "homemaker": 8})
_CITY_WORK = Weighted({"worker": 26, "office": 30, "trader": 18, "freelance": 16, "homemaker": 7, "farmer": 3})


@dataclass(frozen=True, slots=True)
class Place:
    """A commune people live in; `province` is the code of the unit at the top."""

    unit_code: str
    province: str
    urban: bool


@dataclass(frozen=True, slots=True)
class Invented:
    """One record of the population. `email` holds `{number}`, which makes it this record's own; "" for none."""

    full_name: str
    unit_code: str
    kind: str = "person"
    birth_date: date | None = None
    sex: str | None = None
    occupation: str | None = None
    language: str = "vi"
    tags: tuple[str, ...] = ()
    phone: str = ""
    email: str = ""


def household(random: Random, place: Place, today: date) -> list[Invented]:
    """The people of one household, head first, or one business."""
    if random.random() < _BUSINESS_SHARE:
        return [_business(random, place)]
    language = _language(random, place)
    family = pick(random, names.FAMILY if language == "vi" else names.MINORITY_FAMILY)
    size = int(pick(random, _SIZES))
    members = [_person(random, place, today, family, language, adult=number == 0) for number in range(size)]
    return _share_phones(random, members)


def _business(random: Random, place: Place) -> Invented:
    trade, given = pick(random, names.TRADES), pick(random, names.GIVEN["male"])
    name = f"Công ty TNHH {trade} {given}"
    tags = ("press",) if random.random() < 0.005 else ()
    phone = _phone(random) if random.random() < 0.85 else ""
    email = f"{_mailbox(given)}{{number}}@{random.choice(_DOMAINS)}" if random.random() < 0.8 else ""
    return Invented(name, place.unit_code, kind="business", tags=tags, phone=phone, email=email)


def _person(random: Random, place: Place, today: date, family: str, language: str, *, adult: bool) -> Invented:
    sex = "male" if random.random() < 0.499 else "female"
    age, birth_date = _born(random, today, adult=adult)
    # The spouse and in-laws keep their own family name; children and siblings share the head's.
    surname = family if adult or age < 18 or random.random() < 0.5 else pick(random, names.FAMILY)
    given = pick(random, names.GIVEN[sex])
    occupation = _occupation(random, place, age)
    return Invented(
        f"{surname} {pick(random, names.MIDDLE[sex])} {given}",
        place.unit_code,
        birth_date=birth_date,
        sex=sex if random.random() < 0.97 else None,
        occupation=occupation,
        language=language,
        tags=_tags(random, age, occupation),
        phone=_phone(random) if random.random() < _phone_share(age) else "",
        email=_email(random, place, given, age, occupation),
    )


def _share_phones(random: Random, members: list[Invented]) -> list[Invented]:
    """Who has no phone of their own is often reached on another one of the household."""
    owned = next((member.phone for member in members if member.phone), "")
    return [
        member if member.phone or not owned or random.random() < 0.45 else replace(member, phone=owned)
        for member in members
    ]


def _born(random: Random, today: date, *, adult: bool) -> tuple[int, date]:
    youngest, oldest, _ = random.choices(names.AGE_BANDS, cum_weights=_ADULT_BANDS if adult else _BANDS)[0]
    age = random.randint(youngest, oldest)
    return age, today - timedelta(days=int(age * 365.2425) + random.randint(1, 364))


def _phone_share(age: int) -> float:
    if age < 12:
        return 0.0
    if age < 18:
        return 0.55
    return 0.94 if age < 60 else 0.72 if age < 75 else 0.45


def _phone(random: Random) -> str:
    """A number under 030 or 031; its last seven digits are never below 100."""
    return f"+843{random.randint(0, 1)}{random.randint(100, 9_999_999):07}"


def _email(random: Random, place: Place, given: str, age: int, occupation: str | None) -> str:
    share = 0.0 if age < 15 else 0.4 if place.urban else 0.15
    if occupation in ("civil_servant", "office", "student"):
        share = max(share, 0.7)
    elif age >= 60:
        share /= 4
    return f"{_mailbox(given)}{{number}}@{random.choice(_DOMAINS)}" if random.random() < share else ""


def _mailbox(given: str) -> str:
    return plain(given).lower()


def _occupation(random: Random, place: Place, age: int) -> str | None:
    if age < 6 or random.random() < 0.05:
        return None
    if age < 18 or (age < 23 and random.random() < 0.5):
        return "student"
    if age >= 60:
        return "retired" if place.urban or random.random() < 0.4 else "farmer"
    chance = random.random()
    if chance < 0.035:
        return "civil_servant"
    return "teacher" if chance < 0.055 else pick(random, _CITY_WORK if place.urban else _WORK)


def _language(random: Random, place: Place) -> str:
    """Vietnamese, or in rural communes of some provinces the language of a minority."""
    if place.urban or place.province not in names.MINORITY:
        return "vi"
    chance = random.random()
    for language, share in names.MINORITY[place.province]:
        if chance < share:
            return language
        chance -= share
    return "vi"


def _tags(random: Random, age: int, occupation: str | None) -> tuple[str, ...]:
    chance = random.random()
    found = []
    if chance < 0.002 and age >= 18:
        found.append("collaborator")
    if 15 <= age <= 22 and occupation == "student":
        found.append("student")
    if chance > (0.85 if age >= 75 else 0.975):
        found.append("vulnerable")
    return tuple(sorted(found))


def pick(random: Random, among: Weighted) -> str:
    """One of the words, by weight."""
    return random.choices(among.words, cum_weights=among.cumulative)[0]
