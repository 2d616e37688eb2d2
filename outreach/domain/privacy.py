"""Personal data at rest: addresses sealed with AES-GCM, found again by a keyed fingerprint; two different keys.

A key ring holds one or more versions of the installation's secret; the newest seals, every one opens and finds.
"""

from __future__ import annotations

import base64
import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from outreach.domain.errors import OutreachError
from outreach.domain.invitation import PAYLOAD_BYTES, TOKEN_BYTES, Invitation, read, written

_NONCE = 12
_FINGERPRINT = 16
_KEY = struct.Struct(">qq")


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    cipher: AESGCM
    fingerprint: bytes
    token: AESGCM
    invitation: bytes
    secrets: bytes


class KeyRing:
    """Seals, opens and fingerprints with the keys derived from the installation's secrets.

    `secrets` maps a version number (1…32767) to its secret of at least 32 characters; the highest version is in use.
    Raises OutreachError for an empty ring or a short secret.
    """

    def __init__(self, secrets: dict[int, str]) -> None:
        if not secrets:
            raise OutreachError("no secret key: set OUTREACH_SECRET_KEY or let the first start make one")
        for number, secret in secrets.items():
            if len(secret) < 32:
                raise OutreachError(f"secret key version {number} is shorter than 32 characters: make a longer one")
        self._versions = {number: _derive(number, secret) for number, secret in secrets.items()}
        self._current = self._versions[max(secrets)]

    @property
    def version(self) -> int:
        """The version new values are sealed and fingerprinted with."""
        return self._current.number

    def seal(self, value: str) -> bytes:
        """The value encrypted under the current version, with a nonce of its own."""
        nonce = os.urandom(_NONCE)
        return nonce + self._current.cipher.encrypt(nonce, value.encode(), None)

    def open(self, sealed: bytes, version: int) -> str:
        """The value again; raises OutreachError where the version's key is missing or is not the one that sealed it."""
        if version not in self._versions:
            raise OutreachError(f"secret key version {version} is missing: restore it to read stored addresses")
        try:
            return self._versions[version].cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
        except InvalidTag:
            raise OutreachError(
                "a stored address was sealed with another secret key: restore the data folder's secret.key"
            ) from None

    def fingerprint(self, value: str) -> bytes:
        """The keyed fingerprint (16 bytes) under the current version: equal values, equal fingerprints."""
        return _mac(self._current.fingerprint, value)

    def fingerprints(self, value: str) -> Sequence[tuple[int, bytes]]:
        """The fingerprint under every version, newest first: for look-ups."""
        newest_first = sorted(self._versions.values(), key=lambda version: -version.number)
        return [(version.number, _mac(version.fingerprint, value)) for version in newest_first]

    def token(self, run: int, delivery: int) -> str:
        """An opaque, unguessable token that stands for a delivery (unsubscribe links): always the same one.

        A text made again for recovery must be the text that was sent; so the nonce is a keyed hash of what is sealed.
        """
        place = _KEY.pack(run, delivery)
        nonce = hmac.digest(self._current.fingerprint, b"token" + place, sha256)[:_NONCE]
        sealed = self._current.token.encrypt(nonce, place, None)
        return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def read_token(self, token: str) -> tuple[int, int] | None:
        """(run, delivery) of a token made by any version; None for anything else."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        for version in self._versions.values():
            try:
                run, delivery = _KEY.unpack(version.token.decrypt(raw[:_NONCE], raw[_NONCE:], None))
            except (InvalidTag, struct.error, ValueError):
                continue
            return int(run), int(delivery)
        return None

    def secrets_for(self, purpose: str) -> list[bytes]:
        """A secret of 32 bytes for a purpose of its own under every version, newest first."""
        newest_first = sorted(self._versions.values(), key=lambda version: -version.number)
        return [hmac.digest(version.secrets, purpose.encode(), sha256) for version in newest_first]

    def invitation(self, contact: int, made_on: date) -> str:
        """The one-time token by which a contact comes to a channel: always the same one for a day.

        Nothing is stored until it is used, so a message to a million people makes a million of them. Raises ValueError
        for what `Invitation.packed` cannot hold.
        """
        payload = Invitation(contact, made_on).packed()
        return written(_sealed_invitation(self._current.invitation, payload))

    def read_invitation(self, token: str) -> Invitation | None:
        """What a token made by any version stands for; None for anything else. Says nothing of expiry or use."""
        raw = read(token)
        if raw is None:
            return None
        for version in self._versions.values():
            payload = _opened_invitation(version.invitation, raw)
            if payload is not None:
                return Invitation.unpacked(payload)
        return None


def _sealed_invitation(key: bytes, payload: bytes) -> bytes:
    """Sealed with a keyed hash of itself as the nonce (the SIV way): always the same, and not a bit can be changed."""
    tag = hmac.digest(key, b"tag" + payload, sha256)[: TOKEN_BYTES - PAYLOAD_BYTES]
    return _masked(key, tag, payload) + tag


def _opened_invitation(key: bytes, raw: bytes) -> bytes | None:
    payload = _masked(key, raw[PAYLOAD_BYTES:], raw[:PAYLOAD_BYTES])
    return payload if hmac.compare_digest(_sealed_invitation(key, payload), raw) else None


def _masked(key: bytes, tag: bytes, payload: bytes) -> bytes:
    mask = hmac.digest(key, b"mask" + tag, sha256)
    return bytes(one ^ other for one, other in zip(payload, mask, strict=False))


def _derive(number: int, secret: str) -> _Version:
    def key(purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=b"outreach", info=purpose).derive(secret.encode())

    return _Version(
        number, AESGCM(key(b"address")), key(b"fingerprint"), AESGCM(key(b"token")), key(b"invitation"),
        key(b"secrets"),
    )  # fmt: skip


def _mac(key: bytes, value: str) -> bytes:
    return hmac.digest(key, value.encode(), sha256)[:_FINGERPRINT]
