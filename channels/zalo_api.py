"""Zalo's wire: JSON over HTTP with the token in a header of its own; errors come as HTTP 200 with `error` ≠ 0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from channels import contract, http, zalo_codes
from channels.abilities import Tokens
from channels.contract import ErrorKind, Lease, Outgoing, SendError

_HOSTS = ("zalo.me", "zaloapp.com")
_NO_TOKEN_WAIT = 60.0
"""Seconds the account waits when its token cannot be renewed just now: nobody could be written to anyway."""
_LIFE = 3600
"""Seconds a token is used whose `expires_in` cannot be read."""
_LIFE_DIGITS = 8
"""Of a longer `expires_in` nothing is believed; the new token must not be lost for it."""


class ZaloConfig(contract.Config):
    """Settings of a Zalo account: one app and one OA, for consultation messages and templates by phone alike.

    `refresh_token`: from an authorisation of the app made elsewhere, where the chain of tokens begins; none where it is
    authorised from here. `receipts`: whether the OA sends events of what was received; where it does not, `accepted` is
    the proof of consultation messages. `billable`: whether somebody is written to whose last interaction is two to
    seven days ago, which costs.
    """

    app_id: str = Field(pattern=r"^[0-9]+$")
    app_secret: SecretStr = Field(min_length=1)
    oa_id: str = Field(pattern=r"^[0-9]+$")
    oa_secret: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = SecretStr("")
    receipts: bool = True
    billable: bool = True
    base_url: str = "https://openapi.zalo.me"
    business_url: str = "https://business.openapi.zalo.me"
    oauth_url: str = "https://oauth.zaloapp.com"
    connections: int = Field(http.CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @field_validator("app_secret", "oa_secret", "refresh_token")
    @classmethod
    def _one_word(cls, value: SecretStr) -> SecretStr:
        if not all("!" <= letter <= "~" for letter in value.get_secret_value()):
            raise ValueError("write it as Zalo shows it, without blanks or line breaks (a file read may end with one)")
        return value

    @field_validator("base_url", "business_url", "oauth_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return http.web_address(value, hosts=_HOSTS, example="https://openapi.zalo.me")


@dataclass(frozen=True, slots=True)
class Reply:
    """What Zalo answered to a request it has read: `code` is "0" where it took it; `items`: data that are a list."""

    code: str
    message: str
    data: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...] = ()


class ZaloApi:
    """Requests of one account; the session is opened by the first of them."""

    def __init__(self, config: ZaloConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._session: ClientSession | None = None

    async def consult(self, outgoing: Outgoing, access: str) -> Reply:
        """A consultation message to a user of the OA."""
        body = {"recipient": {"user_id": outgoing.to}, "message": {"text": outgoing.content.body}}
        return await self._send(f"{self._config.base_url}/v3.0/oa/message/cs", body, access, outgoing.lease)

    async def template(self, outgoing: Outgoing, access: str) -> Reply:
        """A registered template to a phone number; the key travels along as `tracking_id`."""
        content = outgoing.content
        body = {
            "phone": outgoing.to.removeprefix("+"),
            "template_id": content.template_id,
            "template_data": dict(content.parameters),
            "tracking_id": outgoing.key,
        }
        return await self._send(f"{self._config.business_url}/message/template", body, access, outgoing.lease)

    async def template_info(self, template_id: str, access: str) -> Reply:
        """What Zalo has on a registered template; raises SendError, never UNCERTAIN: a question changes nothing."""
        return await self._ask(f"{self._config.business_url}/template/info/v2", {"template_id": template_id}, access)

    async def template_quota(self, access: str) -> Reply:
        """How many templates by phone the OA may still send today; raises SendError as `template_info` does."""
        return await self._ask(f"{self._config.business_url}/message/quota", {}, access)

    async def message_quota(self, access: str) -> Reply:
        """What is left of the consultation messages in the OA's package; raises SendError as `template_info` does.

        [M]: the filter and the list of assets in the answer are written from memory.
        """
        body = {"quota_owner": "OA", "product_type": "cs", "quota_type": "sub_quota"}
        url, lease = f"{self._config.base_url}/v3.0/oa/quota/message", Lease.lasting(self._timeout)
        raw, headers = json.dumps(body).encode(), {"access_token": access}
        try:
            answer = await http.post(self._open(), url, raw, headers, lease, http.JSON)
        except SendError as error:
            raise _only_asked(error) from None
        return _told(answer)

    async def renew(self, stale: Tokens) -> Tokens:
        """The pair that follows `stale`, whose refresh token is thereby used up; raises SendError.

        Whatever goes wrong, no message has left: so nothing here is UNCERTAIN.
        """
        form = {
            "refresh_token": stale.refresh,
            "app_id": self._config.app_id,
            "grant_type": "refresh_token",
        }
        return await self._handed_out(form)

    async def exchange(self, code: str, verifier: str) -> Tokens:
        """The first pair of an authorisation; a code works once, within minutes. Raises SendError."""
        form = {
            "code": code,
            "app_id": self._config.app_id,
            "grant_type": "authorization_code",
            "code_verifier": verifier,
        }
        return await self._handed_out(form)

    async def _handed_out(self, form: Mapping[str, str]) -> Tokens:
        headers = {"secret_key": self._config.app_secret.get_secret_value()}
        lease = Lease.lasting(self._timeout)
        url = f"{self._config.oauth_url}/v4/oa/access_token"
        try:
            answer = await http.post(self._open(), url, urlencode(form).encode(), headers, lease)
        except SendError as error:
            kind, reason = error.kind, error.reason
        else:
            return _tokens(answer)
        if kind is ErrorKind.MISCONFIGURED:
            raise SendError(kind, "", f"{reason}; check oauth_url")
        raise SendError(ErrorKind.THROTTLED, "", f"the token could not be renewed: {reason}", _NO_TOKEN_WAIT)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, url: str, body: Mapping[str, Any], access: str, lease: Lease) -> Reply:
        raw = json.dumps(body, ensure_ascii=False).encode()
        answer = await http.post(self._open(), url, raw, {"access_token": access}, lease, http.JSON)
        if answer.status != 200:
            meaning = zalo_codes.by_status(answer.status)
            wait = answer.retry_after if answer.retry_after is not None else meaning.retry_after(datetime.now(UTC))
            raise SendError(meaning.kind, "", meaning.reason, wait)
        reply = _reply(answer.text)
        if reply is None:
            raise SendError(ErrorKind.UNCERTAIN, "", "Zalo's answer cannot be read; it may have taken the message")
        return reply

    async def _ask(self, url: str, params: Mapping[str, str], access: str) -> Reply:
        return _told(await http.get(self._open(), url, params, {"access_token": access}))

    def _open(self) -> ClientSession:
        if self._session is None:
            config = self._config
            self._session = http.open_session(timeout=self._timeout, connections=config.connections, proxy=config.proxy)
        return self._session


def _told(answer: http.Answer) -> Reply:
    """The answer to a question; raises SendError where it is none."""
    if answer.status != 200:
        meaning = zalo_codes.by_status(answer.status)
        raise _only_asked(SendError(meaning.kind, "", meaning.reason))
    reply = _reply(answer.text)
    if reply is None:
        raise SendError(ErrorKind.TRANSIENT, "", "Zalo's answer cannot be read")
    return reply


def _only_asked(error: SendError) -> SendError:
    """What went wrong with a question: no message can have left by it."""
    if error.kind is not ErrorKind.UNCERTAIN:
        return error
    return SendError(ErrorKind.TRANSIENT, "", "Zalo does not answer now")


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _code(found: Mapping[str, Any]) -> str:
    """The application's code: a number or its digits; "" where there is none."""
    code = str(found.get("error", ""))
    return code if code.removeprefix("-").isdecimal() else ""


