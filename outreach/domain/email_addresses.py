"""E-mail addresses in one canonical form, or refused with a reason; nothing is asked of the network.

Sources: RFC 5321 §4.1.2 and §4.5.3.1 (unquoted local parts, lengths), RFC 1035 (labels),
RFC 5890 (international domains).
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

MAX_ADDRESS: Final = 254
MAX_LOCAL: Final = 64


class EmailProblem(StrEnum):
    """Why a value is not an e-mail address; the value is the English text."""

    EMPTY = "there is no address"
    SEVERAL = "several addresses in one cell: keep one"
    NO_AT = "not an e-mail address: it needs exactly one @"
    ACCENTED = "accented letters before the @: most mail systems refuse them"
    LOCAL_PART = "the part before the @ is not valid"
    DOMAIN = "the part after the @ is not a valid domain"
    TOO_LONG = "too long for an e-mail address"

    @property
    def vietnamese(self) -> str:
        """The same for people who read Vietnamese."""
        return _VIETNAMESE[self]


_VIETNAMESE: Final = {
    EmailProblem.EMPTY: "không có địa chỉ",
    EmailProblem.SEVERAL: "một ô có nhiều địa chỉ: chỉ giữ một",
    EmailProblem.NO_AT: "không phải địa chỉ thư điện tử: phải có đúng một dấu @",
    EmailProblem.ACCENTED: "phần trước @ có dấu: hầu hết hệ thống thư không nhận",
    EmailProblem.LOCAL_PART: "phần trước @ không hợp lệ",
    EmailProblem.DOMAIN: "phần sau @ không phải tên miền hợp lệ",
    EmailProblem.TOO_LONG: "địa chỉ quá dài",
}


class EmailError(ValueError):
    """A value that is no usable e-mail address; the text never repeats the value."""

    def __init__(self, problem: EmailProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_SEVERAL = re.compile(r"@.*[\s,;].*@", re.DOTALL)


def parse_email(raw: str) -> str:
    """The address trimmed, its domain lower-case and in ASCII (IDNA), its local part kept; raises EmailError."""
    text = "".join(c for c in raw if unicodedata.category(c) != "Cf").strip() if not raw.isascii() else raw.strip()
    if not text:
        raise EmailError(EmailProblem.EMPTY)
    if _SEVERAL.search(text):
        raise EmailError(EmailProblem.SEVERAL)
    local, at, domain = text.partition("@")
    if not at or "@" in domain:
        raise EmailError(EmailProblem.NO_AT)
    address = f"{_checked_local(local)}@{_checked_domain(domain)}"
    if len(address) > MAX_ADDRESS:
        raise EmailError(EmailProblem.TOO_LONG)
    return address


def _checked_local(local: str) -> str:
    if not local.isascii():
        raise EmailError(EmailProblem.ACCENTED)
    if len(local) > MAX_LOCAL:
        raise EmailError(EmailProblem.TOO_LONG)
    if not _LOCAL.fullmatch(local):
        raise EmailError(EmailProblem.LOCAL_PART)
    return local


def _checked_domain(domain: str) -> str:
    ascii_domain = domain.lower() if domain.isascii() else _idna(domain)
    if not _DOMAIN.fullmatch(ascii_domain):
        raise EmailError(EmailProblem.DOMAIN)
    return ascii_domain


def _idna(domain: str) -> str:
    try:
        return unicodedata.normalize("NFKC", domain).encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise EmailError(EmailProblem.DOMAIN) from error


def mask_email(value: str) -> str:
    """The address with its local part hidden but for the first letter: `h•••••@example.vn`; for any text."""
    local, at, domain = value.strip().rpartition("@")
    return f"{local[:1]}•••••@{domain}" if at and _DOMAIN.fullmatch(domain.lower()) else "•••••"
