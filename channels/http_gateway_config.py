"""Settings of the generic gateway: how a provider of SMS that speaks JSON or forms over HTTP is spoken with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from channels import contract, http
from channels.contract import ErrorKind

PLACEHOLDERS: Final = ("to", "to_digits", "to_national", "text", "key", "sender", "callback_url", "unicode")
"""What may stand in braces in the body; `unicode` is 1 where the text is not plain ASCII, else 0."""
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_BRACED = re.compile(r"\{\s*(\w+)[^{}\"]*\}")
"""What looks like a placeholder, rightly written or not; JSON within a text has quotes."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH = re.compile(r"[^.\s]+(\.[^.\s]+)*")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _path(value: str) -> str:
    if value and not _PATH.fullmatch(value):
        raise ValueError("write names with dots between them, as data.0.id")
    return value


class ErrorRule(contract.Config):
    """What one of the gateway's codes means: for the delivery, and in words for people."""

    kind: ErrorKind
    vi: str = ""
    vi_do: str = ""
    en: str = ""
    en_do: str = ""

    @field_validator("kind")
    @classmethod
    def _sayable(cls, value: ErrorKind) -> ErrorKind:
        if value is ErrorKind.NOT_SENT:
            raise ValueError("not_sent is the engine's own word; write transient")
        return value


class Success(contract.Config):
    """When an answer says that the message was taken: by its HTTP status, and by a value in it."""

    status: tuple[int, ...] = (200, 201, 202)
    path: str = ""
    values: tuple[str, ...] = ()

    _dotted = field_validator("path")(_path)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.path) != bool(self.values):
            raise ValueError("path and values go together")
        return self


class Hmac(contract.Config):
    """A signature over the raw body of a callback, in a header."""

    header: str = Field(min_length=1)
    secret: SecretStr = Field(min_length=8)
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class Callback(contract.Config):
    """How the gateway calls back, and where in it what stands.

    Without `hmac` our own address carries a token made with `secret`, which nobody can guess.
    """

    method: Literal["GET", "POST"] = "POST"
    encoding: Literal["json", "form", "query"] = "json"
    secret: SecretStr | None = Field(None, min_length=16)
    hmac: Hmac | None = None
    key_path: str = ""
    id_path: str = ""
    status_path: str = ""
    error_path: str = ""
    statuses: Mapping[str, Literal["accepted", "delivered", "read", "failed"]] = Field(default_factory=dict)
    sender_path: str = ""
    text_path: str = ""

    _dotted = field_validator("key_path", "id_path", "status_path", "error_path", "sender_path", "text_path")(_path)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.secret is None) == (self.hmac is None):
            raise ValueError("give either secret (for a token in our address) or hmac")
        if not self.status_path and not self.text_path:
            raise ValueError("give status_path for receipts, or sender_path and text_path for what citizens write")
        if self.status_path and not self.statuses:
            raise ValueError("give statuses: the gateway's words and what each means")
        if bool(self.sender_path) != bool(self.text_path):
            raise ValueError("sender_path and text_path go together")
        if self.encoding == "query" and self.hmac is not None:
            raise ValueError("a signature is over a body, which a query has not; give secret")
        return self


class GatewayConfig(contract.Config):
    """Settings of a gateway spoken with over HTTP, every one of them the gateway's own matter.

    `body`: nested as the gateway wants it; texts in it may hold placeholders in braces. `otherwise`: what an answer
    means that is neither a success nor a known error. `server_errors`: what a 5xx without a known code means.
    `deduplicates_for`: seconds within which the gateway drops a repeated `{key}`, 0 for never.
    """

    url: str
    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    body: Mapping[str, Any] = Field(min_length=1)
    encoding: Literal["json", "form"] = "json"
    username: str = ""
    password: SecretStr | None = None
    sender: str = ""
    success: Success = Success()
    id_path: str = ""
    parts_path: str = ""
    error_path: str = ""
    errors: Mapping[str, ErrorRule] = Field(default_factory=dict)
    otherwise: Literal["uncertain", "rejected", "transient"] = "uncertain"
    server_errors: Literal["uncertain", "transient"] = "uncertain"
    deduplicates_for: int = Field(0, ge=0, le=30 * 86_400)
    max_length: int = Field(1600, ge=1, le=10_000)
    callback: Callback | None = None
    unencrypted: bool = False
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    _dotted = field_validator("id_path", "parts_path", "error_path")(_path)

    @field_validator("body")
    @classmethod
    def _known_placeholders(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        found = {name for text in texts(value) for name in _PLACEHOLDER.findall(text)}
        strange = sorted(found - set(PLACEHOLDERS))
        for text in texts(value):
            wrong = [one[0] for one in _BRACED.finditer(text) if one[1] in PLACEHOLDERS and one[0] != f"{{{one[1]}}}"]
            wrong += [f"{{{{{name}}}}}" for name in PLACEHOLDERS if f"{{{{{name}}}}}" in text]
            if wrong:
                raise ValueError(f"{wrong[0]} would be sent as it stands; a placeholder has nothing in it but its name")
        if strange:
            raise ValueError(f"unknown placeholder {{{strange[0]}}}; known: {', '.join(PLACEHOLDERS)}")
        if not found & {"to", "to_digits", "to_national"} or "text" not in found:
            raise ValueError("it needs {text} and one of {to}, {to_digits}, {to_national}")
        return value

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, secret in value.items():
            if not _HEADER.fullmatch(name):
                raise ValueError("a header's name has letters, digits and hyphens")
            if not secret.get_secret_value().isprintable():
                raise ValueError(f"{name}: a line break or another sign that nobody sees stands in it")
            if _named(secret.get_secret_value()):
                raise ValueError(f"{name}: placeholders are filled in the body alone")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("url: write an address like https://gateway.example/api/send")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not self.unencrypted:
            raise ValueError("url: numbers and texts would travel unencrypted; write https://, or unencrypted = true")
        if _named(self.url) or any(_named(name) for name in names(self.body)):
            raise ValueError("placeholders are filled in the texts of the body alone, not in url or names")
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password go together")
        if self.errors and not self.error_path:
            raise ValueError("errors need error_path: where in the answer the code stands")
        if self.encoding == "form" and any(isinstance(one, Mapping | list) for one in self.body.values()):
            raise ValueError("body: a form has no tables in it")
        if self.deduplicates_for and not any("{key}" in text for text in texts(self.body)):
            raise ValueError("deduplicates_for: the gateway can only know a repetition by {key} in the body")
        return self


def _named(text: str) -> bool:
    """Whether a placeholder of ours stands in a text."""
    return any(found[1] in PLACEHOLDERS for found in _BRACED.finditer(text))


def names(value: object) -> Iterator[str]:
    """Every name in a nested body."""
    if isinstance(value, Mapping):
        yield from value
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from names(part)


def texts(value: object) -> Iterator[str]:
    """Every text in a nested body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """The body with its placeholders filled; what is filled in is never looked at again."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: words[found[1]], value)
    if isinstance(value, Mapping):
        return {name: filled(part, words) for name, part in value.items()}
    return [filled(part, words) for part in value] if isinstance(value, list) else value


def at(document: Any, path: str) -> str:
    """What stands at a dotted path of an answer, as text; "" for nothing."""
    for name in path.split(".") if path else ():
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return ""
    if not path or document is None or isinstance(document, Mapping | list):
        return ""
    return str(document).lower() if isinstance(document, bool) else str(document)
