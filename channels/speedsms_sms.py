"""SMS by SpeedSMS: one text for up to 100 numbers a request, receipts and answers by its callback.

Source: SpeedSMS's pages "SMS API". SpeedSMS drops no repetitions and cannot be asked: a send without an answer stays
uncertain. It knows a request by one id, so a message is found again by that id and a keyed mark of its number.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator, model_validator

from channels import contract, http, sms_gateway, speedsms_codes
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

_PATH: Final = "/index.php/sms/send"
_TOKEN: Final = "t"  # noqa: S105
"""Name in the callback's query of what proves that we told SpeedSMS the address."""
_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_NAMED_BY_US: Final = (3, 5)
"""Kinds of SMS that need a sender."""


class SpeedSmsConfig(contract.Config):
    """Settings of a SpeedSMS account.

    `sms_type`: 2 from any number, 3 under a brandname, 4 under SpeedSMS's own, 5 by an Android phone. `callback_token`
    is written into the callback's address at SpeedSMS, as `?t=…`; without it there are no receipts.
    """

    token: SecretStr = Field(min_length=1)
    sender: str = Field("", max_length=40)
    sms_type: Literal[2, 3, 4, 5] = 3
    callback_token: SecretStr | None = Field(None, min_length=16)
    base_url: str = "https://api.speedsms.vn"
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return http.web_address(value, hosts=("speedsms.vn",), example="https://api.speedsms.vn")

    @model_validator(mode="after")
    def _named(self) -> SpeedSmsConfig:
        if self.sms_type in _NAMED_BY_US and not self.sender:
            raise ValueError("sender is missing: the brandname (sms_type 3) or the phone's id (5)")
        if self.sms_type == 3 and len(self.sender) > 11:
            raise ValueError("a brandname (sender) has at most 11 characters")
        return self


