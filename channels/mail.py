"""The bytes of an e-mail: headers, a text part and an HTML alternative, in ASCII throughout.

Source: RFC 5322, RFC 2047 (subjects), RFC 3834 (Auto-Submitted), RFC 8058 (one-click unsubscribe).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr

from channels.contract import Outgoing

_POLICY = compat32.clone(linesep="\r\n", max_line_length=998)
"""A long address stays on its header's first line; what needs encoding is folded by `_words`."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all e-mails of an account share; addresses may carry a display name, except `unsubscribe` and `bounce`."""

    sender: str
    reply_to: str = ""
    bounce: str = ""
    unsubscribe: str = ""

    @property
    def domain(self) -> str:
        """The sender's mail domain."""
        return parseaddr(self.sender)[1].rpartition("@")[2]

    def message_id(self, key: str) -> str:
        """The Message-ID (without brackets) of the message with this key."""
        return f"{key}@{self.domain}"

    def envelope_sender(self, key: str) -> str:
        """Where bounces go: `bounce+<key>@…`, so that one tells which message it is of, else the sender."""
        if not self.bounce:
            return parseaddr(self.sender)[1]
        local, _, domain = self.bounce.rpartition("@")
        return f"{local}+{key}@{domain}"


def is_address(value: str) -> bool:
    """Whether `value` is a bare address that is safe on the wire: ASCII, one @, no space, control or bracket."""
    local, _, domain = value.rpartition("@")
    safe = value.isascii() and value.isprintable() and not set(value) & set(' <>()[],;:"\\')
    return bool(safe and local and domain and "@" not in local)


def is_header(value: str) -> bool:
    """Whether `value` fits in one header: no line break and no other control character can add a second one."""
    return not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in value)


def compose(outgoing: Outgoing, head: Letterhead, at: datetime | None = None) -> bytes:
    """The whole message, lines ended by CRLF; address, subject and letterhead have passed the checks above."""
    message = _body(outgoing)
    message["From"] = _written(head.sender)
    message["To"] = outgoing.to
    if head.reply_to:
        message["Reply-To"] = _written(head.reply_to)
    message["Subject"] = _words(unicodedata.normalize("NFC", outgoing.content.subject), "Subject")
    message["Date"] = format_datetime(at or datetime.now(UTC))
    message["Message-ID"] = f"<{head.message_id(outgoing.key)}>"
    message["Auto-Submitted"] = "auto-generated"
    if outgoing.unsubscribe_url:
        ways = [f"<{outgoing.unsubscribe_url}>"]
        if head.unsubscribe:
            ways.append(f"<mailto:{head.unsubscribe}?subject=unsubscribe>")
        message["List-Unsubscribe"] = ", ".join(ways)
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    text = message.as_bytes(policy=_POLICY)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def _body(outgoing: Outgoing) -> Message:
    content = outgoing.content
    parts = [MIMEText(text, kind, "utf-8") for text, kind in ((content.body, "plain"), (content.html, "html")) if text]
    return parts[0] if len(parts) == 1 else MIMEMultipart("alternative", _subparts=parts)


def _written(address: str) -> str:
    name, bare = parseaddr(address)
    if name.isascii():
        return formataddr((name, bare))
    return f"{_words(name, 'Reply-To')} <{bare}>"


def _words(text: str, header: str) -> str:
    """RFC 2047 words of at most 75 characters, folded; ASCII stays as it is."""
    return text if text.isascii() else Header(text, "utf-8", header_name=header).encode()
