"""What a mail server's replies mean for a delivery.

Source: RFC 5321 (replies), RFC 3463 (enhanced status). The server's own text is never repeated: it names people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from channels.bounce_codes import NOBODY_THERE, is_hard
from channels.contract import ErrorKind, SendError

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")


_ADDRESS = re.compile(r"\S*@\S*")
"""What a server repeats of the recipient: no word of its own."""


class Step(StrEnum):
    """Where in the dialogue a reply came."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


_REASONS: Final[Mapping[str, str]] = {
    **NOBODY_THERE,
    "5.2.2": "the mailbox is full",
    "5.2.3": "the message is too long for the mailbox",
    "5.3.4": "the message is too big for the server",
    "5.7.1": "the server's policy refuses the message",
}
_SOFT: Final = frozenset({"5.2.2"})
"""Final by their class, yet they pass (a full mailbox is emptied): tried again a few times."""
_ACCOUNT_CODES = frozenset({530, 534, 535, 538})
_FALLBACK: Final[Mapping[Step, tuple[ErrorKind, str]]] = {
    Step.CONNECT: (ErrorKind.MISCONFIGURED, "the server refuses our connection"),
    Step.LOGIN: (ErrorKind.MISCONFIGURED, "the server refuses username or password"),
    Step.SENDER: (ErrorKind.MISCONFIGURED, "the server refuses our sender address"),
    Step.RECIPIENT: (ErrorKind.REJECTED, "the server refuses the recipient"),
    Step.CONTENT: (ErrorKind.REJECTED, "the server refuses the message"),
}


def refusal(step: Step, code: int, text: str) -> SendError:
    """The error for a reply that is not success; `text` is read for its enhanced status, not shown."""
    found = _ENHANCED.match(text)
    shown = found.group(1) if found else str(code)
    if code in _ACCOUNT_CODES:
        return SendError(ErrorKind.MISCONFIGURED, shown, "the server refuses username or password, or asks for them")
    if shown in _SOFT:
        return SendError(ErrorKind.TRANSIENT, shown, _REASONS[shown])
    if not 500 <= code < 600:
        return SendError(ErrorKind.TRANSIENT, shown, f"the server asks to try later (at {step})")
    if step is Step.RECIPIENT and "relay" in _ADDRESS.sub("", text).lower():
        return SendError(ErrorKind.MISCONFIGURED, shown, "the server does not relay for us; check username and from")
    kind, reason = _FALLBACK[step]
    if kind is not ErrorKind.REJECTED:
        return SendError(kind, shown, reason)
    return SendError(kind, shown, _REASONS.get(shown, reason), hard_bounce=is_hard(shown))
