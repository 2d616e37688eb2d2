"""Settings of a mail account: the server it sends through, how it signs, where its bounces come back."""

from __future__ import annotations

import ipaddress
from email.utils import parseaddr
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from channels import contract, mail
from channels.dkim import Signer, read_key

Tls = Literal["none", "starttls", "implicit"]
_PORTS: Final = {"none": 25, "starttls": 587, "implicit": 465}
_IMAP_PORTS: Final = {"none": 143, "starttls": 143, "implicit": 993}
_LONGEST_BOUNCE: Final = 25
"""Characters before the @, so that the key and its mark fit into the 64 that are allowed."""
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAMES: Final = rf"^{_LABEL}(?:\.{_LABEL})*$"


class SmtpConfig(contract.Config):
    """`port`, `bounce_imap_port`: by default the usual one of the `tls`; `connections`: open at once.

    `dkim_domain`: by default that of `from`. Without `dkim_key_file` nothing is signed, without `bounce_imap_host` no
    mailbox is read. The key file is read, and checked, here.
    """

    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    tls: Tls = "starttls"
    ca_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field(alias="from")
    reply_to: str = ""
    bounce_address: str = ""
    unsubscribe_address: str = ""
    connections: int = Field(4, ge=1, le=100)
    dkim_selector: str = Field("", max_length=200, pattern=rf"{_NAMES}|^$")
    dkim_domain: str = Field("", max_length=253, pattern=rf"{_NAMES}|^$")
    dkim_key_file: Path | None = None
    bounce_imap_host: str = ""
    bounce_imap_port: int | None = Field(None, ge=1, le=65535)
    bounce_imap_tls: Tls = "implicit"
    bounce_imap_username: str = ""
    bounce_imap_password: SecretStr = SecretStr("")
    bounce_imap_folder: str = Field("INBOX", min_length=1, max_length=200)
    _signer: Signer | None = PrivateAttr(None)

    @field_validator("sender", "reply_to")
    @classmethod
    def _named_address(cls, value: str) -> str:
        if value and not (mail.is_header(value) and mail.is_address(parseaddr(value)[1])):
            raise ValueError("write an e-mail address, or: Name <address>")
        return value

    @field_validator("bounce_address", "unsubscribe_address")
    @classmethod
    def _bare_address(cls, value: str) -> str:
        if value and not mail.is_address(value):
            raise ValueError("write a bare e-mail address")
        return value

    @field_validator("bounce_address")
    @classmethod
    def _room_for_the_key(cls, value: str) -> str:
        if len(value.rpartition("@")[0]) > _LONGEST_BOUNCE:
            raise ValueError(f"at most {_LONGEST_BOUNCE} characters before the @: the message's key is added there")
        return value

    @field_validator("bounce_imap_username", "bounce_imap_folder")
    @classmethod
    def _one_word_of_imap(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()) or set(value) & set('"\\'):
            raise ValueError("write it in ASCII, without quotation marks and backslashes")
        return value

    @model_validator(mode="after")
    def _login_is_whole_and_encrypted(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.username is not None and self.tls == "none" and not _is_loopback(self.host):
            raise ValueError('the password would travel unencrypted; set tls to "starttls" or "implicit"')
        return self

    @model_validator(mode="after")
    def _mailbox_is_whole_and_encrypted(self) -> Self:
        if not self.bounce_imap_host:
            if self.bounce_imap_username or self.bounce_imap_password.get_secret_value():
                raise ValueError("bounce_imap_host is missing; the other bounce_imap_… settings need it")
            return self
        if not (self.bounce_imap_username and self.bounce_imap_password.get_secret_value()):
            raise ValueError("bounce_imap_host needs bounce_imap_username and bounce_imap_password")
        if not self.bounce_address:
            raise ValueError("bounce_imap_host needs bounce_address: without it no bounce says which message it is of")
        if self.bounce_imap_tls == "none" and not _is_loopback(self.bounce_imap_host):
            raise ValueError('the mailbox\'s password would travel unencrypted; set bounce_imap_tls to "implicit"')
        return self

    @model_validator(mode="after")
    def _key_is_good(self) -> Self:
        if not (self.dkim_selector or self.dkim_domain or self.dkim_key_file):
            return self
        if not (self.dkim_selector and self.dkim_key_file):
            raise ValueError("dkim_selector and dkim_key_file go together")
        sender = mail.Letterhead(self.sender).domain.lower()
        domain = (self.dkim_domain or sender).lower()
        if sender != domain and not sender.endswith(f".{domain}"):
            raise ValueError(f"dkim_domain must be {sender} or a domain above it, else DMARC does not count it")
        self._signer = Signer(domain, self.dkim_selector, read_key(self.dkim_key_file))
        return self

    @property
    def signer(self) -> Signer | None:
        """What signs this account's messages, its key read once; None where the relay does."""
        return self._signer

    @property
    def login(self) -> tuple[str, str] | None:
        """Username and password, where the server asks for them."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()

    @property
    def smtp_port(self) -> int:
        """The port, given or usual."""
        return self.port or _PORTS[self.tls]

    @property
    def imap_port(self) -> int:
        """The mailbox's port, given or usual."""
        return self.bounce_imap_port or _IMAP_PORTS[self.bounce_imap_tls]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
