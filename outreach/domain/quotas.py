"""Quotas of providers: what is left of one on a day, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages an account's provider still took on a channel at `read_at` (aware).

    `total`: None where the provider does not say. `daily`: counted anew each day; otherwise what a package holds.
    """

    account: str
    channel: Channel
    remaining: int
    total: int | None
    daily: bool
    read_at: datetime

    def left_on(self, day: date, zone: ZoneInfo) -> int | None:
        """What may be sent on `day`, a local day of `zone`; None where nobody knows."""
        if not self.daily or self.read_at.astimezone(zone).date() == day:
            return self.remaining
        return self.total

    def told(self, zone: ZoneInfo) -> str:
        """What is left, of how much, and since when that is known."""
        whole = "" if self.total is None else f" of {self.total:,}"
        per = "today" if self.daily else "in the package"
        return f"{self.channel}: {self.remaining:,}{whole} left {per} ({self.read_at.astimezone(zone):%Y-%m-%d %H:%M})"

    @property
    def nearly_used(self) -> bool:
        """Whether less than a tenth is left."""
        return self.remaining == 0 or (self.total is not None and self.remaining * 10 < self.total)


Needs = Mapping[tuple[str, Channel, date], int]
"""How many messages go through an account on a channel on a day."""


def shortages(quotas: Sequence[Quota], needs: Needs, zone: ZoneInfo) -> tuple[str, ...]:
    """A sentence for each quota that the messages of some day (of all days, for a package) are more than."""
    found = []
    for quota in quotas:
        own = {day: n for (account, channel, day), n in sorted(needs.items()) if (account, channel) == _of(quota)}
        told = _short_of_days(quota, own, zone) if quota.daily else _short_of_package(quota, sum(own.values()), zone)
        found += [told] if told else []
    return tuple(found)


def _of(quota: Quota) -> tuple[str, Channel]:
    return quota.account, quota.channel


def _short_of_days(quota: Quota, own: Mapping[date, int], zone: ZoneInfo) -> str:
    short = {day: n for day, n in own.items() if (left := quota.left_on(day, zone)) is not None and n > left}
    if not short:
        return ""
    day, needed = next(iter(short.items()))
    more = f" (and on {len(short) - 1} more days)" if len(short) > 1 else ""
    return (
        f"account {quota.account}: on {day}{more} {needed:,} messages are due on {quota.channel}; its provider takes"
        f" {quota.left_on(day, zone):,} that day; the rest waits for the next day or goes to the next channel: spread"
        f" them, or ask for more. {quota.told(zone)}"
    )


def _short_of_package(quota: Quota, needed: int, zone: ZoneInfo) -> str:
    if needed <= quota.remaining:
        return ""
    return (
        f"account {quota.account}: {needed:,} messages are due on {quota.channel}, more than its package still holds;"
        " those to people who were in touch within 48 hours take none of it, of the others some may cost or be refused."
        f" {quota.told(zone)}"
    )
