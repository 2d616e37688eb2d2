"""`outreach sandbox`: the provider simulator alone."""

from __future__ import annotations

from typing import Annotated

import typer

from outreach.cli.output import say
from outreach.cli.parts import become
from outreach.cli.session import session_of
from outreach.local.up import SandboxPart, sandbox_argv

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: outreach sandbox --fail 429:1% --latency 80ms --reset-after-write 1% --lost-receipts 2%",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def sandbox(
    context: typer.Context,
    http_port: Annotated[int, typer.Option("--http-port", min=0, max=65535, help="0: any free one.")] = 8977,
    smtp_port: Annotated[int, typer.Option("--smtp-port", min=0, max=65535, help="0: any free one.")] = 8978,
    imap_port: Annotated[int, typer.Option("--imap-port", min=0, max=65535, help="0: any free one.")] = 8979,
) -> None:
    """Run the provider simulator: it sends nothing to anybody. Further options as in docs/channels/sandbox.md."""
    home = session_of(context).settings().data_dir
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = home / "sandbox"
    simulator = SandboxPart(data, http_port, smtp_port, tuple(context.args), imap_port=imap_port)
    say(f"citizens' phones: {simulator.url if http_port else 'see ' + str(data / 'sandbox.json')}")
    become(sandbox_argv(simulator))
