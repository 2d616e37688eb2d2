"""The campaign file, key by key: this one description reads files and makes the JSON Schema for editors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outreach.domain.dates import to_date, to_duration, to_moment, to_plan_date, to_time, to_zone
from outreach.domain.definition.goals import GoalShape
from outreach.domain.definition.parts import Measure
from outreach.domain.mistakes import Mistakes
from outreach.domain.schedule import check_cron
from outreach.domain.segment_file import SegmentUse
from outreach.domain.segments import Segment
from outreach.domain.shape import Choice, Key, Line, ListOf, Record, RecordOf, Scalar, Schema, Shape, Text
from outreach.domain.words import CascadeMode, Channel, MessageClass
from outreach.domain.yaml_tree import Kind, Node

CASE_DUE = "case.due_at"


def _matching(pattern: str, wanted: str) -> Scalar:
    def convert(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f'"{text}" must be {wanted}')
        return text

    described = {"type": ["string", "integer", "number"], "pattern": f"^{pattern}$"}
    return Scalar(convert, described, frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER}), wanted="a word")


def _days(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 365:
        raise ValueError(f'"{text}" must be a whole number of days from 0 to 365')
    return int(text)


def _figure(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", text):
        raise ValueError(f'"{text}" is not a figure; write it like 60 or 60.5')
    return float(text)


_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SLUG = _matching(r"[a-z0-9-]{1,60}", "1 to 60 of a–z, 0–9 and -")
_ID = _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", "1 to 60 of A–Z, a–z, 0–9, point, _ and -, with no blank")
_DATE = Scalar(to_date, {"type": "string", "format": "date", "pattern": f"^{_DAY}$"}, wanted="a date")
_PLAN_DATE = Scalar(to_plan_date, {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"}, wanted="a date")
_MOMENT = Scalar(to_moment, {"type": "string", "pattern": rf"^{_DAY}[T ][0-9]{{2}}:[0-9]{{2}}(:00)?$"}, wanted="a time")
_TIME = Scalar(to_time, {"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}, wanted="a time of the day")
_LENGTH = Scalar(to_duration, {"type": "string", "pattern": r"^[0-9]{1,6}[mhd]$"}, wanted="a length of time")
_DAYS = Scalar(_days, {"type": "integer", "minimum": 0, "maximum": 365}, frozenset({Kind.WHOLE}), "a number of days")
_FIGURE = Scalar(_figure, {"type": "number"}, frozenset({Kind.WHOLE, Kind.NUMBER}), wanted="a figure")
_ZONE = Scalar(to_zone, {"type": "string", "examples": ["Asia/Ho_Chi_Minh"]}, wanted="a time zone")
_CRON = Scalar(
    check_cron, {"type": "string", "examples": ["30 8 * * 1"]}, frozenset({Kind.TEXT}), "text of five fields"
)
_TRUTH = Scalar(lambda text: text.lower() == "true", {"type": "boolean"}, frozenset({Kind.TRUTH}), "true or false")
_CLASS = Choice("class", tuple(MessageClass), MessageClass)
_CHANNEL = Choice("channel", tuple(Channel), Channel)
_UNIT = Scalar(str, {"type": ["string", "integer"]}, frozenset({Kind.TEXT, Kind.WHOLE}), "the code of a unit")
_REFERENCE = Scalar(
    str, {"type": ["string", "integer", "number"]}, frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER}), wanted="an id"
)
_BODY = Text(20_000)

SOURCE = RecordOf(
    "source",
    {
        "document": Key(Text(), "the plan this campaign puts into practice", required=True),
        "seed": Key(Text(200), "the file of its text"),
    },
)
PHASE = RecordOf(
    "phase",
    {
        "id": Key(_ID, "what messages and activities call it", required=True),
        "title": Key(Text(), "what people call it", required=True),
        "starts": Key(_DATE, "its first day", required=True),
        "ends": Key(_DATE, "its last day", required=True),
    },
)
ACTIVITY = RecordOf(
    "activity",
    {
        "id": Key(_ID, "its number in the plan", required=True),
        "title": Key(Text(2000), "what is done", required=True),
        "phase": Key(_REFERENCE, "the id of its phase"),
        "lead": Key(Text(), "the agency that leads it"),
        "with": Key(ListOf(Text()), "the coordinating agencies"),
        "starts": Key(_PLAN_DATE, "its first month or day"),
        "ends": Key(_PLAN_DATE, "its last month or day"),
        "outputs": Key(ListOf(Text(2000)), "what the plan expects of it"),
    },
)
_SCOPE = RecordOf(
    "scope",
    {
        "agency": Key(Text(), "whose figure it is"),
        "unit": Key(_UNIT, "the code of the unit whose figure it is"),
    },
    {"minProperties": 1},
)
_EMAIL_TEXT = RecordOf(
    "e-mail text",
    {
        "subject": Key(Text(200), "the subject", required=True),
        "body": Key(_BODY, "HTML or plain text", required=True),
    },
)


class _Registered:
    """Where no text can be written in place: ZNS sends templates the provider has registered."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> None:
        """Never a value."""
        mistakes.add(node.line, f'"{key}" sends registered templates only; write the message as a template')

    def schema(self) -> Schema:
        """Nothing is allowed."""
        return {"not": {}}


