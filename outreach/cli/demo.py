"""`outreach demo`: a whole campaign on invented people, from its file to its reach table."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from outreach.cli.campaign_files import load_campaign
from outreach.cli.campaign_status import display, live, look
from outreach.cli.options import Json
from outreach.cli.output import print_json, say, warn
from outreach.cli.reach import show as show_reach
from outreach.cli.session import session_of
from outreach.domain.scope import EVERYTHING
from outreach.local import demo as steps
from outreach.local.demo_stage import Stage, await_web, stage
from outreach.reach.report import By, Report
from outreach.reach.report import reach as measured
from outreach.reach.status import Status

app = typer.Typer(add_completion=False)
_CHANNELS = {
    "sms": "SMS",
    "zalo_oa": "Zalo messages",
    "zalo_zns": "Zalo templates (ZNS)",
    "email": "e-mails",
    "telegram": "Telegram messages",
}
_LINES = 12
"""Lines of the reach table; `outreach reach` has them all."""
_TELL_EVERY = 10.0
"""Seconds between two lines about the progress."""


@app.command(epilog="Example: outreach demo --exit")
def demo(
    context: typer.Context,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop everything after the table.")] = False,
    people: Annotated[int, typer.Option("--people", min=1, max=1_000_000, help="Invented people.")] = 20_000,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the web; 0: any free one.")] = 8000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other people.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with what the demo before left.")] = False,
    as_json: Json = False,
) -> None:
    """Embedded servers, invented citizens, a provider simulator, one campaign over every channel to its reach table."""
    began = time.monotonic()
    session = session_of(context)
    with stage(session.settings(), session.build, port=port, keep=keep, tell=say) as on:
        say(f"the demo's data: {on.data} (made anew each time, unless --keep)")
        document = _play(on, people, seed)
        document["seconds"] = round(time.monotonic() - began, 1)
        if as_json:
            print_json(document)
        _sum_up(document)
        if not exit_:
            _show_around(on)
            on.stop.wait()


def _play(on: Stage, people: int, seed: int) -> dict[str, Any]:
    """The whole story; returns its figures."""
    invented, cases = steps.populate(on, people, seed=seed)
    say(f"{invented:,} invented people and {cases:,} cases in Hà Nội, Thanh Hoá and Thành phố Hồ Chí Minh")
    slug, figures = steps.approved(on, lambda file: load_campaign(on.runtime, file, who=steps.STAFF))
    if figures is not None:
        say(f"{slug}: loaded by {steps.STAFF}, approved by {steps.LEADER}; one run of each message:")
        for one in figures.messages:
            say(f"  {one.message}: {one.audience:,} people, {one.cost:,} VND")
    await_web(on)
    steps.launch(on, slug)
    sending = time.monotonic()
    with live() as shown:
        zone, language = on.runtime.settings.zone, on.runtime.settings.language
        told = _Progress(sys.stderr.isatty(), sending)

        def show(standing: Status) -> None:
            shown.update(display(standing, zone, language), refresh=True)
            told(standing)

        settled = steps.follow(on, slug, show)
    spent = time.monotonic() - sending
    if not settled:
        warn("some deliveries are still open: receipts that were lost, or a part that does not work (see the logs)")
    broadcasts = steps.confirm_every_other(on)
    if broadcasts is not None:
        say(
            f"loudspeakers: the officers of {broadcasts.confirmed:,} of {broadcasts.planned:,} stations in Hà Nội "
            f"confirm their broadcast, as if it were {broadcasts.at:%H:%M on %d/%m/%Y} already"
        )
    report = measured(on.runtime.engine, slug, clock=on.runtime.clock, scope=EVERYTHING, by=By.CHANNEL)
    _show(on, slug, report)
    return _figures(on, slug, report) | {"settled": settled, "sending_seconds": round(spent, 1)}


def _show(on: Stage, slug: str, by_channel: Report) -> None:
    language = on.runtime.settings.language
    by_unit = measured(on.runtime.engine, slug, clock=on.runtime.clock, scope=EVERYTHING, by=By.UNIT)
    show_reach(by_channel, language, details=False)
    show_reach(by_unit, language, at_most=_LINES)


def _figures(on: Stage, slug: str, report: Report) -> dict[str, Any]:
    standing = look(on.runtime, slug)
    return {
        "campaign": slug,
        "state": str(standing.state),
        "deliveries": dict(standing.deliveries),
        "by_channel": {channel: dict(counts) for channel, counts in standing.by_channel.items()},
        "people_reached": report.figures.measured,
        "measured": report.figures.measured,
        "estimated": report.figures.estimated,
        "combined": report.figures.combined,
        "audience": report.figures.audience,
        "sandbox": steps.sent_by_sandbox(on),
        "data_dir": str(on.data),
    }


class _Progress:
    """A line on stderr every ten seconds, where no terminal shows the table as it changes."""

    def __init__(self, terminal: bool, began: float) -> None:
        self._terminal = terminal
        self._began = self._last = began

    def __call__(self, standing: Status) -> None:
        now = time.monotonic()
        if self._terminal or now - self._last < _TELL_EVERY:
            return
        self._last = now
        waiting = standing.deliveries["planned"] + standing.deliveries["sending"]
        say(f"{now - self._began:.0f} s: {standing.gone_out:,} sent, {waiting:,} still to be sent")


def _sum_up(document: dict[str, Any]) -> None:
    taken = ", ".join(f"{n:,} {_CHANNELS[channel]}" for channel, n in document["sandbox"].items())
    say(
        f"the simulator took {taken} by its own log; "
        f"{document['sending_seconds']:g} s from launch to the last receipt, {document['seconds']:g} s in all"
    )


def _show_around(on: Stage) -> None:
    """Where to look while everything runs."""
    shift = on.runtime.settings.clock_shift_seconds
    clock = f" OUTREACH_CLOCK_SHIFT_SECONDS={shift}" if shift else ""
    say(f"status page: {on.url}   what each citizen received: {on.sandbox.url}")
    say(f"other commands look around in it too: OUTREACH_DATA_DIR={on.data}{clock} outreach doctor")
    say("Ctrl-C stops everything")
