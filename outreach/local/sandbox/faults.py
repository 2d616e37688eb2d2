"""Faults on request: what befalls messages, whoever they are for, drawn by lot.

The lot falls the same way for the same seed, provider, message and try, so that a run can be told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from outreach.local.sandbox.behaviour import chance

PROVIDERS: Final = ("twilio", "esms", "speedsms", "vnpt", "zalo", "telegram", "smtp")
_ALL: Final = ""
_ROUNDING: Final = 1e-9


class Fault(StrEnum):
    """What may befall a request."""

    FAIL = "fail"
    """Answered with a status or a code of the provider's; nothing is taken."""
    UNDELIVERED = "undelivered"
    """Twilio's 30xxx: taken, then undelivered for this code."""
    RESET_BEFORE_READ = "reset-before-read"
    """The connection breaks; nothing is taken."""
    RESET_AFTER_WRITE = "reset-after-write"
    """Taken, then the connection breaks."""
    SILENT = "silent"
    """Taken, and never answered."""
    GARBLED = "garbled"
    """Taken, and answered with what nobody can read."""


class ReceiptFault(StrEnum):
    """What may befall the receipts of a message."""

    LOST = "lost-receipts"
    DUPLICATE = "duplicate-receipts"
    DISORDERED = "disordered-receipts"


@dataclass(frozen=True, slots=True)
class Failure:
    """A code for a share of the messages; `provider` "" stands for all that speak HTTP, the code then is a status."""

    code: str
    share: float
    provider: str = _ALL


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds before an answer, and by how much they vary."""

    ms: int = 0
    spread: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A fault, and the code with which it is told."""

    fault: Fault
    code: str = ""

    @property
    def name(self) -> str:
        """As the log has it: `fail:429`, `silent`."""
        return f"fail:{self.code}" if self.code else str(self.fault)


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares from 0 to 1; `latencies` by provider, "" for the others. Raises ValueError for more than 1 in all."""

    failures: tuple[Failure, ...] = ()
    reset_before_read: float = 0.0
    reset_after_write: float = 0.0
    silent: float = 0.0
    garbled: float = 0.0
    latencies: Mapping[str, Latency] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        for provider in PROVIDERS:
            if sum(share for _, share in self._lots(provider)) > 1 + _ROUNDING:
                raise ValueError(f"the shares of what befalls a message to {provider} come to more than 100 %")

    def drawn(self, provider: str, what: str) -> Drawn | None:
        """The fault of one try; `what` names the message and the try. None for none."""
        lot = chance(f"fault:{self.seed}", f"{provider}:{what}")
        for drawn, share in self._lots(provider):
            lot -= share
            if lot < 0:
                return drawn
        return None

    def waits(self, provider: str, what: str) -> float:
        """Seconds before the answer to one try."""
        latency = self.latencies.get(provider) or self.latencies.get(_ALL) or Latency()
        spread = (2 * chance(f"latency:{self.seed}", f"{provider}:{what}") - 1) * latency.spread
        return max(0.0, latency.ms + spread) / 1000

    def falls(self, fault: ReceiptFault, share: float, provider: str, what: str) -> bool:
        """Whether this befalls the receipts of a message."""
        return chance(f"{fault}:{self.seed}", f"{provider}:{what}") < share

    def _lots(self, provider: str) -> list[tuple[Drawn, float]]:
        mine = [one for one in self.failures if one.provider == provider or (not one.provider and provider != "smtp")]
        return [
            *((Drawn(_kind(provider, one.code), one.code), one.share) for one in mine),
            (Drawn(Fault.RESET_BEFORE_READ), self.reset_before_read),
            (Drawn(Fault.RESET_AFTER_WRITE), self.reset_after_write),
            (Drawn(Fault.SILENT), self.silent),
            (Drawn(Fault.GARBLED), self.garbled),
        ]


def is_status(code: str) -> bool:
    """Whether a code is an HTTP status (or an SMTP reply) of failure."""
    return code.isdecimal() and 400 <= int(code) <= 599


def _kind(provider: str, code: str) -> Fault:
    return Fault.UNDELIVERED if provider == "twilio" and len(code) == 5 and code.startswith("30") else Fault.FAIL
