"""Returned e-mails: what they say of which message, and what is not believed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from adapter_harness import smtp

from channels.bounces import read_report
from channels.contract import Receipt, ReceiptState
from channels.mail import Letterhead
from channels.marks import Marks

MARKS = Marks([b"the newest", b"an older one"])
NOW = datetime(2026, 11, 25, tzinfo=UTC)
KEY = "7.42.1"
VERP = f"tra-lai+{MARKS.marked(KEY)}@tinh.example"


def report(
    *, action: str = "failed", status: str = "5.1.1", diagnostic: str = "", to: str = VERP, returned: str = ""
) -> bytes:
    """A delivery report as Postfix writes them."""
    return "\r\n".join(
        [
            "Return-Path: <>",
            "From: MAILER-DAEMON@mx.thu.example (Mail Delivery System)",
            f"To: {to}",
            "Message-ID: <20261125@mx.thu.example>",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            "",
            "--b",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "I am sorry to have to inform you.",
            "--b",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; mx.thu.example",
            "",
            "Final-Recipient: rfc822; dan@thu.example",
            f"Action: {action}",
            f"Status: {status}",
            *([f"Diagnostic-Code: smtp; {diagnostic}"] if diagnostic else []),
            "",
            "--b",
            "Content-Type: text/rfc822-headers",
            "",
            returned or "Subject: x",
            "",
            "--b--",
            "",
        ]
    ).encode()


def complaint(kind: str = "abuse", to: str = "fbl@tinh.example", mail_from: str = VERP) -> bytes:
    return "\r\n".join(
        [
            "From: <fbl@hop-thu.example>",
            f"To: {to}",
            "Message-ID: <arf-1@hop-thu.example>",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            "This is a report.",
            "--b",
            "Content-Type: message/feedback-report",
            "",
            f"Feedback-Type: {kind}",
            "Version: 1",
            f"Original-Mail-From: <{mail_from}>",
            "",
            "--b--",
            "",
        ]
    ).encode()


def plain(text: str, *, sender: str = "someone@thu.example", **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"From: {sender}\r\nTo: {VERP}\r\nMessage-ID: <m1@thu.example>\r\n{more}Subject: about a mail\r\n"
    return (head + "\r\n" + text.replace("\n", "\r\n")).encode()


def read(raw: bytes, marks: Marks = MARKS) -> Receipt | None:
    found = read_report(raw, marks, NOW)
    assert len(found) <= 1
    if not found:
        return None
    assert isinstance(found[0], Receipt)
    return found[0]


def test_a_bounce_says_which_message_it_is_of_and_why_it_came_back() -> None:
    found = read(report())
    assert found is not None
    assert (found.key, found.state, found.code, found.at) == (KEY, ReceiptState.FAILED, "5.1.1", NOW)
    assert found.reason == "the mailbox does not exist"


@pytest.mark.parametrize(
    ("status", "hard", "blames_us"),
    [
        *[(status, True, False) for status in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")],
        *[(status, False, False) for status in ("5.2.2", "5.0.0", "5.1.0", "5.4.7", "4.4.7", "4.2.2")],
        *[(status, False, True) for status in ("5.7.1", "5.7.26", "5.7.509", "4.7.0")],
    ],
)
def test_only_an_address_where_nobody_is_counts_as_hard(status: str, hard: bool, blames_us: bool) -> None:
    found = read(report(status=status))
    assert found is not None
    assert (found.code, found.hard_bounce, found.blames_us, found.opted_out) == (status, hard, blames_us, False)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_what_is_not_given_up_is_no_bounce(action: str) -> None:
    assert read(report(action=action, status="4.4.1")) is None


def test_a_vague_status_is_read_from_what_the_last_server_said() -> None:
    assert_code = {
        ("5.0.0", "550 5.1.1 <dan@thu.example>: Recipient address rejected"): "5.1.1",
        ("5.0.0", "550 no such user"): "5.0.0",
        ("", "552-5.2.2 mailbox full"): "5.2.2",
        ("5.2.2", "550 5.1.1 whatever"): "5.2.2",
    }
    for (status, diagnostic), code in assert_code.items():
        found = read(report(status=status, diagnostic=diagnostic))
        assert found is not None
        assert found.code == code


def test_where_the_address_is_lost_the_returned_headers_tell_the_message() -> None:
    message_id = Letterhead("bao@tinh.example", marks=MARKS).message_id(KEY)
    found = read(report(to="postmaster@tinh.example", returned=f"Message-ID: <{message_id}>"))
    assert found is not None
    assert found.key == KEY


def test_marks_survive_capitals_and_the_change_of_the_secret() -> None:
    older = Marks([b"an older one"]).marked(KEY)
    for address in (VERP.upper(), f"tra-lai+{older}@tinh.example"):
        assert read(report(to=address)) is not None


@pytest.mark.parametrize(
    "forged",
    [
        f"tra-lai+{KEY}@tinh.example",
        f"tra-lai+{KEY}-aaaaaaaaaa@tinh.example",
        f"tra-lai+7.43.1-{VERP.partition('-')[2].partition('-')[2]}",
        f"tra-lai+{Marks([b'of another account']).marked(KEY)}@tinh.example",
        f"tra-lai+9{MARKS.marked(KEY)}@tinh.example",
    ],
    ids=["no mark", "guessed", "another delivery", "another account", "a digit more"],
)
def test_nobody_can_return_a_message_they_did_not_get(forged: str) -> None:
    assert read(report(to=forged)) is None
    assert read(complaint(mail_from=forged)) is None


def test_without_secrets_nothing_is_believed() -> None:
    assert read(report(to=f"tra-lai+{KEY}@tinh.example"), Marks()) is None
    assert read(report(), Marks()) is None


def test_the_adapter_marks_what_it_sends_and_knows_it_again() -> None:
    adapter = smtp(25, bounce_address="tra-lai@tinh.example")
    adapter.use_secrets([b"the newest"])
    assert [event.key for event in adapter.read_mail(report(), NOW)] == [KEY]


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out", "ABUSE"])
def test_a_complaint_is_a_refusal(kind: str) -> None:
    found = read(complaint(kind))
    assert found is not None
    assert (found.key, found.opted_out, found.state, found.hard_bounce) == (KEY, True, ReceiptState.ACCEPTED, False)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc", ""])
def test_other_feedback_is_no_complaint(kind: str) -> None:
    assert read(complaint(kind)) is None


@pytest.mark.parametrize(
    "mail",
    [
        plain("Tôi nghỉ phép đến hết tuần.", Auto_Submitted="auto-replied"),
        plain("I am away. 5.1.1", Precedence="auto_reply"),
        plain("I am away", X_Autoreply="yes"),
        plain("Cảm ơn, tôi đã nhận được thư."),
        plain("Đề nghị cho biết mã 5.1.1 nghĩa là gì?"),
        b"",
        b"\x00\xff" * 1000,
        VERP.encode(),
    ],
    ids=["absence", "precedence", "old absence", "thanks", "question", "nothing", "rubbish", "address alone"],
)
def test_automatic_answers_and_other_mail_say_nothing(mail: bytes) -> None:
    assert read(mail) is None


QMAIL = """Hi. This is the qmail-send program at thu.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<dan@thu.example>:
Sorry, no mailbox here by that name. (#5.1.1)
"""


def test_a_bounce_that_follows_no_standard_is_read_too() -> None:
    found = read(plain(QMAIL, sender="MAILER-DAEMON@thu.example", Return_Path="<>"))
    assert found is not None
    assert (found.key, found.code, found.hard_bounce) == (KEY, "5.1.1", True)
    vague = read(plain(QMAIL.replace("(#5.1.1)", ""), sender="MAILER-DAEMON@thu.example"))
    assert vague is not None
    assert (vague.code, vague.hard_bounce) == ("5.0.0", False)


def test_the_same_mail_is_the_same_event_whatever_a_relay_puts_on_top() -> None:
    first, again = read(report()), read(b"Received: from x by y\r\nDelivered-To: a@b.example\r\n" + report())
    other = read(report().replace(b"20261125@", b"20261126@"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.event_key == again.event_key != other.event_key


def test_a_mail_built_to_exhaust_us_does_not() -> None:
    nested = b"To: " + VERP.encode() + b"\r\n"
    for depth in range(2000):
        nested += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
    assert read(nested) is None
    many = report().replace(b"--b--", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 5000)
    assert read(many) is not None
    assert read(report() + b"x" * 5_000_000) is not None


def test_a_letter_s_bounce_address_stays_within_what_is_allowed() -> None:
    longest = Letterhead("bao@tinh.example", bounce=f"{'a' * 25}@tinh.example", marks=MARKS)
    assert len(longest.envelope_sender("9999999999.9999999999.999").rpartition("@")[0]) <= 64
    with pytest.raises(ValueError, match="25 characters"):
        smtp(25, bounce_address=f"{'a' * 26}@tinh.example")


def test_a_mail_of_parts_within_parts_keeps_nobody_waiting() -> None:
    marks = Marks([b"x" * 32])
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(900))
    raw = f"To: bounce+{marks.marked('7.42.1')}@tinh.example\r\n".encode() + nested + b"a\r\n" * 60_000
    began = time.process_time()
    assert read_report(raw, marks, datetime.now(UTC)) == []
    assert time.process_time() - began < 2
