"""`outreach bounces`: returned e-mails, handed over by a mail server, and what is held of them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from outreach.cli import held_bounces
from outreach.cli.options import Json
from outreach.cli.output import print_json, say
from outreach.cli.session import Session, session_of
from outreach.domain.errors import OutreachError
from outreach.receipts.polling import take_mail

app = typer.Typer(no_args_is_help=True, add_completion=False)

TRY_LATER = 75
"""EX_TEMPFAIL: the mail server keeps the mail and comes again."""
LARGEST = 1024 * 1024
"""Bytes of a mail that are read: what it reports stands at its beginning."""
_PIECE = 64 * 1024


@app.callback()
def group() -> None:
    """Returned e-mails: take them from a mail server, settle what is held."""


app.add_typer(held_bounces.app, name="held")


@app.command(epilog="Example: outreach bounces take mail < returned.eml")
def take(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The e-mail account whose bounces these are.")],
    as_json: Json = False,
) -> None:
    """Take one mail from stdin: a bounce or a complaint has its effect, any other mail none.

    Ends with 75 while it cannot be kept (no database, no such account), so that the mail server tries again.
    """
    raw = _read()
    try:
        new = _taken(session_of(context), account, raw)
    except OutreachError as error:
        say(str(error))
        raise typer.Exit(TRY_LATER) from None
    except Exception as error:  # whatever it is: the mail must not be lost
        say(f"the mail cannot be taken now ({type(error).__name__}); outreach doctor looks for the cause")
        raise typer.Exit(TRY_LATER) from None
    if as_json:
        print_json({"account": account, "events": new})


def _taken(session: Session, account: str, raw: bytes) -> int:
    return take_mail(session.runtime().receiver(), account, raw)


def _read() -> bytes:
    """The beginning of the mail; the rest is read too and forgotten: a mail server cut short tries for ever."""
    raw = sys.stdin.buffer.read(LARGEST)
    while sys.stdin.buffer.read(_PIECE):
        pass
    return raw
