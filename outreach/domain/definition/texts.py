"""Whether every channel of a message has something to say: its template or its text in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from outreach.domain.definition.parts import Text
from outreach.domain.mistakes import Mistakes, unknown
from outreach.domain.shape import Record
from outreach.domain.words import Channel


class Templates(Protocol):
    """What a campaign file may ask of the templates."""

    def names(self) -> Collection[str]:
        """The names of all templates."""
        ...

    def problems(self, name: str, channel: Channel, *, about_case: bool) -> Sequence[str]:
        """Why the template cannot be sent over the channel, a sentence each; `about_case`: a case is at hand."""
        ...

    def text_problems(self, text: Text, *, about_case: bool) -> Sequence[str]:
        """Why a text in place cannot be sent, a sentence each."""
        ...


def check_texts(message: Record, mistakes: Mistakes, templates: Templates | None) -> None:
    """Note a message with no text, with two, with one that lacks a channel, or that the templates find wrong."""
    if "template" in message and "text" in message:
        mistakes.add(message.at("text"), 'a message has either "template" or "text", not both; remove one')
    elif "template" not in message and "text" not in message:
        name = message.get("id")
        shown = f' "{name}"' if name else ""
        mistakes.add(message.line, f'message{shown} says nothing: add "template" (a name) or "text" (by channel)')
    if message.get("template") is not None and templates is not None:
        _template(message, mistakes, templates)
    if message.get("text") is not None:
        _in_place(message, mistakes, templates)


def _about_case(message: Record) -> bool:
    schedule = message.get("schedule")
    return schedule is not None and "before" in schedule


def _template(message: Record, mistakes: Mistakes, templates: Templates) -> None:
    name, line = message.get("template"), message.at("template")
    if name not in templates.names():
        mistakes.add(line, unknown("template", name, sorted(templates.names())))
        return
    for _, channel in message.get("channels", ()):
        for problem in templates.problems(name, channel, about_case=_about_case(message)):
            mistakes.add(line, problem)


def _in_place(message: Record, mistakes: Mistakes, templates: Templates | None) -> None:
    texts: Record = message.get("text")
    channels = [channel for _, channel in message.get("channels", ())]
    for channel in dict.fromkeys(channels):
        if channel.value not in texts:
            mistakes.add(message.at("text"), f'"text" says nothing for channel "{channel}"; add it')
    for written, line in texts.lines.items():
        if channels and written in set(Channel) and written not in channels:
            mistakes.add(line, f'text for "{written}", which is not among the channels; add the channel or remove it')
        value = texts.get(written)
        if value is not None and templates is not None:
            for problem in templates.text_problems(to_text(written, value), about_case=_about_case(message)):
                mistakes.add(line, problem)


def to_text(channel: str, value: str | Record) -> Text:
    """A text in place as it was read: a string, or the subject and body of an e-mail."""
    if isinstance(value, Record):
        return Text(Channel(channel), value.get("body", ""), value.get("subject", ""))
    return Text(Channel(channel), value)
