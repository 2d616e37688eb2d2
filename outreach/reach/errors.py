"""What went wrong, by the provider's code: how often, what it means, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.reach.explanations import Explanation, Meaning, explain
from outreach.store.error_counts import Counted

MOST_SHOWN = 50
"""Kinds of trouble that are told apart; nobody reads more, and a provider may make up codes without end."""

NO_PROVIDERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Trouble:
    """`n` deliveries of an account that ended (or wait) for one cause. `code` is "" where the provider gave none.

    `known`: the provider's adapter has words for the code, so it is one of a table and nothing a provider made up.
    """

    account: str
    channel: Channel
    state: DeliveryState
    reason: str
    code: str
    n: int
    meaning: Explanation
    known: bool = False
    provider: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "account": self.account,
            "provider": self.provider,
            "channel": str(self.channel),
            "state": str(self.state),
            "reason": self.reason,
            "code": self.code,
            "n": self.n,
            **self.meaning.to_json(),
        }


def troubles(
    counted: Iterable[Counted], meaning: Meaning, providers: Mapping[str, str] = NO_PROVIDERS
) -> tuple[Trouble, ...]:
    """What these counts come to over all their runs, the most frequent first, at most `MOST_SHOWN`.

    `providers`: those of the accounts, by the accounts' names.
    """
    summed: Counter[tuple[str, Channel, DeliveryState, str, str]] = Counter()
    for one in counted:
        summed[one.account, one.channel, one.state, one.reason, one.code] += one.n
    found = (_trouble(*kind, n, meaning) for kind, n in summed.most_common(MOST_SHOWN))
    return tuple(replace(one, provider=providers.get(one.account, "")) for one in found)


def for_everybody(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The same without accounts, which the public page does not name: what reads alike there is one line."""
    alike: dict[tuple[object, ...], Trouble] = {}
    for one in found:
        kind = (one.channel, one.state, one.code if one.known else "", one.meaning)
        before = alike.get(kind)
        alike[kind] = one if before is None else replace(before, n=before.n + one.n)
    return tuple(sorted(alike.values(), key=lambda one: -one.n))


def by_run(
    counted: Iterable[Counted], meaning: Meaning, providers: Mapping[str, str] = NO_PROVIDERS
) -> Mapping[int, tuple[Trouble, ...]]:
    """The same for each run that has any."""
    found: dict[int, list[Counted]] = {}
    for one in counted:
        found.setdefault(one.run, []).append(one)
    return {run: troubles(of_run, meaning, providers) for run, of_run in found.items()}


def _trouble(
    account: str, channel: Channel, state: DeliveryState, reason: str, code: str, n: int, meaning: Meaning
) -> Trouble:
    """With the provider's words for its code; where there are none, with those of our reason."""
    told = meaning(account, code) if code else None
    return Trouble(
        account, channel, state, reason, code, n, told or explain(state, reason or None, channel), told is not None
    )
