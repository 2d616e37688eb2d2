"""`outreach worker`: a Celery worker alone."""

from __future__ import annotations

import typer

from outreach.cli.parts import Workers, become
from outreach.cli.session import session_of
from outreach.local.up import worker_argv

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: outreach worker --workers 4 -n second@%h",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def worker(context: typer.Context, workers: Workers = None) -> None:
    """Run a Celery worker (as `celery -A worker worker` does); further options go to Celery."""
    settings = session_of(context).settings()
    become(worker_argv(workers or settings.workers, *context.args))
