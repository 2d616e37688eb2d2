"""How far a campaign is."""

import typer

app = typer.Typer()
