"""How many messages one address may get in a while, per message class and channel.

Source: Decree 91/2020/NĐ-CP (advertising: at most 3 SMS to a number and 3 e-mails to an address in 24 hours). Service
notices are bound by the same figures as our own default, Zalo likewise; Telegram, where a person has written first,
by twice as many. Loudspeakers have slots instead of caps, an emergency has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from outreach.domain.words import Channel, MessageClass


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` messages to one address within any `per`."""

    most: int
    per: timedelta = timedelta(hours=24)

    def room(self, already: int) -> int:
        """How many more may go to an address that got `already` of them within `per`; never negative."""
        return max(0, self.most - already)


_BOUND: Mapping[Channel, Cap] = {
    Channel.SMS: Cap(3),
    Channel.EMAIL: Cap(3),
    Channel.ZALO_OA: Cap(3),
    Channel.ZALO_ZNS: Cap(3),
    Channel.TELEGRAM: Cap(6),
}

CAPS: Mapping[tuple[MessageClass, Channel], Cap] = {
    (message_class, channel): cap
    for message_class in (MessageClass.SERVICE_NOTICE, MessageClass.ADVERTISING)
    for channel, cap in _BOUND.items()
}
"""The cap of each class and channel; what is not in it has none."""
