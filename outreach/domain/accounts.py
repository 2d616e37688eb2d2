"""What planning and dispatch need to know of a provider account: limits, price, who may use it; no secrets."""

from __future__ import annotations

from dataclasses import dataclass

from outreach.domain.sms_text import TextForm
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account, as `accounts.toml` describes it.

    `rate` and `burst` count messages a second (SMS parts for sms); `price` is VND a message (a part for sms);
    `weight` shares deliveries among accounts of one channel; `unit` limits it to a subtree ("" for everyone).
    `deduplicates_for` is in seconds.
    """

    name: str
    channels: tuple[Channel, ...]
    provider: str
    rate: float
    burst: int
    price: int
    weight: int
    unit: str
    text_form: TextForm
    proof: DeliveryState
    receipts: bool
    deduplicates_for: int
    can_ask: bool
    tracks: bool

    def serves(self, channel: Channel) -> bool:
        """Whether deliveries of `channel` may go through this account."""
        return channel in self.channels
