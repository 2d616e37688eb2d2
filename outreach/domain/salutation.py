"""How a Vietnamese administrative letter addresses somebody.

A name is family–middle–given, and one is addressed by the given name: `ông Hùng`, in full `Ông Nguyễn Văn Hùng`.
Official letters write ông or bà to every adult, so the 60-year line of everyday speech (anh/chị below it) plays no
part here; who is under 18 is written to through the guardian. Sex is never guessed from a name.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

ADULT_AGE: Final = 18
BUSINESS_KIND: Final = "business"
TO_BUSINESS: Final = "Quý doanh nghiệp"
TO_GUARDIAN: Final = "phụ huynh em"


class Sex(StrEnum):
    """What a person's papers say; none where it is not known."""

    MALE = "male"
    FEMALE = "female"


def age_on(birth_date: date, today: date) -> int:
    """Whole years of age; who was born on 29 February has a birthday on 1 March of a common year."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def is_minor(birth_date: date | None, today: date) -> bool:
    """Whether somebody is known to be under 18, so that the guardian is written to."""
    return birth_date is not None and age_on(birth_date, today) < ADULT_AGE


_ASIDE = re.compile(r"\s*[(\[{].*$")


@lru_cache(maxsize=128)  # a template asks for it more than once a recipient
def tidy_name(full_name: str) -> str:
    """The name with single spaces, without an aside in brackets, and in ordinary case where it came in one case."""
    name = " ".join(_ASIDE.sub("", full_name).split())
    if name and (name.isupper() or name.islower()) and len(name) > 1:
        return " ".join("'".join(part.capitalize() for part in word.split("'")) for word in name.split(" "))
    return name


def given_name(full_name: str) -> str:
    """The name one is addressed by: the last word of the full name, "" for an empty one."""
    return tidy_name(full_name).rpartition(" ")[2]


def salute_aged(
    full_name: str, age: int | None, sex: str | None, kind: str = "", *, full: bool = False, capital: bool = False
) -> str:
    """`ông Hùng`, `bà Lan`, `ông/bà Hùng`, `phụ huynh em Hùng`, `Quý doanh nghiệp`.

    `age` in years, None where unknown; `sex`: a `Sex` value or None. `full`: the full name; `capital`: for the
    beginning of a line. Unknown age or sex gives both titles.
    """
    if kind == BUSINESS_KIND:
        return TO_BUSINESS
    title = _title(age, sex)
    name = tidy_name(full_name) if full else given_name(full_name)
    text = f"{title} {name}" if name else f"quý {title}"
    return text[0].upper() + text[1:] if capital else text


def _title(age: int | None, sex: str | None) -> str:
    if age is not None and age < ADULT_AGE:
        return TO_GUARDIAN
    if age is None or sex not in (Sex.MALE, Sex.FEMALE):
        return "ông/bà"
    return "ông" if sex == Sex.MALE else "bà"


def salute(
    full_name: str,
    birth_date: date | None,
    sex: str | None,
    today: date,
    *,
    kind: str = "",
    full: bool = False,
    capital: bool = False,
) -> str:
    """The same as `salute_aged`, with the age of `today`."""
    age = None if birth_date is None else age_on(birth_date, today)
    return salute_aged(full_name, age, sex, kind, full=full, capital=capital)
