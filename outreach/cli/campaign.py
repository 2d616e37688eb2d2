"""`outreach campaign`: from a file to a report, a command for each step of a campaign's life."""

from __future__ import annotations

import typer

from outreach.cli import campaign_files, campaign_forecast, campaign_life, campaign_status, campaign_try

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Campaigns: check, load, try, approve, launch, watch, stop."""


for _part in (campaign_files, campaign_forecast, campaign_life, campaign_status, campaign_try):
    app.add_typer(_part.app)
