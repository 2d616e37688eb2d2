"""Telegram by its Bot API: python-telegram-bot over our HTTP session, answers and departures by its webhook.

Source: Telegram's Bot API. There are no receipts: acceptance is the proof.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from channels import contract, http, telegram_advice, telegram_updates
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
from channels.pacing import Pace

if TYPE_CHECKING:
    from channels.telegram_client import TelegramClient

MAX_LENGTH: Final = 4096
"""Characters of a text."""
_CONNECTIONS: Final = 30
"""One second's worth of what Telegram takes from a bot."""


class TelegramConfig(contract.Config):
    """Settings of a bot. `chat_interval`: seconds between two messages to one chat, as Telegram asks for.

    `username`: what citizens find the bot by, without the @; links to it are made of it.
    """

    token: SecretStr
    username: str | None = Field(None, pattern=r"^[A-Za-z0-9_]{5,32}$")
    webhook_secret: SecretStr | None = None
    base_url: str = "https://api.telegram.org"
    chat_interval: float = Field(1.0, ge=0, le=60)
    connections: int = Field(_CONNECTIONS, ge=1, le=1000)
    proxy: str | None = None

    @field_validator("token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        number, colon, secret = value.get_secret_value().partition(":")
        if not (colon and number.isascii() and number.isdigit() and secret and _plain(secret)):
            raise ValueError("write the token as @BotFather gave it: digits, a colon, letters and digits")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _header_value(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (8 <= len(value.get_secret_value()) <= 256 and _plain(value.get_secret_value())):
            raise ValueError("write 8 to 256 of A-Z a-z 0-9 _ -")
        return value

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("write an address like https://api.telegram.org")
        if parts.scheme == "http" and parts.hostname.endswith("telegram.org"):
            raise ValueError("the token would travel unencrypted; write https://")
        return value.rstrip("/").removesuffix("/bot")


class TelegramBot:
    """Telegram's Bot API for one bot."""

    kinds: ClassVar[tuple[str, ...]] = ("telegram",)
    provider: ClassVar[str] = "telegram"
    Config: ClassVar[type[contract.Config]] = TelegramConfig
    capabilities: ClassVar[Capabilities] = Capabilities(max_length=MAX_LENGTH, inbound=True, tracks=False)
    proof: ClassVar[ReceiptState] = ReceiptState.ACCEPTED

    def __init__(self, config: TelegramConfig, *, timeout: float) -> None:
        self._config = config
        self._timeout = timeout
        self._pace = Pace(config.chat_interval)
        self._client: TelegramClient | None = None

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """What a code means and what to do, for people."""
        return telegram_advice.ADVICE.get(code)

    def check(self, content: Content) -> list[Problem]:
        """A message has a text of at most 4096 characters."""
        if not content.body.strip():
            return [Problem("empty", "the Telegram message has no text; write one")]
        if len(content.body) > MAX_LENGTH:
            what = f"the Telegram message has {len(content.body)} characters; Telegram takes at most {MAX_LENGTH}"
            return [Problem("too_long", what)]
        return []

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once; a group that has become a supergroup is followed to its new chat. Raises SendError."""
        await self._pace.turn(outgoing.to)
        client = self._opened()
        answer = await client.say(outgoing.to, outgoing.content.body, outgoing.lease)
        if isinstance(answer, str):
            # Telegram has refused the message for the old chat and named the new one: this is its first sending there.
            answer = await client.say(answer, outgoing.content.body, outgoing.lease)
        if isinstance(answer, str):
            reason = "the group has moved more than once; wait for its new address"
            raise SendError(ErrorKind.REJECTED, "migrated", reason)
        return answer

    def verify(self, request: WebhookRequest) -> None:
        """Check X-Telegram-Bot-Api-Secret-Token; raises VerificationError."""
        secret = self._config.webhook_secret
        if secret is None:
            raise VerificationError("set webhook_secret, and the same as secret_token of setWebhook")
        given = request.headers.get("x-telegram-bot-api-secret-token", "").encode()
        if request.method != "POST" or not hmac.compare_digest(given, secret.get_secret_value().encode()):
            raise VerificationError("the secret token does not hold; check webhook_secret")

    def parse(self, request: WebhookRequest) -> list[Event]:
        """An answer, a new acquaintance, or an address that changed or went; raises ValueError."""
        return telegram_updates.events(request.body, request.received_at)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _opened(self) -> TelegramClient:
        if self._client is None:
            from channels.telegram_client import TelegramClient  # half a second that only who sends has to pay

            config = self._config
            session = http.open_session(timeout=self._timeout, connections=config.connections, proxy=config.proxy)
            self._client = TelegramClient(config.token.get_secret_value(), config.base_url, session, self._timeout)
        return self._client


def _plain(text: str) -> bool:
    return text.isascii() and all(letter.isalnum() or letter in "_-" for letter in text)
