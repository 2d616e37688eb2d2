"""What the sandbox can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACCOUNT_SID = "AC00000000000000000000000000000000"
AUTH_TOKEN = "sandbox-auth-token"  # noqa: S105  # public on purpose: it opens nothing but the sandbox
STATUSES = ("queued", "sent", "delivered")


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Where it listens, what it keeps, how badly it behaves.

    `http_port`, `smtp_port`: 0 lets the system choose (see `read_ports`). `fail_share`, `lost_receipts`: shares from 0
    to 1, chosen by a hash of the number and of the message: the same ones every time. `latency_ms` passes between
    the record and the answer; `throttle_per_s`: messages a second, beyond which it answers 429 (0: no limit).
    `statuses`: the receipts of a delivered message, in order. `receipt_ms` passes before each of them.
    """

    data: Path
    host: str = "127.0.0.1"
    http_port: int = 8977
    smtp_port: int = 8978
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    fail_share: float = 0.02
    lost_receipts: float = 0.0
    latency_ms: int = 0
    throttle_per_s: int = 0
    statuses: tuple[str, ...] = STATUSES
    receipt_ms: int = 100
    callbacks_at_once: int = 20

    def __post_init__(self) -> None:
        for name in ("fail_share", "lost_receipts"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        for name in ("latency_ms", "throttle_per_s", "receipt_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative")
        if not self.statuses or not set(self.statuses) <= set(STATUSES):
            raise ValueError(f"statuses are some of {', '.join(STATUSES)}")
