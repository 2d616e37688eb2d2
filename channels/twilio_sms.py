"""SMS by Twilio: its SDK over our HTTP session, receipts and answers by its signed webhook.

Source: Twilio's Messages API of 2010-04-01 and its request signing.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import ClientSession
from multidict import MultiDict
from pydantic import Field, SecretStr, field_validator, model_validator
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from channels import contract, http, twilio_advice, twilio_codes
from channels.abilities import Advice
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Inbound,
    Lease,
    OptOut,
    Outgoing,
    Problem,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)

MAX_LENGTH: Final = 1600
"""Characters of a text, whatever its encoding (error 21617 beyond)."""
_SKEW = timedelta(seconds=5)
"""How far the provider's clock may be behind the database's."""
_ASKED_AT_MOST = 200
"""Messages to one number looked through by `ask`; who has more than that since the claim cannot be told."""
_STATES: Final[Mapping[str, ReceiptState]] = {
    **dict.fromkeys(("queued", "accepted", "scheduled", "sending", "sent"), ReceiptState.ACCEPTED),
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
    **dict.fromkeys(("undelivered", "failed", "canceled"), ReceiptState.FAILED),
}
_lease: ContextVar[Lease] = ContextVar("lease of the message being sent")


class TwilioConfig(contract.Config):
    """Settings of a Twilio account."""

    account_sid: str = Field(pattern=r"^AC[0-9A-Za-z]{32}$")
    auth_token: SecretStr
    sender: str | None = Field(None, alias="from", min_length=1)
    messaging_service_sid: str | None = Field(None, pattern=r"^MG[0-9A-Za-z]{32}$")
    base_url: str = "https://api.twilio.com"
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("write an address like https://api.twilio.com")
        if parts.scheme == "http" and parts.hostname.endswith("twilio.com"):
            raise ValueError("the auth_token would travel unencrypted; write https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_sender(self) -> TwilioConfig:
        if (self.sender is None) == (self.messaging_service_sid is None):
            raise ValueError("set either from or messaging_service_sid")
        return self


class TwilioSms:
    """Twilio's Messages API on one account."""

    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    provider: ClassVar[str] = "twilio"
    Config: ClassVar[type[contract.Config]] = TwilioConfig
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_length=MAX_LENGTH, receipts=True, inbound=True, can_ask=True
    )
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED

    def __init__(self, config: TwilioConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._token = config.auth_token.get_secret_value()
        self._session: ClientSession | None = None
        self._list: Any = None
        self._sender = {"from_": config.sender} if config.sender else {}
        if config.messaging_service_sid:
            self._sender = {"messaging_service_sid": config.messaging_service_sid}

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return twilio_advice.ADVICE.get(code)

    def check(self, content: Content) -> list[Problem]:
        """An SMS has a text of at most 1600 characters."""
        problems = []
        if not content.body.strip():
            problems.append(Problem("empty", "the SMS has no text; write one"))
        if len(content.body) > MAX_LENGTH:
            problems.append(
                Problem("too_long", f"the SMS has {len(content.body)} characters; Twilio takes at most {MAX_LENGTH}")
            )
        return problems

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Create the message once; raises SendError."""
        _lease.set(outgoing.lease)
        callback = {"status_callback": outgoing.callback_url} if outgoing.callback_url else {}
        try:
            message = await self._messages.create_async(
                to=outgoing.to, body=outgoing.content.body, **self._sender, **callback
            )
            accepted = _accepted(message)
        except (TwilioException, ValueError, TypeError, AttributeError, KeyError):
            accepted = None  # the request was processed, but the answer is not a message
        if accepted is None:
            raise SendError(ErrorKind.UNCERTAIN, "", "Twilio's answer cannot be read; it may have taken the message")
        return accepted

    async def ask(self, outgoing: Outgoing) -> Accepted | None:
        """Look for a message with this recipient, sender and text, made since the claim (less 5 s).

        A message with another text may be ours all the same, made before a name was corrected: then it cannot be
        told, and UNCERTAIN is raised.

        Not filtered by Twilio's DateSent: a message still in its queue has none, and would seem never to have come.
        """
        if outgoing.sent_after is None:
            raise SendError(ErrorKind.UNCERTAIN, "", "without the time of the claim Twilio cannot be asked")
        since = outgoing.sent_after - _SKEW
        try:
            found = await self._messages.list_async(to=outgoing.to, limit=_ASKED_AT_MOST)
            recent = [message for message in found if message.date_created >= since]
            others = any(self._same_sender(message) for message in recent)
            matches = [message for message in recent if self._matches(message, outgoing)]
            accepted = _accepted(matches[0]) if matches else None
            readable = not matches or accepted is not None
        except (TwilioException, ValueError, TypeError, AttributeError, KeyError):
            readable = False
        if not readable:
            raise SendError(ErrorKind.TRANSIENT, "", "Twilio's list of messages cannot be read")
        if accepted is None and others:
            raise SendError(ErrorKind.UNCERTAIN, "", "Twilio has a message to this number which may be ours")
        if accepted is None and len(recent) >= _ASKED_AT_MOST:
            raise SendError(ErrorKind.UNCERTAIN, "", "Twilio has more messages to this number than are looked through")
        return accepted

    def verify(self, request: WebhookRequest) -> None:
        """Check X-Twilio-Signature over the public URL and the sorted form; raises VerificationError."""
        signature = request.headers.get("x-twilio-signature", "")
        if request.method != "POST" or not signature:
            raise VerificationError("Twilio's callbacks are signed POST requests")
        try:
            form = _form(request.body)
        except ValueError:
            form = None
        validator = RequestValidator(self._token)
        if form is None or not signature.isascii() or not validator.validate(request.url, form, signature):
            raise VerificationError("the signature does not hold; check auth_token and OUTREACH_PUBLIC_URL")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """A receipt, an answer or a refusal; a status not known here says nothing. Raises ValueError."""
        form = _form(request.body)
        sid = form.get("MessageSid", "")
        if not sid:
            raise ValueError("a callback of Twilio has a MessageSid")
        status = form.get("MessageStatus")
        if status is not None:
            key = next((value for name, value in request.query if name == "d"), "")
            return _receipt(sid, key, status, form.get("ErrorCode", ""), request.received_at)
        sender = form.get("From", "")
        if not sender or "Body" not in form:
            raise ValueError("a message from Twilio has From and Body")
        if form.get("OptOutType", "").upper() == "STOP":
            return [OptOut(f"{sid}:stop", request.received_at, provider_id=sid, sender=sender, confirmed=True)]
        return [Inbound(f"{sid}:inbound", request.received_at, provider_id=sid, sender=sender, text=form["Body"])]

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._session is not None:
            await self._session.close()
            self._session = self._list = None

    @property
    def _messages(self) -> Any:
        if self._list is None:
            config = self._config
            self._session = http.open_session(timeout=self._timeout, connections=config.connections, proxy=config.proxy)
            client = Client(
                config.account_sid,
                self._token,
                http_client=_Transport(self._session, config, self._timeout),
                environment={"TWILIO_ACCOUNT_SID": config.account_sid},  # else TWILIO_REGION could change the host
            )
            client.api.base_url = config.base_url
            self._list = client.messages
        return self._list

    def _matches(self, message: Any, outgoing: Outgoing) -> bool:
        return self._same_sender(message) and (message.body or "").strip() == outgoing.content.body.strip()

    def _same_sender(self, message: Any) -> bool:
        return self._config.sender is None or message.from_ == self._config.sender


class _Transport(AsyncHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's way out: our session, no log, no retry; a refusal ends here, before the SDK puts texts into errors."""

    def __init__(self, session: ClientSession, config: TwilioConfig, timeout: float) -> None:
        super().__init__(logging.getLogger(__name__), True, timeout)
        self._session = session
        self._base_url = config.base_url
        pair = f"{config.account_sid}:{config.auth_token.get_secret_value()}"
        self._authorization = "Basic " + base64.b64encode(pair.encode()).decode()

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, str] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request; raises SendError for anything but a 2xx."""
        if not url.startswith(f"{self._base_url}/"):  # a page link of the answer
            raise SendError(ErrorKind.MISCONFIGURED, "", "the provider points to another host")
        headers = {**(headers or {}), "Authorization": self._authorization}
        if method == "POST":
            body = urlencode(data or {}, doseq=True).encode()
            answer = await http.post(self._session, url, body, headers, _lease.get())
        else:
            answer = await http.get(self._session, url, params or {}, headers)
        if not 200 <= answer.status < 300:
            raise _refusal(answer)
        return Response(answer.status, answer.text, answer.headers)


def _refusal(answer: http.Answer) -> SendError:
    try:
        payload = json.loads(answer.text)
    except ValueError:
        payload = None
    code = payload.get("code") if isinstance(payload, dict) else None
    code = str(code) if isinstance(code, int) else ""
    kind, reason = twilio_codes.meaning(code, answer.status)
    return SendError(kind, code, reason, answer.retry_after)


def _accepted(message: Any) -> Accepted | None:
    if not isinstance(message.sid, str) or not message.sid:
        return None
    parts = str(message.num_segments or "")
    return Accepted(message.sid, int(parts) if parts.isdigit() and int(parts) else None)


def _form(body: bytes) -> MultiDict[str]:
    return MultiDict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body)))


def _receipt(sid: str, key: str, status: str, code: str, at: datetime) -> list[Event]:
    state = _STATES.get(status)
    if state is None:
        return []
    code = "" if code == "0" else code
    return [
        Receipt(
            f"{sid}:{status}",
            at.astimezone(UTC),
            key=key,
            provider_id=sid,
            state=state,
            code=code,
            reason=twilio_codes.reason(code) if state is ReceiptState.FAILED else "",
            opted_out=twilio_codes.CODES.get(code, (None,))[0] is ErrorKind.OPTED_OUT,
        )
    ]
