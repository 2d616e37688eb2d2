"""Events as they are kept: JSON, sealed by the receiver, read again for a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
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


def readable(event: Event) -> Event:
    """The event without halves of signs (lone surrogates), which can be neither sealed nor stored.

    A gateway that cuts a long text may cut an emoji in two.
    """
    whole: dict[str, Any] = {
        field.name: value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for field in fields(event)
        if isinstance(value := getattr(event, field.name), str) and not _is_whole(value)
    }
    return replace(event, **whole) if whole else event


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
