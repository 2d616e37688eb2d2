"""Events as they are kept: JSON, sealed by the receiver, read again for a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from channels.contract import AddressChanged, Event, Inbound, Joined, OptOut, Receipt, ReceiptState, Touched

_KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__: kind for kind in (AddressChanged, Inbound, Joined, OptOut, Receipt, Touched)
}


def json_of(event: Event) -> dict[str, Any]:
    """An event as JSON."""
    return {**asdict(event), "at": event.at.isoformat(), "type": type(event).__name__}


def event_of(data: Mapping[str, Any]) -> Event:
    """The event again; raises KeyError, TypeError or ValueError for what `json_of` did not make."""
    fields = {name: value for name, value in data.items() if name != "type"}
    fields["at"] = datetime.fromisoformat(fields["at"])
    if "state" in fields:
        fields["state"] = ReceiptState(fields["state"])
    return _KINDS[data["type"]](**fields)
