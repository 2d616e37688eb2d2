"""`outreach archive`: of campaigns that are long over the single deliveries go; counts and reports stay."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from outreach.cli.options import As, DryRun, Json, Yes
from outreach.cli.output import ask, local, print_json, print_table, progress, say
from outreach.cli.session import Session, acting, session_of
from outreach.domain.errors import OutreachError
from outreach.domain.scope import EVERYTHING
from outreach.reach import archiving
from outreach.reach.listing import export_csv
from outreach.reach.sheets import private_file
from outreach.runtime import Runtime
from outreach.store import history
from outreach.store.explorer import Wanted
from outreach.store.history import Old

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: outreach archive --dry-run; then: outreach archive thu-2024 --export /srv/luu-tru")
def archive(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Only this campaign. Left out: all.")] = "",
    older: Annotated[
        int | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            help=f"Campaigns over for so long, {archiving.LEAST_DAYS} at least. Default: OUTREACH_ARCHIVE_AFTER_DAYS.",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FOLDER", help="First write the deliveries there, a CSV for each campaign."),
    ] = None,
    dry_run: DryRun = False,
    who: As = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Turn the deliveries of campaigns that are long over into counts; status and reach stay as they are."""
    session = session_of(context)
    runtime = session.runtime()
    days = runtime.settings.archive_after_days if older is None else older
    if days == 0:
        raise OutreachError("OUTREACH_ARCHIVE_AFTER_DAYS is 0, never: say --older-than DAYS to archive by hand")
    old = archiving.old_runs(runtime.engine, runtime.clock, days=days, campaign=slug)
    deliveries = sum(one.deliveries for one in old)
    if not as_json:
        _show(old, days, session.settings().zone)
    written: list[Path] = []
    done = archiving.Done(0, 0)
    if old and not dry_run:
        kept = "" if export is None else f" (first written to {export})"
        what = f"{deliveries:,} deliveries of {len(old):,} runs{kept}"
        if not yes and not sys.stdin.isatty():
            raise OutreachError(f"this would archive {what}, for good; nothing was done. If that is meant: --yes")
        ask(f"Archive {what}? They cannot be had back.", yes=yes)
        written = [] if export is None else _export(session, old, export)
        with progress("deliveries") as told:
            done = archiving.archive(runtime.engine, runtime.clock, old, days=days, who=acting(who), told=told)
        say(f"{done.deliveries:,} deliveries of {done.runs:,} runs are archived; counts and reports stay")
    if as_json:
        runs = [_plain(one) for one in old]
        files = [str(file) for file in written]
        print_json({"dry_run": dry_run, "days": days, "runs": runs, "archived": done.deliveries, "files": files})


def _show(old: Sequence[Old], days: int, zone: ZoneInfo) -> None:
    rows = [(one.campaign, str(one.run), one.message, local(one.finished_at, zone), one.deliveries) for one in old]
    title = f"runs of campaigns that have been over for {days:,} days"
    print_table(title, ("campaign", "run", "message", "ended", "deliveries"), rows)


def _plain(one: Old) -> dict[str, Any]:
    return {
        "campaign": one.campaign, "run": one.run, "message": one.message, "scheduled_for": one.scheduled_for,
        "finished_at": one.finished_at, "deliveries": one.deliveries,
    }  # fmt: skip


def _export(session: Session, old: Sequence[Old], folder: Path) -> list[Path]:
    """Write everything that is still there of the campaigns of these runs; never over a file of before."""
    runtime, settings = session.runtime(), session.settings()
    if not folder.is_dir():
        raise OutreachError(f"{folder}: there is no such folder; make it first")
    today = session.today()
    files = {slug: folder / f"{slug}-{today.isoformat()}.csv" for slug in sorted({one.campaign for one in old})}
    for file in files.values():
        if file.exists():
            raise OutreachError(f"{file} is there already: move it away, or choose another folder")

    def fill(slug: str, draft: Path) -> int:
        with draft.open("w", encoding="utf-8-sig", newline="") as out:
            return export_csv(
                runtime.engine, slug, Wanted(), out, keys=runtime.keys, scope=EVERYTHING, language=settings.language,
                zone=settings.zone, meaning=runtime.meaning,
            )  # fmt: skip

    for slug, file in files.items():
        rows = private_file(file, partial(fill, slug))
        say(f"{rows:,} deliveries written to {file}")
    return list(files.values())


def tell_archived(runtime: Runtime, slug: str, zone: ZoneInfo) -> None:
    """Say which runs of a campaign are no longer kept delivery by delivery."""
    with runtime.engine.connect() as connection:
        found = history.archived(connection, slug, scope=EVERYTHING)
    for one in found:
        when = _day(one.at, zone)
        say(f"run {one.run} ({one.message}): {one.deliveries:,} deliveries archived on {when}; counts kept")


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"
