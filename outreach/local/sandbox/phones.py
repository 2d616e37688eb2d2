"""Phone numbers as providers here take them: 84…, 0… or +84…; the log has them as +84…."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?:\+?84|0)(?P<rest>[1-9][0-9]{8,9})")


def international(phone: str) -> str:
    """The number with +84, "" for what is no Vietnamese number."""
    found = _NUMBER.fullmatch(phone.strip())
    return f"+84{found['rest']}" if found else ""
