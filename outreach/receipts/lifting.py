"""Bars against an address, looked at and taken away by staff: by the address, which is never shown or kept in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from outreach.domain.addresses import masked_any
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.lifting import FREELY, checked_because
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.states import Reason
from outreach.domain.words import MessageClass
from outreach.store import barred, confirmations, suppressions
from outreach.store.barred import Barred
from outreach.store.campaigns import note
from outreach.store.confirmations import Told

_ADVERTISING = str(MessageClass.ADVERTISING)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar for the eyes of its caller; `address` is masked, "" for one that nobody of their scope has."""

    of: Barred
    address: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        one = self.of
        return {
            "address": self.address or None,
            "contacts": list(one.contacts),
            "channel": one.channel,
            "class": one.message_class,
            "reason": str(one.reason),
            "source": one.source,
            "since": one.at.isoformat(),
            "codes": list(one.codes),
            "lifted_freely": one.reason in FREELY,
        }


def listed(
    engine: Engine, keys: KeyRing, *, scope: Scope, reason: Reason | None = None, channel: str = "", limit: int = 100
) -> list[Bar]:
    """The latest bars, with masked addresses."""
    with engine.connect() as connection:
        found = barred.page(connection, scope=scope, reason=reason, channel=channel, limit=limit)
    return [Bar(one, _masked(one, keys)) for one in found]


def of_address(engine: Engine, keys: KeyRing, address: str, *, scope: Scope) -> list[Bar]:
    """What bars an address, given as it is stored."""
    with engine.connect() as connection:
        found = barred.of_address(connection, keys.fingerprints(address), scope=scope)
    return [Bar(one, masked_any(address)) for one in found]


def confirmations_of(engine: Engine, keys: KeyRing, address: str) -> list[Told]:
    """How the refusals of an address were confirmed to its owner."""
    with engine.connect() as connection:
        return confirmations.of_address(connection, keys.fingerprints(address))


@dataclass(frozen=True, slots=True)
class Lifted:
    """What was taken away (`gone`), and what is left (`left`) of the bars against an address."""

    gone: Sequence[Bar]
    left: Sequence[Bar]


def lift(
    engine: Engine, keys: KeyRing, address: str, *, scope: Scope, who: str, now: datetime, channel: str = "",
    reason: Reason | None = None, because: str = "", advertising: bool = False,
) -> Lifted:  # fmt: skip
    """Take bars against an address away, on the record; those of one channel or reason, or all.

    Of a refusal that of advertising is left, as when they write START, unless `advertising`. Raises NotFound where
    nothing bars it, OutreachError where somebody's word is not outweighed by a `because`.
    """
    fingerprints = keys.fingerprints(address)
    gone: list[Bar] = []
    with engine.begin() as connection:
        for one in barred.of_address(connection, fingerprints, scope=scope):
            if channel not in ("", one.channel) or reason not in (None, one.reason):
                continue
            if one.message_class == _ADVERTISING and one.reason not in FREELY and not advertising:
                continue
            text = checked_because(one.reason, because)
            exactly = {"channel": one.channel, "message_class": one.message_class}
            if one.reason is Reason.OPTED_OUT and one.message_class == suppressions.ANY and not advertising:
                suppressions.narrow(connection, fingerprints, channel=one.channel, until=max(now, one.at))
            elif not suppressions.lift(connection, fingerprints, **exactly, reason=one.reason):
                raise OutreachError("it has changed meanwhile: look again, outreach suppression show")
            gone.append(Bar(one, masked_any(address)))
            detail = {
                "reason": str(one.reason), "channel": one.channel, "class": one.message_class, "source": one.source,
                "contacts": list(one.contacts), "because": text, "advertising": advertising,
            }  # fmt: skip
            note(connection, who=who, action="lift suppression", what=_mark(fingerprints), detail=detail)
        left = [Bar(one, masked_any(address)) for one in barred.of_address(connection, fingerprints, scope=scope)]
    if not gone:
        only = "; what is left refuses advertising: --advertising takes that back too" if left else ""
        raise NotFound(f"nothing that is meant bars this address{only}")
    return Lifted(gone, left)


def _mark(fingerprints: Sequence[tuple[int, bytes]]) -> str:
    """What tells the address in the audit trail from others, to who has the key alone."""
    return f"address {fingerprints[0][1].hex()[:16]}"


def _masked(one: Barred, keys: KeyRing) -> str:
    if one.sealed is None:
        return ""
    try:
        return masked_any(keys.open(one.sealed, one.key_version))
    except OutreachError:  # the key is missing: the others are shown all the same
        return "?"
