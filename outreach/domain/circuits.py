"""When a provider account counts as ill, and how long it is left alone before it is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Circuit(StrEnum):
    """Whether deliveries go through an account."""

    CLOSED = "closed"
    """It is well."""
    OPEN = "open"
    """It is ill: nothing but a probe goes through, and what another account can send has moved there."""
    RETURNING = "returning"
    """It is well again: what still waits is being shared out once more."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How sends ended. `well`: the provider did its work, also where it refused the recipient; `ill`: it did not.

    `seconds`: how long the slowest send of each chunk took, added up over `chunks`.
    """

    well: int = 0
    ill: int = 0
    seconds: float = 0.0
    chunks: int = 0

    @property
    def results(self) -> int:
        """Sends that tell something of the account."""
        return self.well + self.ill

    @property
    def share(self) -> float:
        """The share (0…1) of ill ones; 0 where there is none of either."""
        return self.ill / self.results if self.results else 0.0

    @property
    def mean(self) -> float:
        """Seconds the slowest send of a chunk took, on the average."""
        return self.seconds / self.chunks if self.chunks else 0.0


PROBE = 3
"""Messages that find out whether an ill account is well again."""
_LEAST = 5
"""Fewer ill sends say nothing."""
_ILL = 0.5
_SLOW = 0.5
"""Of the time-out: an account whose chunks take longer is slow, where another one takes a quarter of its time."""
_TIMES_FASTER = 4
_PAUSES = (5, 10, 20, 40, 80, 160, 300)
"""Seconds before the first, second… probe."""


def is_ill(chunk: Tally, window: Tally) -> bool:
    """Whether half of the sends went wrong: in one chunk, or in the last half minute where chunks are small."""
    return any(one.ill >= _LEAST and one.share >= _ILL for one in (chunk, window))


def is_slow(window: Tally, others: Iterable[Tally], *, timeout: float) -> bool:
    """Whether an account is slow where another one of the channel is not; `timeout` (s) is that of a send."""
    if window.chunks < _LEAST or window.mean < _SLOW * timeout:
        return False
    return any(other.chunks >= _LEAST and other.mean * _TIMES_FASTER <= window.mean for other in others)


def is_well(probe: Tally) -> bool:
    """Whether a probe shows that the account is well again."""
    return probe.well > probe.ill


def pause(tries: int, spread: float) -> timedelta:
    """How long to leave an account alone that has been found ill `tries` times (from 1) in a row.

    `spread` in 0…1 (random) moves it by up to ± 25 %.
    """
    return timedelta(seconds=_PAUSES[min(tries, len(_PAUSES)) - 1] * (0.75 + spread / 2))
