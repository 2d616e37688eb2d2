"""`make bench-flat`: the same dispatch with ten thousand, a hundred thousand and a million messages; RESULTS-flat.md.

python benchmarks/flat.py [--provider twilio|esms] [--messages N ...] [--quick] [--results FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import audience, campaigns, dispatch, machine
from benchmarks.measures import CHILDREN, Pair, Parameters
from benchmarks.processes import ROOT, BenchmarkError, stub
from benchmarks.site import site
from channels.http import CONNECTIONS

RESULTS = ROOT / "benchmarks" / "RESULTS-flat.md"
_SIZES = (10_000, 100_000, 1_000_000)
_OF_EACH = 0.676
"""Of the invented people so many get the SMS: the others have no phone, or share one."""
_TIMES = {10_000: 5, 100_000: 3}
"""Pairs of a size: small ones are over in two seconds, in which any neighbour counts."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whether a message costs the same however many there are.")
    parser.add_argument("--provider", choices=("twilio", "esms"), default="twilio", help="default: twilio")
    parser.add_argument("--messages", type=int, nargs="+", default=_SIZES, help="sizes of a run (10000 100000 1000000)")
    parser.add_argument("--quick", action="store_true", help="2,000 and 4,000: only to see that it works")
    parser.add_argument("--results", type=Path, help="file to write (default RESULTS-flat.md; --quick: none)")
    return parser.parse_args()


def measure(provider: str, messages: int, patience: float) -> list[Pair]:
    """Pairs of bare sender and engine with about so many messages, in an installation of its own."""
    asked = Parameters(
        round(messages / _OF_EACH), CHILDREN, CONNECTIONS, _TIMES.get(messages, 1), 1, patience, provider
    )
    with stub(1) as stood, site(stood, asked) as here:
        audience.measure_imports(here)
        pairs = []
        for number in range(1, asked.repeat + 1):
            plan = campaigns.plan(here, f"lan-{number}", campaigns.EVERYBODY)
            pairs.append(dispatch.measure_pair(here, plan, engine_first=number % 2 == 0))
            rates = f"{pairs[-1].bare.rate:,.0f}/s bare, {pairs[-1].engine.rate:,.0f}/s engine"
            print(f"{plan.messages:,} messages: {rates}", file=sys.stderr, flush=True)
    return pairs


def markdown(provider: str, found: Sequence[Sequence[Pair]]) -> str:
    """The whole file."""
    return "\n".join(_lines(provider, found))


def _lines(provider: str, found: Sequence[Sequence[Pair]]) -> Iterable[str]:
    yield "# Benchmark results: runs of every size"
    yield ""
    yield f"Written by `make bench-flat`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; posted to {provider}'s address."
    yield f"Medians of as many pairs as the table says. {machine.load()} (load before the last)."
    yield ""
    yield "| messages | pairs | engine, messages/s | bare sender, messages/s | ratio | processor ms a message |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for pairs in found:
        rates = [median(pair.engine.rate for pair in pairs), median(pair.bare.rate for pair in pairs)]
        cost = median(sum(pair.engine.cpu.values()) * 1000 / pair.engine.messages for pair in pairs)
        ratio = median(pair.ratio for pair in pairs)
        sizes = f"{pairs[0].engine.messages:,} | {len(pairs)}"
        yield f"| {sizes} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f} | {cost:.3f} |"
    yield ""


def main() -> None:
    given = arguments()
    where = given.results.resolve() if given.results else None if given.quick else RESULTS
    sizes, patience = ((2_000, 4_000), 0.0) if given.quick else (given.messages, 60.0)
    try:
        found = [measure(given.provider, size, patience) for size in sizes]
    except BenchmarkError as error:
        sys.exit(str(error))
    written = markdown(given.provider, found)
    if where is not None:
        where.write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
