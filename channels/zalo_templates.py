"""Zalo's registered templates (ZNS): what its info call says of one, and a short memory of that.

Source: Zalo's pages on template information (`listParams`); the kinds of parameters and their forms are marked [M].
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from channels.contract import Lease, SendError
from channels.templates import Misfit, Parameter, Registered

USABLE: Final = "ENABLE"
NO_SUCH: Final = "-109"
NOT_OURS: Final = frozenset({"-117", "-145"})
"""Zalo's answers where this OA may not use a template: they are about the template, not the account."""
_FRESH = 3600.0
"""Seconds a template is believed to be as it was: Zalo lets few of its properties change."""
_AGAIN = 60.0
"""Seconds before a template that could not be asked for is asked for again: sending goes on meanwhile."""
_PATIENCE = 5.0
"""Seconds for which sending waits to know a template."""
_LONGEST = 100_000
_DATES: Final = ("%d/%m/%Y", "%H:%M %d/%m/%Y", "%H:%M:%S %d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
"""[M]"""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
"""[M]"""


def read(data: Mapping[str, Any], template_id: str) -> Registered:
    """A template from the data of Zalo's answer; what is missing there counts as not limited."""
    listed = data.get("listParams")
    parameters = tuple(_parameter(one) for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()
    status = str(data.get("status") or "")
    name = str(data.get("templateName") or "")
    return Registered(template_id, name, status, status == USABLE, _price(data.get("price_sdt")), parameters)


def kind_misfit(kind: str, value: str) -> Misfit | None:
    """Whether a value is no number or date where Zalo wants one."""
    if kind == "NUMBER":
        return None if _NUMBER.fullmatch(value) else Misfit.NOT_OF_ITS_KIND
    if kind == "DATE":
        return None if any(_is_date(value, form) for form in _DATES) else Misfit.NOT_OF_ITS_KIND
    return None


class Known:
    """The templates an adapter has learnt; used in one event loop, read from any thread."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Registered | None]] = {}
        self._asking = asyncio.Lock()

    def get(self, template_id: str) -> Registered | None:
        """What is known of a template; None where nothing is."""
        return self._found.get(template_id, (0.0, None))[1]

    async def learn(self, wanted: Collection[str], ask: Callable[[str], Awaitable[Registered | None]]) -> None:
        """Ask for those not known, once for all who want to know, and not for long."""
        if not self._stale(wanted):
            return
        async with self._asking:
            await asyncio.gather(*(self._learn(one, ask) for one in self._stale(wanted)))

    async def _learn(self, template_id: str, ask: Callable[[str], Awaitable[Registered | None]]) -> None:
        found, lasts = self.get(template_id), _AGAIN
        with suppress(SendError, TimeoutError):
            found, lasts = await asyncio.wait_for(ask(template_id), _PATIENCE), _FRESH
        self._found[template_id] = (Lease.clock() + lasts, found)

    def _stale(self, wanted: Collection[str]) -> list[str]:
        now = Lease.clock()
        return [one for one in wanted if self._found.get(one, (0.0, None))[0] <= now]


def _parameter(said: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=str(said.get("name") or ""), required=said.get("require") is not False,
        kind=str(said.get("type") or "").upper(), shortest=_length(said.get("minLength")),
        longest=_length(said.get("maxLength")), may_be_empty=said.get("acceptNull") is True,
    )  # fmt: skip


def _length(said: object) -> int:
    """A number of characters; 0, no limit, for anything that is none."""
    digits = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return min(int(digits), _LONGEST) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else 0


def _price(said: object) -> int | None:
    """VND from a number or its digits, perhaps with a fraction."""
    written = str(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else ""
    whole = re.fullmatch(r"([0-9]{1,9})(?:\.[0-9]+)?", written)
    return None if whole is None else int(whole[1])


def _is_date(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only whether it is a date
    except ValueError:
        return False
    return True
