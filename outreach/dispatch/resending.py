"""For how long something that may have left is sent again under its key: while its provider drops repetitions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.domain.accounts import Account

_BEFORE_MIDNIGHT = timedelta(minutes=5)
"""How long before the provider's day ends nothing is sent again: its clock is not ours."""


def resend_until(claimed_at: datetime, account: Account) -> datetime | None:
    """Until when the account's provider drops a repetition of what was claimed then; None: it drops none.

    Where that ends with a day, it is the day of the claim: the first attempt left no earlier.
    """
    if not account.deduplicates_for:
        return None
    until = claimed_at + timedelta(seconds=account.deduplicates_for)
    if not account.deduplicates_within_day_of:
        return until
    local = claimed_at.astimezone(ZoneInfo(account.deduplicates_within_day_of))
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)
    return min(until, midnight - _BEFORE_MIDNIGHT)
