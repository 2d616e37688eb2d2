"""Which bars against an address a person may take away, and what they must say."""

from __future__ import annotations

import re
from typing import Final

from outreach.domain.errors import OutreachError
from outreach.domain.states import Reason

FREELY: Final = frozenset({Reason.HARD_BOUNCE})
"""A mailbox may be there again. Anything else is somebody's word, and only theirs takes it back."""
_SHORTEST, _LONGEST = 10, 500
_PRIVATE: Final = re.compile(
    r"\S@\S|\d{9}|(?<!\d)(?:\+?84|0)[ .-]?\d{2,3}[ .-]?\d{3}[ .-]?\d{3,4}(?!\d)|(?<!\d)0\d(?:[ .-]\d\d){4}"
)
"""An address of any kind: the audit trail keeps none. A date and an hour are welcome."""


def checked_because(reason: Reason, because: str) -> str:
    """Why a bar is lifted, fit for the audit trail; raises OutreachError where a person must say more, or less."""
    text = " ".join(because.split())
    if text and (len(text) > _LONGEST or _PRIVATE.search(text)):
        raise OutreachError(f"--because: at most {_LONGEST} characters, without an address or a number of anybody")
    if reason not in FREELY and len(text) < _SHORTEST:
        raise OutreachError(
            f"{reason}: only they themselves can take it back, by START or a consent. If they have told somebody, say"
            f" who, when and how with --because (from {_SHORTEST} characters); it is kept on the record"
        )
    return text
