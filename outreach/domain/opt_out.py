"""Words by which citizens refuse further messages, or take that back, however they write them."""

from __future__ import annotations

from outreach.domain.vietnamese import search_key

WORDS = frozenset({"tc", "tu choi", "huy", "stop", "dung", "stopall", "unsubscribe", "cancel", "end", "quit"})
"""Decree 91/2020 asks for a refusal by plain reply; the English ones are those of SMS providers."""


def is_opt_out(text: str) -> bool:
    """Whether a message says nothing but that no more are wanted: any case, with or without diacritics and noise."""
    return search_key(text) in WORDS


AGAIN = frozenset({"start", "unstop", "bat dau", "dang ky", "dk", "nhan tin", "nhan lai"})
"""Words by which a refusal is taken back. YES, which some SMS providers take too, answers too many other questions."""


def is_opt_in(text: str) -> bool:
    """Whether a message says nothing but that messages are wanted again."""
    return search_key(text) in AGAIN
