"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from statistics import median

from benchmarks import distant
from benchmarks.adapters import MAIL_WANTED, WANTED
from benchmarks.measures import BARE_CONNECTIONS, BARE_PROCESSES, CHILDREN, ENOUGH, Pair, Plan, Results, Sent, Webhooks
from benchmarks.usage import QUIET

_GROUPS = {"sender": "sending processes", "postgres": "PostgreSQL", "valkey": "Valkey", "scheduler": "scheduler"}
"""What the engine's processor time is told apart by; the stub stands on both sides."""


def markdown(results: Results) -> str:
    """The whole file."""
    parts = (
        _head(results),
        _machine(results),
        _stub(results),
        _dispatch(results),
        _pairs(results),
        _others(results),
        _adapters(results),
        _audience(results),
        _webhooks(results),
    )
    return "\n".join(line for part in parts for line in part)


def _head(results: Results) -> Iterable[str]:
    asked = results.parameters
    ratio = median(pair.ratio for pair in results.counted)
    pairs = f"{len(results.counted)} of {len(results.pairs)} pairs"
    verdict = f"the engine sends at **{ratio:.2f}** of the bare sender's rate (median of {pairs})"
    if results.disturbed:
        verdict = f"**DISTURBED** (other processes were at work during every pair): {verdict}"
    if not results.valid:
        verdict = f"**INVALID** (the stub is too slow, see below): {verdict}"
    return (
        "# Benchmark results",
        "",
        "Written by `make bench`; what the figures mean, and what they leave out, is in `docs/performance.md`.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {verdict}.",
        "",
        f"{asked.people:,} people; posted to {asked.provider}'s address; {asked.children} worker children with"
        f" {asked.connections} connections each, {BARE_PROCESSES} processes of the bare sender with {BARE_CONNECTIONS};"
        " figures are medians, with the least and the most in brackets. Of the pairs those count during which other"
        f" processes had at most {QUIET:.0%} of the machine.",
        "",
    )


def _machine(results: Results) -> Iterable[str]:
    yield from _table(("Machine", ""), results.machine.items())


def _stub(results: Results) -> Iterable[str]:
    yield "## Stub provider"
    yield ""
    word = "valid" if results.valid else "INVALID"
    rows = (
        ("asked by raw sockets, requests/s", _spread(results.stub_rates, "{:,.0f}")),
        ("bare sender, messages/s", _spread([pair.bare.rate for pair in results.counted], "{:,.0f}")),
        ("the slowest of the one over the fastest of the other", f"{results.stub_factor:.2f}"),
        (f"at least {ENOUGH:.0f} wanted", word),
    )
    yield from _table((f"{results.parameters.stub_processes} process(es)", ""), rows)


def _dispatch(results: Results) -> Iterable[str]:
    yield "## Dispatch"
    yield ""
    pairs = results.counted
    both = [
        ("messages/s", _both(pairs, lambda side: side.rate, "{:,.0f}")),
        ("processor ms a message, sending processes", _both(pairs, lambda side: side.cpu_ms("sender"), "{:.3f}")),
        ("processor ms a message, stub", _both(pairs, lambda side: side.cpu_ms("stub"), "{:.3f}")),
        ("peak memory of a sending process, MB", _both(pairs, lambda side: side.memory, "{:.0f}")),
        ("the machine's time used by others, %", _both(pairs, lambda side: 100 * side.others, "{:.1f}")),
    ]
    yield from _table(("", "bare sender", "engine"), ((name, *columns) for name, columns in both))
    rows = [("engine / bare sender", _spread([pair.ratio for pair in pairs], "{:.2f}"))]
    rows += [
        (f"engine's processor ms a message, {title}", _spread([pair.engine.cpu_ms(group) for pair in pairs], "{:.3f}"))
        for group, title in _GROUPS.items()
        if group != "sender"
    ]
    rows += [
        ("statements of SQL a message", f"{results.statements:.3f}"),
        ("bytes of WAL a message", _spread([pair.database.wal_bytes for pair in pairs], "{:,.0f}")),
        ("writing transactions a message", _spread([pair.database.transactions for pair in pairs], "{:.3f}")),
        ("updates of a delivery", _spread([pair.database.updates for pair in pairs], "{:.2f}")),
        ("of them HOT, %", _spread([100 * pair.database.hot_share for pair in pairs], "{:.0f}")),
    ]
    for name in pairs[0].processes_memory:
        found = [pair.processes_memory[name] for pair in pairs]
        rows.append((f"peak memory of the {name}, MB", _spread(found, "{:.0f}")))
    yield from _table(("Engine", ""), rows)


def _pairs(results: Results) -> Iterable[str]:
    heading = ("Pair", "messages", "bare sender, messages/s", "engine, messages/s", "ratio", "used by others", "")
    yield from _table(heading, (_pair(number, pair) for number, pair in enumerate(results.pairs, 1)))


def _pair(number: int, pair: Pair) -> Sequence[str]:
    others = f"{pair.bare.others:.0%}, {pair.engine.others:.0%}"
    rates = (f"{pair.bare.rate:,.0f}", f"{pair.engine.rate:,.0f}", f"{pair.ratio:.2f}")
    return (f"{number}", f"{pair.engine.messages:,}", *rates, others, "disturbed" if pair.disturbed else "counts")


