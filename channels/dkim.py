"""DKIM signatures: relaxed/relaxed, RSA or Ed25519 by the type of the key, made by `cryptography`.

Source: RFC 6376; RFC 8301 (RSA from 1024 bits, SHA-256 only); RFC 8463 (Ed25519).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from channels.mail import Headers, Letter

log = logging.getLogger(__name__)

Key = RSAPrivateKey | Ed25519PrivateKey
_OVERSIGNED: Final = ("from", "to", "subject", "date", "reply-to")
"""Signed once more than they are there: nobody can add a second one that a reader would see."""
_LEAST_BITS: Final = 1024
_GOOD_BITS: Final = 2048
_LARGEST_FILE: Final = 100_000
_SPACES = re.compile(rb"[ \t]+")
_BEFORE_END = re.compile(rb"[ \t]+\r\n")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs as `selector._domainkey.domain` says; safe to share between threads."""

    domain: str
    selector: str
    key: Key

    def sign(self, letter: Letter, at: float | None = None) -> Letter:
        """The message with its signature as the first header. Every header is signed; `at`: seconds since 1970."""
        algorithm = "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"
        digest = base64.b64encode(hashlib.sha256(relaxed_body(letter.body)).digest()).decode()
        names = [name.lower() for name, _ in letter.headers]
        names += [name for name in _OVERSIGNED if name in names or name == "reply-to"]
        unsigned = (
            f"v=1; a={algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n"
            f" t={int(time.time() if at is None else at)}; h={_folded(names)};\r\n bh={digest};\r\n b="
        ).encode()
        signature = base64.b64encode(self._signed(_signed_text(letter.headers, unsigned)))
        lines = b"\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return Letter([("DKIM-Signature", unsigned + lines), *letter.headers], letter.body)

    def _signed(self, text: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(text, PKCS1v15(), SHA256())
        return self.key.sign(hashlib.sha256(text).digest())  # RFC 8463: over the hash


def _folded(names: list[str]) -> str:
    rows = [":".join(names[at : at + 5]) for at in range(0, len(names), 5)]
    return ":\r\n ".join(rows)


def _signed_text(headers: Headers, unsigned: bytes) -> bytes:
    """What is signed: every header once (the oversigned second ones are not there and add nothing), then our own."""
    own = relaxed_header("dkim-signature", unsigned).removesuffix(b"\r\n")
    return b"".join([*(relaxed_header(name, value) for name, value in headers), own])


def relaxed_header(name: str, value: bytes) -> bytes:
    """A header as it is hashed: name small, unfolded, runs of spaces as one (RFC 6376, 3.4.2)."""
    plain = _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return b"%b:%b\r\n" % (name.lower().encode(), plain)


def relaxed_body(body: bytes) -> bytes:
    """A body as it is hashed: runs of spaces as one, none at line ends, no empty lines at the end (RFC 6376, 3.4.4)."""
    if b"\t" in body or b"  " in body or b" \r\n" in body:  # seldom: base64 has none, and searching is fast
        body = _SPACES.sub(b" ", _BEFORE_END.sub(b"\r\n", body))
    stripped = body.rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped else b""


def read_key(file: Path) -> Key:
    """The private key of a PEM file; raises ValueError, which says what to do, for one that must not be used."""
    try:
        mode, size = file.stat().st_mode, file.stat().st_size
        if not stat.S_ISREG(mode):
            raise ValueError(f"{file} is not a file")
        if mode & 0o027:
            raise ValueError(f"others may read or change {file}: chmod 600 {file}")
        data = file.read_bytes() if size <= _LARGEST_FILE else b""
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); mend the path or its rights") from None
    return _checked(_parsed(data, file), file)


def _parsed(data: bytes, file: Path) -> object:
    how = f"make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {file}"
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise ValueError(f"{file} is locked by a password; store the key without one, mode 600") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{file} holds no private key in PEM form; {how}") from None


def _checked(key: object, file: Path) -> Key:
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{file}: DKIM takes RSA or Ed25519 keys, not this one")
    if key.key_size < _LEAST_BITS:
        raise ValueError(f"{file} has {key.key_size} bits; receivers refuse less than {_LEAST_BITS}: make one of 2048")
    if key.key_size < _GOOD_BITS:
        log.warning("a DKIM key has %s bits; make one of %s", key.key_size, _GOOD_BITS)
    return key
