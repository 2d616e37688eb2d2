"""Files that go with the e-mails of a template: few, small, of kinds that carry no program, with safe names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from outreach.domain.errors import OutreachError
from outreach.domain.vietnamese import nfc

FOLDER: Final = "attachments"
MOST: Final = 10
LARGEST_TOGETHER: Final = 5_000_000
"""Bytes of all files; on the wire it is a third more, for every recipient."""
LONGEST_NAME: Final = 80
_PUNCTUATION: Final = frozenset(" ._-()+,&'")
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"
_ZIPPED: Final = b"PK\x03\x04"
_KINDS: Final[Mapping[str, tuple[str, bytes]]] = {
    "pdf": ("application/pdf", b"%PDF-"),
    "docx": (f"{_OFFICE}.wordprocessingml.document", _ZIPPED),
    "xlsx": (f"{_OFFICE}.spreadsheetml.sheet", _ZIPPED),
    "pptx": (f"{_OFFICE}.presentationml.presentation", _ZIPPED),
    "odt": (f"{_OPEN}.text", _ZIPPED),
    "ods": (f"{_OPEN}.spreadsheet", _ZIPPED),
    "png": ("image/png", b"\x89PNG\r\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff"),
    "jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    "gif": ("image/gif", b"GIF8"),
    "txt": ("text/plain", b""),
    "csv": ("text/csv", b""),
    "ics": ("text/calendar", b""),
}
"""By the ending of the name: the media type, and how such a file begins (b"": it is text)."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file by its name and SHA-256; `content` is there where it was read, b"" where only the version is known."""

    name: str
    digest: str
    size: int
    content: bytes = field(default=b"", repr=False, compare=False)

    @property
    def media_type(self) -> str:
        """Its media type, by the ending of its name."""
        return _KINDS[_ending(self.name)][0]

    def to_json(self) -> dict[str, Any]:
        """Plain data without the content; `from_json` is the inverse."""
        return {"name": self.name, "digest": self.digest, "size": self.size}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], content: bytes = b"") -> AttachedFile:
        """What `to_json` gave, with its content."""
        return cls(data["name"], data["digest"], data["size"], content)


def read_attachments(folder: Path) -> tuple[AttachedFile, ...]:
    """The files of a folder by name, none where it is not there; hidden ones are left out.

    Raises OutreachError with everything that is wrong with them, a line each.
    """
    if not folder.is_dir():
        return ()
    found: list[AttachedFile] = []
    mistakes: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        try:
            found.append(_read(path))
        except OutreachError as error:
            mistakes.append(str(error))
    if len(found) > MOST:
        mistakes.append(f"{folder}: {len(found)} files; at most {MOST} go with an e-mail")
    if mistakes:
        raise OutreachError("\n".join(mistakes))
    return tuple(found)


def _read(path: Path) -> AttachedFile:
    name = nfc(path.name)
    if path.is_symlink() or not path.is_file():
        raise OutreachError(f"{path}: not a file; put the file itself here")
    if not _is_safe(name):
        raise OutreachError(
            f"{path}: a name has letters, digits, spaces and {' '.join(sorted(_PUNCTUATION - {' '}))}, at most"
            f" {LONGEST_NAME} of them; rename it"
        )
    ending = _ending(name)
    if ending not in _KINDS:
        raise OutreachError(f'{path}: files of the kind ".{ending}" are not sent; allowed: {", ".join(_KINDS)}')
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST_TOGETHER else b""
    except OSError as error:
        raise OutreachError(f"{path}: cannot be read ({error.strerror})") from None
    if not content:
        raise OutreachError(f"{path}: empty, or larger than {LARGEST_TOGETHER:,} bytes")
    if not _is_what_it_says(content, _KINDS[ending][1]):
        raise OutreachError(f"{path}: is no .{ending} file, whatever its name says; save it as one")
    return AttachedFile(name, sha256(content).hexdigest(), len(content), content)


def check_together(folder: Path, files: tuple[AttachedFile, ...]) -> None:
    """Raise OutreachError where the files are too large together."""
    size = sum(one.size for one in files)
    if size > LARGEST_TOGETHER:
        raise OutreachError(f"{folder}: {size:,} bytes together; at most {LARGEST_TOGETHER:,} go with an e-mail")


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _is_safe(name: str) -> bool:
    letters = all(char in _PUNCTUATION or unicodedata.category(char)[0] in "LNM" for char in name)
    return letters and len(name) <= LONGEST_NAME and name.strip(" .") == name


def _is_what_it_says(content: bytes, beginning: bytes) -> bool:
    if beginning:
        return content.startswith(beginning)
    try:
        return "\0" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
