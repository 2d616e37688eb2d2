"""The bytes of an e-mail: headers, a text part, an HTML alternative, attachments, in ASCII throughout.

Written by hand: the standard library's generator takes longer than everything else about a message together.
Source: RFC 5322, RFC 2045 to 2047 (MIME), RFC 2231 (file names), RFC 3834 (Auto-Submitted), RFC 8058 (one click).
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from channels.contract import Attachment, Outgoing
from channels.marks import Marks

Headers = Sequence[tuple[str, bytes]]
"""Names with their values; a folded value holds CRLF and a space."""
_WORD_BYTES: Final = 39
"""Of an encoded word: with `Reply-To: ` before it a line still has less than 76 characters."""
_LINE: Final = 57
"""Bytes that make a base64 line of 76 characters."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all e-mails of an account share; addresses may carry a display name, except `unsubscribe` and `bounce`."""

    sender: str
    reply_to: str = ""
    bounce: str = ""
    unsubscribe: str = ""
    marks: Marks = field(default_factory=Marks)

    @property
    def domain(self) -> str:
        """The sender's mail domain."""
        return parseaddr(self.sender)[1].rpartition("@")[2]

    def message_id(self, key: str) -> str:
        """The Message-ID (without brackets) of the message with this key."""
        return f"{self.marks.marked(key)}@{self.domain}"

    def envelope_sender(self, key: str) -> str:
        """Where bounces go: `bounce+<marked key>@…`, so that one tells which message it is of, else the sender."""
        if not self.bounce:
            return parseaddr(self.sender)[1]
        local, _, domain = self.bounce.rpartition("@")
        return f"{local}+{self.marks.marked(key)}@{domain}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A composed message, its headers apart from its body: they are signed apart."""

    headers: Headers
    body: bytes

    def to_bytes(self) -> bytes:
        """The whole message, lines ended by CRLF."""
        head = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in self.headers)
        return b"%b\r\n%b" % (head, self.body)


def is_address(value: str) -> bool:
    """Whether `value` is a bare address that is safe on the wire: ASCII, one @, no space, control or bracket."""
    local, _, domain = value.rpartition("@")
    safe = value.isascii() and value.isprintable() and not set(value) & set(' <>()[],;:"\\')
    return bool(safe and local and domain and "@" not in local)


def is_header(value: str) -> bool:
    """Whether `value` fits in one header: no line break and no other control character can add a second one."""
    return not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in value)


def is_attachable(file: Attachment) -> bool:
    """Whether name and media type of a file can stand in headers: short, of one line, without quotes in the way."""
    kind, _, form = file.media_type.partition("/")
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789.+-")
    typed = bool(kind and form) and set(kind + form) <= plain and len(file.media_type) <= 100
    return typed and 0 < len(file.name) <= 100 and is_header(file.name) and not set(file.name) & set('"\\/')


def compose(outgoing: Outgoing, head: Letterhead, at: datetime | None = None) -> Letter:
    """The message; its address, subject, attachments and letterhead have passed the checks above."""
    mime, body = _content(outgoing)
    return Letter([*_headers(outgoing, head, at or datetime.now(UTC)), ("MIME-Version", b"1.0"), *mime], body)


def _headers(outgoing: Outgoing, head: Letterhead, at: datetime) -> Iterator[tuple[str, bytes]]:
    yield "From", _written(head.sender)
    yield "To", outgoing.to.encode()
    if head.reply_to:
        yield "Reply-To", _written(head.reply_to)
    yield "Subject", _words(unicodedata.normalize("NFC", outgoing.content.subject))
    yield "Date", format_datetime(at).encode()
    yield "Message-ID", f"<{head.message_id(outgoing.key)}>".encode()
    yield "Auto-Submitted", b"auto-generated"
    if outgoing.unsubscribe_url:
        ways = [f"<{outgoing.unsubscribe_url}>"]
        if head.unsubscribe:
            ways.append(f"<mailto:{head.unsubscribe}?subject=unsubscribe>")
        yield "List-Unsubscribe", ", ".join(ways).encode()
        yield "List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"


def _content(outgoing: Outgoing) -> tuple[Headers, bytes]:
    """The MIME headers and the body. No base64 line holds the `=_` with which a boundary begins."""
    content = outgoing.content
    texts = [_text(text, kind) for text, kind in ((content.body, b"plain"), (content.html, b"html")) if text]
    whole = texts[0] if len(texts) == 1 else _multipart(b"alternative", f"=_a.{outgoing.key}", texts)
    if not content.attachments:
        return whole
    files = [_attached(one) for one in content.attachments]
    return _multipart(b"mixed", f"=_m.{outgoing.key}", [whole, *files])


def _text(text: str, kind: bytes) -> tuple[Headers, bytes]:
    return [
        ("Content-Type", b'text/%b; charset="utf-8"' % kind), ("Content-Transfer-Encoding", b"base64"),
    ], _base64(text.encode("utf-8", "replace"))  # fmt: skip


def _multipart(kind: bytes, boundary: str, parts: Sequence[tuple[Headers, bytes]]) -> tuple[Headers, bytes]:
    line = boundary.encode()
    pieces: list[bytes] = []
    for headers, body in parts:
        pieces += [b"--%b\r\n" % line, *(b"%b: %b\r\n" % (name.encode(), value) for name, value in headers)]
        pieces += [b"\r\n", body]
    pieces.append(b"--%b--\r\n" % line)
    return [("Content-Type", b'multipart/%b; boundary="%b"' % (kind, line))], b"".join(pieces)


@lru_cache(maxsize=20)
def _attached(file: Attachment) -> tuple[Headers, bytes]:
    """The part of a file, made once for all messages that carry it.

    The name stands there twice: as RFC 2231 wants it, and in the encoded words that older programs read.
    """
    named = quote(file.name, safe="")
    old = _words(file.name) if file.name.isascii() else b"\r\n " + _words(file.name)
    return (
        ("Content-Type", b'%b; name="%b"' % (file.media_type.encode(), old)),
        ("Content-Disposition", f"attachment; filename*=utf-8''{named}".encode()),
        ("Content-Transfer-Encoding", b"base64"),
    ), _base64(file.content)


def _base64(data: bytes) -> bytes:
    """In lines of 76 characters, ended by CRLF."""
    lines = (binascii.b2a_base64(data[at : at + _LINE], newline=False) for at in range(0, len(data), _LINE))
    return b"\r\n".join([*lines, b""])


@lru_cache(maxsize=100)
def _written(address: str) -> bytes:
    name, bare = parseaddr(address)
    return formataddr((name, bare)).encode() if name.isascii() else b"%b <%b>" % (_words(name), bare.encode())


def _words(text: str) -> bytes:
    """RFC 2047 words of less than 76 characters, folded; ASCII stays as it is, unless a line would be too long."""
    if text.isascii() and len(text) < 900 and "=?" not in text:
        return text.encode()
    words: list[bytes] = []
    chunk = b""
    for char in text:
        one = char.encode("utf-8", "replace")
        if len(chunk) + len(one) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += one
    return b"\r\n ".join(b"=?utf-8?b?%b?=" % base64.b64encode(word) for word in [*words, chunk])
