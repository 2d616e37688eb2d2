"""Zalo: consultation messages of an Official Account (OA), and registered templates by phone number (ZNS).

Source: Zalo's OA interface v3.0 and its template messages (ZNS, since 2026 "ZBS Template Message"). Zalo drops no
repetition and cannot be asked by our key, so what may have left stays uncertain until its receipt.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlencode

from channels import contract, zalo_advice, zalo_codes, zalo_events
from channels.abilities import Advice, Tokens, TokenVault
from channels.contract import (
    Accepted,
    Capabilities,
    Content,
    ErrorKind,
    Event,
    Lease,
    Outgoing,
    Problem,
    ReceiptState,
    SendError,
    WebhookRequest,
)
from channels.zalo_api import Reply, ZaloApi, ZaloConfig
from channels.zalo_signature import Signature

OA: Final = "zalo_oa"
ZNS: Final = "zalo_zns"
MAX_LENGTH: Final = 2000
"""Characters of a consultation message."""
_ENDING = timedelta(seconds=60)
"""A token that ends sooner is renewed before it is used."""
_OLD = timedelta(hours=8)
"""`keep_fresh` renews what ends sooner (a token lasts 25 hours), so that sending hardly ever has to."""
_WINDOW = timedelta(days=7)
"""After a user's last interaction: later it is refused (-230)."""
_FREE_WINDOW = timedelta(hours=48)
"""After a user's last interaction: later it costs."""
_LONGEST_SHUT = 3600.0
"""Seconds after which a used-up quota is tried again: it may have been raised."""


