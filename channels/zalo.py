"""Zalo: consultation messages of an Official Account (OA), and registered templates by phone number (ZNS).

Source: Zalo's OA interface v3.0 and its template messages (ZNS, since 2026 "ZBS Template Message"). Zalo drops no
repetition and cannot be asked by our key, so what may have left stays uncertain until its receipt.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlencode

from channels import contract, zalo_advice, zalo_codes, zalo_events, zalo_quotas, zalo_templates
from channels.abilities import Advice, Quota, Tokens, TokenVault
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
from channels.templates import Misfit, Registered
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
_OF_TOKENS = re.compile(r"-14[0-9]{3}")
"""What Zalo's token service answers with."""


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
        self._templates = zalo_templates.Known()
        self._quotas: dict[str, Quota] = {}

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
        """A consultation message has a text of at most 2000 characters; a template its id and parameters.

        Of a template that was learnt, the parameters must be there and have a length it takes.
        """
        if content.channel == OA:
            return _text_problems(content.body)
        if content.channel == ZNS:
            return _template_problems(content) or _length_problems(content, self._templates.get(content.template_id))
        return [Problem("channel", f'Zalo sends on {OA} and {ZNS}, not on "{content.channel}"')]

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once; only a refused token is renewed and the request made again. Raises SendError."""
        channel = outgoing.content.channel
        self._check_open(channel)
        reply = await self._authorised(lambda access: self._ask_for(outgoing, access))
        if reply.code != "0":
            raise self._refusal(channel, reply)
        self._note_quota(channel, reply)
        number = reply.data.get("msg_id") or reply.data.get("message_id")
        if not isinstance(number, str | int) or not str(number):
            raise SendError(ErrorKind.UNCERTAIN, "", "Zalo took the message, but gave it no id")
        return Accepted(str(number))

    async def registered(self, template_id: str) -> Registered | None:
        """A template as Zalo has it; raises SendError."""
        reply = await self._authorised(lambda access: self._api.template_info(template_id, access))
        if reply.code == zalo_templates.NO_SUCH:
            return None
        if reply.code in zalo_templates.NOT_OURS:
            raise SendError(ErrorKind.REJECTED, reply.code, zalo_codes.meaning(reply.code).reason)
        if reply.code != "0":
            raise self._meant(reply)
        return zalo_templates.read(reply.data, template_id)

    async def learn(self, template_ids: Collection[str]) -> None:
        """Know templates for `check`, asked for once an hour."""
        await self._templates.learn(template_ids, self.registered)

    @classmethod
    def kind_misfit(cls, kind: str, value: str) -> Misfit | None:
        """Whether a value is no number or date where Zalo wants one."""
        return zalo_templates.kind_misfit(kind, value)

    async def quotas(self) -> Sequence[Quota]:
        """What is left of today's templates and of the OA's package; raises SendError where neither can be learnt."""
        templates = await self._authorised(self._api.template_quota)
        package = await self._authorised(self._api.message_quota)
        if templates.code != "0" and package.code != "0":
            raise self._meant(templates)
        found = (zalo_quotas.of_templates(ZNS, templates.data), zalo_quotas.of_package(OA, package.items))
        return [one for one in found if one is not None]

    def told_quotas(self) -> Sequence[Quota]:
        """What the answers to messages have told since the last call."""
        told, self._quotas = self._quotas, {}
        return list(told.values())

    @classmethod
    def heals(cls, code: str) -> bool:
        """Refused access tokens, and whatever the token service refused: a new authorisation mends them."""
        return code in zalo_codes.RENEW or _OF_TOKENS.fullmatch(code) is not None

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

    async def _authorised(self, request: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Make a request with an access token, and once more with a new one where that was refused."""
        tokens = await self._valid()
        reply = await request(tokens.access)
        if reply.code not in zalo_codes.RENEW:
            return reply
        tokens = await self._keeper.rotate(tokens, self._api.renew)  # nothing was processed
        return await request(tokens.access)

    async def _ask_for(self, outgoing: Outgoing, access: str) -> Reply:
        if outgoing.content.channel == ZNS:
            return await self._api.template(outgoing, access)
        return await self._api.consult(outgoing, access)

    def _note_quota(self, channel: str, reply: Reply) -> None:
        read = zalo_quotas.of_templates if channel == ZNS else zalo_quotas.of_answer
        told, known = read(channel, reply.data.get("quota")), self._quotas.get(channel)
        if told is not None and (known is None or told.remaining < known.remaining):  # answers come in any order
            self._quotas[channel] = told

    def _meant(self, reply: Reply) -> SendError:
        """What the answer to a question means, where it is a refusal."""
        meaning = zalo_codes.meaning(reply.code, reply.message)
        return SendError(meaning.kind, reply.code, meaning.reason)

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


_WHY = {
    Misfit.MISSING: 'the template needs "{name}", and there is nothing to fill it with',
    Misfit.TOO_LONG: '"{name}" is longer than the {longest} characters the template takes',
    Misfit.TOO_SHORT: '"{name}" is shorter than the {shortest} characters the template wants',
}


def _length_problems(content: Content, template: Registered | None) -> list[Problem]:
    """What Zalo would refuse with -1122 or -1124, found before anything is sent."""
    found = None if template is None else template.length_misfit(content.parameters)
    if found is None:
        return []
    parameter, misfit = found
    told = _WHY[misfit].format(name=parameter.name, longest=parameter.longest, shortest=parameter.shortest)
    return [Problem(misfit, told)]
