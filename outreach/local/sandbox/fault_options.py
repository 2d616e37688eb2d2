"""Faults as they are written on a command line: `429:5%`, `zalo=-230:2%`, `80ms±20ms`, `zalo=300ms`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, Final

from outreach.local.sandbox.faults import PROVIDERS, Failure, Faults, Latency, is_status

_SHARE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)\s*(%?)")
_LATENCY: Final = re.compile(r"([0-9]{1,6})\s*(?:ms)?(?:\s*±\s*([0-9]{1,6})\s*(?:ms)?)?")
_OWN_CODES: Final = {
    "twilio": r"[1-9][0-9]{4}", "esms": r"[0-9]{2,3}", "speedsms": r"[0-9]{3}", "vnpt": r"[0-9]{1,2}",
    "zalo": r"-[0-9]{2,5}",
}  # fmt: skip
"""Besides HTTP's: Telegram and e-mail have none others."""
SHARES: Final = {
    "reset-before-read": "The connection breaks, nothing is taken.",
    "reset-after-write": "Taken and logged, then the connection breaks.",
    "silent": "Taken, and never answered.",
    "garbled": "Taken, and answered with what nobody can read.",
    "lost-receipts": "Messages never heard of again.",
    "duplicate-receipts": "Messages whose receipts all come twice.",
    "disordered-receipts": "Messages whose last receipt comes first.",
}
"""Options whose value is a share, and what they do."""
FAIL_HELP: Final = "A status as 429:5%, or a provider's own code as zalo=-230:2%; may be repeated."
LATENCY_HELP: Final = "Before each answer: 80ms, 80ms±20ms, for one provider zalo=300ms; may be repeated."


def share(text: str) -> float:
    """`5%` or `0.05` as a share; raises ValueError."""
    found = _SHARE.fullmatch(text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise ValueError(f'"{text}" is no share: write it as 5% or 0.05')
    return value


def failure(text: str) -> Failure:
    """`429:5%` or `esms=99:1%`; raises ValueError."""
    provider, code = _named("--fail", text)
    code, _, part = code.rpartition(":")
    if not code:
        raise ValueError(f'--fail "{text}": write a code and a share, as 429:5% or zalo=-230:2%')
    if not is_status(code) and not re.fullmatch(_OWN_CODES.get(provider, "(?!)"), code):
        whose = f"{provider} has no code" if provider else "there is no HTTP status of failure"
        raise ValueError(f'--fail "{text}": {whose} "{code}"; write it as 429:5% or zalo=-230:2%')
    return Failure(code, _share_of(f'--fail "{text}"', part), provider)


def latency(text: str) -> tuple[str, Latency]:
    """`80ms`, `80ms±20ms` or `zalo=300ms`: the provider ("": all) and its latency; raises ValueError."""
    provider, value = _named("--latency", text)
    found = _LATENCY.fullmatch(value.strip())
    if found is None:
        raise ValueError(f'--latency "{text}": write it as 80ms, 80ms±20ms or zalo=300ms')
    return provider, Latency(int(found[1]), int(found[2] or 0))


def add_to(parser: argparse.ArgumentParser) -> None:
    """The options of faults."""
    faults = parser.add_argument_group("faults, drawn by lot; shares as 5%% or 0.05")
    faults.add_argument("--fail", action="append", default=[], metavar="CODE:SHARE", help=FAIL_HELP.replace("%", "%%"))
    faults.add_argument("--latency", action="append", default=[], metavar="MS", help=LATENCY_HELP)
    for name, what in SHARES.items():
        faults.add_argument(f"--{name}", default="0", metavar="SHARE", help=what)
    faults.add_argument("--seed", type=int, default=0, help="Another seed, other lots.")


def taken_from(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the faults out of what was given, and says them as a SandboxConfig has them; raises ValueError."""
    shares = {name.replace("-", "_"): _share_of(f"--{name}", given.pop(name.replace("-", "_"))) for name in SHARES}
    receipts = {name: shares.pop(name) for name in ("lost_receipts", "duplicate_receipts", "disordered_receipts")}
    faults = Faults(
        failures=_failures(given.pop("fail")),
        latencies=dict(latency(text) for text in given.pop("latency")),
        seed=given.pop("seed"),
        **shares,
    )
    return {"faults": faults, **receipts}


def _failures(texts: Sequence[str]) -> tuple[Failure, ...]:
    return tuple(failure(text) for text in texts)


def _share_of(option: str, text: str) -> float:
    try:
        return share(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def _named(option: str, text: str) -> tuple[str, str]:
    provider, sign, value = text.partition("=")
    if not sign:
        return "", text
    if provider.strip() not in PROVIDERS:
        raise ValueError(f'{option} "{text}": "{provider}" is none of {", ".join(PROVIDERS)}')
    return provider.strip(), value
