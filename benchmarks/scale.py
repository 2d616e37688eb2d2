"""`make bench-scale`: a million people and ten million past deliveries; writes benchmarks/RESULTS-scale.md.

python benchmarks/scale.py [--people N] [--history N] [--times K] [--quick] [--results FILE]
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import archiving, history, hotpath, machine, pages, scale_results, scale_steps
from benchmarks.measures import Parameters
from benchmarks.processes import ROOT, BenchmarkError, stub
from benchmarks.scale_results import Results
from benchmarks.site import site

RESULTS = ROOT / "benchmarks" / "RESULTS-scale.md"
SENT = 20_000
"""People who are written to, to see what the past costs a message."""
_SENDING = 3
_BYTES_A_ROW = 1500
"""Of disk for a person or a past delivery, with its indexes, counts and WAL (measured, rounded up)."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure an installation with a million people and a long past.")
    parser.add_argument("--people", type=int, default=1_000_000, help="invented (default 1,000,000)")
    parser.add_argument("--history", type=int, default=10_000_000, help="past deliveries (default 10,000,000)")
    parser.add_argument("--times", type=int, default=5, help="each short step is measured (default 5)")
    parser.add_argument("--quick", action="store_true", help="10,000 people: only to see that it works")
    parser.add_argument("--results", type=Path, help="file to write (default RESULTS-scale.md; --quick: none)")
    return parser.parse_args()


def measure(people: int, past: int, times: int) -> Results:
    """Everything before the past is written, and once more after."""
    _refuse_small_disk(people + past)
    began = time.monotonic()
    nobody = Parameters(people, 1, 1, 1, 1, 0.0)
    with stub(1) as provider, site(provider, nobody) as here:
        described = machine.describe(here.runtime.engine, here.runtime.redis)
        say(f"inventing {people:,} people")
        invented = scale_steps.invent(here, people)
        hotpath.choose(here, people, SENT)
        say(f"measuring without a past ({time.monotonic() - began:.0f} s)")
        before = scale_steps.measure(here, "truoc", times)
        sent_before = [hotpath.measure(here, f"gui-truoc-{n}") for n in range(_SENDING)]
        say(f"writing {past:,} past deliveries ({time.monotonic() - began:.0f} s)")
        written = history.write(here, before.run, past, each=before.rows)
        say(f"measuring with {written:,} past deliveries ({time.monotonic() - began:.0f} s)")
        after = scale_steps.measure(here, "sau", times)
        sent_after = [hotpath.measure(here, f"gui-sau-{n}") for n in range(_SENDING)]
        say(f"asking for pages ({time.monotonic() - began:.0f} s)")
        asked = pages.measure(here, ["sau", *history.campaigns(written, before.rows)], max(20, times * 8))
        size = scale_steps.stored(here)
        say(f"archiving ({time.monotonic() - began:.0f} s)")
        archived = archiving.measure(here)
        return Results(
            described, machine.load(), invented, written, size, before, after, asked, sent_before, sent_after, archived,
            time.monotonic() - began,
        )  # fmt: skip


def _refuse_small_disk(rows: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 2 * rows * _BYTES_A_ROW:
        raise BenchmarkError(f"{tempfile.gettempdir()} has {free / 2**30:.0f} GiB free, twice what is needed is wanted")


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    given = arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    people, past = (10_000, 100_000) if given.quick else (given.people, given.history)
    where = given.results.resolve() if given.results else None if given.quick else RESULTS
    try:
        found = measure(people, past, given.times)
    except BenchmarkError as error:
        sys.exit(str(error))
    written = scale_results.markdown(found)
    if where is not None:
        where.write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
