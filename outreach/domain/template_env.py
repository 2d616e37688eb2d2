"""The sandbox templates run in: attributes of our views and our filters, and nothing that could reach further.

`template_check` refuses everything that could loop or grow without bound before a template is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from jinja2 import StrictUndefined
from jinja2.filters import FILTERS
from jinja2.sandbox import SandboxedEnvironment

from outreach.domain.context import KNOWN_FIELDS, VIEWS
from outreach.domain.template_filters import OUR_FILTERS, FilterError, join_filter

JINJA_FILTERS: Final = (
    *("default", "d", "upper", "lower", "capitalize", "trim", "length", "first", "last", "escape", "e"),
)
"""What is kept of Jinja's own filters, beside `join`, which is made anew to stop in time."""

_VIEW_FIELDS: Final = {view: frozenset(KNOWN_FIELDS[name]) for name, view in VIEWS.items()}
_VIEW_NAMES: Final = {view: name for name, view in VIEWS.items()}


_WRITABLE: Final = (str, int, float, Decimal, date, time, StrictUndefined)


class NothingThere(ValueError):
    """A template prints a value that is empty for this recipient."""


class Missing(StrictUndefined):
    """A name that is not there; its message is the name as a template writes it, and no value."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner = _VIEW_NAMES.get(type(self._undefined_obj), "")
        name = str(self._undefined_name or self._undefined_hint or "")
        return f"{owner}.{name}" if owner else name


class Sandbox(SandboxedEnvironment):
    """Jinja's sandbox with a short way to the fields of our views."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The field of a view, the entry of a mapping, else what the sandbox allows."""
        fields = _VIEW_FIELDS.get(type(obj))
        if fields is not None and attribute in fields:
            return getattr(obj, attribute)
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def _writable(value: Any) -> Any:
    """What a letter can hold; a list or a method of Python's is a slip."""
    if value is None:
        raise NothingThere
    if not isinstance(value, _WRITABLE):
        raise FilterError("only texts, numbers and dates can be written")
    return value


def sandbox(*, autoescape: bool) -> Sandbox:
    """An environment of its own; `autoescape` for HTML."""
    environment = Sandbox(
        undefined=Missing, autoescape=autoescape, finalize=_writable, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters = {name: FILTERS[name] for name in JINJA_FILTERS} | OUR_FILTERS | {"join": join_filter}
    return environment


TEXT: Final = sandbox(autoescape=False)
HTML: Final = sandbox(autoescape=True)
