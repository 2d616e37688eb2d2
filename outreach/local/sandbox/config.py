"""What the sandbox can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outreach.local.sandbox.credentials import EsmsAccount, SpeedSmsAccount, TelegramBot, VnptAccount, ZaloApp
from outreach.local.sandbox.faults import Faults

ACCOUNT_SID = "AC00000000000000000000000000000000"
AUTH_TOKEN = "sandbox-auth-token"  # noqa: S105  # public on purpose: it opens nothing but the sandbox
STATUSES = ("queued", "sent", "delivered")
WEBHOOKS = ("zalo", "telegram", "speedsms", "twilio")
"""Providers that call one address for everything, Twilio for answers only; else an address comes with each message."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Where it listens, what it keeps, how badly it behaves.

    `http_port`, `smtp_port`, `imap_port`: 0 lets the system choose (see `read_ports`). `fail_share`, `seen_share`:
    shares from 0 to 1, chosen by a hash of the recipient and of the message: the same ones every time. `latency_ms`
    passes between the record and the answer; `throttle_per_s`: messages a second and provider, beyond which it refuses
    (0: no limit). `statuses`: the receipts of a delivered SMS, in order. `receipt_ms` passes before each of them.
    `faults`: what befalls messages by lot when it starts, see docs/channels/sandbox.md. `webhooks`: where Zalo's,
    Telegram's and SpeedSMS's go, and answers to Twilio's numbers. `zns_templates`: a file with more templates.
    """

    data: Path
    host: str = "127.0.0.1"
    http_port: int = 8977
    smtp_port: int = 8978
    imap_port: int = 0
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    fail_share: float = 0.02
    latency_ms: int = 0
    throttle_per_s: int = 0
    statuses: tuple[str, ...] = STATUSES
    receipt_ms: int = 100
    faults: Faults = field(default_factory=Faults)
    callbacks_at_once: int = 20
    seen_share: float = 0.0
    webhooks: Mapping[str, str] = field(default_factory=dict)
    zns_templates: Path | None = None
    zalo: ZaloApp = field(default_factory=ZaloApp)
    telegram: TelegramBot = field(default_factory=TelegramBot)
    esms: EsmsAccount = field(default_factory=EsmsAccount)
    speedsms: SpeedSmsAccount = field(default_factory=SpeedSmsAccount)
    vnpt: VnptAccount = field(default_factory=VnptAccount)

    def __post_init__(self) -> None:
        for name in ("fail_share", "seen_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        for name in ("latency_ms", "throttle_per_s", "receipt_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative")
        if not self.statuses or not set(self.statuses) <= set(STATUSES):
            raise ValueError(f"statuses are some of {', '.join(STATUSES)}")
        strange = set(self.webhooks) - set(WEBHOOKS)
        if strange:
            raise ValueError(f"a webhook is for {' or '.join(WEBHOOKS)}, not for {', '.join(sorted(strange))}")
