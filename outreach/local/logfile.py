"""Log files that never grow without bound."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

LIMIT = 10 * 1024 * 1024
"""Bytes a log may have before it is set aside."""


def cap(log: Path, limit: int = LIMIT) -> bool:
    """Set `log` aside as `<name>.1` and empty it once it exceeds `limit` bytes; says whether it did.

    The writer keeps its descriptor (opened for appending), so it need not be told; lines of that instant may be lost.
    """
    try:
        if log.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    aside = log.with_name(f"{log.name}.1")
    shutil.copyfile(log, aside, follow_symlinks=False)
    aside.chmod(0o600)
    os.truncate(log, 0)
    return True


def gist(log: Path, since: int) -> str:
    """The last few lines written to `log` after byte `since`, on one line."""
    with log.open("rb") as lines:
        lines.seek(max(since, log.stat().st_size - 4096))
        text = lines.read().decode(errors="replace")
    return summary(text)


def summary(text: str) -> str:
    """The last three lines that tell of trouble (else the last three at all), joined."""
    lines = [_PREFIX.sub("", line).strip() for line in text.splitlines() if line.strip()]
    troubles = [line for line in lines if any(word in line.lower() for word in _TROUBLE)]
    return " / ".join((troubles or lines)[-3:]) or "it said nothing"


_TROUBLE = ("fatal", "panic", "error", "could not", "cannot", "failed", "denied", "invalid")
_PREFIX = re.compile(r"^[\d-]+ [\d:.]+ \w+ \[\d+\] [a-z ]+")
"""Time, process and kind before PostgreSQL's own words."""
