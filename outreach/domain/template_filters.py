"""The filters of templates: dates, times, money, phone numbers and salutations as Vietnamese letters write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from outreach.domain.context import ContactView
from outreach.domain.phones import group_digits
from outreach.domain.salutation import salute_aged
from outreach.domain.sms_text import unaccent
from outreach.domain.spell_out import spell_out

_LARGEST_AMOUNT: Final = 10**15


MAX_RENDERED: Final = 200_000
"""Characters of a rendered text; anything longer is a mistake."""


class TooLong(ValueError):
    """A text beyond what a rendered text may have."""


class FilterError(ValueError):
    """A filter got what it cannot show; the text names the filter and what it needs, never the value."""


def date_vi(value: object) -> str:
    """`25/11/2026`; takes a date, a moment or `2026-11-25`."""
    day = _as_moment(value, "date_vi", "a date")
    return f"{day.day:02}/{day.month:02}/{day.year}"


def time_vi(value: object) -> str:
    """`8 giờ 30`, `17 giờ`; takes a moment or a time of the day, shown in its own zone."""
    moment = value if isinstance(value, time) else _as_moment(value, "time_vi", "a time")
    if not isinstance(moment, datetime | time):
        raise FilterError("time_vi needs a time")
    return f"{moment.hour} giờ {moment.minute:02}" if moment.minute else f"{moment.hour} giờ"


def _as_moment(value: object, name: str, what: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise FilterError(f"{name} needs {what}") from None


def money_vi(value: object) -> str:
    """`1.500.000 đồng`; takes a whole or a decimal number of up to 15 digits, or its text."""
    try:
        amount = Decimal(str(value))
        if not -_LARGEST_AMOUNT < amount < _LARGEST_AMOUNT:
            raise ValueError
        whole = int(amount.to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        raise FilterError("money_vi needs a number") from None
    return f"{whole:,}".replace(",", ".") + " đồng"


def phone_vi(value: object) -> str:
    """`0912 345 678`; takes a number in E.164 or in national form."""
    text = str(value).strip()
    if not text.removeprefix("+").isdigit():
        raise FilterError("phone_vi needs a phone number")
    return group_digits(text)


def salute_filter(contact: object, full: bool = False, capital: bool = False) -> str:
    """`ông Hùng`; `full`: `ông Nguyễn Văn Hùng`; `capital`: `Ông Hùng`. Takes the contact itself."""
    if not isinstance(contact, ContactView):
        raise FilterError("salute needs the contact itself: {{ contact | salute }}")
    return salute_aged(contact.full_name, contact.age, contact.sex, contact.kind, full=full, capital=capital)


def spell_out_filter(value: object) -> str:
    """Figures, dates and abbreviations in words."""
    return spell_out(str(value))


def unaccent_filter(value: object) -> str:
    """Bare letters and plain punctuation."""
    return unaccent(str(value))


def join_filter(value: Iterable[object], d: object = "") -> str:
    """The parts with `d` between them; stops before the text grows without bound."""
    between, parts, length = str(d), [], 0
    for part in value:
        parts.append(str(part))
        length += len(parts[-1]) + len(between)
        if length > MAX_RENDERED:
            raise TooLong
    return between.join(parts)


OUR_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "date_vi": date_vi,
    "time_vi": time_vi,
    "money_vi": money_vi,
    "phone_vi": phone_vi,
    "salute": salute_filter,
    "spell_out": spell_out_filter,
    "unaccent": unaccent_filter,
}
