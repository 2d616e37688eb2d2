"""SMS by eSMS: notices one by one, advertising in lists, receipts by its GET callback. Nobody can answer a brandname.

Source: eSMS's API for customer care messages (SmsType 2), for advertising (SmsType 1) and its callback URL.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from channels import contract, esms_advice, esms_codes, http, sms_gateway
from channels.abilities import Advice
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Outgoing,
    Problem,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)

_PATH: Final = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"
_LIST_PATH: Final = "/MainService.svc/json/SendMultipleSMSBrandname_json/"
_CUSTOMER_CARE: Final = "2"
_ADVERTISING: Final = "1"
_DAY: Final = 86_400
_KEY, _TOKEN, _COUNT = "d", "t", "n"
"""Names in the callback's query: our key, what proves that we made the address, and of a list how many it went to."""


class EsmsConfig(contract.Config):
    """Settings of an eSMS account. `callback_token`: made known to eSMS alone; without it `secret_key` serves."""

    api_key: SecretStr = Field(min_length=1)
    secret_key: SecretStr = Field(min_length=1)
    brandname: str = Field(min_length=1, max_length=11)
    callback_token: SecretStr | None = Field(None, min_length=16)
    base_url: str = "https://rest.esms.vn"
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("write an address like https://rest.esms.vn")
        if parts.scheme == "http" and parts.hostname.endswith("esms.vn"):
            raise ValueError("the secret_key would travel unencrypted; write https://")
        return value.rstrip("/")