_WRITTEN: Mapping[Channel, Shape] = {Channel.EMAIL: _EMAIL_TEXT, Channel.ZALO_ZNS: _Registered()}
TEXTS = RecordOf(
    "text by channel",
    {channel.value: Key(_WRITTEN.get(channel, _BODY), "what it says there") for channel in Channel},
    {"minProperties": 1},
)


def _target(segments: Mapping[str, Segment] | None) -> RecordOf:
    return RecordOf(
        "target",
        {
            "id": Key(_ID, "what reports call it", required=True),
            "title": Key(Text(2000), "what is to be reached", required=True),
            "measure": Key(Choice("measure", tuple(Measure), Measure), "where its figure comes from", required=True),
            "goal": Key(GoalShape(), "what to reach: 80, 80%, 10-15%, +20%, done or {rank: 70}", required=True),
            "segment": Key(SegmentUse(segments), "of whom; without it, of everybody the campaign addresses"),
            "by": Key(_DATE, "the day it is due; without it, the campaign's last"),
            "baseline": Key(_FIGURE, "the figure the plan counts from"),
            "suffix": Key(Text(20), "the unit of the figure, as %"),
            "scope": Key(_SCOPE, "whose figure it is"),
        },
    )


def _message(segments: Mapping[str, Segment] | None) -> RecordOf:
    return RecordOf(
        "message",
        {
            "id": Key(_ID, "what runs and reports call it", required=True),
            "title": Key(Text(), "what people call it"),
            "phase": Key(_REFERENCE, "the id of its phase"),
            "activity": Key(_REFERENCE, "the id of the activity it belongs to"),
            "segment": Key(SegmentUse(segments), "to whom: a name, or a rule in place", required=True),
            "template": Key(Text(100), "the folder of its texts under templates/"),
            "text": Key(TEXTS, "its texts in place of a template, by channel"),
            "channels": Key(
                ListOf(Line(_CHANNEL), 1, 12), "over which channels, in the order of a cascade", required=True
            ),
            "mode": Key(Choice("mode", tuple(CascadeMode), CascadeMode), "one after the other, or all at once"),
            "wait": Key(_LENGTH, "how long a step of a cascade may prove itself before the next (4h)"),
            "schedule": Key(ScheduleShape(), "when", required=True),
            "not_after": Key(_LENGTH, "how late it may leave; later it expires (24h)"),
            "class": Key(_CLASS, "what it is in law, if not the same as the campaign"),
        },
        {"oneOf": [{"required": ["template"]}, {"required": ["text"]}]},
    )


