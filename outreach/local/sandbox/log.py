"""The sandbox's log: every message it was handed, written before it answers, so that a kill loses none.

One JSON document a line in `requests.jsonl`, one write a line, mode 600. Receipts that arrived are noted in
`receipts.jsonl`, so that a restart calls back only for the others. What citizens do is in `citizens.jsonl`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

REQUESTS = "requests.jsonl"
RECEIPTS = "receipts.jsonl"
CITIZENS = "citizens.jsonl"


class Outcome(StrEnum):
    """What the sandbox made of a message."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    BROKEN = "broken"
    """It pretended to be out of order: nothing was taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message handed to the sandbox. `key`: the sender's own key, where the provider is given one, else "".

    `provider_id` is "" unless accepted; `code` is the error's; `at` is ISO 8601 in UTC; `parts`: SMS parts.
    `to` is as the project writes addresses: +84… for numbers. `provider`: whose interface it came by. `files`: name,
    media type and SHA-256 of each that goes with an e-mail. `faults`: what befell it by lot, as `fail:429`.
    """

    at: str
    channel: str
    to: str
    sender: str
    body: str
    key: str
    outcome: Outcome
    provider_id: str = ""
    code: str = ""
    subject: str = ""
    html: str = ""
    callback: str = ""
    parts: int = 0
    provider: str = "twilio"
    files: Sequence[Sequence[str]] = ()
    faults: Sequence[str] = ()

    @property
    def moment(self) -> datetime:
        """When it came, aware."""
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a citizen did on Zalo or Telegram; `body` is the event that tells of it, as it is called back.

    `what`: the event's name; `text`: what they wrote; `callback` is "" where nobody is to be told.
    """

    at: str
    id: str
    provider: str
    channel: str
    sender: str
    what: str
    text: str
    body: str
    callback: str = ""
    phone: str = ""
    """The number they shared, as +84…."""

    @property
    def moment(self) -> datetime:
        """When they did it, aware."""
        return datetime.fromisoformat(self.at)


def now() -> str:
    """The present moment as the log writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_deeds(data: Path) -> Iterator[Deed]:
    """What citizens have done in the sandbox that keeps its data in `data`, oldest first."""
    for line in lines_of(data / CITIZENS):
        yield Deed(**line)


def read_log(data: Path) -> Iterator[Entry]:
    """All messages handed to the sandbox that keeps its data in `data`, oldest first; a torn line is left out."""
    for line in lines_of(data / REQUESTS):
        yield Entry(**{**line, "outcome": Outcome(line["outcome"])})


class RequestLog:
    """The writing end, held by one sandbox at a time."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._data = data
        self._requests = open_log(data / REQUESTS)
        self._receipts = open_log(data / RECEIPTS)
        self._citizens = open_log(data / CITIZENS)

    def add(self, entry: Entry) -> None:
        """Write one message; on return it survives a kill of this process."""
        append(self._requests, asdict(entry))

    def add_deed(self, deed: Deed) -> None:
        """Write down what a citizen did."""
        append(self._citizens, asdict(deed))

    def add_receipt(self, provider_id: str, status: str, code: str) -> None:
        """Note that the last receipt of a message has arrived, and what it said."""
        append(self._receipts, {"at": now(), "provider_id": provider_id, "status": status, "code": code})

    def receipts(self) -> dict[str, tuple[str, str]]:
        """Status and error code of the messages whose last receipt has arrived."""
        return {line["provider_id"]: (line["status"], line["code"]) for line in lines_of(self._data / RECEIPTS)}

    def close(self) -> None:
        """Close the files."""
        os.close(self._requests)
        os.close(self._receipts)
        os.close(self._citizens)


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Put a JSON document in the place of another one, whole or not at all; mode 600."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document))
    draft.replace(path)


def open_log(path: Path) -> int:
    """Open for appending; a line torn by a crash is ended, so that the next one stands alone."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.write(handle, b"\n")
    return handle


def append(handle: int, document: dict[str, object]) -> None:
    """Write one line; on return it survives a kill of this process."""
    line = (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    if os.write(handle, line) != len(line):
        raise OSError("the sandbox's log cannot be written: is the disk full?")


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file, oldest first; none where there is no file, and without lines torn by a crash."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                document = json.loads(line)
            except ValueError:
                continue
            yield document
