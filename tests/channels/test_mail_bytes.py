"""The bytes of an e-mail, whatever it says, as the standard library's parser reads them."""

from __future__ import annotations

import unicodedata
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest
from adapter_harness import SUBJECT, letter
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Attachment, Content
from channels.mail import Letterhead, compose, is_attachable, is_header

HEAD = Letterhead("Cổng dịch vụ công <bao@tinh.example>")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)
LINES = TEXTS.map(lambda text: unicodedata.normalize("NFC", " ".join(text.split()))).filter(is_header)


def raw(content: Content) -> bytes:
    return compose(letter(content=content), HEAD).to_bytes()


def parsed(content: Content) -> EmailMessage:
    found = cast(EmailMessage, message_from_bytes(raw(content), policy=default))
    assert not found.defects
    return found


@given(subject=LINES, body=TEXTS, html=TEXTS)
def test_what_is_written_is_what_is_read(subject: str, body: str, html: str) -> None:
    message = parsed(Content(subject=subject, body=body + "x", html=html + "x"))
    assert message["Subject"] == subject
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert (plain.get_payload(decode=True), rich.get_payload(decode=True)) == (
        (body + "x").encode(), (html + "x").encode(),
    )  # fmt: skip


@given(subject=LINES, body=TEXTS)
def test_the_wire_is_ascii_in_lines_that_every_server_takes(subject: str, body: str) -> None:
    lines = raw(Content(subject=subject, body=body + "x")).split(b"\r\n")
    assert all(line.isascii() and len(line) <= 998 and b"\n" not in line and b"\r" not in line for line in lines)
    assert all(len(line) <= 76 for line in lines if b"=?utf-8?b?" in line)


@given(name=LINES.map(lambda name: f"{name[:60].strip()}.pdf"), content=st.binary(max_size=2000))
def test_a_file_arrives_under_its_name(name: str, content: bytes) -> None:
    file = Attachment(name, "application/pdf", content)
    if not is_attachable(file):
        return
    message = parsed(Content(subject=SUBJECT, body="x", html="y", attachments=(file,)))
    [part] = message.iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == (name, "application/pdf")
    assert part.get_payload(decode=True) == content


def test_files_stand_beside_the_text_and_its_html() -> None:
    files = tuple(Attachment(f"Mẫu số {n}.pdf", "application/pdf", b"%PDF") for n in (1, 2))
    message = parsed(Content(subject=SUBJECT, body="x", html="y", attachments=files))
    assert message.get_content_type() == "multipart/mixed"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["multipart/alternative", "application/pdf", "application/pdf"]
    alone = parsed(Content(subject=SUBJECT, body="x", attachments=files[:1]))
    assert [part.get_content_type() for part in alone.iter_parts()] == ["text/plain", "application/pdf"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ('a".pdf', "application/pdf"),
        ("a\r\nX: y.pdf", "application/pdf"),
        ("../a.pdf", "application/pdf"),
        ("", "application/pdf"),
        ("a" * 101, "application/pdf"),
        ("a.pdf", "application/pdf\r\nX: y"),
        ("a.pdf", "pdf"),
        ("a.pdf", 'text/html; name="b"'),
    ],
)
def test_a_name_or_type_that_could_change_the_headers_is_found(name: str, kind: str) -> None:
    assert not is_attachable(Attachment(name, kind, b"x"))
