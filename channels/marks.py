"""Marks: short keyed hashes that make the key of a message unforgeable where it comes back through anybody's hands."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

MARK_CHARACTERS: Final = 10
"""50 bits: guessing one takes more mails than any mailbox takes."""
_MARKED = re.compile(rb"(?<![0-9.])(\d{1,18}\.\d{1,18}\.\d{1,5})-([a-z2-7]{10})@", re.IGNORECASE)
_MOST = 50
"""Marked keys of one mail that are tried."""


class Marks:
    """Marks keys with the first secret, and knows what any of them marked; without a secret it does neither."""

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._secrets = tuple(secrets)

    def marked(self, key: str) -> str:
        """The key with its mark (`7.42.1-abcdefghij`), fit for the left side of an address."""
        return f"{key}-{_mark(self._secrets[0], key)}" if self._secrets else key

    def find(self, text: bytes) -> str:
        """The first key in `text` that stands before an @ with a mark of ours; "" where there is none."""
        return next((key for key, mark in islice(_candidates(text), _MOST) if self._holds(key, mark)), "")

    def _holds(self, key: str, mark: str) -> bool:
        return any(hmac.compare_digest(_mark(secret, key), mark) for secret in self._secrets)


def _candidates(text: bytes) -> Iterator[tuple[str, str]]:
    seen: set[tuple[bytes, bytes]] = set()
    for found in _MARKED.finditer(text):
        key, mark = found[1], found[2].lower()  # some servers write addresses back in capitals
        if (key, mark) not in seen:
            seen.add((key, mark))
            yield key.decode(), mark.decode()


def _mark(secret: bytes, key: str) -> str:
    digest = hmac.digest(secret, b"mark" + key.encode(), sha256)
    return base64.b32encode(digest).decode().lower()[:MARK_CHARACTERS]
