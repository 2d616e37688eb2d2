"""Mistakes in a file: all of them at once, each with its line and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

LONGEST = 500
"""Characters of a sentence; it may quote a value of any length."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake. `line` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Mistakes:
    """Collects the mistakes of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: set[Mistake] = set()

    def add(self, line: int, what: str) -> None:
        """Note what is wrong on `line`, as one line of bounded length; the same mistake twice counts once."""
        shown = what if len(what) <= LONGEST else f"{what[:LONGEST]}…"
        self._found.add(Mistake(self.file, line, " ".join(shown.splitlines())))

    def sorted(self) -> tuple[Mistake, ...]:
        """Everything found, by line."""
        return tuple(sorted(self._found))

    def __bool__(self) -> bool:
        return bool(self._found)


def unknown(thing: str, word: str, known: Iterable[str]) -> str:
    """The sentence for a word that is none of the `known`: with the nearest one, else with all of them."""
    words = list(known)
    near = get_close_matches(word.lower(), words, n=1, cutoff=0.6) or get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f'unknown {thing} "{word}"; did you mean "{near[0]}"?'
    if not words:
        return f'unknown {thing} "{word}"; there are none'
    rest = f" and {len(words) - 15} more" if len(words) > 15 else ""
    return f'unknown {thing} "{word}"; known: {", ".join(words[:15])}{rest}'
