"""DKIM: signatures that an independent program holds true, and keys that must not be used."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dkim as oracle
import pytest
from adapter_harness import BODY, SUBJECT, MailHandler, letter, mail_server, run, smtp
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from channels.contract import Attachment, Content
from channels.dkim import Signer, relaxed_body, relaxed_header
from channels.mail import Letter, Letterhead, compose
from channels.smtp_email import SmtpConfig

RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
_RSA_512 = (
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUJVd0lCQURBTkJna3Foa2lHOXcwQkFRRUZBQVNDQVQwd2dnRTVBZ0VBQWtF"
    "QTc3L1cveThKakpMMDJJZSsKSW5ZRFRoeFdLVG9xY3pjcS94YndOZzNTWWpGbUJ1QkJNWFBuMFpOZXdlM0ZpRXlBZDZGQXlqM24r"
    "WU9hWFhycApSVmZSVlFJREFRQUJBa0J5TGo5S2tUQlBEcjRsVWFDdjhOeHFHdnk5N2NIQjFZaFlyS2dDVmxyWUFCckUrYlp1CnNF"
    "MWhBNXU0RU1uNlhGeFExdXhuQThkWXExOWlCM3B1TXBtUkFpRUErcDFCSi9VUDViMVBIVktwSVgzMUMzdUUKZXUzTnA2ZDVPOTB5"
    "ZUpETzE1c0NJUUQwNXMvOHVQajgrNjkzUGdUeG8xYWx5d203Nyt6RlNZVmRraXd3V3UyaAp6d0lnT0lIbXBCVE1qZGVlbEJVRVQ2"
    "bnY2N1BoRGpxNmFUZ0l6T2UyTHBzd0dFc0NJRSs1d0NYZXRiZnQyMzV2Ckl6N2kxTGRlZE1uSTNvU1BYYXBMaHJVck5NY0RBaUJF"
    "ck56cVQ5NDFxei91VjRaL1pTRjZSRU5MSytGdXZwbEoKNU1HQ2pBdGpIUT09Ci0tLS0tRU5EIFBSSVZBVEUgS0VZLS0tLS0K"
)
"""A key of 512 bits, which `cryptography` makes none of."""
HEAD = Letterhead("Cổng dịch vụ công <bao@tinh.example>", reply_to="Hỏi đáp <hoi@tinh.example>")


def record(key: Any) -> bytes:
    """The DNS record of a key."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(key.public_key().public_bytes_raw())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def holds(raw: bytes, key: Any) -> bool:
    """Whether dkimpy, which shares no code with ours, finds the signature good."""
    asked = []

    def look_up(name: bytes, **_: Any) -> bytes:
        asked.append(name.rstrip(b"."))
        return record(key)

    found = bool(oracle.verify(raw, dnsfunc=look_up))
    assert asked == [b"s1._domainkey.tinh.example"]
    return found


def signed(key: Any, **named: Any) -> bytes:
    made = compose(letter(unsubscribe_url="https://tin.tinh.example/u/abc", **named), HEAD, datetime.now(UTC))
    return Signer("tinh.example", "s1", key).sign(made).to_bytes()


def key_file(folder: Path, key: Any, *, mode: int = 0o600, password: bytes = b"") -> Path:
    file = folder / "dkim.pem"
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    file.chmod(mode)
    return file


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_an_independent_program_finds_the_signature_good(key: Any) -> None:
    pdf = Attachment("Mẫu đơn.pdf", "application/pdf", b"%PDF-1.7" * 1000)
    assert holds(signed(key), key)
    assert holds(signed(key, content=Content(body=BODY, subject=SUBJECT, html="<p>x</p>", attachments=(pdf,))), key)
    assert holds(signed(key, content=Content(body="", html="<p>x</p>", subject="ASCII  with   spaces ")), key)


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_message_that_was_changed_is_found_out(key: Any) -> None:
    raw = signed(key)
    assert not holds(raw.replace(b"To: nguyen", b"To: nguyet"), key)
    assert not holds(raw.replace(b"/u/abc", b"/u/abd"), key)
    assert not holds(raw.replace(b"List-Unsubscribe=One-Click", b"x"), key)
    assert not holds(raw[:-30] + b"AAAA" + raw[-26:], key)


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Date", "Reply-To"])
def test_nobody_can_add_a_second_header_that_a_reader_would_see(name: str) -> None:
    raw = signed(RSA)
    assert not holds(f"{name}: Ngân hàng <x@y.example>\r\n".encode() + raw, RSA)


