"""`outreach`: the list of commands; each one's module is loaded when it is called, so that help comes at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from outreach.cli.failures import told
from outreach.cli.session import session_of

COMMANDS: Final[Mapping[str, str]] = {
    "up": "Run everything on this machine until Ctrl-C.",
    "demo": "Show a whole campaign on invented people and a provider simulator.",
    "units": "Administrative units: load them.",
    "audience": "People: import, invent and count them.",
    "case": "Cases with due dates, what reminders are made of: import them.",
    "campaign": "Campaigns: check, load, try, approve, launch, watch, stop.",
    "template": "Templates: list them, check them, see or send what somebody would get.",
    "deliveries": "Who got what, and why not; send again.",
    "archive": "Turn the deliveries of campaigns that are long over into counts.",
    "inbound": "What citizens wrote to us: read it, note that it was dealt with.",
    "suppression": "Addresses that are not written to: look why, take it back, bar a list.",
    "reach": "Who was reached: by unit, segment, channel or message.",
    "target": "Targets: figures that people enter, and how they stand.",
    "visits": "Home visits: the list of whom nothing reached, and what came of it.",
    "scripts": "What loudspeakers read out, and the proof that they did.",
    "sms": "SMS texts: count their parts.",
    "bounces": "Returned e-mails: take them from a mail server, settle what is held.",
    "account": "Provider accounts: list them, try them, put them back into service.",
    "doctor": "Look for what is broken or dangerous here, and say what to do.",
    "web": "Run only the web part: console, webhooks, unsubscribe pages.",
    "worker": "Run only a Celery worker.",
    "scheduler": "Run only the scheduler.",
    "sandbox": "Run only the provider simulator.",
}
"""By name: what stands in the list; the module of the same name has its Typer `app`."""


class Root(TyperGroup):
    """The group of all commands: finds the real one behind a name, and turns errors into a line and a status."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command called, its module loaded; raises a usage error with the nearest name for an unknown one."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and _load(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what goes wrong is told without a traceback."""
        session = session_of(ctx)
        with told(session):
            try:
                return super().invoke(ctx)
            finally:
                session.close()


def _load(name: str) -> Any:
    command = typer.main.get_command(import_module(f"outreach.cli.{name}").app)
    command.name = name
    return command


app = typer.Typer(
    name="outreach",
    cls=Root,
    help="Outreach campaigns for public administration: SMS, Zalo, e-mail, Telegram, loudspeakers.",
    epilog="Example: outreach demo --exit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("outreach-engine"))
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Outreach campaigns for public administration: SMS, Zalo, e-mail, Telegram, loudspeakers."""
    session_of(context).debug = debug


def _listed() -> None:
    """Stand for a command in the list: what is called is loaded by `Root.resolve_command`."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(_listed)
