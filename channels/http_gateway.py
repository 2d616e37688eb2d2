"""SMS by any gateway that speaks JSON or forms over HTTP, told in the accounts file how: no code for a new provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import ClientSession

from channels import contract, http
from channels.abilities import Advice
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Inbound,
    Outgoing,
    Problem,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.http_gateway_config import Callback, GatewayConfig, at, filled

_KEY, _TOKEN = "d", "t"
"""Names in the callback's query: our key, and what proves that we made the address."""
_LONGEST_ID: Final = 200
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
_FEWEST_OF_A_NUMBER: Final = 9
"""Digits of a phone number, which must not be taken down as a code."""


class HttpGateway:
    """One gateway, as its settings describe it."""

    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    provider: ClassVar[str] = "http"
    Config: ClassVar[type[contract.Config]] = GatewayConfig
    capabilities: ClassVar[Capabilities] = Capabilities()
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED

    def __init__(self, config: GatewayConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._session: ClientSession | None = None
        self._headers = {name: value.get_secret_value() for name, value in config.headers.items()}
        if config.password is not None:
            pair = f"{config.username}:{config.password.get_secret_value()}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    @classmethod
    def capabilities_of(cls, config: GatewayConfig) -> Capabilities:
        """What the gateway can do, as its settings say."""
        back = config.callback
        return Capabilities(
            max_length=config.max_length, receipts=back is not None and bool(back.status_path),
            inbound=back is not None and bool(back.text_path), deduplicates_for=config.deduplicates_for,
        )  # fmt: skip

    @classmethod
    def proof_on(cls, channel: str, config: GatewayConfig) -> ReceiptState:
        """`delivered`; `accepted` where the gateway sends no receipts."""
        return ReceiptState.DELIVERED if cls.capabilities_of(config).receipts else ReceiptState.ACCEPTED

    @classmethod
    def advice_of(cls, config: GatewayConfig, code: str) -> Advice | None:
        """The settings' own words for a code."""
        rule = config.errors.get(code)
        return None if rule is None or not rule.vi else Advice(rule.vi, rule.vi_do, rule.en or rule.vi, rule.en_do)

    def check(self, content: Content) -> list[Problem]:
        """An SMS has a text, not longer than the gateway takes."""
        if not content.body.strip():
            return [Problem("empty", "the SMS has no text; write one")]
        length, most = len(content.body), self._config.max_length
        if length > most:
            return [Problem("too_long", f"the SMS has {length} characters; the gateway takes at most {most}")]
        return []

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Post once; raises SendError."""
        form = self._config.encoding == "form"
        body = filled(self._config.body, self._words(outgoing))
        raw = urlencode(body).encode() if form else json.dumps(body, ensure_ascii=False).encode()
        kind = http.FORM if form else http.JSON
        answer = await http.post(self._opened(), self._config.url, raw, self._headers, outgoing.lease, kind)
        told = _document(answer.text)
        if self._took(answer.status, told):
            return self._accepted(told, outgoing)
        raise self._refusal(answer, told)

    def verify(self, request: WebhookRequest) -> None:
        """Check the token of our address, or the signature over the raw body; raises VerificationError."""
        back = self._config.callback
        if back is None:
            raise VerificationError("this gateway calls nobody")
        if request.method != back.method:
            raise VerificationError(f"the gateway calls with {back.method}")
        if back.hmac is not None:
            given, right = request.headers.get(back.hmac.header.lower(), ""), _signed(back, request.body)
        else:
            query = _query(request)
            given, right = query.get(_TOKEN, ""), self._token(query.get(_KEY, ""))
        if not hmac.compare_digest(given.encode(), right.encode()):
            raise VerificationError("the callback's token or signature does not hold; check its secret")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """A receipt, or what a citizen writes; a status not in the table says nothing. Raises ValueError."""
        back = self._config.callback
        if back is None:
            return []
        told = _told(back, request)
        provider_id = at(told, back.id_path)[:_LONGEST_ID]
        text, sender = at(told, back.text_path), at(told, back.sender_path)
        if text and sender:
            name = provider_id or _same_on_a_day(request)
            return [Inbound(f"{name}:inbound", request.received_at, provider_id=provider_id, sender=sender, text=text)]
        status = at(told, back.status_path)
        key = at(told, back.key_path) or _query(request).get(_KEY, "")
        if not status or not (key or provider_id):
            raise ValueError("the callback has no status, or names no message")
        state = back.statuses.get(status)
        if state is None:
            return []
        return [self._receipt(back, told, request, key, provider_id, status, ReceiptState(state))]

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> ClientSession:
        if self._session is None:
            config = self._config
            self._session = http.open_session(timeout=self._timeout, connections=config.connections, proxy=config.proxy)
        return self._session

    def _words(self, outgoing: Outgoing) -> dict[str, str]:
        digits = outgoing.to.removeprefix("+")
        back = outgoing.callback_url
        if back and self._config.callback is not None and self._config.callback.hmac is None:
            back = f"{back}&{_TOKEN}={self._token(outgoing.key)}"
        return {
            "to": outgoing.to, "to_digits": digits, "to_national": "0" + digits.removeprefix("84"),
            "text": outgoing.content.body, "key": outgoing.key, "sender": self._config.sender, "callback_url": back,
            "unicode": "0" if outgoing.content.body.isascii() else "1",
        }  # fmt: skip

    def _took(self, status: int, told: Any) -> bool:
        success = self._config.success
        return status in success.status and (not success.path or at(told, success.path) in success.values)

    def _accepted(self, told: Any, outgoing: Outgoing) -> Accepted:
        config = self._config
        number = at(told, config.id_path)[:_LONGEST_ID]
        if config.id_path and not number:
            raise SendError(ErrorKind.UNCERTAIN, "", "the gateway took the message, but gave it no id")
        parts = at(told, config.parts_path)
        told = int(parts) if parts.isdecimal() and len(parts) < 3 else 0
        return Accepted(number or outgoing.key, told or None)

    def _refusal(self, answer: http.Answer, told: Any) -> SendError:
        config = self._config
        code = at(told, config.error_path)[:_LONGEST_ID]
        rule = config.errors.get(code)
        if rule is not None:
            return SendError(rule.kind, code, rule.en or f"the gateway's error {code}", answer.retry_after)
        kind, reason = self._by_status(answer.status)
        left = kind is ErrorKind.TRANSIENT and bool(config.deduplicates_for)
        return SendError(kind, _code(code), reason, answer.retry_after, may_have_left=left)

    def _by_status(self, status: int) -> tuple[ErrorKind, str]:
        if status == 429:
            return ErrorKind.THROTTLED, "too many requests"
        if status >= 500:
            return ErrorKind(self._config.server_errors), f"the gateway is out of order (HTTP {status})"
        if status in (401, 403):
            return ErrorKind.MISCONFIGURED, f"the gateway refuses the account (HTTP {status})"
        if 300 <= status < 400 or status in (404, 405):
            return ErrorKind.MISCONFIGURED, f"this is not the gateway's address (HTTP {status}); check url"
        if status >= 400:
            return ErrorKind.REJECTED, f"the gateway refuses the message (HTTP {status})"
        return ErrorKind(
            self._config.otherwise
        ), "the gateway's answer says neither that it took the message nor why not"

    def _receipt(
        self, back: Callback, told: Any, request: WebhookRequest, key: str, provider_id: str, status: str,
        state: ReceiptState,
    ) -> Receipt:  # fmt: skip
        failed = state is ReceiptState.FAILED
        code = at(told, back.error_path)[:_LONGEST_ID] if failed else ""
        rule = self._config.errors.get(code)
        return Receipt(
            f"{provider_id or key}:{status[:_LONGEST_ID]}", request.received_at, key=key, provider_id=provider_id,
            state=state, code=(code if rule else _code(code)) or (f"status-{_code(status)}" if failed else ""),
            reason=(rule.en if rule else "the gateway did not deliver it") if failed else "",
            opted_out=rule is not None and rule.kind is ErrorKind.OPTED_OUT,
        )  # fmt: skip

    def _token(self, key: str) -> str:
        """What proves a callback's address; good for this message alone."""
        back = self._config.callback
        secret = back.secret.get_secret_value() if back is not None and back.secret is not None else ""
        mark = hashlib.sha256(b"http callback " + secret.encode()).digest()
        return hmac.new(mark, key.encode(), hashlib.sha256).hexdigest()[:32]


def _same_on_a_day(request: WebhookRequest) -> str:
    """A name for a text to which the gateway gives none: the same words count once a day, not for ever."""
    said = request.received_at.astimezone(UTC).date().isoformat().encode() + (request.body or request.url.encode())
    return hashlib.sha256(said).hexdigest()[:32]


def _code(told: str) -> str:
    """A code the settings do not name, where it is one: no sentence and nothing as long as a phone number."""
    return told if _CODE.fullmatch(told) and sum(sign.isdigit() for sign in told) < _FEWEST_OF_A_NUMBER else ""


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _query(request: WebhookRequest) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, max_num_fields=100)
    return dict(reversed(pairs))


def _told(back: Callback, request: WebhookRequest) -> Mapping[str, Any]:
    """What a callback says; raises ValueError."""
    if back.encoding == "query":
        return _query(request)
    text = request.body.decode("utf-8")
    if back.encoding == "form":
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=200))
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("the callback is no JSON object")
    return found


def _signed(back: Callback, body: bytes) -> str:
    assert back.hmac is not None
    digest = hmac.new(back.hmac.secret.get_secret_value().encode(), body, back.hmac.algorithm).digest()
    written = digest.hex() if back.hmac.encoding == "hex" else base64.b64encode(digest).decode()
    return back.hmac.prefix + written
