"""What planning and dispatch need to know of a provider account: limits, price, who may use it; no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from outreach.domain.sms_text import TextForm
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account, as `accounts.toml` describes it.

    `rate` and `burst` count messages a second (SMS parts for sms); `price` is VND a message (a part for sms);
    `weight` shares deliveries among accounts of one channel; `unit` limits it to a subtree ("" for everyone).
    `deduplicates_for` is in seconds; the midnight of the zone `deduplicates_within_day_of` ends it too ("": none does).
    `proof` counts as reached on every channel that `proofs` does not name.
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
    proofs: Mapping[Channel, DeliveryState] = field(default_factory=dict)
    windows: Mapping[Channel, timedelta] = field(default_factory=dict)
    """How long after somebody's last interaction they may be written to, on the channels where that ends."""
    deduplicates_within_day_of: str = ""
    public_name: str = ""
    """What citizens find it by: the id of an OA, the username of a bot; "" where it has none."""
    trial: bool = False
    """Whether it writes to listed test addresses only."""
    fewest_at_once: int = 1
    """Messages without which its gateway takes no list."""

    def proof_on(self, channel: Channel) -> DeliveryState:
        """The state that counts as reached on `channel`, and ends the cascade."""
        return self.proofs.get(channel, self.proof)

    def serves_at(self, path: str) -> bool:
        """Whether a unit at `path` (`01/00454/`, its own code last) lies in the account's part of the tree."""
        return not self.unit or self.unit in path.split("/")

    def serves(self, channel: Channel) -> bool:
        """Whether deliveries of `channel` may go through this account."""
        return channel in self.channels
