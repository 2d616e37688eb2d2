"""Whom the sandbox knows: the well-known credentials of its accounts, public on purpose: they open nothing else."""

from __future__ import annotations

from dataclasses import dataclass

RETRIES = (30.0, 300.0, 900.0, 1800.0, 3600.0)
"""Seconds before each repetition of a Zalo event that was not answered with 200."""


@dataclass(frozen=True, slots=True)
class ZaloApp:
    """A Zalo app with its Official Account.

    `refresh_token` starts it off: used once, it gives the first pair. `token_seconds`: how long an access token lives.
    `per_minute`: requests beyond which it answers -32 (0: no limit). `daily_quota`: phone templates a day; `package`:
    messages to users who were not in touch for 48 hours, as long as the sandbox runs.
    `retries`: seconds before each repetition of an event; after the last one it is given up.
    """

    app_id: str = "1000000000000000001"
    app_secret: str = "sandbox-zalo-app-secret"  # noqa: S105
    oa_id: str = "2000000000000000002"
    oa_secret: str = "sandbox-zalo-oa-secret"  # noqa: S105
    refresh_token: str = "sandbox-zalo-refresh-token"  # noqa: S105
    token_seconds: int = 90_000
    per_minute: int = 4_000
    daily_quota: int = 50_000
    package: int = 100_000
    retries: tuple[float, ...] = RETRIES


@dataclass(frozen=True, slots=True)
class TelegramBot:
    """A Telegram bot; `per_s` and `per_chat_s`: messages beyond which it answers 429 (0: no limit)."""

    token: str = "1000000001:sandbox-telegram-bot-token-0000000000"  # noqa: S105
    username: str = "sandbox_hanh_chinh_bot"
    webhook_secret: str = "sandbox-telegram-webhook-secret"  # noqa: S105
    per_s: int = 30
    per_chat_s: int = 1


@dataclass(frozen=True, slots=True)
class EsmsAccount:
    """An eSMS account; `price` is VND a part."""

    api_key: str = "sandbox-esms-api-key"
    secret_key: str = "sandbox-esms-secret-key"  # noqa: S105
    brandname: str = "HANHCHINH"
    balance: int = 10_000_000
    price: int = 350


@dataclass(frozen=True, slots=True)
class SpeedSmsAccount:
    """A SpeedSMS account; `price` is VND a part, `per_minute`: requests beyond which it answers 429 (0: no limit)."""

    token: str = "sandbox-speedsms-token"  # noqa: S105
    sender: str = "HANHCHINH"
    balance: int = 10_000_000
    price: int = 350
    per_minute: int = 60


@dataclass(frozen=True, slots=True)
class VnptAccount:
    """A VNPT account with one label, one contract for customer care and one template; `messages`: what is paid for."""

    agent_id: str = "100"
    api_user: str = "sandbox-vnpt-user"
    api_password: str = "sandbox-vnpt-password"  # noqa: S105
    username: str = "sandbox_cs"
    label_id: str = "1001"
    contract_id: str = "2001"
    contract_type_id: str = "1"
    template_id: str = "3001"
    messages: int = 1_000_000
