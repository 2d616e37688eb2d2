"""A commune with an OA and a bot, people with phones, and what citizens do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text

from channels.contract import AddressChanged, Event, Inbound, Joined, OptOut
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.receipts.receiver import Receiver
from tests.world import World, account

OA = account("oa", Channel.ZALO_OA, provider="zalo")
BOT = account("bot", Channel.TELEGRAM, DeliveryState.ACCEPTED, provider="telegram")


@dataclass
class Citizens:
    """What citizens do at a time `ago` (seconds before now), told to the receiver at once."""

    world: World
    receiver: Receiver
    numbers: Any = field(default_factory=lambda: count(1))

    def tell(self, *events: Event, to: str = "oa") -> int:
        return self.receiver.take(to, events)

    def _event(self, ago: float) -> tuple[str, Any]:
        return f"event {next(self.numbers)}", self.world.clock.now() - timedelta(seconds=ago)

    def come(
        self, sender: str, token: str = "", *, phone: str = "", name: str = "", ago: float = 0, to: str = "oa"
    ) -> Joined:
        event = Joined(*self._event(ago), sender=sender, token=token, phone=phone, name=name)
        self.tell(event, to=to)
        return event

    def leave(self, sender: str, *, ago: float = 0, to: str = "oa") -> None:
        self.tell(AddressChanged(*self._event(ago), old=sender), to=to)

    def move(self, old: str, new: str, *, ago: float = 0, to: str = "oa") -> None:
        self.tell(AddressChanged(*self._event(ago), old=old, new=new), to=to)

    def write(self, sender: str, words: str, *, ago: float = 0, to: str = "oa") -> None:
        self.tell(Inbound(*self._event(ago), sender=sender, text=words), to=to)

    def refuse(self, sender: str, *, ago: float = 0, to: str = "oa") -> None:
        self.tell(OptOut(*self._event(ago), sender=sender), to=to)

    def token(self, name: str, *, days_ago: int = 0) -> str:
        day = self.world.clock.now().date() - timedelta(days=days_ago)
        return self.world.keys.invitation(self.world.people[name], day)

    def addresses(self) -> list[tuple[str, str, str, str]]:
        """(name, channel, account, address) of the bound channels, opened."""
        with self.world.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT c.full_name, a.* FROM addresses a JOIN contacts c ON c.id = a.contact_id"
                    " WHERE a.channel IN ('zalo_oa', 'telegram') ORDER BY c.full_name, a.id"
                )
            )
            opened = self.world.keys.open
            return [(row.full_name, row.channel, row.account, opened(row.value, row.key_version)) for row in rows]

    def of(self, name: str) -> list[str]:
        return [address for whose, _, _, address in self.addresses() if whose == name]

    def waiting(self) -> list[str]:
        """Why those wait whom nobody could be linked with."""
        return [row.why for row in self.select("SELECT why FROM arrivals WHERE why IS NOT NULL ORDER BY id")]

    def barred(self) -> list[tuple[str, str, str]]:
        rows = self.select('SELECT channel, class AS about, reason FROM suppressions ORDER BY channel, "class"')
        return [(row.channel, row.about, row.reason) for row in rows]

    def select(self, sql: str) -> list[Any]:
        with self.world.engine.connect() as connection:
            return list(connection.execute(text(sql)))


def household(world: World) -> None:
    """Two who share a phone, one alone, a child with a guardian, one of another commune."""
    world.person("Nguyễn Văn Hùng", phone="+84912000001")
    world.person("Trần Thị Hoa", phone="+84912000001")
    world.person("Lê Minh Quân", phone="+84912000003")
    world.person("Nguyễn Bảo Ngọc", born=date(2015, 5, 1), guardian="Trần Thị Hoa")
    world.person("Phạm Thị Lan", phone="+84912000005", unit="00004")
