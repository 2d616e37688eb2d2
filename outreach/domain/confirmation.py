"""What a citizen is told who has refused further messages: once, at once, free (Decree 91/2020)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from outreach.domain.sms_text import TextForm, formed
from outreach.domain.words import Channel

ANSWERING: Final = (Channel.SMS, Channel.ZALO_OA, Channel.TELEGRAM)
"""Channels on which a citizen can write and be answered; a brandname's SMS have no inbound side."""
QUIET: Final = timedelta(hours=24)
"""An address gets no second confirmation within this time, however often it refuses."""
WORTH: Final = timedelta(hours=24)
"""After this a confirmation that could not be sent says nothing any more: late is not sent."""

_CHAT: Final = (
    "Chúng tôi đã ghi nhận: bạn không muốn nhận tin nữa. Chúng tôi sẽ không gửi tin cho bạn ở đây, trừ tin khẩn cấp."
    " Muốn nhận lại thông báo, hãy nhắn: BAT DAU"
)
TEXTS: Final[Mapping[Channel, str]] = {
    Channel.SMS: "Đã ghi nhận: chúng tôi sẽ không gửi tin tới số này nữa, trừ tin khẩn cấp. Để nhận lại, nhắn: BAT DAU",
    Channel.ZALO_OA: _CHAT,
    Channel.TELEGRAM: _CHAT,
}
"""Without its marks the SMS is one part."""


def confirmation(channel: Channel, form: TextForm) -> str:
    """The words for a channel, an SMS in the account's form of text."""
    text = TEXTS[channel]
    return formed(text, form) if channel is Channel.SMS else text
