"""Texts that wait for a translator: they are never sent, and whoever plans a campaign is told so."""

from __future__ import annotations

from collections.abc import Mapping

from outreach.domain.definition import Definition
from outreach.domain.languages import language_name
from outreach.domain.template_source import TemplateSource


def sample_warnings(definition: Definition, templates: Mapping[str, TemplateSource]) -> tuple[str, ...]:
    """A sentence for each message and language with sample texts on its channels; `templates` are by message id."""
    found = []
    for message in definition.messages:
        source = templates[message.id]
        channels: dict[str, list[str]] = {}
        for channel in message.channels:
            for language in source.unsent(str(channel)):
                channels.setdefault(language, []).append(str(channel))
        found += [_sentence(message.id, language, on) for language, on in sorted(channels.items())]
    return tuple(found)


def _sentence(message: str, language: str, channels: list[str]) -> str:
    return (
        f'message "{message}": its text in {language} ({language_name(language)}) for {", ".join(channels)} '
        "is a sample and is not sent; who speaks it gets Vietnamese until a translator has replaced it"
    )
