"""Faults as people and programs write them: `429:5%`, `zalo=-230:2%`, `80ms±20ms`, `zalo=300ms`, `2%:30s`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from outreach.local.sandbox.faults import PROVIDERS, Failure, FaultError, Faults, Latency, is_status

_SHARE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)\s*(%?)")
_DURATION: Final = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)\s*(ms|s|min|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_LONGEST: Final = 7200
"""Seconds by which receipts may be late: Zalo repeats an event no longer than that either."""
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
LATE_HELP: Final = "Messages whose receipts come so much later, as 2%:30s (ms, s, min, h)."
FAIL_HELP: Final = "A status as 429:5%, or a provider's own code as zalo=-230:2%; may be repeated."
LATENCY_HELP: Final = "Before each answer: 80ms, 80ms±20ms, for one provider zalo=300ms; may be repeated."


def share(text: str) -> float:
    """`5%` or `0.05` as a share; raises FaultError."""
    found = _SHARE.fullmatch(text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise FaultError(
            f'"{text}" is no share: write it as 5% or 0.05', f'"{text}" không phải là tỷ lệ: hãy viết 5% hoặc 0.05'
        )
    return value


def failure(text: str) -> Failure:
    """`429:5%` or `esms=99:1%`; raises FaultError."""
    provider, code = _named("--fail", text)
    code, _, part = code.rpartition(":")
    if not code:
        raise FaultError(
            f'--fail "{text}": write a code and a share, as 429:5% or zalo=-230:2%',
            f'--fail "{text}": hãy viết mã và tỷ lệ, như 429:5% hoặc zalo=-230:2%',
        )
    if not is_status(code) and not re.fullmatch(_OWN_CODES.get(provider, "(?!)"), code):
        whose = f"{provider} has no code" if provider else "there is no HTTP status of failure"
        whose_vi = f"{provider} không có mã" if provider else "HTTP không có mã lỗi"
        raise FaultError(
            f'--fail "{text}": {whose} "{code}"; write it as 429:5% or zalo=-230:2%',
            f'--fail "{text}": {whose_vi} "{code}"; hãy viết như 429:5% hoặc zalo=-230:2%',
        )
    return Failure(code, _of(f'--fail "{text}"', part), provider)


def latency(text: str) -> tuple[str, Latency]:
    """`80ms`, `80ms±20ms` or `zalo=300ms`: the provider ("": all) and its latency; raises FaultError."""
    provider, value = _named("--latency", text)
    found = _LATENCY.fullmatch(value.strip())
    if found is None:
        raise FaultError(
            f'--latency "{text}": write it as 80ms, 80ms±20ms or zalo=300ms',
            f'--latency "{text}": hãy viết như 80ms, 80ms±20ms hoặc zalo=300ms',
        )
    return provider, Latency(int(found[1]), int(found[2] or 0))


def late(text: str) -> tuple[float, float]:
    """`2%:30s`: the share and the seconds; "0" is nobody. Raises FaultError."""
    part, colon, duration = text.strip().partition(":")
    value, found = _of("--late-receipts", part), _DURATION.fullmatch(duration.strip())
    if not colon and not value:
        return 0.0, 0.0
    seconds = float(found[1]) * _SECONDS[found[2]] if found else -1.0
    if not 0 < seconds <= _LONGEST:
        raise FaultError(
            f'--late-receipts "{text}": write a share and how late, as 2%:30s (ms, s, min, h; at most 2 h)',
            f'--late-receipts "{text}": hãy viết tỷ lệ và thời gian trễ, như 2%:30s (ms, s, min, h; tối đa 2 giờ)',
        )
    return value, seconds


def add_to(parser: argparse.ArgumentParser) -> None:
    """The options of faults."""
    faults = parser.add_argument_group("faults, drawn by lot; shares as 5%% or 0.05")
    faults.add_argument("--fail", action="append", default=[], metavar="CODE:SHARE", help=_plain(FAIL_HELP))
    faults.add_argument("--latency", action="append", default=[], metavar="MS", help=LATENCY_HELP)
    for name, what in SHARES.items():
        faults.add_argument(f"--{name}", default="0", metavar="SHARE", help=what)
    faults.add_argument("--late-receipts", default="0", metavar="SHARE:DURATION", help=_plain(LATE_HELP))
    faults.add_argument("--seed", default="0", help="Another seed, other lots.")


def taken_from(given: dict[str, Any]) -> Faults:
    """Takes the faults out of what a command line gave; raises FaultError."""
    return read({name: given.pop(name) for name in NAMES if name in given})


NAMES: Final = ("fail", "latency", *(name.replace("-", "_") for name in SHARES), "late_receipts", "seed")
"""What faults are called where they are given by name."""


def read(given: Mapping[str, Any]) -> Faults:
    """Faults from their names: `fail` and `latency` are lists or texts of several lines, the others single values.

    What is not named is off. Raises FaultError.
    """
    strange = next((name for name in given if name not in NAMES), None)
    if strange is not None:
        known = ", ".join(NAMES)
        raise FaultError(f'"{strange}" is no fault; known: {known}', f'không có lỗi "{strange}"; hiện có: {known}')
    shares = {
        name.replace("-", "_"): _of(f"--{name}", str(given.get(name.replace("-", "_"), "0")) or "0") for name in SHARES
    }
    late_share, late_by = late(str(given.get("late_receipts", "0")) or "0")
    return Faults(
        failures=tuple(failure(text) for text in _lines(given.get("fail", ()))),
        latencies=_latencies(_lines(given.get("latency", ()))),
        late_receipts=late_share, late_by=late_by, seed=_seed(str(given.get("seed", "0")) or "0"), **shares,
    )  # fmt: skip


def shown(faults: Faults) -> dict[str, str | list[str]]:
    """Faults as they are written, by name."""
    by = faults.late_by
    return {
        "fail": [_whose(one.provider, f"{one.code}:{_percent(one.share)}") for one in faults.failures],
        "latency": [
            _whose(provider, f"{one.ms}ms" + (f"±{one.spread}ms" if one.spread else ""))
            for provider, one in faults.latencies.items()
        ],
        **{name.replace("-", "_"): _percent(getattr(faults, name.replace("-", "_"))) for name in SHARES},
        "late_receipts": f"{_percent(faults.late_receipts)}:{by:g}s" if faults.late_receipts else "0%",
        "seed": str(faults.seed),
    }


def _lines(given: Any) -> list[str]:
    if isinstance(given, str):
        return [line.strip() for line in given.splitlines() if line.strip()]
    return [str(one) for one in given] if isinstance(given, list | tuple) else [str(given)]


def _latencies(texts: Sequence[str]) -> dict[str, Latency]:
    found: dict[str, Latency] = {}
    for text in texts:
        provider, value = latency(text)
        if provider in found:
            raise FaultError(
                f"--latency is given twice for {provider or 'all'}",
                f"--latency được ghi hai lần cho {provider or 'tất cả'}",
            )
        found[provider] = value
    return found


def _seed(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
        raise FaultError(f'--seed "{text}": write a whole number', f'--seed "{text}": hãy viết một số nguyên')
    return int(text)


def _of(option: str, text: str) -> float:
    try:
        return share(text)
    except FaultError as error:
        raise FaultError(f"{option}: {error}", f"{option}: {error.vi}") from None


def _named(option: str, text: str) -> tuple[str, str]:
    provider, sign, value = text.partition("=")
    if not sign:
        return "", text
    if provider.strip() not in PROVIDERS:
        names = ", ".join(PROVIDERS)
        raise FaultError(
            f'{option} "{text}": "{provider}" is none of {names}',
            f'{option} "{text}": "{provider}" không thuộc {names}',
        )
    return provider.strip(), value


def _whose(provider: str, text: str) -> str:
    return f"{provider}={text}" if provider else text


def _percent(value: float) -> str:
    return f"{100 * value:.9g}%"


def _plain(text: str) -> str:
    """As argparse wants a per cent sign."""
    return text.replace("%", "%%")
