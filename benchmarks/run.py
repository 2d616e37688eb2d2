"""`make bench`: measures import, segments, planning and dispatch here and now, and writes benchmarks/RESULTS.md.

python benchmarks/run.py [--people N] [--children C] [--connections N] [--repeat K] [--provider twilio|esms]
                         [--only planning|webhooks] [--quick] [--results FILE]
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import audience, campaigns, dispatch, machine, results, webhooks
from benchmarks.adapters import measure_adapters, measure_mail
from benchmarks.distant import measure_distant
from benchmarks.measures import BARE_CONNECTIONS, BARE_PROCESSES, CHILDREN, Pair, Parameters, Plan, Results
from benchmarks.processes import ROOT, BenchmarkError, output_of, stub
from benchmarks.site import Site, site
from benchmarks.statements import statements_a_message
from benchmarks.task_each_side import measure_task_each
from benchmarks.usage import wait_until_quiet
from channels.http import CONNECTIONS

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
_STUB_REQUESTS = 100_000
_ALONE = 5
"""Turns of each adapter and the bare sender: they are short."""
_QUICK = 10_000
"""Up to so many people a run is only to see that it works."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure this machine: the engine beside a bare sender.")
    parser.add_argument("--people", type=int, default=100_000, help="in the audience file (default 100,000)")
    parser.add_argument("--children", type=int, default=CHILDREN, help=f"of the worker (default {CHILDREN})")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help=f"of each (default {CONNECTIONS})")
    parser.add_argument("--repeat", type=int, default=5, help="pairs of bare sender and engine (default 5)")
    parser.add_argument("--stub-processes", type=int, default=1, help="that share the stub's port (default 1)")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for a quiet machine (default 60)")
    parser.add_argument("--provider", choices=("twilio", "esms"), default="twilio", help="default: twilio")
    parser.add_argument("--only", choices=("planning", "webhooks"), help="this part alone; its table, no file")
    parser.add_argument("--quick", action="store_true", help="5,000 people, one pair: only to see that it works")
    parser.add_argument("--results", type=Path, help="file to write (default benchmarks/RESULTS.md; --quick: none)")
    return parser.parse_args()


def parameters(given: argparse.Namespace) -> Parameters:
    people, repeat, patience = (5_000, 1, 0.0) if given.quick else (given.people, given.repeat, given.patience)
    sides = (given.children, given.connections)
    return Parameters(people, *sides, repeat, given.stub_processes, patience, given.provider)


def measure(asked: Parameters) -> Results:
    """Everything once, the pairs as often as asked for."""
    with stub(asked.stub_processes) as provider, site(provider, asked) as here:
        described = machine.describe(here.runtime.engine, here.runtime.redis)
        say(f"importing {asked.people:,} people")
        imports = audience.measure_imports(here)
        say("counting segments")
        counted = audience.measure_segments(here)
        plans: list[Plan] = []
        pairs: list[Pair] = []
        rates = [_stub_rate(here)]
        for number in range(1, asked.repeat + 1):
            plans.append(campaigns.plan(here, f"do-luong-{number}", campaigns.EVERYBODY))
            say(f"pair {number}: {plans[-1].messages:,} messages each")
            pairs.append(dispatch.measure_pair(here, plans[-1], engine_first=number % 2 == 0))
            say(f"pair {number}: {pairs[-1].bare.rate:,.0f}/s bare, {pairs[-1].engine.rate:,.0f}/s engine")
            rates.append(_stub_rate(here))
        say("one task for each message")
        task_each = [measure_task_each(here, _size(asked, 3_000)) for _ in range(min(asked.repeat, 3))]
        statements = statements_a_message(here, campaigns.plan(here, "cau-lenh", campaigns.EVERYBODY))
        say("each adapter alone")
        turns = max(asked.repeat, _ALONE) if asked.people > _QUICK else 1
        messages = _size(asked, 30_000)
        alone = measure_adapters(provider, messages=messages, connections=BARE_CONNECTIONS, repeat=turns)
        mailed = measure_mail(messages=_size(asked, 5_000), repeat=asked.repeat)
        say("webhooks")
        answered = webhooks.measure_webhooks(here, _load(asked))
    say("a provider that takes its time")
    distant = [measure_distant(asked, _size(asked, 30_000)) for _ in range(min(asked.repeat, 3))]
    return Results(
        asked, described, imports, counted, plans, rates, pairs, answered, alone, mailed, distant, task_each, statements
    )


def measure_part(asked: Parameters, only: str) -> str:
    """One part alone, as a table."""
    with stub(asked.stub_processes) as provider, site(provider, asked) as here:
        if only == "webhooks":
            return results.table(results.webhook_rows(webhooks.measure_webhooks(here, _load(asked))))
        say(f"importing {asked.people:,} people")
        audience.measure_imports(here)
        wait_until_quiet(asked.patience)
        plans = [campaigns.plan(here, f"do-luong-{n}", campaigns.EVERYBODY) for n in range(1, asked.repeat + 1)]
        return results.table(results.planning_rows(plans))


def _load(asked: Parameters) -> webhooks.Load:
    return webhooks.Load() if asked.people > _QUICK else webhooks.Load(rate=100, seconds=1, flood=200)


def _size(asked: Parameters, whole: int) -> int:
    """So many messages, a tenth of them where it is only to be seen that it works."""
    return whole if asked.people > _QUICK else whole // 10


def _stub_rate(here: Site) -> float:
    asked = here.parameters
    connections = str(BARE_PROCESSES * BARE_CONNECTIONS)
    requests = str(_size(asked, _STUB_REQUESTS))
    how = ("--provider", asked.provider, "--requests", requests, "--connections", connections)
    return float(output_of("benchmarks.load", str(here.stub.port), *how))


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    given = arguments()
    where = given.results.resolve() if given.results else None if given.quick else RESULTS
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        if given.only is not None:
            print(measure_part(parameters(given), given.only))
            return
        found = measure(parameters(given))
    except BenchmarkError as error:
        sys.exit(str(error))
    written = results.markdown(found)
    if where is not None:
        where.write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
