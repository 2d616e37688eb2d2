"""`outreach scheduler`: the scheduler alone."""

from __future__ import annotations

import typer

from outreach.cli.parts import become
from outreach.local.up import scheduler_argv

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: outreach scheduler")
def scheduler() -> None:
    """Run the scheduler (as `python scheduler.py` does): due runs, cascades, recovery, retention. Two are harmless."""
    become(scheduler_argv())
