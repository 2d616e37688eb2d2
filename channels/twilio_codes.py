"""What Twilio's error codes mean for a delivery. Plain data: correct it here.

Source: Twilio's error dictionary. Twilio splits codes from time to time, so an unknown one is judged by its HTTP
status. The texts are ours: Twilio's own repeat the recipient's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.contract import ErrorKind
from channels.contract import ErrorKind as Kind

CODES: Final[Mapping[str, tuple[ErrorKind, str]]] = {
    # the account
    "20003": (Kind.MISCONFIGURED, "account_sid or auth_token is wrong"),
    "20005": (Kind.MISCONFIGURED, "the account is not active"),
    "20404": (Kind.MISCONFIGURED, "the account is not known at this address; check account_sid and base_url"),
    "20429": (Kind.THROTTLED, "too many requests"),
    "21212": (Kind.MISCONFIGURED, "the sender's number is not valid"),
    "21603": (Kind.MISCONFIGURED, "a sender is missing; set from or messaging_service_sid"),
    "21606": (Kind.MISCONFIGURED, "the sender's number cannot send SMS or is not this account's"),
    "21611": (Kind.THROTTLED, "the sender's queue is full"),
    "21659": (Kind.MISCONFIGURED, "the sender is not a Twilio number"),
    "21660": (Kind.MISCONFIGURED, "the sender is not a number of this account"),
    "21701": (Kind.MISCONFIGURED, "the messaging service does not exist"),
    "21703": (Kind.MISCONFIGURED, "the messaging service has no sender"),
    "30002": (Kind.MISCONFIGURED, "the account is suspended"),
    # the recipient
    "21211": (Kind.REJECTED, "the number is not valid"),
    "21408": (Kind.REJECTED, "the account may not send to this country"),
    "21610": (Kind.OPTED_OUT, "the recipient has refused messages"),
    "21612": (Kind.REJECTED, "the number cannot be reached from this sender"),
    "21614": (Kind.REJECTED, "the number is not a mobile number"),
    "30004": (Kind.REJECTED, "the message was blocked"),
    "30005": (Kind.REJECTED, "the number is unknown or no longer in use"),
    "30006": (Kind.REJECTED, "the number is a landline or its network cannot be reached"),
    # the text
    "21602": (Kind.REJECTED, "the text is empty"),
    "21617": (Kind.REJECTED, "the text is longer than 1600 characters"),
    "30007": (Kind.REJECTED, "the network filtered the text"),
    # the moment
    "30001": (Kind.TRANSIENT, "the queue overflowed"),
    "30003": (Kind.TRANSIENT, "the phone could not be reached"),
    "30008": (Kind.TRANSIENT, "delivery failed for a reason the network does not tell"),
    "30017": (Kind.TRANSIENT, "the network is congested"),
}


def meaning(code: str, status: int) -> tuple[ErrorKind, str]:
    """What a refusal means: by its code, else by its HTTP status (300 and up)."""
    return CODES.get(code) or by_status(status)


def reason(code: str) -> str:
    """The plain reason of a code, "" for none."""
    if not code:
        return ""
    return CODES[code][1] if code in CODES else f"Twilio's error {code}"


def by_status(status: int) -> tuple[ErrorKind, str]:
    """What an HTTP status alone means.

    A 5xx counts as not processed, as Twilio's guidance has it; only a 504 is a time-out after the request.
    """
    if status == 429:
        return Kind.THROTTLED, "too many requests"
    if status == 504:
        return Kind.UNCERTAIN, "the provider's gateway timed out"
    if status == 408 or status >= 500:
        return Kind.TRANSIENT, f"the provider is out of order (HTTP {status})"
    if status in (401, 403):
        return Kind.MISCONFIGURED, f"the provider refuses the account (HTTP {status})"
    if status < 400 or status in (404, 405):
        return Kind.MISCONFIGURED, f"this is not Twilio's address (HTTP {status}); check base_url and account_sid"
    return Kind.REJECTED, f"the provider refused the message (HTTP {status})"
