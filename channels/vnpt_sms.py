"""SMS by VNPT's brandname gateway: a registered template whose first parameter is the whole text; no receipts.

Source: requests and answers as VNPT's customers publish them (`send_sms_list`). VNPT gives no id and calls nobody, so
that it took a message is all there is to know; a send without an answer stays uncertain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from aiohttp import ClientSession
from pydantic import Field, SecretStr, model_validator

from channels import contract, http, sms_gateway, vnpt_codes
from channels.abilities import Advice
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Outgoing,
    Problem,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)

_METHOD: Final = "send_sms_list"


class VnptConfig(contract.Config):
    """Settings of a VNPT account, as its contract names them.

    `base_url`: the whole address VNPT gave. `template_id`: a template whose parameter 1 is the whole text.
    `contract_type_id`: "1" customer care, "2" advertising. `unencrypted`: over plain http, which needs a private line.
    """

    agent_id: str = Field(min_length=1, max_length=20)
    api_user: str = Field(min_length=1)
    api_password: SecretStr = Field(min_length=1)
    username: str = Field(min_length=1)
    label_id: str = Field(min_length=1, max_length=20)
    contract_id: str = Field(min_length=1, max_length=20)
    template_id: str = Field(min_length=1, max_length=20)
    contract_type_id: Literal["1", "2"] = vnpt_codes.CUSTOMER_CARE
    base_url: str
    unencrypted: bool = False
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @model_validator(mode="after")
    def _reachable(self) -> VnptConfig:
        address = http.web_address(self.base_url, hosts=(), example="https://sms.vnpt.example/smsbn/api")
        parts = urlsplit(address)
        if parts.scheme == "http" and not self.unencrypted and not _at_home(parts.hostname or ""):
            raise ValueError("base_url: api_password would travel unencrypted; write https://, or lead it through a"
                             " private line and set unencrypted = true")  # fmt: skip
        return self


class VnptSms:
    """VNPT's gateway on one account."""

    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    provider: ClassVar[str] = "vnpt"
    Config: ClassVar[type[contract.Config]] = VnptConfig
    capabilities: ClassVar[Capabilities] = Capabilities(max_length=sms_gateway.LONGEST_PLAIN, tracks=False)
    proof: ClassVar[ReceiptState] = ReceiptState.ACCEPTED
    most_at_once: ClassVar[int] = vnpt_codes.MOST_NUMBERS
    fewest_at_once: ClassVar[int] = 1

    def __init__(self, config: VnptConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._session: ClientSession | None = None

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """The meaning of one of VNPT's codes."""
        return vnpt_codes.advice(code)

    def check(self, content: Content) -> list[Problem]:
        """An SMS has a text of at most four parts: 612 characters without diacritics, 268 with."""
        return sms_gateway.text_problems(content.body)

    def list_of(self, outgoing: Outgoing) -> str | None:
        """Numbers of one network share a request; one that failed before, or of no known network, goes alone."""
        return None if outgoing.repeated else sms_gateway.network(sms_gateway.number(outgoing.to)) or None

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once; advertising needs a contract for it. Raises SendError."""
        [result] = await self.send_many([outgoing])
        if isinstance(result, SendError):
            raise result
        return result

    async def send_many(self, outgoings: Sequence[Outgoing]) -> Sequence[Accepted | SendError]:
        """One request for all: VNPT takes every number or none."""
        if any(one.advertising for one in outgoings) and self._config.contract_type_id != vnpt_codes.ADVERTISING:
            reason = "the account's contract is for customer care (contract_type_id 1), not for advertising"
            raise SendError(ErrorKind.WINDOW_CLOSED, "", reason)
        request_id = _request_id(outgoings)
        answer = await http.post(
            self._opened(), self._config.base_url.rstrip("/"), self._request(outgoings, request_id), {},
            sms_gateway.shared_lease(outgoings), http.JSON,
        )  # fmt: skip
        if not 200 <= answer.status < 300:
            kind, reason = sms_gateway.by_status(answer.status, "VNPT")
            raise SendError(kind, "", reason, answer.retry_after)
        told = sms_gateway.document(answer.text).get("RPLY")
        code = str(told.get("ERROR", "")).strip() if isinstance(told, dict) else ""
        if code == vnpt_codes.ACCEPTED:
            return [Accepted(_named(request_id, place, len(outgoings))) for place in range(len(outgoings))]
        if not code:
            raise SendError(ErrorKind.UNCERTAIN, "", "VNPT's answer cannot be read; it may have taken the message")
        raise _refusal(code, len(outgoings))

    def verify(self, request: WebhookRequest) -> None:
        """VNPT calls nobody."""
        raise VerificationError("VNPT sends no callbacks")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Nothing."""
        return []

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

    def _request(self, outgoings: Sequence[Outgoing], request_id: str) -> bytes:
        config = self._config
        body = outgoings[0].content.body
        fields: dict[str, Any] = {
            "name": _METHOD,
            "REQID": request_id,
            "LABELID": config.label_id,
            "CONTRACTTYPEID": config.contract_type_id,
            "CONTRACTID": config.contract_id,
            "TEMPLATEID": config.template_id,
            "PARAMS": [{"NUM": "1", "CONTENT": body}],
            "SCHEDULETIME": "",
            "MOBILELIST": ",".join(one.to.removeprefix("+") for one in outgoings),
            "ISTELCOSUB": "0",
            "AGENTID": config.agent_id,
            "APIUSER": config.api_user,
            "APIPASS": config.api_password.get_secret_value(),
            "USERNAME": config.username,
            "DATACODING": vnpt_codes.PLAIN if sms_gateway.is_plain(body) else vnpt_codes.UNICODE,
        }
        return sms_gateway.as_json({"RQST": fields})


def _request_id(outgoings: Sequence[Outgoing]) -> str:
    """A message's own key; of a list a name made of all its keys, so that another list never has it."""
    if len(outgoings) == 1:
        return outgoings[0].key
    return "L" + hashlib.sha256(" ".join(one.key for one in outgoings).encode()).hexdigest()[:31]


def _named(request_id: str, place: int, count: int) -> str:
    """What VNPT can be asked about a message by: the request, and the number's place in it."""
    return request_id if count == 1 else f"{request_id}:{place}"


def _refusal(code: str, count: int) -> SendError:
    kind, reason, wait = vnpt_codes.meaning(code)
    if count > 1 and code in vnpt_codes.OF_ONE_NUMBER:
        reason = "a number of the list stood in the way; each goes alone the next time"
        return SendError(ErrorKind.TRANSIENT, code, reason)
    return SendError(kind, code, reason, wait)


def _at_home(host: str) -> bool:
    """Whether an address is this machine's or of a private network."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False
