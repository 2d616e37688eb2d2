"""`outreach reach`: who was reached, measured and estimated apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from outreach.cli.options import Json, Slug
from outreach.cli.output import print_json, print_table, say, write_csv
from outreach.cli.session import session_of
from outreach.domain.scope import EVERYTHING
from outreach.reach.estimates import RULE, Figures
from outreach.reach.report import By, Report
from outreach.reach.report import reach as measured
from outreach.reach.targets import NOT_MEASURED, TargetNow

app = typer.Typer()
COLUMNS = ("audience", "measured", "share", "estimated", "combined")


@app.command(epilog="Example: outreach reach thong-bao-dich-vu-cong --by unit --csv reach.csv")
def reach(
    context: typer.Context,
    slug: Slug,
    by: Annotated[By, typer.Option("--by", help="What the lines are.")] = By.UNIT,
    unit: Annotated[str, typer.Option("--unit", metavar="CODE", help="Only this unit and all below it.")] = "",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the lines to this file.")] = None,
    as_json: Json = False,
) -> None:
    """People reached, each once: measured by receipts, estimated for loudspeakers, combined by the rule shown."""
    session = session_of(context)
    runtime = session.runtime()
    report = measured(
        runtime.engine, slug, clock=runtime.clock, scope=EVERYTHING, by=by, unit=unit, every=csv is not None
    )
    if csv is not None:
        written = write_csv(csv, (str(by), "name", *COLUMNS), _csv_rows(report))
        say(f"{written:,} lines written to {csv}")
    if as_json:
        print_json(report.to_json())
    elif csv is None:
        show(report, session.settings().language)


def _csv_rows(report: Report) -> list[tuple[object, ...]]:
    lines = [(row.key, row.name, row.figures) for row in report.rows]
    return [(key, name, *_plain(figures)) for key, name, figures in [*lines, ("", "all", report.figures)]]


def _plain(figures: Figures) -> tuple[object, ...]:
    share = "" if figures.share is None else f"{figures.share:.4f}"
    return (figures.audience, figures.measured, share, _or_blank(figures.estimated), _or_blank(figures.combined))


def _or_blank(people: int | None) -> object:
    return "" if people is None else people


def show(report: Report, language: str, *, at_most: int | None = None, details: bool = True) -> None:
    """The report as tables: its lines (the largest `at_most`), and with `details` the targets and the rule in words."""
    rows = sorted(report.rows, key=lambda row: -row.figures.audience)[:at_most] if at_most else report.rows
    lines = [*((row.name, row.figures) for row in rows), ("all", report.figures)]
    cells = [
        (name, one.audience, one.measured, _percent(one), _dash(one.estimated), _dash(one.combined))
        for name, one in lines
    ]
    columns = (str(report.by or ""), "audience", "reached", "share", "estimated", "combined")
    hidden = len(report.rows) - len(rows)
    title = f"{report.title}: people reached by {report.by}" + (f" ({hidden:,} more lines)" if hidden > 0 else "")
    print_table(title, columns, cells)
    if not details:
        return
    if report.targets:
        print_table("targets", ("target", "goal", "now", "met"), [_target(one, language) for one in report.targets])
    if report.stations:
        say(f"loudspeakers: {report.confirmed:,} of {report.stations:,} broadcasts confirmed")
    say(_in(RULE, language))


def _percent(figures: Figures) -> str:
    return "" if figures.share is None else f"{100 * figures.share:.1f}%"


def _dash(people: int | None) -> str:
    return "–" if people is None else f"{people:,}"


def _target(one: TargetNow, language: str) -> tuple[str, str, str, str]:
    suffix = one.to_json()["suffix"]
    now = _in(NOT_MEASURED, language) if one.now is None else f"{one.now:.1f}{suffix}"
    met = {None: "", True: "yes", False: f"{one.gap:g} missing" if one.gap is not None else "no"}[one.met]
    return one.target.title, str(one.target.goal), now, met


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language, words["en"])
