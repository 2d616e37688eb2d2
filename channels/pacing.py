"""Pacing: one address is not written to more often than its provider allows, within this process."""

from __future__ import annotations

import asyncio

from channels.contract import ErrorKind, Lease, SendError

_PATIENCE = 2.0
"""Seconds a message waits for its turn itself; for more it goes back, so that it keeps no chunk waiting."""
_REMEMBERED = 10_000
"""Addresses looked through before those whose time has passed are forgotten."""


class Pace:
    """Lets messages to one address start `interval` seconds apart; others do not wait for them.

    Holds in one event loop. What another process sends is the provider's to throttle.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._free: dict[str, float] = {}
        """When each address may be written to next."""

    async def turn(self, address: str) -> None:
        """Wait for the address's turn; raises SendError(POSTPONED) where that is more than a moment away."""
        now = Lease.clock()
        starts = max(now, self._free.get(address, now))
        if starts > now + _PATIENCE:
            reason = "too many messages to one address at once"
            raise SendError(ErrorKind.POSTPONED, "", reason, retry_after=starts - now)
        if len(self._free) >= _REMEMBERED:
            self._free = {one: free for one, free in self._free.items() if free > now}
        self._free[address] = starts + self._interval
        if starts > now:
            await asyncio.sleep(starts - now)
