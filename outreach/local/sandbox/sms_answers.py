"""What a citizen can answer to an SMS, and how its provider tells of it."""

from __future__ import annotations

from urllib.parse import urlencode

from outreach.local.sandbox.book import Book, new_id
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Entry

_HEARS = "twilio"
"""The provider here that has numbers of its own; the others send under brand names, which take no answer."""


def answerable(book: Book, phone: str) -> Entry | None:
    """The last SMS to a phone that its owner can answer: it came from a number, not from a brand name."""
    return next((entry for entry in reversed(book.to(phone)) if _is_from_a_number(entry)), None)


def _is_from_a_number(entry: Entry) -> bool:
    return entry.channel == "sms" and entry.provider == _HEARS and entry.sender.removeprefix("+").isdigit()


def sms_answer(config: SandboxConfig, asked: Entry, text: str) -> str:
    """The form in which Twilio tells of an answer to the message `asked`; it is signed when it is sent."""
    sid = new_id("SM")
    form = {
        "AccountSid": config.account_sid,
        "ApiVersion": "2010-04-01",
        "Body": text,
        "From": asked.to,
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": asked.sender,
    }
    return urlencode(form)
