"""Chunks on the wire: what was claimed for one, what leaves, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from channels.contract import Accepted, Adapter, Lease, SendError
from outreach.dispatch.lists import send_all
from outreach.dispatch.messages import Ready
from outreach.dispatch.outcome import Outcome
from outreach.domain.circuits import Tally
from outreach.store.claims import Claimed, OpenRun

MARGIN = 0.8
"""The share of a lease in which writing may begin; the rest is for the wire and for recording."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a chunk, message by message; `seconds`: how long the slowest took."""

    results: Sequence[Accepted | BaseException]
    seconds: float


@dataclass(frozen=True, slots=True)
class Flight:
    """A chunk on the wire. `probe`: it finds out whether an ill account is well again."""

    messages: Sequence[Ready]
    landing: Future[Landed]
    probe: bool = False

    @property
    def runs(self) -> set[int]:
        """The runs it carries messages of."""
        return {message.claimed.run for message in self.messages}

    def call_back(self) -> None:
        """Let nothing more of it be written: what has not left comes back as not sent."""
        for message in self.messages:
            message.outgoing.lease.deadline = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a chunk, for its deliveries and for its account."""

    outcomes: Sequence[Outcome]
    tally: Tally
    probe: bool

    @property
    def is_broken(self) -> bool:
        """Whether a person has to mend the account."""
        return any(one.broken for one in self.outcomes)

    @property
    def is_smooth(self) -> bool:
        """Whether nothing speaks against going on with the account at once."""
        return not (self.probe or self.tally.ill or any(one.broken or one.hold for one in self.outcomes))


@dataclass(frozen=True, slots=True)
class Taken:
    """What was claimed for a chunk, of which runs, under which lease; `refused`: rows that will not be sent.

    `began`: when the claim did, by the lease's clock.
    """

    claimed: Sequence[Claimed]
    runs: Mapping[int, OpenRun]
    refused: int
    lease: Lease
    began: float
    probe: bool = False


NOTHING = Landed((), 0.0)
"""Of a flight of nobody."""


async def fly(adapter: Adapter, messages: Sequence[Ready], hear: Callable[[SendError], None]) -> Landed:
    """Send a chunk and time it; `hear` is told of each error as soon as it comes."""
    began = time.monotonic()
    results = await send_all(adapter, messages, hear)
    return Landed(results, time.monotonic() - began)
