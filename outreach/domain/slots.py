"""When a station reads next: its slots are daily local times, kept as JSON with the station."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from outreach.domain.dates import local_moment

DEFAULT_SLOTS = ({"from": "05:00", "to": "05:30"}, {"from": "17:00", "to": "17:30"})
"""Where a commune has not said otherwise (typical times, unverified: a setting of each station)."""


def next_slot(settings: str, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end (UTC) of the first slot that starts at or after `moment` (aware).

    `settings` is JSON: `[{"from": "05:00", "to": "05:30"}, …]`, each ending on the day it starts; an empty list means
    the default slots. Raises ValueError for slots that are not that.
    """
    slots = json.loads(settings) or list(DEFAULT_SLOTS)
    today = moment.astimezone(zone).date()
    starts = sorted(
        (
            local_moment(datetime.combine(today + timedelta(days=n), time.fromisoformat(slot["from"])), zone),
            n,
            slot["to"],
        )
        for slot in slots
        for n in range(3)
    )
    for starts_at, n, ends in starts:
        if starts_at >= moment:
            ends_at = local_moment(datetime.combine(today + timedelta(days=n), time.fromisoformat(ends)), zone)
            if ends_at <= starts_at:
                raise ValueError(f"a slot must end after it starts: {settings}")
            return starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    raise ValueError(f"no slot follows: {settings}")
