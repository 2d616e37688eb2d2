"""What eSMS's result codes mean for a message. Plain data: correct it here.

Source: eSMS's table of error codes. An unknown code is judged in `meaning`. The texts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.contract import ErrorKind
from channels.contract import ErrorKind as Kind

ACCEPTED: Final = "100"
TOO_FEW: Final = "107"
FEWEST: Final = 30
MOST: Final = 5000
"""Numbers of one request for advertising."""
DUPLICATE: Final = "124"
IN_A_LIST: Final = "list"
"""Of ours: the message left in a list, of which eSMS reports totals."""
"""The RequestId was there before on the same day: eSMS has the message already, and sends nothing again."""

CODES: Final[Mapping[str, tuple[ErrorKind, str]]] = {
    # the account
    "101": (Kind.MISCONFIGURED, "api_key or secret_key is wrong"),
    "102": (Kind.MISCONFIGURED, "the account has no price list; ask eSMS"),
    "103": (Kind.MISCONFIGURED, "the account's balance does not suffice; top it up"),
    "104": (Kind.MISCONFIGURED, "the brandname does not exist or is not active"),
    "107": (Kind.WINDOW_CLOSED, "advertising goes to at least 30 valid numbers at once"),
    "118": (Kind.MISCONFIGURED, "the account may not send this type of message"),
    "140": (Kind.MISCONFIGURED, "this machine's IP address is not on eSMS's list; ask eSMS to add it"),
    "300": (Kind.MISCONFIGURED, "the type of message is missing"),
    # the recipient
    "99": (Kind.REJECTED, "the number is blocked at eSMS"),
    "108": (Kind.REJECTED, "the number is not in the right form"),
    "177": (Kind.REJECTED, "the brandname is not registered with the number's network"),
    # a question about a message, which the engine does not ask
    "105": (Kind.TRANSIENT, "eSMS does not know the message it was asked for"),
    # the text
    "110": (Kind.REJECTED, "the request's data are incorrect"),
    "120": (Kind.REJECTED, "too many numbers in one request"),
    "146": (Kind.REJECTED, "the text does not match a template registered for the brandname"),
}

SEND_STATUS: Final[Mapping[str, str]] = {
    "1": "waiting for approval",
    "2": "queued",
    "4": "rejected",
    "5": "finished",
    "7": "waiting for the network's report",
}
"""eSMS's `SendStatus`, in callbacks and beside a duplicate."""
REJECTED_STATUS: Final = "4"
FINISHED_STATUS: Final = "5"

LONGEST_PLAIN: Final = 612
"""Characters of a text without diacritics: four parts. Not in eSMS's own pages: what Vietnamese gateways take."""
LONGEST_UNICODE: Final = 268
"""UTF-16 units of a text with diacritics: four parts. Not in eSMS's own pages either."""


def meaning(code: str) -> tuple[ErrorKind, str]:
    """What a refusal means; an unknown code is tried again, which the RequestId makes harmless."""
    return CODES.get(code, (Kind.TRANSIENT, f"eSMS's error {code}"))


def by_status(status: int) -> tuple[ErrorKind, str]:
    """What an HTTP status alone means; a gateway's time-out tells nothing of the request."""
    if status == 429:
        return Kind.THROTTLED, "too many requests"
    if status in (502, 504):
        return Kind.UNCERTAIN, f"a gateway on the way to eSMS failed (HTTP {status})"
    if status == 408 or status >= 500:
        return Kind.TRANSIENT, f"eSMS is out of order (HTTP {status})"
    if status in (401, 403):
        return Kind.MISCONFIGURED, f"eSMS refuses the account (HTTP {status})"
    if status < 400 or status in (404, 405):
        return Kind.MISCONFIGURED, f"this is not eSMS's address (HTTP {status}); check base_url"
    return Kind.REJECTED, f"eSMS refuses the message (HTTP {status})"
