"""To whom a delivery goes, with what rendering may say of them; for stations only the unit is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
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

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` is the inverse. It is personal: only ever stored sealed."""
        dates = {name: None if value is None else value.isoformat() for name, value in self._dates().items()}
        return asdict(self) | {"attrs": dict(self.attrs), "unit_languages": list(self.unit_languages)} | dates

    def _dates(self) -> dict[str, date | None]:
        return {"birth_date": self.birth_date, "case_due_at": self.case_due_at}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipient:
        """What `to_json` gave; raises TypeError or ValueError for anything else."""
        born, due = data["birth_date"], data["case_due_at"]
        return cls(
            **{
                **data,
                "birth_date": None if born is None else date.fromisoformat(born),
                "case_due_at": None if due is None else datetime.fromisoformat(due),
                "unit_languages": tuple(data["unit_languages"]),
            }
        )
