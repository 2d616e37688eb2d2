"""Whether a name somebody gives of themselves may be that of a person on record."""

from __future__ import annotations

from collections.abc import Sequence

from outreach.domain.vietnamese import name_key, plain, search_key


def fits(given: str, recorded: str, *, business: bool = False) -> bool:
    """Whether `given` names the same person: every word of it is in the recorded name, the given name among them.

    People leave out words and marks ("Hung", "nguyen hung" for Nguyễn Văn Hùng) and turn the order round; they do not
    write somebody else's given name. A business has none: any of its words will do.
    """
    said, known = name_key(given).split(), name_key(recorded).split()
    if not said or not known or not all(any(_same(word, one) for one in known) for word in said):
        return False
    return business or any(_same(word, known[-1]) for word in said)


def best(given: str, recorded: Sequence[str], *, business: Sequence[bool]) -> list[int]:
    """Which of the recorded names fit best (their places): those written the same, else the same but for marks, else
    all that fit. More than one place: it cannot be told; none: nobody of that name."""
    exact = [at for at, name in enumerate(recorded) if name_key(name) == name_key(given)]
    folded = [at for at, name in enumerate(recorded) if search_key(name) == search_key(given)]
    fitting = [at for at, name in enumerate(recorded) if fits(given, name, business=business[at])]
    fitting_folded = [at for at in folded if at in fitting]
    return exact or fitting_folded or fitting


def _same(said: str, known: str) -> bool:
    """A word without marks may stand for one with them, not the other way round."""
    return said == known or (said.isascii() and plain(known) == said)
