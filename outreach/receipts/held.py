"""Bounces that are held, as a person looks at them: by code, by campaign, and by the domains they were written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.store import bounces

_DOMAINS: Final = 10
"""The most frequent domains that are named."""
_FEWEST: Final = 5
"""Addresses of a domain below which it may be a person's own."""


@dataclass(frozen=True, slots=True)
class HeldBounces:
    """What is held of an account. `domains`: the frequent ones alone, so their sum may be less than `n`."""

    account: str
    n: int
    since: datetime
    codes: Mapping[str, int]
    campaigns: Mapping[str, int]
    domains: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "account": self.account,
            "held": self.n,
            "since": self.since.isoformat(),
            "codes": dict(self.codes),
            "campaigns": dict(self.campaigns),
            "domains": dict(self.domains),
        }


def held_bounces(engine: Engine, keys: KeyRing, *, scope: Scope) -> list[HeldBounces]:
    """What is held, by account; domains are those of people in the scope."""
    with engine.connect() as connection:
        found, kinds = bounces.held(connection), bounces.kinds(connection)
        domains = {name: _domains(bounces.sealed(connection, name, scope=scope), keys) for name in found}
    listed = []
    for name, one in sorted(found.items()):
        codes: Counter[str] = Counter()
        campaigns: Counter[str] = Counter()
        for kind in kinds:
            if kind.account == name:
                codes[kind.code] += kind.n
                campaigns[kind.campaign] += kind.n
        counts = dict(codes.most_common()), dict(campaigns.most_common())
        listed.append(HeldBounces(name, one.n, one.since, *counts, domains[name]))
    return listed


def _domains(sealed: Iterable[tuple[bytes, int]], keys: KeyRing) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for value, version in sealed:
        try:
            counted[keys.open(value, version).rpartition("@")[2]] += 1
        except OutreachError:  # the key is missing: the others are counted all the same
            continue
    return {name: n for name, n in counted.most_common(_DOMAINS) if n >= _FEWEST}
