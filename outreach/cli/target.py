"""`outreach target`: figures that people enter, and how all targets stand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from outreach.cli.options import As, Json, Slug
from outreach.cli.output import local, print_json, print_table, say
from outreach.cli.session import acting, session_of
from outreach.domain.definition.parts import Target
from outreach.reach import target_entry
from outreach.reach.targets import NOT_MEASURED, WORDS, TargetNow, value_json

app = typer.Typer(no_args_is_help=True, add_completion=False)
COLUMNS = ("target", "goal", "now", "gap", "trend", "status", "by", "of")
"""A line of a table of targets."""
_DONE = {"vi": ("chưa xong", "xong"), "en": ("not done", "done")}

TargetId = Annotated[str, typer.Argument(metavar="ID", help="The target, as the campaign file calls it.")]
Note = Annotated[str, typer.Option("--note", help="Where the figure is from; nothing personal.")]
Day = Annotated[
    datetime | None,
    typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="The day the figure is of. Default: today."),
]


@app.callback()
def group() -> None:
    """Targets: figures that people enter, corrected and taken back, and how they stand."""


@app.command("set", epilog="Example: outreach target set ha-noi-2025 II.3-1 64.5 --date 2025-06-30")
def set_(
    context: typer.Context,
    slug: Slug,
    target: TargetId,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The figure: 64.5, or done; -- before a minus sign.")],
    date: Day = None,
    answers: Annotated[
        int | None, typer.Option("--answers", metavar="N", help="How many people answered; satisfaction needs it.")
    ] = None,
    note: Note = "",
    who: As = None,
    as_json: Json = False,
) -> None:
    """Enter the figure of a day, or correct it; what was entered before stays in the history."""
    session = session_of(context)
    runtime = session.runtime()
    done = target_entry.set_value(
        runtime.engine, slug, target, value, clock=runtime.clock, who=acting(who),
        day=None if date is None else date.date(), answers=answers, note=note,
    )  # fmt: skip
    before = done.before
    if as_json:
        was = None if before is None or done.again else before.value
        print_json({"campaign": slug, "target": target, **value_json(done.value), "before": was, "again": done.again})
    if done.again:
        say(f"{target}: it was so already for {done.value.day}")
    else:
        was_said = "" if before is None or before.value is None else f", was {before.value:g}"
        say(f"{target}: {figure(done.target, done.value.value, 'en')} on {done.value.day}{was_said}")
    if done.target.goal.percent and done.value.value is not None and 0 < done.value.value < 1:
        say(f"note: that is {done.value.value:g} of a hundred; a share of {done.value.value:g} would be "
            f"{100 * done.value.value:g}")  # fmt: skip


@app.command(epilog="Example: outreach target unset ha-noi-2025 II.3-1 --date 2025-06-30")
def unset(
    context: typer.Context,
    slug: Slug,
    target: TargetId,
    date: Annotated[
        datetime, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="The day whose figure was wrong.")
    ],
    note: Note = "",
    who: As = None,
    as_json: Json = False,
) -> None:
    """Take back the figure of a day; it stays in the history."""
    runtime = session_of(context).runtime()
    day = date.date()
    target_entry.unset_value(runtime.engine, slug, target, day, clock=runtime.clock, who=acting(who), note=note)
    if as_json:
        print_json({"campaign": slug, "target": target, "date": day, "value": None})
    say(f"{target}: the figure of {day} was taken back")


@app.command("list", epilog="Example: outreach target list ha-noi-2025")
def list_(context: typer.Context, slug: Slug, as_json: Json = False) -> None:
    """The targets and the figures entered; what the engine measures itself is shown by `outreach reach`."""
    session = session_of(context)
    runtime = session.runtime()
    every, standing, gone = target_entry.listed(runtime.engine, slug, clock=runtime.clock)
    if as_json:
        found = [{**(standing.get(one.id) or TargetNow(one, None)).to_json(), "entered_by_people": one.measure.entered}
                 for one in every]  # fmt: skip
        print_json({"campaign": slug, "targets": found, "former": gone})
        return
    language = session.settings().language
    rows = [
        (one.id, *cells(standing[one.id], language))
        if one.id in standing
        else (one.id, one.title, str(one.goal), "outreach reach", "", "", "", f"{one.by:%Y-%m-%d}", whose(one))
        for one in every
    ]
    print_table("", ("id", *COLUMNS), rows)
    if gone:
        say(f"figures of targets that are no more: {', '.join(gone)} (`outreach target history` shows them)")


@app.command(epilog="Example: outreach target history ha-noi-2025 II.3-1")
def history(context: typer.Context, slug: Slug, target: TargetId, as_json: Json = False) -> None:
    """Every figure entered for a target, with corrections and what was taken back: who said what, when."""
    session = session_of(context)
    words = target_entry.history(session.runtime().engine, slug, target)
    if as_json:
        values = [{**value_json(one), "holds": one.holds} for one in words]
        print_json({"campaign": slug, "target": target, "values": values})
        return
    zone = session.settings().zone
    rows = [
        (
            f"{one.day}", "taken back" if one.value is None else f"{one.value:g}", one.answers, one.holds, one.who,
            local(one.at, zone), one.note,
        )
        for one in words
    ]  # fmt: skip
    print_table(target, ("date", "value", "answers", "holds", "who", "entered at", "note"), rows)


def cells(one: TargetNow, language: str) -> tuple[str, ...]:
    """A target as it stands, for the columns of `COLUMNS`."""
    target = one.target
    now = NOT_MEASURED[_spoken(language)] if one.now is None else figure(target, one.now, language, one.suffix)
    gap = "" if not one.gap or target.goal.done else f"{one.gap:g}"
    return (
        target.title, str(target.goal), now, gap, _trend(one, language), WORDS[one.standing][_spoken(language)],
        f"{target.by:%Y-%m-%d}", whose(target),
    )  # fmt: skip


def figure(target: Target, value: float | None, language: str, suffix: str = "") -> str:
    """A figure as people read it."""
    if value is None:
        return ""
    if target.goal.done:
        return _DONE[_spoken(language)][int(value)]
    shown = f"{value:.1f}" if target.measure.of_people and not target.measure.entered else f"{value:g}"
    return f"{shown}{suffix if suffix == '%' else f' {suffix}' if suffix else ''}"


def whose(target: Target) -> str:
    """The agency or unit a figure is of."""
    return "" if target.scope is None else " ".join(part for part in (target.scope.agency, target.scope.unit) if part)


def _trend(one: TargetNow, language: str) -> str:
    """The change, and over what time."""
    trend = one.trend
    change = trend.shown
    if change is None or one.target.goal.done:
        return ""
    days = 7 if trend.days_7 is not None else 30 if trend.days_30 is not None else 0
    word = {"vi": "ngày", "en": "days"}[_spoken(language)]
    over = f"{days} {word}" if days else f"{trend.previous:%d/%m/%Y}"
    return f"{change:+.3g} / {over}"


def _spoken(language: str) -> str:
    return "vi" if language == "vi" else "en"
