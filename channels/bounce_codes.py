"""What the status of an e-mail means that was refused or came back: for the recipient's address, or for us.

Source: RFC 3463 and its registry (enhanced status codes); RFC 7505 (5.1.10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOBODY_THERE: Final[Mapping[str, str]] = {
    "5.1.1": "the mailbox does not exist",
    "5.1.2": "the mail domain does not exist",
    "5.1.3": "the address is not valid",
    "5.1.6": "the mailbox has moved",
    "5.1.10": "the mail domain takes no mail",
    "5.2.1": "the mailbox is disabled",
}
"""Statuses after which an address is not written to again, whether a server says so at once or returns the message.

A full mailbox (5.2.2) may be emptied, so it is not here; nor is a bare 550, which policy gives as well.
"""

_OTHERS: Final[Mapping[str, str]] = {
    "5.2.2": "the mailbox is full",
    "5.2.3": "the message is too long for the mailbox",
    "5.3.4": "the message is too big for the server",
    "4.4.7": "it could not be delivered in time",
    "5.4.7": "it could not be delivered in time",
}
_CLASSES: Final[Mapping[str, str]] = {
    "1": "the address was refused",
    "2": "the mailbox does not take the message",
    "3": "the recipient's mail system does not take the message",
    "4": "the recipient's mail system was not reached",
    "5": "the mail servers did not understand each other",
    "6": "the recipient's mail system does not take this kind of content",
    "7": "the recipient's mail system refuses us by its policy",
}


def is_hard(code: str) -> bool:
    """Whether nobody can be reached at the address any more."""
    return code in NOBODY_THERE


def blames_us(code: str) -> bool:
    """Whether policy refused it: our reputation, signature, content, rate; never the recipient's address."""
    return code[1:].startswith(".7.")


def meaning(code: str) -> str:
    """A status in words; of one that is not known, those of its subject."""
    subject = code.split(".")[1] if code.count(".") == 2 else ""
    return NOBODY_THERE.get(code) or _OTHERS.get(code) or _CLASSES.get(subject, "the message came back")
