"""What citizens wrote, as staff read it: texts opened, senders masked, and the message each of them answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from outreach.domain.email_addresses import mask_email
from outreach.domain.errors import OutreachError
from outreach.domain.phones import mask_phone
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.store import inbound
from outreach.store.inbound import Inbound, State

PAGE: Final = 200
UNREADABLE: Final = "?"
"""Stands for what cannot be opened because its key is missing."""

HEADINGS: Final = {
    "id": "Mã tin đến",
    "at": "Đến lúc",
    "channel": "Kênh",
    "account": "Tài khoản kênh",
    "sender": "Người gửi",
    "contacts": "Mã người nhận",
    "names": "Họ tên",
    "unit": "Đơn vị",
    "text": "Nội dung",
    "campaign": "Chiến dịch",
    "message": "Trả lời thông điệp",
    "delivery": "Trả lời lượt gửi",
    "state": "Trạng thái",
    "settled_by": "Người xử lý",
}
"""Columns of the CSV and their Vietnamese headings."""
STATES: Final = {State.NEW: "mới", State.ANSWERED: "đã trả lời", State.CLOSED: "đã đóng"}


@dataclass(frozen=True, slots=True)
class Line:
    """A text for the eyes of its caller; `sender` is masked."""

    of: Inbound
    sender: str
    text: str

    @property
    def answers(self) -> str | None:
        """The public id of the delivery it answers."""
        return None if self.of.run is None else f"{self.of.run}.{self.of.delivery}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        one = self.of
        return {
            "id": one.id,
            "at": one.at.isoformat(),
            "channel": str(one.channel),
            "account": one.account,
            "sender": self.sender,
            "contacts": [
                {"id": number, "name": name} for number, name in zip(one.contacts, one.names, strict=True)
            ],
            "unit": one.unit_code,
            "text": self.text,
            "answers": None if self.answers is None
            else {"delivery": self.answers, "campaign": one.campaign, "message": one.message},
            "state": str(one.state),
            "settled_at": None if one.settled_at is None else one.settled_at.isoformat(),
            "settled_by": one.settled_by,
        }  # fmt: skip

    def cells(self, at: str) -> list[str]:
        """The columns of `HEADINGS`; `at` as the reader's clock has it."""
        one = self.of
        values = (
            one.id, at, one.channel, one.account, self.sender, ", ".join(map(str, one.contacts)),
            ", ".join(one.names), one.unit_code, self.text, one.campaign, one.message, self.answers,
            STATES[one.state], one.settled_by,
        )  # fmt: skip
        return ["" if value is None else str(value) for value in values]


def lines(
    engine: Engine, keys: KeyRing, *, scope: Scope, state: State | None = None, limit: int | None = None
) -> Iterator[Line]:
    """What was written, the latest first; of people in the scope, of strangers too for who sees everything."""
    before: int | None = None
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        with engine.connect() as connection:
            page = inbound.page(connection, scope=scope, state=state, before=before, limit=size)
        yield from (_line(one, keys) for one in page)
        if len(page) < size:
            return
        before = page[-1].id
        left = None if left is None else left - size


def show(engine: Engine, keys: KeyRing, number: int, *, scope: Scope) -> Line:
    """One text; raises NotFound."""
    with engine.connect() as connection:
        return _line(inbound.by_id(connection, number, scope=scope), keys)


def settle(
    engine: Engine, keys: KeyRing, number: int, state: State, *, who: str, now: datetime, scope: Scope
) -> Line:  # fmt: skip
    """Take down that somebody has dealt with a text; raises NotFound."""
    with engine.begin() as connection:
        return _line(inbound.settle(connection, number, state, who=who, now=now, scope=scope), keys)


def _line(one: Inbound, keys: KeyRing) -> Line:
    try:
        sender, body = keys.open(one.sender, one.key_version), keys.open(one.body, one.key_version)
    except OutreachError:  # the key is missing: the others are shown all the same
        return Line(one, UNREADABLE, UNREADABLE)
    return Line(one, mask_email(sender) if one.channel is Channel.EMAIL else mask_phone(sender), _tame(body))


def _tame(text: str) -> str:
    """Without signs that would steer a terminal or turn the direction of what stands around it."""
    return "".join(sign if sign.isprintable() or sign in "\n\t\u200d" else " " for sign in text)
