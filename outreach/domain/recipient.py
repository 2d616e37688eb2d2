"""To whom a delivery goes, with what rendering may say of them; for stations only the unit is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact (or a station, whose personal fields are None) with their unit and, for reminders, their case."""

    full_name: str | None
    birth_date: date | None
    sex: str | None
    kind: str | None
    occupation: str | None
    language: str
    attrs: Mapping[str, Any]
    unit_code: str | None
    unit_name: str | None
    unit_kind: str | None
    unit_languages: tuple[str, ...]
    case_external_id: str | None
    case_title: str | None
    case_due_at: datetime | None
    case_state: str | None
