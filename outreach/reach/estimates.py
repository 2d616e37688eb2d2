"""The arithmetic of reach: what was measured, what loudspeakers add to it, and how the two are put together.

- **measured**: people with a proof (a receipt, or the provider's acceptance where that is the proof), each once in a
  campaign whatever the number of messages and channels; those who share an address are reached with it.
- **estimated**: people who heard a loudspeaker. For each message and unit with stations: the members of its segment
  whom the stations cover, but not more than are in earshot of the stations that *confirmed* a broadcast; of several
  messages the largest figure counts, since the same people may hear them all. People of smaller units below belong to
  the nearest unit at or above theirs whose station is told of the campaign.
- **combined**, for each such unit: min(population, measured + estimated × (1 − measured ÷ population)), where the
  population is everyone there whom the campaign has a delivery for: of those who heard it, as many as elsewhere had
  been reached already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

RULE = {
    "vi": (
        "Đo được: số người có căn cứ tiếp cận (báo nhận với SMS, máy chủ nhận với e-mail, lượt hỗ trợ tận nơi đã ghi "
        "nhận), mỗi người tính một lần trong cả chiến dịch; ai chung địa chỉ tính cùng. "
        "Ước tính: người nghe loa tại các lượt phát đã xác nhận; mỗi đơn vị lấy số nhỏ hơn giữa người thuộc nhóm và "
        "người trong tầm nghe, nhiều thông điệp thì lấy số lớn nhất. Kết hợp: mỗi đơn vị = "
        "min(dân số, đo được + ước tính × (1 − đo được ÷ dân số)). «Số người tiếp cận» là số đo được."
    ),
    "en": (
        "Measured: people with a proof (a receipt for SMS, the server's acceptance for e-mail, a recorded home visit), "
        "each once in the whole campaign; those who share an address count together. "
        "Estimated: people who heard confirmed loudspeaker broadcasts; in each unit the smaller of the segment's "
        "people and those in earshot, of several messages the largest. Combined: in each unit "
        "min(population, measured + estimated × (1 − measured ÷ population)). People reached is the measured figure."
    ),
}
"""The rule as it is shown beside every figure, in Vietnamese and English."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of people. `estimated` and `combined` are None where loudspeakers cannot be reckoned for the group.

    `first`: those whose first proof belongs to the group.
    """

    audience: int = 0
    measured: int = 0
    estimated: int | None = 0
    combined: int | None = 0
    first: int = 0

    def __add__(self, other: Figures) -> Figures:
        """Figures of two groups with nobody in common."""
        return Figures(
            self.audience + other.audience,
            self.measured + other.measured,
            _plus(self.estimated, other.estimated),
            _plus(self.combined, other.combined),
            self.first + other.first,
        )

    @property
    def share(self) -> float | None:
        """Measured people per person of the audience, 0…1; None without an audience."""
        return None if self.audience == 0 else self.measured / self.audience


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def heard_by(members: int, earshot: int) -> int:
    """How many of a unit's members can have heard a message."""
    return min(members, earshot)


def combine(population: int, measured: int, estimated: int) -> int:
    """Measured and estimated people of one unit put together, rounded to whole people (half up)."""
    if population <= 0:
        return measured
    more = (2 * min(estimated, population) * (population - measured) + population) // (2 * population)
    return min(population, measured + more)


def of_area(audience: int, measured: int, first: int, estimated: int) -> Figures:
    """The figures of one unit with everything reckoned; nobody can have heard it but the audience."""
    heard = min(estimated, audience)
    return Figures(audience, measured, heard, combine(audience, measured, heard), first)


def total(parts: Iterable[Figures]) -> Figures:
    """The figures of groups with nobody in common, summed."""
    result = Figures()
    for part in parts:
        result = result + part
    return result


def without_estimate(figures: Figures) -> Figures:
    """The same where loudspeakers cannot be reckoned."""
    return Figures(figures.audience, figures.measured, None, None, figures.first)


def loudest(by_message: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Unit → the largest figure of any message, from message → unit → people who heard it."""
    result: dict[str, int] = {}
    for units in by_message.values():
        for unit, people in units.items():
            result[unit] = max(people, result.get(unit, 0))
    return result
