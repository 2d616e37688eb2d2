"""The mailbox to which the sandbox returns e-mails: bounces and complaints, made from its log.

Source: RFC 3464 (delivery reports), RFC 5965 (complaints).
"""

from __future__ import annotations

from email.utils import format_datetime

from outreach.local.sandbox.behaviour import RETURNED, Fate, mail_fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.log import Entry, Outcome

_STATUSES = {
    Fate.BOUNCE: ("failed", "5.1.1", "550 5.1.1 no such mailbox"),
    Fate.FULL: ("failed", "5.2.2", "552 5.2.2 the mailbox is full"),
    Fate.POLICY: ("failed", "5.7.26", "550 5.7.26 unauthenticated mail is not taken"),
    Fate.DELAYED: ("delayed", "4.4.1", "the recipient's server does not answer; tried again"),
}


class Returns:
    """The returned e-mails, numbered from 1 in the order of the messages they are about."""

    def __init__(self, book: Book) -> None:
        self._about: list[Entry] = []
        for entry in book.everything():
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Return a message, if that is its fate."""
        taken = entry.channel == "email" and entry.outcome is Outcome.ACCEPTED
        if taken and mail_fate(entry.to) in RETURNED:
            self._about.append(entry)

    @property
    def count(self) -> int:
        """How many there are; the newest has this number."""
        return len(self._about)

    @property
    def validity(self) -> int:
        """Another one for another log: numbers then mean other mails."""
        return int(self._about[0].moment.timestamp()) if self._about else 1

    def mail(self, number: int) -> bytes:
        """The mail with a number from 1 to `count`, lines ended by CRLF."""
        entry = self._about[number - 1]
        fate = mail_fate(entry.to)
        text = _complaint(entry) if fate is Fate.COMPLAINT else _report(entry, *_STATUSES[fate])
        return text.replace("\n", "\r\n").encode()


def _report(entry: Entry, action: str, status: str, told: str) -> str:
    kind = "delivery-status"
    return _around(entry, kind, "Mail Delivery Subsystem <mailer-daemon@sandbox.example>", f"{action}: {told}") + (
        f"--back\nContent-Type: message/{kind}\n\n"
        "Reporting-MTA: dns; sandbox.example\n\n"
        f"Final-Recipient: rfc822; {entry.to}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {told}\n\n"
    ) + _returned(entry)  # fmt: skip


def _complaint(entry: Entry) -> str:
    kind = "feedback-report"
    return _around(entry, kind, "Complaints <fbl@sandbox.example>", "a reader calls this spam") + (
        f"--back\nContent-Type: message/{kind}\n\n"
        "Feedback-Type: abuse\nUser-Agent: sandbox/1\nVersion: 1\n"
        f"Original-Mail-From: <{entry.sender}>\n\n"
    ) + _returned(entry)  # fmt: skip


def _around(entry: Entry, kind: str, sender: str, words: str) -> str:
    return (
        f"From: {sender}\nTo: <{entry.sender}>\nSubject: about a message of yours\n"
        f"Date: {format_datetime(entry.moment)}\nMessage-ID: <{entry.provider_id}@sandbox.example>\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="back"\n\n'
        f"--back\nContent-Type: text/plain\n\n{words}\n\n"
    )


def _returned(entry: Entry) -> str:
    return (
        "--back\nContent-Type: text/rfc822-headers\n\n"
        f"Return-Path: <{entry.sender}>\nTo: <{entry.to}>\n\n--back--\n"
    )  # fmt: skip