class EsmsSms:
    """eSMS's customer care messages and its advertising on one account."""

    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    provider: ClassVar[str] = "esms"
    Config: ClassVar[type[contract.Config]] = EsmsConfig
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_length=esms_codes.LONGEST_PLAIN, receipts=True, deduplicates_for=_DAY,
        deduplicates_within_day_of="Asia/Ho_Chi_Minh",
    )  # fmt: skip
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED
    most_at_once: ClassVar[int] = esms_codes.MOST
    fewest_at_once: ClassVar[int] = esms_codes.FEWEST

    def __init__(self, config: EsmsConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._session: ClientSession | None = None
        secret = config.callback_token or config.secret_key
        self._callback_key = hashlib.sha256(b"esms callback " + secret.get_secret_value().encode()).digest()

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return esms_advice.ADVICE.get(code)

    def check(self, content: Content) -> list[Problem]:
        """An SMS has a text of at most four parts: 612 characters without diacritics, 268 with."""
        return sms_gateway.text_problems(
            content.body, plain=esms_codes.LONGEST_PLAIN, marked=esms_codes.LONGEST_UNICODE
        )

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once under our key; what eSMS has of an earlier attempt is accepted without its id. Raises SendError.

        Advertising is refused: a single one cannot go, and none twice, as a list's key says nothing of one number.
        """
        if outgoing.advertising:
            raise _unlisted(outgoing)
        answer = await http.post(
            self._opened(), self._config.base_url + _PATH, self._request(outgoing), {}, outgoing.lease,
            "application/json",
        )  # fmt: skip
        if not 200 <= answer.status < 300:
            kind, reason = esms_codes.by_status(answer.status)
            left = kind is ErrorKind.TRANSIENT  # the key makes another try harmless, for as long as eSMS knows it
            raise SendError(kind, "", reason, answer.retry_after, may_have_left=left)
        told = sms_gateway.document(answer.text)
        code = str(told.get("CodeResult", ""))
        if code == esms_codes.ACCEPTED:
            return Accepted(str(told.get("SMSID") or ""))
        if code == esms_codes.DUPLICATE:
            return _had_before(told, repeated=outgoing.repeated)
        if not code:
            raise SendError(ErrorKind.UNCERTAIN, "", "eSMS's answer cannot be read; it may have taken the message")
        kind, reason = esms_codes.meaning(code)
        raise SendError(kind, code, reason)

    def list_of(self, outgoing: Outgoing) -> str | None:
        """Advertising goes in lists; a notice goes alone, since only then eSMS knows it by its key."""
        return "advertising" if outgoing.advertising and not outgoing.may_have_left else None

    async def send_many(self, outgoings: Sequence[Outgoing]) -> Sequence[Accepted | SendError]:
        """Advertising to 30 to 5,000 numbers: eSMS takes the list under one id, or none of it. Raises SendError."""
        if len(outgoings) < esms_codes.FEWEST:
            raise _unlisted(outgoings[0])
        answer = await http.post(
            self._opened(), self._config.base_url + _LIST_PATH, self._list_request(outgoings), {},
            sms_gateway.shared_lease(outgoings), http.JSON,
        )  # fmt: skip
        if not 200 <= answer.status < 300:
            kind, reason = sms_gateway.by_status(answer.status, "eSMS")
            raise SendError(kind, "", reason, answer.retry_after)
        told = sms_gateway.document(answer.text)
        code = str(told.get("CodeResult", ""))
        if code == esms_codes.ACCEPTED:
            name = str(told.get("SMSID") or "")
            ids = (f"{name}:{place}" if name else "" for place in range(len(outgoings)))
            return [Accepted(one, code=esms_codes.IN_A_LIST) for one in ids]
        if code in ("", esms_codes.DUPLICATE):
            reason = "eSMS's answer does not tell whether it has the list; it may have taken it"
            raise SendError(ErrorKind.UNCERTAIN, code, reason)
        kind, reason = esms_codes.meaning(code)
        raise SendError(kind, code, reason)

    def verify(self, request: WebhookRequest) -> None:
        """Check that the callback's address is one we made for this key; raises VerificationError."""
        query = _query(request)
        given, right = query.get(_TOKEN, ""), self._token(query.get(_KEY, ""), query.get(_COUNT, ""))
        if request.method != "GET" or not hmac.compare_digest(given.encode(), right.encode()):
            raise VerificationError("the callback's token does not hold; check secret_key or callback_token")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """A receipt; a status not known here says nothing. Raises ValueError.

        eSMS tells of a list how many got it, not who: that is a receipt for each where it was all of them or none.
        """
        query = _query(request)
        provider_id, status = query.get("SMSID", ""), query.get("SendStatus", "")
        if not provider_id or not status:
            raise ValueError("a callback of eSMS has SMSID and SendStatus")
        succeeded, failed = _count(query, "SendSuccess"), _count(query, "SendFailed")
        if _COUNT in query:
            return _list_receipts(request, query, min(_count(query, _COUNT), esms_codes.MOST))
        found = _state(status, succeeded, failed)
        if found is None:
            return []
        state, reason = found
        return [
            Receipt(
                f"{provider_id}:{status}:{succeeded}:{failed}",
                request.received_at,
                key=query.get(_KEY, ""),
                provider_id=provider_id,
                state=state,
                code=f"status-{status}" if state is ReceiptState.FAILED else "",
                reason=reason,
            )
        ]

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

    def _request(self, outgoing: Outgoing) -> bytes:
        config = self._config
        body = outgoing.content.body
        fields = {
            "ApiKey": config.api_key.get_secret_value(),
            "SecretKey": config.secret_key.get_secret_value(),
            "Brandname": config.brandname,
            "Phone": outgoing.to.removeprefix("+"),
            "Content": body,
            "SmsType": _CUSTOMER_CARE,
            "IsUnicode": "0" if sms_gateway.is_plain(body) else "1",
            "Sandbox": "0",
            "RequestId": outgoing.key,
        }
        if outgoing.callback_url:
            fields["CallbackUrl"] = f"{outgoing.callback_url}&{_TOKEN}={self._token(outgoing.key)}"
        return sms_gateway.as_json(fields)

    def _list_request(self, outgoings: Sequence[Outgoing]) -> bytes:
        config, first = self._config, outgoings[0]
        body = first.content.body
        fields: dict[str, Any] = {
            "ApiKey": config.api_key.get_secret_value(),
            "SecretKey": config.secret_key.get_secret_value(),
            "Brandname": config.brandname,
            "Phones": [one.to.removeprefix("+") for one in outgoings],
            "Content": body,
            "SmsType": _ADVERTISING,
            "IsUnicode": "0" if sms_gateway.is_plain(body) else "1",
            "Sandbox": "0",
            "RequestId": _list_key(outgoings),
        }
        if first.callback_url:
            count = str(len(outgoings))
            proof = self._token(first.key, count)
            fields["CallbackUrl"] = f"{first.callback_url}&{_COUNT}={count}&{_TOKEN}={proof}"
        return sms_gateway.as_json(fields)

    def _token(self, key: str, count: str = "") -> str:
        """What proves a callback's address; good for this message, or this list, alone."""
        said = f"{key} {count}" if count else key
        return hmac.digest(self._callback_key, said.encode(), "sha256").hex()[:32]


def _had_before(told: Mapping[str, Any], *, repeated: bool) -> Accepted:
    """What a known RequestId means: the message is eSMS's since our first attempt, unless it was rejected there.

    Without such an attempt the key is somebody else's, or ours from before a restore: nothing is known of this message.
    """
    if not repeated:
        reason = "eSMS knows the message's key, though it was never sent: another installation may use this account"
        raise SendError(ErrorKind.UNCERTAIN, esms_codes.DUPLICATE, reason)
    if str(told.get("SendStatus", "")) == esms_codes.REJECTED_STATUS:
        raise SendError(ErrorKind.REJECTED, esms_codes.DUPLICATE, "eSMS had rejected the message before")
    return Accepted(str(told.get("SMSID") or ""))


def _unlisted(outgoing: Outgoing) -> SendError:
    """Why an advertising message cannot leave by itself."""
    if outgoing.may_have_left:
        reason = "it may have left in a list, which is not sent again: its key says nothing of a single number"
        return SendError(ErrorKind.UNCERTAIN, "", reason)
    kind, reason = esms_codes.CODES[esms_codes.TOO_FEW]
    return SendError(kind, esms_codes.TOO_FEW, reason)


def _list_key(outgoings: Sequence[Outgoing]) -> str:
    """The RequestId of a list: made of all its keys, so that no other list has it."""
    return "L" + hashlib.sha256(" ".join(one.key for one in outgoings).encode()).hexdigest()[:40]


def _list_receipts(request: WebhookRequest, query: Mapping[str, str], count: int) -> list[Event]:
    provider_id, status = query["SMSID"], query["SendStatus"]
    succeeded, failed = _count(query, "SendSuccess"), _count(query, "SendFailed")
    if status == esms_codes.FINISHED_STATUS and count not in (succeeded, failed):
        return []
    found = _state(status, succeeded, failed)
    if found is None:
        return []
    state, reason = found
    code = f"status-{status}" if state is ReceiptState.FAILED else ""
    return [
        Receipt(
            f"{provider_id}:{place}:{status}:{succeeded}:{failed}", request.received_at,
            provider_id=f"{provider_id}:{place}", state=state, code=code, reason=reason,
        )
        for place in range(count)
    ]  # fmt: skip


def _query(request: WebhookRequest) -> dict[str, str]:
    """The callback's query; eSMS may begin its own part with a second question mark. The first of a name counts."""
    _, _, query = request.url.partition("?")
    pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=True, max_num_fields=100)
    return dict(reversed(pairs))


def _count(query: Mapping[str, str], name: str) -> int:
    value = query.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _state(status: str, succeeded: int, failed: int) -> tuple[ReceiptState, str] | None:
    """How far a message has come, with the reason of a failure; None: nothing we know."""
    if status == esms_codes.REJECTED_STATUS:
        return ReceiptState.FAILED, "eSMS rejected the message"
    if status == esms_codes.FINISHED_STATUS and succeeded:
        return ReceiptState.DELIVERED, ""
    if status == esms_codes.FINISHED_STATUS and failed:
        return ReceiptState.FAILED, "the network did not deliver it"
    return (ReceiptState.ACCEPTED, "") if status in esms_codes.SEND_STATUS else None
