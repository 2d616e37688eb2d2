"""The templates registered with the sandbox's Zalo: what each wants to be told, as `listParams` says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from outreach.domain.errors import OutreachError

SHIPPED: Final = Path(__file__).with_name("zns_templates.json")
_DATES: Final = ("%d/%m/%Y", "%H:%M %d/%m/%Y", "%H:%M:%S %d/%m/%Y")


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a template, with Zalo's own names; `type` is STRING, NUMBER or DATE."""

    name: str
    require: bool = True
    type: str = "STRING"
    maxLength: int = 30
    minLength: int = 1
    acceptNull: bool = False

    def objection(self, value: object) -> tuple[int, str] | None:
        """What is wrong with a value, as Zalo's code and text."""
        text = "" if value is None else str(value)
        if not text:
            return (
                None if self.acceptNull or not self.require else (-1122, f"Body format invalid: {self.name} is empty")
            )
        if not self.minLength <= len(text) <= self.maxLength:
            return -1124, f"Template parameter {self.name} has an invalid length"
        well_formed = {"NUMBER": str.isdigit, "DATE": _is_date}.get(self.type)
        if well_formed is not None and not well_formed(text):
            return -112, f"Template data invalid: {self.name}"
        return None


@dataclass(frozen=True, slots=True)
class ZnsTemplate:
    """A registered template; `status` is ENABLE, PENDING_REVIEW, REJECT or DISABLE, `price` VND a message."""

    template_id: str
    name: str
    params: tuple[Param, ...]
    status: str = "ENABLE"
    price: int = 200
    text: str = ""

    def objection(self, given: object) -> tuple[int, str] | None:
        """What is wrong with `template_data`."""
        if self.status in ("PENDING_REVIEW", "REJECT"):
            return -131, "ZNS template not approved"
        if self.status == "DISABLE":
            return -146, "Template has been disabled"
        if not isinstance(given, dict) or not given:
            return -111, "Template data empty"
        for param in self.params:
            if param.name not in given and param.require:
                return -1122, f"Template data missing parameter {param.name}"
            wrong = param.objection(given.get(param.name))
            if wrong is not None:
                return wrong
        return None

    def shown(self, given: Mapping[str, object]) -> str:
        """What the citizen reads."""
        if not self.text:
            return "\n".join(f"{param.name}: {given.get(param.name, '')}" for param in self.params)
        text = self.text
        for param in self.params:
            text = text.replace(f"<{param.name}>", str(given.get(param.name, "")))
        return text


def read_templates(more: Path | None) -> dict[str, ZnsTemplate]:
    """The registered templates by id: those shipped, and those of a file; raises OutreachError for a wrong one."""
    found = {one.template_id: one for one in _read(SHIPPED)}
    return found if more is None else {**found, **{one.template_id: one for one in _read(more)}}


def _read(file: Path) -> list[ZnsTemplate]:
    try:
        return [_template(one) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        shape = '[{"template_id": …, "name": …, "params": [{"name": …}]}]'
        raise OutreachError(f"{file}: no list of ZNS templates ({type(error).__name__}): write {shape}") from None


def _template(one: dict[str, Any]) -> ZnsTemplate:
    return ZnsTemplate(**{**one, "params": tuple(Param(**param) for param in one["params"])})


def _is_date(text: str) -> bool:
    for form in _DATES:
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - only whether it is a date
        except ValueError:
            continue
        return True
    return False
