"""The parts of a campaign as plain data, in the form of the campaign file."""

from __future__ import annotations

from datetime import time
from typing import Any, assert_never

from outreach.domain.dates import duration_text
from outreach.domain.definition.parts import Activity, Message, Phase, Source, Target, Text
from outreach.domain.schedule import At, AtLaunch, BeforeCase, Cron, Schedule
from outreach.domain.segments import Rule, rule_to_json


def source_to_json(source: Source) -> dict[str, str]:
    """The document."""
    return _filled(document=source.document, seed=source.seed)


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """A schedule in the form of the campaign file, its first and last day written out."""
    match schedule:
        case Cron(expression, first, last):
            return {"cron": expression, "from": first.isoformat(), "until": last.isoformat()}
        case At(moments):
            return {"at": [moment.isoformat(timespec="minutes") for moment in moments]}
        case AtLaunch():
            return {"at": "launch"}
        case BeforeCase(days, at, first, last):
            window = {"from": first.isoformat(), "until": last.isoformat()}
            return {"before": "case.due_at", "days": days, "at": _clock(at), **window}
        case _:
            assert_never(schedule)


def phase_to_json(phase: Phase) -> dict[str, Any]:
    """The phase, its days written out."""
    days = {"starts": phase.starts.isoformat(), "ends": phase.ends.isoformat()}
    return {"id": phase.id, "title": phase.title, **days}


def activity_to_json(activity: Activity) -> dict[str, Any]:
    """The activity, as far as the plan gives it."""
    return {
        "id": activity.id,
        "title": activity.title,
        **_filled(phase=activity.phase, lead=activity.lead),
        "with": list(activity.together_with),
        **({"starts": str(activity.starts)} if activity.starts else {}),
        **({"ends": str(activity.ends)} if activity.ends else {}),
        "outputs": list(activity.outputs),
    }


def target_to_json(target: Target) -> dict[str, Any]:
    """The target, its day written out."""
    scope = target.scope
    return {
        "id": target.id,
        "title": target.title,
        "measure": target.measure.value,
        "goal": target.goal.to_json(),
        "by": target.by.isoformat(),
        **({} if target.segment is None else {"segment": _segment(target.segment)}),
        **({} if target.baseline is None else {"baseline": target.baseline}),
        **_filled(suffix=target.suffix),
        **({"scope": _filled(agency=scope.agency, unit=scope.unit)} if scope else {}),
    }


def message_to_json(message: Message) -> dict[str, Any]:
    """The message, its defaults written out."""
    several = len(message.channels) > 1 and message.mode.value == "cascade"
    return {
        "id": message.id,
        **_filled(title=message.title, phase=message.phase, activity=message.activity),
        "segment": _segment(message.segment),
        **_filled(template=message.template),
        **({"text": {text.channel.value: _text(text) for text in message.texts}} if message.texts else {}),
        "channels": [channel.value for channel in message.channels],
        "mode": message.mode.value,
        **({"wait": duration_text(message.wait)} if several else {}),
        "schedule": schedule_to_json(message.schedule),
        "not_after": duration_text(message.not_after),
        "class": message.message_class.value,
    }


def _text(text: Text) -> str | dict[str, str]:
    return {"subject": text.subject, "body": text.body} if text.subject else text.body


def _segment(segment: str | Rule) -> str | dict[str, Any]:
    return segment if isinstance(segment, str) else rule_to_json(segment)


def _clock(at: time) -> str:
    return at.isoformat(timespec="minutes")


def _filled(**values: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
