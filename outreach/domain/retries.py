"""When a failed attempt is tried again, and when it is given up."""

from __future__ import annotations

from datetime import timedelta
from math import isnan

STEPS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=8),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""The pause after the first, second… failed attempt."""

MOST_ATTEMPTS = len(STEPS) + 1
LONGEST_THROTTLE = timedelta(hours=1)
"""A provider that asks for more patience is asked again after this."""

LONGEST_POSTPONEMENT = timedelta(hours=36)
"""A delivery the provider wants later is tried again after this at the latest."""
_SPREAD_OF_THE_POSTPONED = timedelta(minutes=20)


def backoff(attempt: int, spread: float) -> timedelta | None:
    """How long to wait after the `attempt`-th try (from 1) failed; None: give up.

    `spread` in 0…1 (random) moves the pause by up to ± 25 %, so that a provider that comes back is not stormed.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    return STEPS[attempt - 1] * (0.75 + spread / 2)


def throttle(retry_after: float | None, spread: float) -> timedelta:
    """How long an account stays quiet after the provider asked for it; 5 s where it gave no time."""
    return _asked(retry_after, unsaid=5.0, most=LONGEST_THROTTLE) + timedelta(seconds=spread)


def postpone(retry_after: float | None, spread: float) -> timedelta:
    """How long one delivery waits that the provider would not take yet; 5 minutes where it gave no time.

    `spread` moves it by up to 20 minutes more, so that those put off to one moment do not all come at once.
    """
    return _asked(retry_after, unsaid=300.0, most=LONGEST_POSTPONEMENT) + _SPREAD_OF_THE_POSTPONED * spread


def _asked(retry_after: float | None, *, unsaid: float, most: timedelta) -> timedelta:
    """What the provider asked for within bounds: its number may be of any size, or none."""
    seconds = unsaid if retry_after is None or isnan(retry_after) else retry_after
    return timedelta(seconds=min(max(0.0, seconds), most.total_seconds()))
