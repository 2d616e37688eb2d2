"""A campaign as it was defined and frozen: what `outreach campaign load` stores and everything later reads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from outreach.domain.definition.parts import Activity, Message, Phase, Source, Target
from outreach.domain.definition.parts_json import (
    activity_to_json,
    message_to_json,
    phase_to_json,
    source_to_json,
    target_to_json,
)
from outreach.domain.words import MessageClass

DEFAULT_TIMEZONE = "Asia/Ho_Chi_Minh"


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole campaign. `timezone` is a name; `starts` and `ends` are days that both belong to it."""

    slug: str
    title: str
    issuer: str
    timezone: str
    starts: date
    ends: date
    message_class: MessageClass
    messages: tuple[Message, ...]
    source: Source | None = None
    phases: tuple[Phase, ...] = ()
    activities: tuple[Activity, ...] = ()
    targets: tuple[Target, ...] = ()
    trial: bool = False
    """Whether it writes to listed test addresses only; part of what is approved."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its dates and times are meant."""
        return ZoneInfo(self.timezone)

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the canonical JSON: what an approval binds to."""
        return hashlib.sha256(canonical(self.to_json())).hexdigest()

    @property
    def segment_names(self) -> frozenset[str]:
        """The named segments its messages and targets use."""
        used = [*(message.segment for message in self.messages), *(target.segment for target in self.targets)]
        return frozenset(name for name in used if isinstance(name, str))

    @property
    def template_names(self) -> frozenset[str]:
        """The templates its messages use."""
        return frozenset(message.template for message in self.messages if message.template)

    def message(self, message_id: str) -> Message:
        """The message of that id; raises KeyError."""
        found = next((message for message in self.messages if message.id == message_id), None)
        if found is None:
            raise KeyError(message_id)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data in the form of the campaign file, defaults filled in; `definition_from_json` is the inverse."""
        return {
            "campaign": self.slug,
            "title": self.title,
            "issuer": self.issuer,
            **({"source": source_to_json(self.source)} if self.source else {}),
            "timezone": self.timezone,
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "class": self.message_class.value,
            **({"trial": True} if self.trial else {}),  # absent where false: the hash of older versions stays
            "phases": [phase_to_json(phase) for phase in self.phases],
            "activities": [activity_to_json(activity) for activity in self.activities],
            "targets": [target_to_json(target) for target in self.targets],
            "messages": [message_to_json(message) for message in self.messages],
        }


def canonical(data: Any) -> bytes:
    """The one JSON text of plain data: keys sorted, no blanks, UTF-8."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
