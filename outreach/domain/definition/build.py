"""From a file that was read without a mistake to the frozen definition, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from outreach.domain.definition.model import DEFAULT_TIMEZONE, Definition
from outreach.domain.definition.parts import (
    DEFAULT_NOT_AFTER,
    DEFAULT_WAIT,
    Activity,
    Message,
    Phase,
    Source,
    Target,
    TargetScope,
)
from outreach.domain.definition.texts import to_text
from outreach.domain.schedule import At, AtLaunch, BeforeCase, Cron, Schedule
from outreach.domain.shape import Record
from outreach.domain.words import CascadeMode, MessageClass


def build(record: Record) -> Definition:
    """The definition; the record must have passed every check."""
    source: Record | None = record.get("source")
    phases = tuple(_phase(phase) for phase in record.get("phases", ()))
    message_class = record.get("class", MessageClass.SERVICE_NOTICE)
    days = {phase.id: (phase.starts, phase.ends) for phase in phases} | {"": (record.get("starts"), record.get("ends"))}
    return Definition(
        slug=record.get("campaign"),
        title=record.get("title"),
        issuer=record.get("issuer"),
        timezone=record.get("timezone", DEFAULT_TIMEZONE),
        starts=record.get("starts"),
        ends=record.get("ends"),
        message_class=message_class,
        messages=tuple(_message(message, days, message_class) for message in record.get("messages")),
        source=Source(source.get("document"), source.get("seed", "")) if source else None,
        phases=phases,
        activities=tuple(_activity(activity) for activity in record.get("activities", ())),
        targets=tuple(_target(target, record.get("ends")) for target in record.get("targets", ())),
        trial=record.get("trial", False),
    )


def _phase(record: Record) -> Phase:
    return Phase(record.get("id"), record.get("title"), record.get("starts"), record.get("ends"))


def _activity(record: Record) -> Activity:
    return Activity(
        id=record.get("id"),
        title=record.get("title"),
        phase=record.get("phase", ""),
        lead=record.get("lead", ""),
        together_with=record.get("with", ()),
        starts=record.get("starts"),
        ends=record.get("ends"),
        outputs=record.get("outputs", ()),
    )


def _target(record: Record, ends: date) -> Target:
    scope: Record | None = record.get("scope")
    return Target(
        id=record.get("id"),
        title=record.get("title"),
        measure=record.get("measure"),
        goal=record.get("goal"),
        by=record.get("by", ends),
        segment=record.get("segment"),
        baseline=record.get("baseline"),
        suffix=record.get("suffix", ""),
        scope=TargetScope(scope.get("agency", ""), scope.get("unit", "")) if scope else None,
    )


def _message(record: Record, days: Mapping[str, tuple[date, date]], message_class: MessageClass) -> Message:
    texts: Record | None = record.get("text")
    return Message(
        id=record.get("id"),
        segment=record.get("segment"),
        channels=tuple(channel for _, channel in record.get("channels")),
        schedule=_schedule(record.get("schedule"), *days[record.get("phase", "")]),
        message_class=record.get("class", message_class),
        title=record.get("title", ""),
        phase=record.get("phase", ""),
        activity=record.get("activity", ""),
        template=record.get("template", ""),
        texts=tuple(to_text(channel, value) for channel, value in texts.values.items()) if texts else (),
        mode=record.get("mode", CascadeMode.CASCADE),
        wait=record.get("wait", DEFAULT_WAIT),
        not_after=record.get("not_after", DEFAULT_NOT_AFTER),
    )


def _schedule(record: Record, starts: date, ends: date) -> Schedule:
    first, last = record.get("from", starts), record.get("until", ends)
    if "cron" in record:
        return Cron(record.get("cron"), first, last)
    if "before" in record:
        return BeforeCase(record.get("days"), record.get("at"), first, last)
    moments = [moment for _, moment in record.get("at")]
    return AtLaunch() if moments == ["launch"] else At(tuple(sorted(moments)))
