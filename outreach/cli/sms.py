"""`outreach sms`: what a text costs, before anybody sends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from outreach.cli.options import Json
from outreach.domain.errors import OutreachError
from outreach.domain.sms_text import measure, unaccent

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="SMS texts: count their parts.",
    epilog="Example: outreach sms parts Chào",
)


@app.callback()
def group() -> None:
    """SMS texts: count their parts."""


@app.command(epilog="Example: outreach sms parts 'Kính mời ông bà' (or: outreach sms parts --json < texts.jsonl)")
def parts(
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="Default: a text a line from stdin (JSON strings with --json)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Encoding and parts of a text, as it is and without its marks; a line for each text."""
    if sys.stdout.isatty() and not as_json:
        sys.stdout.write("encoding and parts as written, and without diacritics (unaccented)\n")
    for one in _lines(as_json) if text is None else [text]:
        counted = _counted(one)
        sys.stdout.write((json.dumps(counted) if as_json else _line(counted)) + "\n")
        sys.stdout.flush()


def _counted(text: str) -> dict[str, Any]:
    bare = unaccent(text)
    whole, plain = measure(text), measure(bare)
    without = {"text": bare, "encoding": plain.encoding, "parts": plain.parts}
    return {"encoding": whole.encoding, "parts": whole.parts, "unaccented": without}


def _line(counted: dict[str, Any]) -> str:
    bare = counted["unaccented"]
    return f"{counted['encoding']} {counted['parts']}, unaccented {bare['encoding']} {bare['parts']}"


def _lines(as_json: bool) -> Iterator[str]:
    for number, raw in enumerate(sys.stdin.buffer, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
            text = json.loads(line) if as_json else line
        except UnicodeDecodeError:
            raise OutreachError(f"stdin:{number}: not UTF-8; convert the texts first") from None
        except ValueError:
            raise OutreachError(f'stdin:{number}: not JSON; with --json write a string like "Chào" a line') from None
        if not isinstance(text, str):
            raise OutreachError(f'stdin:{number}: a JSON {type(text).__name__}; write a string like "Chào" a line')
        yield text
