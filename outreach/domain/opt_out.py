"""Words by which citizens refuse further messages, however they write them."""

from __future__ import annotations

from outreach.domain.vietnamese import search_key

WORDS = frozenset({"tc", "tu choi", "huy", "stop", "dung", "stopall", "unsubscribe", "cancel", "end", "quit"})
"""Decree 91/2020 asks for a refusal by plain reply; the English ones are those of SMS providers."""


def is_opt_out(text: str) -> bool:
    """Whether a message says nothing but that no more are wanted: any case, with or without diacritics and noise."""
    return search_key(text) in WORDS
