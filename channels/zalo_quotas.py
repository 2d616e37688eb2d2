"""Zalo's quotas: templates by phone a day, and the consultation messages of an OA's package.

Source: Zalo's pages on the quota of templates, and the `quota` in its answers to messages. Of a package's messages the
names are written from memory [M]; what cannot be read is not known, never nought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from channels.abilities import Quota

PACKAGE: Final = "sub_quota"
"""Messages that the OA's package pays for: those beyond 48 hours after an interaction; a reply takes none."""


def of_templates(channel: str, said: object) -> Quota | None:
    """`dailyQuota` and `remainingQuota`, numbers or their digits."""
    if not isinstance(said, Mapping):
        return None
    remaining = _number(said.get("remainingQuota"))
    return None if remaining is None else Quota(channel, remaining, _number(said.get("dailyQuota")))


def of_package(channel: str, assets: Sequence[Mapping[str, Any]]) -> Quota | None:
    """What is left of all the assets of a package together."""
    known = [(left, _number(one.get("total"))) for one in assets if (left := _number(one.get("remain"))) is not None]
    if not known:
        return None
    totals = [total for _, total in known if total is not None]
    whole = sum(totals) if len(totals) == len(known) else None
    return Quota(channel, sum(left for left, _ in known), whole, daily=False)


def of_answer(channel: str, said: object) -> Quota | None:
    """The quota that a consultation message has taken from; None for a reply, which takes none of the package."""
    if not isinstance(said, Mapping) or said.get("quota_type") != PACKAGE:
        return None
    if str(said.get("owner_type") or "OA").upper() != "OA":
        return None
    return of_package(channel, [said])


def _number(said: object) -> int | None:
    digits = str(said).strip() if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None
