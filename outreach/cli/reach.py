"""`outreach reach`: who was reached, measured and estimated apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from outreach.cli.options import Json, Slug
from outreach.cli.output import print_json, print_table, say, say_long, warn
from outreach.cli.session import session_of
from outreach.cli.target import COLUMNS as TARGET_COLUMNS
from outreach.cli.target import cells as target_cells
from outreach.domain.scope import EVERYTHING
from outreach.reach.estimates import RULE, Figures
from outreach.reach.report import By, Report
from outreach.reach.report import reach as measured
from outreach.reach.sheets import Cell, Sheet, write_csv, write_xlsx

app = typer.Typer(add_completion=False)
TRIAL = {
    "vi": "CHẾ ĐỘ THỬ: chiến dịch (hoặc một đợt gửi của nó) chỉ gửi tới địa chỉ thử; số liệu dưới đây là của lần thử.",
    "en": "TRIAL MODE: the campaign, or a run of it, wrote to test addresses only; these figures are those of a test.",
}
COLUMNS = ("audience", "measured", "share", "estimated", "combined")


@app.command(epilog="Example: outreach reach thong-bao-dich-vu-cong --by unit --csv reach.csv")
def reach(
    context: typer.Context,
    slug: Slug,
    by: Annotated[By, typer.Option("--by", help="What the lines are.")] = By.UNIT,
    unit: Annotated[str, typer.Option("--unit", metavar="CODE", help="Only this unit and all below it.")] = "",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the lines to this file.")] = None,
    xlsx: Annotated[
        Path | None, typer.Option("--xlsx", metavar="FILE", help="Write lines and targets to this workbook.")
    ] = None,
    as_json: Json = False,
) -> None:
    """People reached, each once: measured by receipts and visits, estimated for loudspeakers, combined by the rule."""
    session = session_of(context)
    runtime = session.runtime()
    files = csv is not None or xlsx is not None
    report = measured(runtime.engine, slug, clock=runtime.clock, scope=EVERYTHING, by=by, unit=unit, every=files)
    if csv is not None:
        say(f"{write_csv(csv, _lines(report)):,} lines written to {csv}")
    if xlsx is not None:
        written = write_xlsx(xlsx, _lines(report), _targets(report, session.settings().language))
        say(f"{written:,} lines written to {xlsx}")
    if files:
        _say_age(report)
    if as_json:
        print_json(report.to_json())
    elif not files:
        show(report, session.settings().language)


def _lines(report: Report) -> Sheet:
    lines = [(row.key, row.name, row.figures) for row in report.rows]
    rows = [(key, name, *_plain(figures)) for key, name, figures in [*lines, ("", "all", report.figures)]]
    return Sheet("reach", (str(report.by or ""), "name", *COLUMNS), rows, widths=(12, 40, 12, 12, 12, 12, 12))


def _plain(figures: Figures) -> tuple[Cell, ...]:
    share = None if figures.share is None else round(figures.share, 4)
    return (figures.audience, figures.measured, share, figures.estimated, figures.combined)


def _targets(report: Report, language: str) -> Sheet:
    headings = ("id", *TARGET_COLUMNS, "baseline", "agency", "unit")
    rows = [
        (
            one.target.id, *target_cells(one, language), one.target.baseline,
            one.target.scope.agency if one.target.scope else None, one.target.scope.unit if one.target.scope else None,
        )
        for one in report.targets
    ]  # fmt: skip
    return Sheet("targets", headings, rows, widths=(20, 60, 12, 14, 12, 18, 20, 12, 12, 12, 30, 12))


def show(report: Report, language: str, *, at_most: int | None = None, details: bool = True) -> None:
    """The report as tables: its lines (the largest `at_most`), and with `details` the targets and the rule in words."""
    rows = sorted(report.rows, key=lambda row: -row.figures.audience)[:at_most] if at_most else report.rows
    lines = [*((row.name, row.figures) for row in rows), ("all", report.figures)]
    cells = [
        (name, one.audience, one.measured, _percent(one), _dash(one.estimated), _dash(one.combined))
        for name, one in lines
    ]
    columns = (str(report.by or ""), "audience", "reached", "share", "estimated", "combined")
    if report.trial:
        warn(_in(TRIAL, language))
    hidden = len(report.rows) - len(rows)
    title = f"{report.title}: people reached by {report.by}" + (f" ({hidden:,} more lines)" if hidden > 0 else "")
    print_table(title, columns, cells)
    _say_age(report)
    if not details:
        return
    if report.targets:
        print_table("targets", TARGET_COLUMNS, [target_cells(one, language) for one in report.targets])
    if report.visited:
        say(f"home visits: {report.visited:,} people visited")
    if report.stations:
        say(f"loudspeakers: {report.confirmed:,} of {report.stations:,} broadcasts confirmed")
    say_long(_in(RULE, language))


def _say_age(report: Report) -> None:
    """When the lines were counted, where that was not just now."""
    if report.rows_at is not None:
        say(f"the lines were counted {_ago(report.at - report.rows_at)}; the last one, of all, is counted now")


def _ago(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    if minutes < 1:
        return "a moment ago"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{age.days:,} days ago"


def _percent(figures: Figures) -> str:
    return "" if figures.share is None else f"{100 * figures.share:.1f}%"


def _dash(people: int | None) -> str:
    return "–" if people is None else f"{people:,}"


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language, words["en"])
