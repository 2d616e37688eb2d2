"""Loudspeakers: a script is published to a station's officers; nothing leaves the machine.

The officer's confirmation, which the engine records itself, is the proof of the broadcast.
"""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import Field

from channels import contract, station_advice
from channels.abilities import Advice
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    Event,
    Outgoing,
    Problem,
    ReceiptState,
    VerificationError,
    WebhookRequest,
)

SYLLABLES_PER_MINUTE: Final = 140
"""Outdoors 130–150 syllables a minute are understood; Vietnamese writes syllables apart."""
_FOR_EVER = 10 * 365 * 86_400


class StationConfig(contract.Config):
    """Settings of the loudspeaker account. `max_minutes`: the longest script read out in one piece."""

    max_minutes: float = Field(15, gt=0, le=120)


class Station:
    """Publishes scripts to the officers of the stations."""

    kinds: ClassVar[tuple[str, ...]] = ("loudspeaker",)
    provider: ClassVar[str] = "station"
    Config: ClassVar[type[contract.Config]] = StationConfig
    capabilities: ClassVar[Capabilities] = Capabilities(deduplicates_for=_FOR_EVER)
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED

    def __init__(self, config: StationConfig, *, timeout: float) -> None:
        self._config = config

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return station_advice.ADVICE.get(code)

    def check(self, content: Content) -> list[Problem]:
        """A script has words, and not more than its minutes hold at 140 syllables a minute."""
        syllables = len(content.body.split())
        if not syllables:
            return [Problem("empty", "the script has no text; write one")]
        minutes = syllables / SYLLABLES_PER_MINUTE
        if minutes > self._config.max_minutes:
            limit = f"{self._config.max_minutes:g}"
            return [Problem("too_long", f"the script takes about {minutes:.0f} minutes; at most {limit} are read out")]
        return []

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Publish under the key; publishing again changes nothing. Raises SendError(NOT_SENT) past the lease."""
        outgoing.lease.check()
        return Accepted(outgoing.key)

    def verify(self, request: WebhookRequest) -> None:
        """Refuse: stations call nobody."""
        raise VerificationError("loudspeakers have no callbacks")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Nothing: stations call nobody."""
        return []

    async def aclose(self) -> None:
        """Nothing is open."""