def _reply(text: str) -> Reply | None:
    found = _object(text)
    if found is None or not _code(found):
        return None
    data, message = found.get("data"), found.get("message")
    items = tuple(one for one in data if isinstance(one, dict)) if isinstance(data, list) else ()
    return Reply(_code(found), str(message or ""), data if isinstance(data, dict) else {}, items)


def _tokens(answer: http.Answer) -> Tokens:
    found = _object(answer.text) or {}
    access, refresh = found.get("access_token"), found.get("refresh_token")
    if answer.status == 200 and isinstance(access, str) and isinstance(refresh, str) and access and refresh:
        lasts = str(found.get("expires_in", ""))
        seconds = int(lasts) if lasts.isdecimal() and len(lasts) <= _LIFE_DIGITS else _LIFE
        return Tokens(access, refresh, datetime.now(UTC) + timedelta(seconds=seconds))
    code = _code(found)
    if code == zalo_codes.LOST:
        raise SendError(ErrorKind.MISCONFIGURED, code, zalo_codes.AUTHORISE_AGAIN)
    if code not in ("", "0") or (400 <= answer.status < 500 and answer.status not in (408, 429)):
        raise SendError(ErrorKind.MISCONFIGURED, code, zalo_codes.REFUSED_APP)
    raise SendError(ErrorKind.THROTTLED, "", "Zalo's token service gives no token now", _NO_TOKEN_WAIT)