def test_every_header_is_signed() -> None:
    made = compose(letter(unsubscribe_url="https://tin.tinh.example/u/abc"), HEAD)
    value = Signer("tinh.example", "s1", RSA).sign(made).headers[0][1].replace(b"\r\n ", b"")
    listed = value.split(b"h=")[1].split(b";")[0].decode().split(":")
    assert {name.lower() for name, _ in made.headers} == set(listed)
    assert listed.count("from") == 2
    assert {"list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type", "reply-to"} <= set(listed)


def test_a_relay_that_folds_headers_anew_and_adds_empty_lines_breaks_nothing() -> None:
    raw = signed(RSA)
    assert holds(raw.replace(b"Subject: ", b"subject:\t  ") + b"\r\n\r\n", RSA)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
        (b"a\r\n\r\nb", b"a\r\n\r\nb\r\n"),
    ],
)
def test_bodies_are_hashed_in_the_standard_s_own_form(body: bytes, canonical: bytes) -> None:
    assert relaxed_body(body) == canonical


def test_headers_are_hashed_in_the_standard_s_own_form() -> None:
    assert relaxed_header("SUBJect", b" AbC \t def\r\n  ghi ") == b"subject:AbC def ghi\r\n"


def test_what_leaves_is_signed(tmp_path: Path) -> None:
    file = key_file(tmp_path, RSA)

    async def story() -> bytes:
        handler = MailHandler()
        async with mail_server(handler) as port:
            adapter = smtp(port, dkim_selector="s1", dkim_key_file=file)
            await adapter.send(letter())
            await adapter.aclose()
        return bytes(handler.got[0].original_content or b"")

    assert holds(run(story()), RSA)


def settings(file: Path, **changes: Any) -> SmtpConfig:
    base = {"host": "127.0.0.1", "tls": "none", "from": "bao@thu.tinh.example"}
    return SmtpConfig(**{**base, "dkim_selector": "s1", "dkim_key_file": file, **changes})


def test_the_domain_is_that_of_the_sender_or_one_above_it(tmp_path: Path) -> None:
    file = key_file(tmp_path, ED25519)
    signers = [settings(file).signer, settings(file, dkim_domain="Tinh.example").signer]
    assert [one.domain for one in signers if one] == ["thu.tinh.example", "tinh.example"]
    for other in ("khac.example", "hu.tinh.example"):
        with pytest.raises(ValueError, match="DMARC"):
            settings(file, dkim_domain=other)


@pytest.mark.parametrize(
    ("settle", "what"),
    [
        (lambda file: file.unlink(), "cannot be read"),
        (lambda file: file.chmod(0o644), "chmod 600"),
        (lambda file: file.chmod(0o660), "chmod 600"),
        (lambda file: file.write_text("no key"), "openssl genpkey"),
        (lambda file: file.write_bytes(b""), "openssl genpkey"),
    ],
    ids=["missing", "readable", "writable", "no key", "empty"],
)
def test_a_key_file_that_must_not_be_used_is_refused_with_what_to_do(tmp_path: Path, settle: Any, what: str) -> None:
    file = key_file(tmp_path, RSA)
    settle(file)
    with pytest.raises(ValueError, match=what):
        settings(file)


def test_keys_that_receivers_refuse_are_refused_at_the_start(tmp_path: Path) -> None:
    weak = base64.b64decode(_RSA_512)
    file = tmp_path / "dkim.pem"
    file.write_bytes(weak)
    file.chmod(0o600)
    with pytest.raises(ValueError, match="512 bits"):
        settings(file)
    with pytest.raises(ValueError, match="RSA or Ed25519"):
        settings(key_file(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ValueError, match="locked"):
        settings(key_file(tmp_path, RSA, password=b"word"))


@pytest.mark.parametrize("given", [{"dkim_selector": ""}, {"dkim_key_file": None}])
def test_half_a_setting_is_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="go together"):
        settings(key_file(tmp_path, RSA), **given)


def test_the_key_never_shows(tmp_path: Path) -> None:
    config = settings(key_file(tmp_path, RSA))
    assert "PRIVATE" not in repr(config)
    assert isinstance(Signer("a.example", "s1", RSA).sign(Letter([("From", b"a@a.example")], b"x\r\n")), Letter)