class SpeedSms:
    """SpeedSMS on one account."""

    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    provider: ClassVar[str] = "speedsms"
    Config: ClassVar[type[contract.Config]] = SpeedSmsConfig
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_length=sms_gateway.LONGEST_PLAIN, receipts=True, inbound=True, tracks=False
    )
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED
    most_at_once: ClassVar[int] = speedsms_codes.MOST_NUMBERS
    fewest_at_once: ClassVar[int] = 1

    def __init__(self, config: SpeedSmsConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._session: ClientSession | None = None
        token = config.token.get_secret_value()
        self._headers = {"Authorization": "Basic " + base64.b64encode(f"{token}:x".encode()).decode()}
        secret = config.callback_token or config.token
        self._mark_key = hashlib.sha256(b"speedsms number " + secret.get_secret_value().encode()).digest()

    @classmethod
    def proof_on(cls, channel: str, config: Any) -> ReceiptState:
        """Delivered where receipts come, which needs `callback_token`; else that SpeedSMS took it."""
        return ReceiptState.DELIVERED if config.callback_token else ReceiptState.ACCEPTED

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """The meaning of one of SpeedSMS's codes."""
        return speedsms_codes.advice(code)

    def check(self, content: Content) -> list[Problem]:
        """An SMS has a text of at most four parts: 612 characters without diacritics, 268 with."""
        return sms_gateway.text_problems(content.body)

    def list_of(self, outgoing: Outgoing) -> str | None:
        """Any messages of one text may share a request."""
        return ""

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once. Raises SendError."""
        [result] = await self.send_many([outgoing])
        if isinstance(result, SendError):
            raise result
        return result

    async def send_many(self, outgoings: Sequence[Outgoing]) -> Sequence[Accepted | SendError]:
        """One request for all: numbers SpeedSMS calls invalid are rejected, the others have its id."""
        answer = await http.post(
            self._opened(), self._config.base_url + _PATH, self._request(outgoings), self._headers,
            sms_gateway.shared_lease(outgoings), http.JSON,
        )  # fmt: skip
        told = sms_gateway.document(answer.text)
        status = str(told.get("status", ""))
        if answer.status >= 300 and status != "error":
            kind, reason = sms_gateway.by_status(answer.status, "SpeedSMS")
            raise SendError(kind, "", reason, _wait(answer))
        if status == speedsms_codes.SUCCESS:
            return self._taken(outgoings, told)
        if status != "error" or not told.get("code"):
            raise SendError(ErrorKind.UNCERTAIN, "", "SpeedSMS's answer cannot be read; it may have taken the message")
        return _refused(outgoings, told)

    def verify(self, request: WebhookRequest) -> None:
        """Check that the callback came to the address we told SpeedSMS alone; raises VerificationError."""
        token = self._config.callback_token
        given = dict(reversed(request.query)).get(_TOKEN, "")
        right = "" if token is None else token.get_secret_value()
        if not right or request.method != "POST" or not hmac.compare_digest(given.encode(), right.encode()):
            raise VerificationError("the callback's token does not hold; check callback_token and the address")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """A report of one number, or what a citizen wrote; another type says nothing. Raises ValueError."""
        told = sms_gateway.document(request.body.decode(errors="replace"))
        kind = str(told.get("type", ""))
        if not kind:
            raise ValueError("a callback of SpeedSMS is a JSON object with a type")
        if kind in speedsms_codes.REPORTS:
            return self._report(request, told)
        return _incoming(request, told) if kind in speedsms_codes.INCOMING else []

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

    def _request(self, outgoings: Sequence[Outgoing]) -> bytes:
        fields = {
            "to": [one.to.removeprefix("+") for one in outgoings],
            "content": outgoings[0].content.body,
            "sms_type": self._config.sms_type,
            "sender": self._config.sender,
        }
        return sms_gateway.as_json(fields)

    def _taken(self, outgoings: Sequence[Outgoing], told: Mapping[str, Any]) -> list[Accepted | SendError]:
        data = told.get("data")
        data = data if isinstance(data, dict) else {}
        invalid = _numbers(data.get("invalidPhone"))
        transaction = str(data.get("tranId") or "")
        return [
            _bad_number()
            if (phone := sms_gateway.number(one.to)) in invalid
            else Accepted(self._id(transaction, phone) if transaction else "")
            for one in outgoings
        ]

    def _id(self, transaction: str, phone: str) -> str:
        """What one message of a request is known by: nobody without the account's secret finds the number in it."""
        mark = hmac.new(self._mark_key, phone.encode(), hashlib.sha256).hexdigest()[:16]
        return f"{transaction}:{mark}"

    def _report(self, request: WebhookRequest, told: Mapping[str, Any]) -> list[Event]:
        transaction, phone = str(told.get("tranId") or ""), sms_gateway.number(told.get("phone", ""))
        if not transaction or not phone or "status" not in told:
            raise ValueError("a report of SpeedSMS has tranId, phone and status")
        status = str(told["status"]).strip()
        if not (status.isascii() and status.isdigit() and len(status) < 6):
            return []
        provider_id = self._id(transaction, phone)
        failed = int(status) >= speedsms_codes.FAILED_FROM
        on_its_way = ReceiptState.ACCEPTED if int(status) else ReceiptState.DELIVERED
        return [
            Receipt(
                f"{provider_id}:{int(status)}",
                request.received_at,
                provider_id=provider_id,
                state=ReceiptState.FAILED if failed else on_its_way,
                code=f"status-{int(status)}" if failed else "",
                reason="the network did not deliver it" if failed else "",
            )
        ]


def _refused(outgoings: Sequence[Outgoing], told: Mapping[str, Any]) -> list[Accepted | SendError]:
    """What an error means; one about numbers, for those it names, and that the others have not been sent."""
    code = str(told["code"])
    kind, reason = speedsms_codes.meaning(code)
    if code != speedsms_codes.BAD_NUMBER or len(outgoings) == 1:
        raise SendError(kind, code, reason)
    invalid = _numbers(told.get("invalidPhone"))
    again = "a number in the same request was not valid"
    return [
        _bad_number() if sms_gateway.number(one.to) in invalid else SendError(ErrorKind.TRANSIENT, code, again)
        for one in outgoings
    ]


def _bad_number() -> SendError:
    kind, reason = speedsms_codes.CODES[speedsms_codes.BAD_NUMBER]
    return SendError(kind, speedsms_codes.BAD_NUMBER, reason)


def _numbers(named: object) -> frozenset[str]:
    return frozenset(sms_gateway.number(one) for one in named) - {""} if isinstance(named, list) else frozenset()


def _incoming(request: WebhookRequest, told: Mapping[str, Any]) -> list[Event]:
    """A citizen's message; SpeedSMS names none, so the same words of one number count once a day."""
    phone = sms_gateway.number(told.get("phone", ""))
    if not phone:
        raise ValueError("an incoming message of SpeedSMS has a phone")
    text = str(told.get("content") or told.get("message") or "")
    day = request.received_at.astimezone(_ZONE).date().isoformat()
    name = hashlib.sha256(json.dumps([day, phone, text, str(told.get("tranId") or "")]).encode()).hexdigest()[:32]
    return [Inbound(f"in:{name}", request.received_at, sender=f"+{phone}", text=text)]


def _wait(answer: http.Answer) -> float | None:
    """Seconds until SpeedSMS takes requests again, if it says so."""
    value = answer.headers.get("X-Rate-Limit-Reset", "").strip()
    return float(value) if value.isascii() and value.isdigit() else answer.retry_after
