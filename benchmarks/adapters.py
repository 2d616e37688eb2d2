"""Each adapter alone beside the bare sender: what it costs to speak with a provider properly; and e-mail to a sink."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.posting import PROVIDERS
from benchmarks.processes import Stub, output_of

WANTED = {"twilio": 0.45, "esms": 0.60, "zalo": 0.60}
"""The least share of the bare sender's rate, by provider."""
MAIL_WANTED = {"none": 1_000, "rsa": 700}
"""The fewest e-mails a second, by the key they are signed with."""


@dataclass(frozen=True, slots=True)
class Alone:
    """One adapter in one process: its rates and the bare sender's, turn by turn; processor ms a message."""

    provider: str
    rates: Sequence[float]
    bare: Sequence[float]
    cpu_ms: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the turns' ratios."""
        return median(own / other for own, other in zip(self.rates, self.bare, strict=True))


@dataclass(frozen=True, slots=True)
class Mailed:
    """E-mails a second of one process to a local sink; `key`: what they are signed with."""

    key: str
    rates: Sequence[float]


def measure_adapters(stub: Stub, *, messages: int, connections: int, repeat: int) -> list[Alone]:
    """Every adapter of the posting table against the stub, in turn with the bare sender."""
    return [_alone(name, stub, messages, connections, repeat) for name in PROVIDERS]


def _alone(name: str, stub: Stub, messages: int, connections: int, repeat: int) -> Alone:
    rates, bare, cpu = [], [], []
    size = ("--messages", str(messages), "--connections", str(connections))
    for _ in range(repeat):
        plain = json.loads(
            output_of("benchmarks.bare_sender", str(stub.port), "--provider", name, "--processes", "1", *size)
        )
        own = json.loads(output_of("benchmarks.adapting", name, str(stub.port), *size))
        bare.append(plain["rate"])
        rates.append(own["rate"])
        cpu.append(1000 * own["cpu"] / messages)
    return Alone(name, rates, bare, cpu)


def measure_mail(*, messages: int, repeat: int) -> list[Mailed]:
    """The SMTP adapter to a local sink, unsigned and signed."""
    found: dict[str, list[float]] = {key: [] for key in ("none", "rsa", "ed25519")}
    for _ in range(repeat):
        for key, rates in found.items():
            said = output_of("benchmarks.mailing", "--messages", str(messages), "--key", key)
            rates.append(json.loads(said)["rate"])
    return [Mailed(key, rates) for key, rates in found.items()]
