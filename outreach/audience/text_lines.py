"""A text file as lines: decoded strictly, in bounded memory, whatever its line ends."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from outreach.domain.errors import OutreachError

DEFAULT_ENCODING = "utf-8-sig"
MAX_LINE = 100_000
"""Characters; of a longer line only the first `MAX_LINE + 1` are handed on, so that it can be refused."""

_BLOCK = 1 << 20
_SIGNATURES = {
    b"PK\x03\x04": "is an Excel workbook or another archive, not CSV: save the sheet as CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook, not CSV: save the sheet as CSV UTF-8",
    b"\xff\xfe": "is UTF-16 text: give --encoding utf-16, or save it as CSV UTF-8",
    b"\xfe\xff": "is UTF-16 text: give --encoding utf-16, or save it as CSV UTF-8",
}


def check_text(path: Path, encoding: str | None) -> str:
    """The encoding to read the whole file with; it has been tried from the first byte to the last.

    Raises OutreachError for a file that cannot be read, is empty, is no text, or is not in this encoding.
    """
    chosen = encoding or DEFAULT_ENCODING
    try:
        "".encode(chosen)
        with path.open("rb") as file:
            head = file.read(8)
            if not head:
                raise OutreachError(f"{path}: the file is empty: it needs a line of headings and a line for each row")
            if encoding is None:
                _refuse_signature(path, head)
        _decode_all(path, chosen)
    except LookupError:
        raise OutreachError(f'there is no text encoding "{chosen}": use one like utf-8, cp1258 or utf-16') from None
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read: {error.strerror}") from None
    return chosen


def _refuse_signature(path: Path, head: bytes) -> None:
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise OutreachError(f"{path}: this {what}")


def _decode_all(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                place = done - (len(error.object) - len(block)) + error.start
                raise OutreachError(
                    f"{path}: byte {place + 1:,} is not {encoding.removesuffix('-sig').upper()}:"
                    " save the file as CSV UTF-8, or name its encoding with --encoding (like cp1258 or utf-16)"
                ) from None
            if not block:
                return
            done += len(block)


def read_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines without their ends; raises UnicodeDecodeError where `check_text` would have refused the file."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    rest = ""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            *whole, rest = (rest + decoder.decode(block)).split("\n")
            rest = rest[: MAX_LINE + 1]
            for line in whole:
                yield line if len(line) <= MAX_LINE else line[: MAX_LINE + 1]
    *whole, rest = (rest + decoder.decode(b"", final=True)).split("\n")
    yield from whole
    if rest:
        yield rest
