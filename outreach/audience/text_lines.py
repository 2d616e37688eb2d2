"""A text file as lines: decoded strictly, in bounded memory, whatever its line ends."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outreach.audience.encodings import UTF8, Asked, guess_bytes
from outreach.domain.errors import OutreachError

CARRIER = "cp1252"
"""The codec of text of the old fonts, whose letters are Western ones."""
MAX_LINE = 100_000
"""Characters; of a longer line only the first `MAX_LINE + 1` are handed on, so that it can be refused."""
MAX_TEXT = 2 << 30
"""Bytes of a text file: twenty million people."""

_BLOCK = 1 << 20
_SAMPLED = 1 << 18
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file that was decoded from its first byte to its last. `lines`: how many it has."""

    path: Path
    codec: str
    lines: int

    def read(self) -> Iterator[str]:
        """The lines without their ends, from the first."""
        return read_lines(self.path, self.codec)


def first_bytes(path: Path) -> bytes:
    """What the file begins with; raises OutreachError for one that cannot be read, is empty or is too large."""
    try:
        if path.is_dir():
            raise OutreachError(f"{path}: this is a folder: give the list itself")
        with path.open("rb") as file:
            head = file.read(8)
        size = path.stat().st_size
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise OutreachError(f"{path}: the file is empty: it needs a line of headings and a line for each row")
    if size > MAX_TEXT:
        raise OutreachError(
            f"{path}: {size / (1 << 30):.1f} GB: a list may have {MAX_TEXT >> 30} GB; split it by units"
        )
    return head


def check_text(path: Path, asked: Asked) -> TextFile:
    """The file, tried in its encoding from the first byte to the last.

    The mark of UTF-8 or UTF-16 at the beginning is believed. Raises OutreachError for a file that cannot be read, is
    empty or is not in this encoding, EncodingInDoubt where another one makes sense.
    """
    head = first_bytes(path)
    codec = asked.codec or next((name for mark, name in _MARKS.items() if head.startswith(mark)), UTF8)
    try:
        if codec == UTF8 and not asked.explicit and head.count(0) > 1:
            _ask(path, 0)
        return TextFile(path, codec, _decode_all(path, codec))
    except UnicodeDecodeError as error:
        if asked.legacy:
            return _carried(path)
        if not asked.explicit:
            _ask(path, error.start)
        raise _undecodable(path, codec, error.start) from None
    except UnicodeError:
        raise OutreachError(f"{path}: this is not {codec.upper()}: name its encoding with --encoding") from None
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read: {error.strerror}") from None


def _ask(path: Path, place: int) -> None:
    """Raise EncodingInDoubt if the bytes around a place make sense in another encoding."""
    with path.open("rb") as file:
        file.seek(max(0, place - _SAMPLED // 2))
        doubt = guess_bytes(str(path), file.read(_SAMPLED))
    if doubt:
        raise doubt from None


def _carried(path: Path) -> TextFile:
    """Text of an old font that is no UTF-8: bytes of Western letters."""
    try:
        return TextFile(path, CARRIER, _decode_all(path, CARRIER))
    except UnicodeDecodeError as error:
        raise _undecodable(path, "text of an old font", error.start) from None


def _undecodable(path: Path, codec: str, place: int) -> OutreachError:
    return OutreachError(
        f"{path}: byte {place + 1:,} is not {codec.removesuffix('-sig').upper()}: save the file as CSV UTF-8, or name"
        " its encoding with --encoding (utf-16, windows-1258, tcvn3 or vni)"
    )


def _decode_all(path: Path, codec: str) -> int:
    """How many lines there are; a UnicodeDecodeError tells the place in the file."""
    decoder = codecs.getincrementaldecoder(codec)()
    done = lines = 0
    last = ""
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                error.start += done - (len(error.object) - len(block))
                raise
            lines += text.count("\n") or text.count("\r")
            last = text[-1:] or last
            if not block:
                return lines + (last not in ("\n", "\r"))
            done += len(block)


def read_lines(path: Path, codec: str) -> Iterator[str]:
    """The lines without their ends; raises UnicodeDecodeError where `check_text` would have refused the file."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(), translate=True)
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
