"""Loose ends of a worker child: what the database did not hear of it, and what it did not hear of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from channels.contract import Lease
from outreach.dispatch.outcome import Outcome
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.states import DeliveryState, Reason
from outreach.store import deliveries, stranded
from outreach.store.deliveries import Change


@dataclass(slots=True)
class LooseEnds:
    """Kept in memory by one child; they end with it, and recovery does what it can.

    `unrecorded`: outcomes that the database would not take, with their account. `unheard_since` (by the lease's
    clock): when a claim began of which the child never heard whether it holds; nothing of it has left.
    """

    unrecorded: list[tuple[Sequence[Outcome], Account]] = field(default_factory=list)
    unheard_since: float | None = None

    def unheard(self, began: float) -> None:
        """A claim may hold that nobody knows of."""
        self.unheard_since = began if self.unheard_since is None else self.unheard_since

    def distrust(self) -> None:
        """Something went wrong that nobody has thought of: nothing is given back that might have left."""
        self.unheard_since = None

    def tie(self, write: Callable[[Sequence[Outcome], Account], None]) -> None:
        """Record what is left, oldest first; raises what `write` raises and keeps the rest."""
        while self.unrecorded:
            write(*self.unrecorded[0])
            del self.unrecorded[0]

    def disown(self, engine: Engine, clock: Clock, child: int, lease_s: float) -> int:
        """Give back what was claimed unheard; returns how many. Only while the child has nothing on the wire.

        Looked for until its lease is over: a commit may arrive late.
        """
        since = self.unheard_since
        if since is None or self.unrecorded:
            return 0
        passed = Lease.clock() - since
        with engine.begin() as connection:
            owned = stranded.claimed_since(connection, child=child, seconds=passed, lease_s=lease_s)
            changes = [
                Change(
                    run, delivery, DeliveryState.PLANNED, reason=str(Reason.LEASE_LOST), refund=1, child=child,
                    attempt=attempt,
                )
                for run, delivery, attempt in owned
            ]  # fmt: skip
            moved = deliveries.advance(connection, changes, now=clock.now(), shard=child)
        if passed > 2 * lease_s:
            self.unheard_since = None
        return len(moved)
