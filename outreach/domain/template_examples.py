"""The invented recipient a template is tried on: ours, with the examples of its `meta.yaml` in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from outreach.domain.context import DATE_FIELDS, ISSUER, KNOWN_FIELDS, SAMPLE_TODAY, sample_context
from outreach.domain.provider_template import ProviderTemplate, read_provider_template
from outreach.domain.salutation import age_on, given_name
from outreach.domain.template_check import parsed
from outreach.domain.template_source import ZALO_ZNS, Piece, TemplateSource
from outreach.domain.template_variables import variables_of

_ATTRIBUTE: Final = "contact.attr."
_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
SALUTED: Final = "contact.full_name"
"""What a text uses that salutes its recipient; OF_THE_SALUTATION decides how, so that it may have examples too."""
OF_THE_SALUTATION: Final = frozenset({"contact.kind", "contact.sex", "contact.age", "contact.birth_date"})
_ANYTHING: Final = "1"
"""Stands for a column of a list without an example; it passes for text and for number."""


def used_variables(source: TemplateSource) -> dict[str, tuple[str, int]]:
    """Where each variable is used first: path → (file, line). A text that is not a template uses none."""
    found: dict[str, tuple[str, int]] = {}
    for channel in sorted(source.parts):
        for language in source.languages(channel):
            for path, line in _used_in(source, channel, language):
                found.setdefault(path, (source.file_of(channel, language), line))
    return found


def _used_in(source: TemplateSource, channel: str, language: str) -> Iterator[tuple[str, int]]:
    for piece in _pieces(source.parts[channel][language], channel):
        tree = parsed(piece.text)
        for path, line in variables_of(tree) if tree is not None else ():
            yield _of_view(path), line + piece.line - 1


def _pieces(text: str, channel: str) -> tuple[Piece, ...]:
    if channel != ZALO_ZNS:
        return (Piece("", text),)
    provider = read_provider_template(text)
    return provider.parameters if isinstance(provider, ProviderTemplate) else ()


def _of_view(path: str) -> str:
    """The variable that is documented: `case.due_at` also for `case.due_at.hour`, the full name for the given one."""
    if path == "contact.given_name":
        return SALUTED
    words = path.split(".")
    return ".".join(words[: 3 if path.startswith(_ATTRIBUTE) else 2])


def example_context(source: TemplateSource) -> dict[str, Any]:
    """The names a template finds when it is tried; examples that cannot be are left out (`wrong_examples`)."""
    attributes = {path for path in used_variables(source) if path.startswith(_ATTRIBUTE)}
    examples = dict.fromkeys(attributes, _ANYTHING) | dict(source.variables)
    attr = {path.removeprefix(_ATTRIBUTE): given for path, given in examples.items() if path.startswith(_ATTRIBUTE)}
    context: dict[str, Any] = sample_context(attr)
    for path, example in source.variables.items():
        try:
            _put(context, path, example)
        except ValueError:
            continue
    return context


def wrong_examples(source: TemplateSource) -> dict[str, str]:
    """The examples that cannot be values of their variables: path → why."""
    context: dict[str, Any] = sample_context()
    wrong = {}
    for path, example in source.variables.items():
        try:
            _put(context, path, example)
        except ValueError as error:
            wrong[path] = str(error)
    return wrong


def _put(context: dict[str, Any], path: str, example: str) -> None:
    root, _, name = path.partition(".")
    if path == ISSUER:
        context[ISSUER] = example
        context["campaign"] = replace(context["campaign"], issuer=example)
    elif name in KNOWN_FIELDS.get(root, ()) and name != "attr":
        context[root] = replace(context[root], **{name: _value(path, example)}, **_derived(path, example))


def _value(path: str, example: str) -> Any:
    try:
        if path == "contact.age":
            return int(example)
        if path == "case.due_at":
            moment = datetime.fromisoformat(example)
            return moment if moment.tzinfo else moment.replace(tzinfo=_ZONE)
        return date.fromisoformat(example) if path in DATE_FIELDS else example
    except ValueError:
        wanted = "whole years" if path == "contact.age" else "a date like 2026-11-25"
        wanted = "a moment like 2026-11-25T08:30" if path == "case.due_at" else wanted
        raise ValueError(f'the example "{example}" of "{path}" must be {wanted}') from None


def _derived(path: str, example: str) -> dict[str, Any]:
    """What follows from an example: the given name from the name, the age from the birth date."""
    if path == "contact.full_name":
        return {"given_name": given_name(example)}
    if path == "contact.birth_date":
        return {"age": age_on(_value(path, example), SAMPLE_TODAY)}
    return {}
