"""What really befell messages and questions: `faults.jsonl`, with keys and paths, no address and no text; mode 600.

Beside it `questions.jsonl` counts the tries of questions, so that a restart goes on where it was; of messages the log
itself tells the tries.
"""

from __future__ import annotations

import os
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Final

from outreach.local.sandbox.book import message_name
from outreach.local.sandbox.log import Entry, append, lines_of, now, open_log

FAULTS: Final = "faults.jsonl"
QUESTIONS: Final = "questions.jsonl"


class FaultLog:
    """The writing end of both, held by one sandbox at a time."""

    def __init__(self, data: Path) -> None:
        self._faults = open_log(data / FAULTS)
        self._questions = open_log(data / QUESTIONS)
        self._tries = Counter(str(line.get("question")) for line in lines_of(data / QUESTIONS))

    def befell(self, entry: Entry, fault: str) -> None:
        """Note what has just befallen a message, under the sender's key; one without is told by a digest."""
        key = entry.key or f"digest-{_digest(message_name(entry))}"
        document: dict[str, object] = {"at": now(), "provider": entry.provider, "key": key}
        if entry.provider_id:
            document["provider_id"] = entry.provider_id
        append(self._faults, {**document, "fault": fault})

    def befell_question(self, provider: str, path: str, fault: str) -> None:
        """Note what has just befallen a request without a message; `path` is that of the route, without ids."""
        append(self._faults, {"at": now(), "provider": provider, "path": path, "fault": fault})

    def next_try(self, question: str) -> str:
        """Names this question and which try of it this is; counted for good."""
        name = _digest(question)
        self._tries[name] += 1
        append(self._questions, {"question": name})
        return f"question {name}:{self._tries[name]}"

    def close(self) -> None:
        """Close the files."""
        os.close(self._faults)
        os.close(self._questions)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12, person=b"sandbox").hexdigest()
