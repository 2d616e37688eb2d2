"""What keeps a script from being published to a station, in words for people. Plain data: correct it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

ADVICE: Final[Mapping[str, Advice]] = {
    "empty": Advice(
        "Bài phát thanh không có nội dung.", "Viết nội dung rồi gửi lại.",
        "The script has no text.", "Write one and send it again.",
    ),
    "too_long": Advice(
        "Bài phát thanh dài hơn thời gian cho phép.", "Rút ngắn bài, hoặc chia thành nhiều bài.",
        "The script takes longer than is allowed.", "Shorten it, or make several of it.",
    ),
}  # fmt: skip