def campaign(segments: Mapping[str, Segment] | None = None) -> RecordOf:
    """The whole file; `segments` are those its names may mean, None takes any name."""
    return RecordOf(
        "campaign",
        {
            "campaign": Key(_SLUG, "its name in commands and addresses", required=True),
            "title": Key(Text(), "what people call it", required=True),
            "issuer": Key(Text(), "the authority in whose name it speaks", required=True),
            "source": Key(SOURCE, "the document it puts into practice"),
            "timezone": Key(_ZONE, "in which its dates and times are meant (Asia/Ho_Chi_Minh)"),
            "starts": Key(_DATE, "its first day", required=True),
            "ends": Key(_DATE, "its last day", required=True),
            "class": Key(_CLASS, "what its messages are in law (service_notice)"),
            "trial": Key(_TRUTH, "true: it writes to listed test addresses only (false)"),
            "phases": Key(ListOf(PHASE), "its dated parts"),
            "activities": Key(ListOf(ACTIVITY), "the lines of the plan's table"),
            "targets": Key(ListOf(_target(segments)), "the figures to reach"),
            "messages": Key(ListOf(_message(segments), 1), "what is sent, to whom and when", required=True),
        },
    )


_WINDOW = {
    "from": Key(_DATE, "the first day; without it, that of the phase or campaign"),
    "until": Key(_DATE, "the last day; without it, that of the phase or campaign"),
}
_KINDS: Mapping[str, RecordOf] = {
    "cron": RecordOf(
        "cron schedule",
        {"cron": Key(_CRON, "minute, hour, day of month, month, day of week (1 is Monday)", required=True), **_WINDOW},
    ),
    "before": RecordOf(
        "case schedule",
        {
            "before": Key(Choice("event", (CASE_DUE,)), "of what: case.due_at", required=True),
            "days": Key(
                Scalar(_days, {"type": "integer", "minimum": 0, "maximum": 365}), "how many days", required=True
            ),
            "at": Key(_TIME, "at which local time", required=True),
            **_WINDOW,
        },
    ),
}


@dataclass(frozen=True, slots=True)
class _Moments:
    """`launch`, one local time, or several; read as `(line, word or time)` each."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> tuple[tuple[int, Any], ...] | None:
        """What is written, with its lines."""
        if node.kind is Kind.TEXT and node.text == "launch":
            return ((node.line, "launch"),)
        if node.kind is Kind.LIST:
            return ListOf(Line(_MOMENT), 1, 1000).read(node, key, mistakes)
        moment = Line(_MOMENT).read(node, key, mistakes)
        return None if moment is None else (moment,)

    def schema(self) -> Schema:
        """One of the three."""
        moment = _MOMENT.schema()
        several = {"type": "array", "items": moment, "minItems": 1, "maxItems": 1000}
        return {"anyOf": [{"const": "launch"}, moment, several]}


_AT = RecordOf("schedule", {"at": Key(_Moments(), "launch, a local time, or a list of times", required=True)})


class ScheduleShape:
    """A schedule: recurring, before a case's date, or at given times; read as the record of the kind it is."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Record | None:
        """The record; which keys it has tells its kind."""
        kind = next((kind for kind in _KINDS if node.get(kind) is not None), None)
        if kind is not None:
            return _KINDS[kind].read(node, key, mistakes)
        if node.kind is Kind.MAP and node.get("at") is not None:
            return _AT.read(node, key, mistakes)
        mistakes.add(node.line, _neither(node, key))
        return None

    def schema(self) -> Schema:
        """One of the kinds."""
        return {"oneOf": [*(kind.schema() for kind in _KINDS.values()), _AT.schema()]}


def _neither(node: Node, key: str) -> str:
    wanted = '{cron: "30 8 * * 1"}, {at: 2025-04-02T08:30}, {at: launch} or {before: case.due_at, days: 2, at: "08:30"}'
    if node.kind is Kind.MAP:
        return f'"{key}" has none of "cron", "at" and "before"; write {wanted}'
    return f'"{key}" must be a mapping like {wanted}, not {node.kind}'
