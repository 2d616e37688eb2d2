"""What Telegram's refusals mean for a delivery. Plain data: correct it here.

Telegram names its reasons in English sentences, which a code of ours stands for. They are written from its answers,
not from a table: Telegram has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.contract import ErrorKind, SendError
from channels.contract import ErrorKind as Kind

CODES: Final[Mapping[str, tuple[ErrorKind, str]]] = {
    "blocked": (Kind.OPTED_OUT, "the recipient has blocked the bot"),
    "kicked": (Kind.OPTED_OUT, "the bot was put out of the group"),
    "deactivated": (Kind.REJECTED, "the recipient's account is gone"),
    "forbidden": (Kind.REJECTED, "the recipient has not written to the bot, or has left it"),
    "chat_not_found": (Kind.REJECTED, "there is no such chat"),
    "text": (Kind.REJECTED, "Telegram refuses the text: empty, too long or not readable"),
    "no_rights": (Kind.REJECTED, "the bot may not write in that chat"),
    "400": (Kind.REJECTED, "Telegram refuses the message"),
    "429": (Kind.THROTTLED, "too many messages"),
}

_FORBIDDEN: Final = (("blocked", "blocked"), ("kicked", "kicked"), ("deactivated", "deactivated"))
_REFUSED: Final = (
    ("chat not found", "chat_not_found"),
    ("user not found", "chat_not_found"),
    ("peer_id_invalid", "chat_not_found"),
    ("message is too long", "text"),
    ("text is empty", "text"),
    ("text must be", "text"),
    ("rights", "no_rights"),
    ("restricted", "no_rights"),
)
"""By words of Telegram's sentence in small letters, the first that is in it."""


def forbidden(text: str) -> SendError:
    """What a 403 of the Bot API means; `text` in small letters."""
    return of(next((code for words, code in _FORBIDDEN if words in text), "forbidden"))


def refused(text: str) -> SendError:
    """What a 400 of the Bot API means; `text` in small letters."""
    return of(next((code for words, code in _REFUSED if words in text), "400"))


def of(code: str, retry_after: float | None = None) -> SendError:
    """The error of a code in the table."""
    kind, reason = CODES[code]
    return SendError(kind, code, reason, retry_after)


def by_status(status: int, *, told: bool = False) -> SendError:
    """What an HTTP status alone means; `told`: in the Bot API's own words, so that it says it has not sent it."""
    if status >= 500 and not (told or status == 503):
        return SendError(ErrorKind.UNCERTAIN, str(status), "a gateway on the way to Telegram failed")
    if status >= 500 or status in (408, 409):
        return SendError(ErrorKind.TRANSIENT, str(status), f"Telegram is out of order (HTTP {status})")
    if status == 403 or status < 400:
        what = f"this is not Telegram's address (HTTP {status}); check base_url"
        return SendError(ErrorKind.MISCONFIGURED, str(status), what)
    return SendError(ErrorKind.REJECTED, str(status), f"Telegram refuses the message (HTTP {status})")
