"""A template as it is written and frozen: the sources of its texts by channel and language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from outreach.domain.attachments import AttachedFile
from outreach.domain.errors import OutreachError

DEFAULT_LANGUAGE: Final = "vi"
EMAIL: Final = "email"
LOUDSPEAKER: Final = "loudspeaker"
ZALO_ZNS: Final = "zalo_zns"
_MARKUP: Final = re.compile(r"<\s*/?\s*[a-zA-Z!]")


@dataclass(frozen=True)
class TemplateSource:
    """`parts`: channel → language → source. `variables`: path → example, for previews. Goes to JSON and back.

    `samples`: languages whose texts wait for a translator; they are shown in previews and never sent. `attachments`: go
    with its e-mails.
    """

    name: str
    title: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    samples: tuple[str, ...] = ()
    attachments: tuple[AttachedFile, ...] = ()

    def languages(self, channel: str) -> tuple[str, ...]:
        """The languages it has a text in for the channel, the default one first."""
        return tuple(sorted(self.parts.get(channel, {}), key=lambda language: (language != DEFAULT_LANGUAGE, language)))

    def language_for(self, channel: str, wanted: str, *, samples: bool = False) -> str:
        """The language in which somebody who speaks `wanted` is written to; a sample only with `samples`."""
        there = wanted in self.parts.get(channel, {}) and (samples or wanted not in self.samples)
        return wanted if there else DEFAULT_LANGUAGE

    def unsent(self, channel: str) -> tuple[str, ...]:
        """The languages of the channel whose texts are samples."""
        return tuple(language for language in self.languages(channel) if language in self.samples)

    def file_of(self, channel: str, language: str) -> str:
        """The file a text of the template stands in, relative to the templates folder."""
        return f"{self.name}/{channel}.{language}.{'yaml' if channel == ZALO_ZNS else 'j2'}"

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` is the inverse."""
        return {
            "name": self.name,
            "title": self.title,
            "variables": dict(self.variables),
            "parts": {channel: dict(texts) for channel, texts in self.parts.items()},
            **({"samples": list(self.samples)} if self.samples else {}),
            **({"attachments": [one.to_json() for one in self.attachments]} if self.attachments else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> TemplateSource:
        """What `to_json` gave; raises KeyError where something is missing. `files`: the attachments by digest."""
        contents = files or {}
        attachments = [
            AttachedFile.from_json(one, contents.get(one["digest"], b"")) for one in data.get("attachments", ())
        ]
        samples = tuple(data.get("samples", ()))
        return cls(data["name"], data["title"], data["variables"], data["parts"], samples, tuple(attachments))


def inline_template(name: str, texts: Mapping[str, str | Mapping[str, str]]) -> TemplateSource:
    """The template made of a campaign file's `text:` (`{sms: "…", email: {subject: "…", body: "…"}}`).

    An e-mail's body may be HTML or plain text; of plain text the HTML part is made. Raises OutreachError where an
    e-mail lacks its subject or body, or another channel's text is not one string.
    """
    parts = {channel: {DEFAULT_LANGUAGE: _inline_part(name, channel, text)} for channel, text in texts.items()}
    return TemplateSource(name, name, {}, parts)


def _inline_part(name: str, channel: str, text: str | Mapping[str, str]) -> str:
    if channel == EMAIL:
        if isinstance(text, str) or not text.get("subject") or not text.get("body"):
            raise OutreachError(f'{name}: the e-mail text needs a "subject" and a "body"')
        block = "body" if _MARKUP.search(text["body"]) else "text"
        subject = " ".join(text["subject"].split())
        return f"{{% block subject %}}{subject}{{% endblock %}}{{% block {block} %}}{text['body']}{{% endblock %}}"
    if not isinstance(text, str):
        raise OutreachError(f'{name}: the text for "{channel}" must be one text, without subject and body')
    return text


@dataclass(frozen=True, slots=True, order=True)
class TemplateProblem:
    """What is wrong with one text of a template. `line` counts from 1; `variable`: the path it is about, or ""."""

    line: int
    what: str
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One Jinja text: a whole file, or one parameter (`name`) of a provider template, beginning on `line`."""

    name: str
    text: str
    line: int = 1
