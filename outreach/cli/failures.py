"""What goes wrong, told to people: an error's own words, one line for the unexpected, never a traceback."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from outreach.cli.output import say
from outreach.cli.session import Session
from outreach.domain.errors import OutreachError

_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
"""Typer's usage error, which ends with 2."""
LOG = "log/outreach.log"


@contextmanager
def told(session: Session) -> Iterator[None]:
    """Tell what the block raises and end with 1; usage errors, Ctrl-C and a closed pipe go their own ways."""
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError, _USAGE):
        raise
    except OutreachError as error:
        say(str(error))
        raise typer.Exit(1) from None
    except Exception as error:
        if session.debug:
            raise
        say(f"{type(error).__name__}: this should not happen; {_where(error, session)}, --debug shows it here")
        raise typer.Exit(1) from None


def _where(error: Exception, session: Session) -> str:
    log = _write_down(error, session)
    return "no log could be written" if log is None else f"where it happened stands in {log}"


def _write_down(error: Exception, session: Session) -> Path | None:
    """Append where it happened to the log: types and lines of code, no message, as those may carry personal data."""
    try:
        home = session.settings().data_dir
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = home / LOG
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as stream:
            stream.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {_types(error)}\n")
            stream.writelines(traceback.format_tb(error.__traceback__))
    except (OSError, OutreachError):
        return None
    return file


def _types(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return type(error).__qualname__ + (f" from {_types(cause)}" if cause is not None else "")
