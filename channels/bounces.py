"""E-mails that come back: bounces and complaints, read into receipts of the messages they are about.

A report is believed only where it carries a mark of ours, which only the message's own recipient has seen: in the
address it was sent to, or in the headers it returns. Source: RFC 3464 (delivery reports), RFC 5965 (complaints),
RFC 3834 (automatic answers); flufl.bounce for what follows no standard.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from itertools import islice
from typing import Final

from flufl.bounce import all_failures

from channels.bounce_codes import blames_us, is_hard, meaning
from channels.contract import Event, Receipt, ReceiptState
from channels.marks import Marks

LARGEST: Final = 256 * 1024
"""Bytes of a mail that are looked at: a report says what it has to say before it returns the message."""
_MOST_PARTS: Final = 50
_MOST_NESTED: Final = 30
"""Multiparts of a mail that is read: each costs the parser time for every line within it."""
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
"""Feedback types that mean: no more of these. `not-spam` and reports about signatures do not."""
_DAEMON = re.compile(r"\b(mailer-?daemon|postmaster|mail delivery)\b", re.IGNORECASE)
_IN_WORDS: Final = 64 * 1024
"""Bytes of a mail without a standard report that are searched for the words of one."""

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it would write out what it does not understand


def read_report(raw: bytes, marks: Marks, at: datetime) -> list[Event]:
    """The receipt a mail amounts to; nothing for other mail, forged reports, delays and automatic answers."""
    raw = raw[:LARGEST]
    key = marks.find(raw)
    if not key or raw.lower().count(b"multipart/") > _MOST_NESTED:
        return []
    try:
        found = _receipt(raw, key, _event_key(raw, key), at)
    except Exception:  # a mail is whatever anybody sends: what no parser understands says nothing
        return []
    return [] if found is None else [found]


def _receipt(raw: bytes, key: str, event_key: str, at: datetime) -> Receipt | None:
    mail = message_from_bytes(raw, policy=compat32)
    parts = list(islice(mail.walk(), _MOST_PARTS))
    if (complaint := _of_type(parts, "message/feedback-report")) is not None:
        return _complaint(complaint, key, event_key, at)
    if (report := _of_type(parts, "message/delivery-status")) is not None:
        status = _failed(report)
    elif _is_automatic_answer(mail):
        return None
    else:
        status = _failed_in_words(message_from_bytes(raw[:_IN_WORDS], policy=compat32))
    if status is None:
        return None
    return Receipt(
        event_key, at, key, state=ReceiptState.FAILED, code=status, reason=meaning(status), hard_bounce=is_hard(status),
        blames_us=blames_us(status),
    )  # fmt: skip


def _of_type(parts: list[Message], kind: str) -> Message | None:
    return next((part for part in parts if part.get_content_type() == kind), None)


def _complaint(part: Message, key: str, event_key: str, at: datetime) -> Receipt | None:
    kind = next((_text(block, "Feedback-Type").lower() for block in _blocks(part) if "Feedback-Type" in block), "")
    if kind not in _COMPLAINTS:
        return None
    return Receipt(event_key, at, key, code="complaint", reason="the recipient complained of it", opted_out=True)


def _failed(report: Message) -> str | None:
    """The status of the recipient for whom delivery was given up; None where none was."""
    for block in _blocks(report):
        if _text(block, "Action").lower() != "failed":
            continue
        stated, told = _STATUS.search(_text(block, "Status")), _STATUS.search(_text(block, "Diagnostic-Code"))
        vague = stated is None or stated[1].endswith(".0.0")
        best = told if vague and told is not None else stated
        if best is None:
            return "5.0.0"
        return None if best[1].startswith("2") else best[1]
    return None


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report, however the parser has understood them."""
    content = part.get_payload()
    if isinstance(content, list):
        yield from islice((block for block in content if isinstance(block, Message)), _MOST_PARTS)
    elif isinstance(content, str):
        yield message_from_bytes(content.encode("utf-8", "replace"), policy=compat32)


def _text(block: Message, name: str) -> str:
    return str(block.get(name, ""))[:2000].strip()


def _is_automatic_answer(mail: Message) -> bool:
    """Somebody's absence, not a mail server's refusal."""
    said = _text(mail, "Auto-Submitted").lower()
    automatic = bool(said and not said.startswith("no")) or "X-Autoreply" in mail or "X-Autorespond" in mail
    vacation = _text(mail, "Precedence").lower() in ("auto_reply", "junk")
    return (automatic or vacation) and not _DAEMON.search(_text(mail, "From"))


def _failed_in_words(mail: Message) -> str | None:
    """The status of a bounce in a mail server's own words; "5.0.0" where it names none, None where it is no bounce."""
    if not all_failures(mail)[1]:
        return None
    texts = (part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text")
    for text in islice(texts, _MOST_PARTS):
        found = _STATUS.search(text.decode("utf-8", "replace")) if isinstance(text, bytes) else None
        if found is not None and found[1].startswith("5"):
            return found[1]
    return "5.0.0"


def _event_key(raw: bytes, key: str) -> str:
    """The same for the same mail, by whatever way it comes: relays add headers, but keep its own Message-ID."""
    head = raw[: raw.find(b"\r\n\r\n") if b"\r\n\r\n" in raw else raw.find(b"\n\n")]
    named = re.search(rb"^message-id:\s*(\S+)", head, re.IGNORECASE | re.MULTILINE)
    digest = hashlib.blake2b(named[1] if named else raw, digest_size=16).hexdigest()
    return f"mail:{key}:{digest}"