def _others(results: Results) -> Iterable[str]:
    """The same engine before a provider that takes its time, and what most begin with instead of it."""
    rows: list[tuple[str, str]] = []
    if results.distant:
        rate = _spread([one.rate for one in results.distant], "{:,.0f}")
        memory = _spread([one.memory for one in results.distant], "{:.0f}")
        before = f"a provider that answers after {distant.DELAY * 1000:.0f} ms"
        rows += [
            (f"{before}, {CHILDREN} children: messages/s (at least {distant.WANTED:,} wanted)", rate),
            ("of them the largest child's peak memory, MB", memory),
        ]
    if results.task_each:
        rates = [one.rate for one in results.task_each]
        engine = median(pair.engine.rate for pair in results.counted)
        rows += [
            ("one Celery task for each message, one INSERT and one UPDATE: messages/s", _spread(rates, "{:,.0f}")),
            ("its processor ms a message", _spread([one.cpu_ms("sender") for one in results.task_each], "{:.2f}")),
            ("the engine sends so many times as much (at least 15 wanted)", f"{engine / median(rates):.1f}"),
        ]
    yield "## Beside it"
    yield ""
    yield from _table(("", ""), rows)


def _adapters(results: Results) -> Iterable[str]:
    """Each adapter in one process, in turn with a bare sender of one process."""
    yield "## Adapters alone"
    yield ""
    heading = ("One process each", "adapter/s", "bare sender/s", "ratio", "wanted", "processor ms a message")
    rows = [
        (
            one.provider, _spread(one.rates, "{:,.0f}"), _spread(one.bare, "{:,.0f}"), f"{one.ratio:.2f}",
            f"{WANTED[one.provider]:.2f}", _spread(one.cpu_ms, "{:.3f}"),
        )
        for one in results.adapters
    ]  # fmt: skip
    yield from _table(heading, rows)
    mail = [(f"e-mail, signed: {one.key}", _spread(one.rates, "{:,.0f}"), _least(one.key)) for one in results.mailed]
    yield from _table(("To a local sink", "messages/s", "wanted"), mail)


def _least(key: str) -> str:
    return f"{MAIL_WANTED[key]:,}" if key in MAIL_WANTED else ""


def _audience(results: Results) -> Iterable[str]:
    yield "## Audience and planning"
    yield ""
    first, again = results.imports
    rows = [
        (f"import of {first.rows:,} rows, rows/s", f"{first.rate:,.0f}"),
        ("the same file again, rows/s", f"{again.rate:,.0f}"),
        ("peak memory of the importing process, MB", f"{first.memory:.0f}, again {again.memory:.0f}"),
        *planning_rows(results.plans),
    ]
    yield from _table(("", ""), rows)
    counted = ((one.name, f"{one.people:,}", _spread(one.milliseconds, "{:.1f}")) for one in results.segments)
    yield from _table(("Segment, counted with addresses by channel", "people", "ms"), counted)


def planning_rows(plans: Sequence[Plan]) -> Sequence[tuple[str, str]]:
    """The figures of planning: a row for each person, also for those left out, with counters and the ledger of caps."""
    return (
        (f"planning a run of {plans[0].rows:,} deliveries, rows/s", _spread([plan.rate for plan in plans], "{:,.0f}")),
        ("processor ms of PostgreSQL a row", _spread([plan.cpu_ms for plan in plans], "{:.4f}")),
        ("forecasting it, s", _spread([plan.forecast_seconds for plan in plans], "{:.2f}")),
    )


def _webhooks(results: Results) -> Iterable[str]:
    yield "## Webhooks"
    yield ""
    yield from _table(("", ""), webhook_rows(results.webhooks))


def webhook_rows(found: Webhooks) -> Sequence[tuple[str, str]]:
    """The figures of the webhooks: signed callbacks of Twilio, eSMS, Zalo and Telegram in turn, each durable first."""
    steady, flooded = _percentiles(found.steady), _percentiles(found.flooded)
    offered = f"{found.rate:,} callbacks/s for {found.seconds} s"
    return (
        *((f"{offered}, p{share} of the answer, ms", f"{took:.1f}") for share, took in steady.items()),
        (f"{offered}, slowest, ms", f"{max(found.steady):.1f}"),
        (f"{offered}, processor ms a callback, web", f"{found.cpu['web']:.2f}"),
        (f"{offered}, processor ms a callback, PostgreSQL", f"{found.cpu['postgres']:.2f}"),
        ("from 64 connections at once, callbacks/s", f"{found.highest:,.0f}"),
        ("from 64 connections at once, p95, ms", f"{flooded[95]:.1f}"),
        ("from 64 connections at once, processor ms a callback, web", f"{found.flood_cpu['web']:.2f}"),
        ("from 64 connections at once, processor ms a callback, PostgreSQL", f"{found.flood_cpu['postgres']:.2f}"),
        ("from 64 connections at once, the machine's time used by others, %", f"{100 * found.others:.0f}"),
    )


def _percentiles(took: Sequence[float]) -> dict[int, float]:
    ordered = sorted(took)
    return {share: ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of two columns."""
    return "\n".join(_table(("", ""), rows))


def _both(pairs: Sequence[Pair], figure: Callable[[Sent], float], form: str) -> tuple[str, str]:
    return _spread([figure(pair.bare) for pair in pairs], form), _spread([figure(pair.engine) for pair in pairs], form)


def _spread(found: Sequence[float], form: str) -> str:
    """The median; with more than one, the least and the most."""
    middle = form.format(median(found))
    return middle if len(found) == 1 else f"{middle} ({form.format(min(found))}–{form.format(max(found))})"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(heading) + " |"
    yield "|---" + "|--:" * (len(heading) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
