"""Faults on request: what befalls messages, whoever they are for, drawn by lot.

The lot falls the same way for the same seed, provider, message and try, so that a run can be told again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from outreach.local.sandbox.behaviour import chance

PROVIDERS: Final = ("twilio", "esms", "speedsms", "vnpt", "zalo", "telegram", "smtp")
_ALL: Final = ""
_ROUNDING: Final = 1e-9
MOST_FAILURES: Final = 100
"""Codes of all providers together: each draw looks through them."""


class FaultError(ValueError):
    """Faults that cannot be: said in English to who types them, in Vietnamese (`vi`) on the page."""

    def __init__(self, en: str, vi: str) -> None:
        super().__init__(en)
        self.vi = vi


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
    LATE = "late-receipts"


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
    """Shares from 0 to 1; `latencies` by provider, "" for the others; `late_by`: seconds by which receipts are late.

    What befalls a request excludes each other, and so does what befalls receipts; a message may meet one of each.
    Raises FaultError for more than 100 % of either, and for a code that is there twice for a provider.
    """

    failures: tuple[Failure, ...] = ()
    reset_before_read: float = 0.0
    reset_after_write: float = 0.0
    silent: float = 0.0
    garbled: float = 0.0
    lost_receipts: float = 0.0
    duplicate_receipts: float = 0.0
    disordered_receipts: float = 0.0
    late_receipts: float = 0.0
    late_by: float = 0.0
    latencies: Mapping[str, Latency] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.failures) > MOST_FAILURES:
            raise FaultError(f"at most {MOST_FAILURES} codes fail at once", f"tối đa {MOST_FAILURES} mã lỗi cùng lúc")
        for provider in PROVIDERS:
            _need_once(provider, Counter(one.code for one in self._failures_of(provider)))
            _need_whole(f"a message to {provider}", f"tin gửi qua {provider}", self._lots(provider))
        _need_whole("a message's receipts", "báo nhận của một tin", self._receipt_lots())

    def __bool__(self) -> bool:
        """Whether anything can befall anybody."""
        shares = [share for provider in PROVIDERS for _, share in self._lots(provider)]
        return any(shares) or any(share for _, share in self._receipt_lots()) or bool(self.latencies)

    def drawn(self, provider: str, what: str) -> Drawn | None:
        """The fault of one try; `what` names the message and the try. None for none."""
        lot = chance(f"fault:{self.seed}", f"{provider}:{what}")
        for drawn, share in self._lots(provider):
            lot -= share
            if lot < 0:
                return drawn
        return None

    def drawn_for_receipts(self, provider: str, what: str) -> ReceiptFault | None:
        """What befalls the receipts of one message that was taken."""
        lot = chance(f"receipts:{self.seed}", f"{provider}:{what}")
        for fault, share in self._receipt_lots():
            lot -= share
            if lot < 0:
                return fault
        return None

    def waits(self, provider: str, what: str) -> float:
        """Seconds before the answer to one try."""
        latency = self.latencies.get(provider) or self.latencies.get(_ALL) or Latency()
        spread = (2 * chance(f"latency:{self.seed}", f"{provider}:{what}") - 1) * latency.spread
        return max(0.0, latency.ms + spread) / 1000

    def _failures_of(self, provider: str) -> list[Failure]:
        return [one for one in self.failures if one.provider == provider or (not one.provider and provider != "smtp")]

    def _lots(self, provider: str) -> list[tuple[Drawn, float]]:
        return [
            *((Drawn(_kind(provider, one.code), one.code), one.share) for one in self._failures_of(provider)),
            (Drawn(Fault.RESET_BEFORE_READ), self.reset_before_read),
            (Drawn(Fault.RESET_AFTER_WRITE), self.reset_after_write),
            (Drawn(Fault.SILENT), self.silent),
            (Drawn(Fault.GARBLED), self.garbled),
        ]

    def _receipt_lots(self) -> list[tuple[ReceiptFault, float]]:
        return [
            (ReceiptFault.LOST, self.lost_receipts),
            (ReceiptFault.DUPLICATE, self.duplicate_receipts),
            (ReceiptFault.DISORDERED, self.disordered_receipts),
            (ReceiptFault.LATE, self.late_receipts),
        ]


def is_status(code: str) -> bool:
    """Whether a code is an HTTP status (or an SMTP reply) of failure."""
    return code.isdecimal() and 400 <= int(code) <= 599


def _kind(provider: str, code: str) -> Fault:
    return Fault.UNDELIVERED if provider == "twilio" and len(code) == 5 and code.startswith("30") else Fault.FAIL


def _need_whole(whose: str, whose_vi: str, lots: Sequence[tuple[object, float]]) -> None:
    if any(not 0 <= share <= 1 for _, share in lots):
        raise FaultError(
            f"a share of what befalls {whose} is not from 0 to 100 %", f"tỷ lệ lỗi của {whose_vi} phải từ 0 đến 100 %"
        )
    if sum(share for _, share in lots) > 1 + _ROUNDING:
        raise FaultError(
            f"the shares of what befalls {whose} come to more than 100 %",
            f"tổng tỷ lệ lỗi của {whose_vi} vượt quá 100 %",
        )


def _need_once(provider: str, codes: Counter[str]) -> None:
    twice = next((code for code, times in codes.items() if times > 1), None)
    if twice is not None:
        raise FaultError(
            f"{twice} is given twice for {provider}: a code without a provider stands for all but smtp",
            f"mã {twice} được ghi hai lần cho {provider}: mã không kèm tên nhà cung cấp áp dụng cho mọi nơi trừ smtp",
        )
