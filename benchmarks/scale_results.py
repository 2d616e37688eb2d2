"""The figures of the scale benchmark as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from benchmarks.archiving import Archived
from benchmarks.hotpath import Hot
from benchmarks.pages import WANTED as PAGE_WANTED
from benchmarks.pages import Asked
from benchmarks.scale_steps import Figures, Invention, Taken

WANTED = {"plan": 15.0, "status": 0.1, "status, delivered": 0.1, "reach by unit": 1.0}
"""Seconds a step may take with a million people."""
SEGMENT_WANTED = 1.0
INVENTION_WANTED = 120.0


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmark. `load`: of the machine at its end; `size`: bytes of the database."""

    machine: Mapping[str, str]
    load: str
    invented: Invention
    past: int
    size: int
    before: Figures
    after: Figures
    pages: Sequence[Asked]
    sent_before: Sequence[Hot]
    sent_after: Sequence[Hot]
    archived: Archived
    seconds: float


def markdown(found: Results) -> str:
    """The whole file."""
    return "\n".join(line for part in _parts(found) for line in part)


def _parts(found: Results) -> Iterable[Iterable[str]]:
    yield from (_head(found), _machine(found), _steps(found), _pages(found), _sending(found))
    yield from (_archived(found.archived), _segments(found))


def _head(found: Results) -> Iterable[str]:
    return (
        "# Benchmark results: scale",
        "",
        "Written by `make bench-scale`; what the figures mean is in `docs/performance.md`.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {found.invented.people:,} people, measured without a past and with"
        f" {found.past:,} past deliveries ({found.size / 2**30:.1f} GiB stored); {found.seconds / 60:.0f} minutes in"
        " all. Figures are medians; processor seconds are those of PostgreSQL and of the asking process.",
        "",
    )


def _machine(found: Results) -> Iterable[str]:
    yield from _table(("Machine", ""), [*found.machine.items(), ("Load after", found.load)])


def _steps(found: Results) -> Iterable[str]:
    yield "## Steps"
    yield ""
    made = found.invented
    rows = [_step("invent the population", Taken([made.seconds], made.processor), None, INVENTION_WANTED)]
    rows += [
        _step(name, taken, found.after.steps[name], WANTED.get(name)) for name, taken in found.before.steps.items()
    ]
    yield from _table(("s", "without a past", "with it", "change", "processor s, without", "with", "wanted, s"), rows)
    yield f"A run of {found.before.rows:,} deliveries is planned at {_rate(found.before)} rows/s without a past and at"
    yield f"{_rate(found.after)} with it."
    yield ""
    memory = ", ".join(f"{megabytes:.0f} MB for {people:,} people" for people, megabytes in made.memory.items())
    yield f"Peak memory of the inventing process: {memory}."
    yield ""


def _pages(found: Results) -> Iterable[str]:
    yield "## Pages of data"
    yield ""
    yield f"With {found.past:,} past deliveries, each kind asked with other arguments, over all campaigns in turn;"
    yield f"95 of 100 within {1000 * PAGE_WANTED:.0f} ms wanted. Milliseconds:"
    yield ""
    rows = [
        (one.name, f"{len(one.seconds)}", _ms(one.middle), _ms(one.p95), _ms(max(one.seconds)), _verdict(one))
        for one in found.pages
    ]
    yield from _table(("Page", "asked", "p50", "p95", "max", "in time"), rows)


_SENT = {
    "processor ms of PostgreSQL a message, claim and record": "claimed",
    "the same, receipt": "told",
    "bytes of WAL a message": "wal",
    "updates a message": "updates",
    "of them HOT": "hot",
    "of them to another page": "newpage",
    "bytes the table and its indexes grew by a message": "grown",
}


def _sending(found: Results) -> Iterable[str]:
    yield "## Sending"
    yield ""
    messages = found.sent_before[0].messages
    yield f"{messages:,} messages of a run claimed, recorded and told of by a receipt, 100 at a time,"
    yield "on one connection, without a provider; medians."
    yield ""
    rows = []
    for name, attribute in _SENT.items():
        before = median(getattr(one, attribute) for one in found.sent_before)
        after = median(getattr(one, attribute) for one in found.sent_after)
        rows.append((name, f"{before:,.3f}", f"{after:,.3f}", f"{after / before - 1:+.0%}" if before else ""))
    yield from _table(("", "without a past", "with it", "change"), rows)


def _archived(found: Archived) -> Iterable[str]:
    yield "## Archiving"
    yield ""
    rate = found.deliveries / found.seconds
    yield f"{found.deliveries:,} deliveries of a run became counts in {found.seconds:.0f} s ({rate:,.0f}/s), the"
    yield f"longest slice in {_ms(found.longest)} ms. Status and all reports of its campaign say the same before and"
    yield "after. Stored, with indexes; what deliveries leave is used again by the next ones:"
    yield ""
    rows = [(name, f"{found.before[name] / 2**20:,.1f}", f"{found.after[name] / 2**20:,.1f}") for name in found.before]
    yield from _table(("MiB", "before", "after"), rows)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def _verdict(one: Asked) -> str:
    return "yes" if one.p95 < PAGE_WANTED else "NO"


def _step(name: str, before: Taken, after: Taken | None, wanted: float | None) -> Sequence[str]:
    with_it = (
        ("", "", "")
        if after is None
        else (_s(after.middle), _change(before, after), _s(after.processor / len(after.seconds)))
    )
    verdict = "" if wanted is None else f"{wanted:g}"
    return (
        name,
        _s(before.middle),
        with_it[0],
        with_it[1],
        _s(before.processor / len(before.seconds)),
        with_it[2],
        verdict,
    )


def _rate(figures: Figures) -> str:
    return f"{figures.rows / figures.steps['plan'].middle:,.0f}"


def _segments(found: Results) -> Iterable[str]:
    yield "## Segments"
    yield ""
    yield f"People and their addresses by channel; at most {SEGMENT_WANTED:g} s wanted for each."
    yield ""
    rows = []
    for name, (people, before) in found.before.by_segment.items():
        after = found.after.by_segment[name][1]
        rows.append((name, f"{people:,}", _s(before.middle), _s(after.middle), _change(before, after)))
    yield from _table(("Segment", "people", "without a past, s", "with it, s", "change"), rows)


def _change(before: Taken, after: Taken) -> str:
    return f"{after.middle / before.middle - 1:+.0%}"


def _s(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(heading) + " |"
    yield "|---" + "|--:" * (len(heading) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
