"""Options and steps that the commands running parts share."""

from __future__ import annotations

import os
from typing import Annotated, NoReturn

import typer

from outreach.settings import PROJECT

Host = Annotated[str, typer.Option("--host", help="The interface to listen on; 0.0.0.0 opens it to the network.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, help="Processes that send. Default: OUTREACH_WORKERS, or 2.")
]


def become(argv: tuple[str, ...]) -> NoReturn:
    """Turn this process into another program, our own modules within its reach wherever it was started."""
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.execve(argv[0], argv, {**os.environ, "PYTHONPATH": os.pathsep.join(path)})  # noqa: S606