class Zalo:
    """One app and one OA, on both channels."""

    kinds: ClassVar[tuple[str, ...]] = (OA, ZNS)
    provider: ClassVar[str] = "zalo"
    Config: ClassVar[type[contract.Config]] = ZaloConfig
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_length=MAX_LENGTH, templates_only=(ZNS,), receipts=True, inbound=True, tracks=False
    )
    proof: ClassVar[ReceiptState] = ReceiptState.DELIVERED

    def __init__(self, config: ZaloConfig, *, timeout: float) -> None:
        self._config = config
        self._api = ZaloApi(config, timeout=timeout)
        self._signature = Signature(config.app_id, config.oa_id, config.oa_secret.get_secret_value())
        self._vault: TokenVault | None = None
        self._shut: dict[str, tuple[float, str, zalo_codes.Meaning]] = {}

    @classmethod
    def proof_on(cls, channel: str, config: ZaloConfig) -> ReceiptState:
        """`delivered`; for consultation messages of an OA that sends no receipts, `accepted`."""
        return ReceiptState.ACCEPTED if channel == OA and not config.receipts else ReceiptState.DELIVERED

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return zalo_advice.ADVICE.get(code)

    @classmethod
    def window_on(cls, channel: str, config: ZaloConfig) -> timedelta | None:
        """Seven days for consultation messages; two where what is beyond them would cost and must not."""
        if channel != OA:
            return None
        return _WINDOW if config.billable else _FREE_WINDOW

    def check(self, content: Content) -> list[Problem]:
        """A consultation message has a text of at most 2000 characters; a template its id and parameters."""
        if content.channel == OA:
            return _text_problems(content.body)
        if content.channel == ZNS:
            return _template_problems(content)
        return [Problem("channel", f'Zalo sends on {OA} and {ZNS}, not on "{content.channel}"')]

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once; only a refused token is renewed and the request made again. Raises SendError."""
        channel = outgoing.content.channel
        self._check_open(channel)
        tokens = await self._valid()
        reply = await self._ask_for(outgoing, tokens)
        if reply.code in zalo_codes.RENEW:  # nothing was processed
            tokens = await self._keeper.rotate(tokens, self._api.renew)
            reply = await self._ask_for(outgoing, tokens)
        if reply.code != "0":
            raise self._refusal(channel, reply)
        number = reply.data.get("msg_id") or reply.data.get("message_id")
        if not isinstance(number, str | int) or not str(number):
            raise SendError(ErrorKind.UNCERTAIN, "", "Zalo took the message, but gave it no id")
        return Accepted(str(number))

    def verify(self, request: WebhookRequest) -> None:
        """Check X-ZEvent-Signature over the raw body, and its age; raises VerificationError."""
        self._signature.verify(request, datetime.now(UTC))

    def parse(self, request: WebhookRequest) -> list[Event]:
        """Receipts, what users write, who comes and goes; anything else says nothing. Raises ValueError."""
        return zalo_events.parse(request, self._config.oa_secret.get_secret_value(), self._config.oa_id)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._api.aclose()

    @property
    def first_refresh_token(self) -> str:
        """The configured refresh token."""
        return self._config.refresh_token.get_secret_value()

    def use_vault(self, vault: TokenVault) -> None:
        """Keep the tokens there."""
        self._vault = vault

    async def keep_fresh(self) -> bool:
        """Renew a pair that ends within eight hours; whether it did. Raises SendError."""
        tokens = await self._keeper.current()
        if tokens.expires_at - datetime.now(UTC) > _OLD:
            return False
        return await self._keeper.rotate(tokens, self._api.renew) != tokens

    def permission_address(self, redirect: str, state: str, challenge: str) -> str:
        """Where an administrator of the OA lets the app write for it; Zalo then sends them on to `redirect`."""
        asked = {
            "app_id": self._config.app_id, "redirect_uri": redirect, "code_challenge": challenge, "state": state,
        }  # fmt: skip
        return f"{self._config.oauth_url}/v4/oa/permission?{urlencode(asked)}"

    async def exchange(self, code: str, verifier: str, owner: str) -> Tokens:
        """The first pair of an authorisation by the OA `owner` ("" where that is not known); raises SendError."""
        if owner not in ("", self._config.oa_id):
            raise SendError(
                ErrorKind.MISCONFIGURED, "", "another OA gave its permission than oa_id: choose the right one"
            )
        return await self._api.exchange(code, verifier)

    @property
    def _keeper(self) -> TokenVault:
        if self._vault is None:
            raise RuntimeError("this adapter was made without a vault, for checks and webhooks only")
        return self._vault

    async def _valid(self) -> Tokens:
        tokens = await self._keeper.current()
        if tokens.expires_at - datetime.now(UTC) > _ENDING:
            return tokens
        return await self._keeper.rotate(tokens, self._api.renew)

    async def _ask_for(self, outgoing: Outgoing, tokens: Tokens) -> Reply:
        if outgoing.content.channel == ZNS:
            return await self._api.template(outgoing, tokens.access)
        return await self._api.consult(outgoing, tokens.access)

    def _check_open(self, channel: str) -> None:
        """Refuse without asking while the channel's quota is known to be used up."""
        if channel not in self._shut:
            return
        until, code, meaning = self._shut[channel]
        if Lease.clock() < until:
            raise SendError(meaning.kind, code, meaning.reason, meaning.retry_after(datetime.now(UTC)))
        del self._shut[channel]

    def _refusal(self, channel: str, reply: Reply) -> SendError:
        meaning = zalo_codes.meaning(reply.code, reply.message)
        wait = meaning.retry_after(datetime.now(UTC))
        if meaning.shuts and wait is not None:
            self._shut[channel] = (Lease.clock() + min(wait, _LONGEST_SHUT), reply.code, meaning)
        return SendError(meaning.kind, reply.code, meaning.reason, wait)


def _text_problems(body: str) -> list[Problem]:
    if not body.strip():
        return [Problem("empty", "the Zalo message has no text; write one")]
    if len(body) > MAX_LENGTH:
        return [Problem("too_long", f"the message has {len(body)} characters; Zalo takes at most {MAX_LENGTH}")]
    return []


def _template_problems(content: Content) -> list[Problem]:
    problems = []
    if not content.template_id.strip():
        problems.append(Problem("template_id", "a ZNS message needs the id of its registered template"))
    if not content.parameters:
        problems.append(Problem("parameters", "a ZNS template carries at least one personal parameter; give them"))
    return problems
