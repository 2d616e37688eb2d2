"""Who tries links that are none too often: counted for each visitor, in this process, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 100
"""Wrong links a visitor may try within `WITHIN_S`. Generous: a whole village may share one address of its carrier."""
WITHIN_S = 600.0
_VISITORS = 10_000


@dataclass(slots=True)
class WrongTries:
    """Counts the wrong tries of visitors; `clock` in seconds."""

    clock: Callable[[], float] = time.monotonic
    _tries: dict[str, tuple[float, int]] = field(default_factory=dict)

    def too_many(self, visitor: str) -> bool:
        """Whether this visitor has to wait."""
        began, tries = self._tries.get(visitor, (0.0, 0))
        return tries >= MOST and self.clock() - began < WITHIN_S

    def one_more(self, visitor: str) -> None:
        """This visitor tried one; the count starts anew after `WITHIN_S`."""
        now = self.clock()
        began, tries = self._tries.pop(visitor, (now, 0))
        fresh = (now, 1) if now - began >= WITHIN_S else (began, tries + 1)
        if len(self._tries) >= _VISITORS:
            self._tries.pop(next(iter(self._tries)))
        self._tries[visitor] = fresh
