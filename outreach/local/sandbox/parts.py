"""SMS parts as the sandbox counts them."""

from __future__ import annotations


def parts(body: str) -> int:
    """SMS parts, roughly: ASCII counts as GSM-7, anything else as UCS-2."""
    one, many = (160, 153) if body.isascii() else (70, 67)
    length = len(body.encode("utf-16-be")) // 2
    return 1 if length <= one else -(-length // many)
