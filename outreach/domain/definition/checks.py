"""What the shape of a campaign file cannot say: references, dates within dates, goals that fit, texts that exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from outreach.domain.dates import PlanDate
from outreach.domain.definition.goal_checks import check_goal
from outreach.domain.definition.model import DEFAULT_TIMEZONE
from outreach.domain.definition.texts import Templates, check_texts
from outreach.domain.mistakes import Mistakes, unknown
from outreach.domain.schedule import LIMIT, Cron, TooManyOccurrences, occurrences
from outreach.domain.shape import Record
from outreach.domain.words import CascadeMode, Channel


@dataclass(frozen=True, slots=True)
class Span:
    """From one day to another, both included, and whose days they are."""

    whose: str
    first: date
    last: date

    def check(self, key: str, first: date, last: date, line: int, mistakes: Mistakes, *, written: str = "") -> None:
        """Note a date (or month, from `first` to `last`) that lies wholly outside."""
        if last < self.first or first > self.last:
            shown = written or first.isoformat()
            mistakes.add(line, f'"{key}" {shown} lies outside {self.whose} ({self.first} to {self.last})')


def check(record: Record, mistakes: Mistakes, templates: Templates | None) -> None:
    """Note everything that is wrong between the parts of a file that was read."""
    span = _span("the campaign", record, mistakes)
    phases = _phases(record, span, mistakes)
    activities = _activities(record, span, phases, mistakes)
    _targets(record, span, mistakes)
    known = _Known(span, phases, activities, ZoneInfo(record.get("timezone", DEFAULT_TIMEZONE)))
    for message in _distinct("message", record.get("messages", ()), mistakes):
        _message(message, known, mistakes)
        check_texts(message, mistakes, templates)


def _span(whose: str, record: Record, mistakes: Mistakes) -> Span | None:
    starts, ends = record.get("starts"), record.get("ends")
    if starts is None or ends is None:
        return None
    if starts > ends:
        mistakes.add(record.at("ends"), f'"ends" {ends} lies before "starts" {starts}')
        return None
    return Span(whose, starts, ends)


def _distinct(thing: str, records: Iterable[Record], mistakes: Mistakes) -> list[Record]:
    """All the records, after noting ids that come twice."""
    first: dict[str, int] = {}
    listed = list(records)
    for record in listed:
        name = record.get("id")
        if name in first:
            mistakes.add(record.at("id"), f'{thing} id "{name}" is used twice (first on line {first[name]})')
        elif name is not None:
            first[name] = record.at("id")
    return listed


def _phases(record: Record, campaign: Span | None, mistakes: Mistakes) -> Mapping[str, Span | None]:
    """The spans of the phases by id; None for one whose dates are wrong."""
    spans: dict[str, Span | None] = {}
    for phase in _distinct("phase", record.get("phases", ()), mistakes):
        for key in ("starts", "ends"):
            _within(campaign, key, phase, mistakes)
        name = phase.get("id")
        span = _span(f'phase "{name}"', phase, mistakes)
        if name is not None:
            spans.setdefault(name, span)
    return spans


def _within(span: Span | None, key: str, record: Record, mistakes: Mistakes) -> None:
    value = record.get(key)
    if span and isinstance(value, PlanDate):
        span.check(key, value.first, value.last, record.at(key), mistakes, written=str(value))
    elif span and value is not None:
        span.check(key, value, value, record.at(key), mistakes)


def _referred(thing: str, record: Record, known: Iterable[str], mistakes: Mistakes) -> str | None:
    """The id a record refers to under `thing`, None where it is absent or unknown."""
    name: str | None = record.get(thing)
    if name is not None and name not in known:
        mistakes.add(record.at(thing), unknown(thing, name, known))
        return None
    return name


def _activities(
    record: Record, campaign: Span | None, phases: Mapping[str, Span | None], mistakes: Mistakes
) -> Mapping[str, str | None]:
    """The phase of each activity by its id."""
    found: dict[str, str | None] = {}
    for activity in _distinct("activity", record.get("activities", ()), mistakes):
        phase = _referred("phase", activity, phases, mistakes)
        span = phases[phase] if phase is not None else campaign
        for key in ("starts", "ends"):
            _within(span, key, activity, mistakes)
        starts, ends = activity.get("starts"), activity.get("ends")
        if starts and ends and starts.first > ends.last:
            mistakes.add(activity.at("ends"), f'"ends" {ends} lies before "starts" {starts}')
        if activity.get("id") is not None:
            found.setdefault(activity.get("id"), phase)
    return found


def _targets(record: Record, campaign: Span | None, mistakes: Mistakes) -> None:
    for target in _distinct("target", record.get("targets", ()), mistakes):
        _within(campaign, "by", target, mistakes)
        check_goal(target, mistakes)
        scope = target.get("scope")
        if scope is not None and not scope.lines:
            mistakes.add(scope.line, '"scope" is empty; write {agency: …} or {unit: …}')


@dataclass(frozen=True, slots=True)
class _Known:
    """What messages refer to."""

    campaign: Span | None
    phases: Mapping[str, Span | None]
    activities: Mapping[str, str | None]
    zone: ZoneInfo


def _message(message: Record, known: _Known, mistakes: Mistakes) -> None:
    phase = _referred("phase", message, known.phases, mistakes)
    activity = _referred("activity", message, known.activities, mistakes)
    theirs = known.activities[activity] if activity is not None else None
    if phase is not None and theirs is not None and theirs != phase:
        mistakes.add(message.at("activity"), f'activity "{activity}" belongs to phase "{theirs}", not "{phase}"')
    _channels(message, mistakes)
    span = known.phases[phase] if phase is not None else known.campaign
    schedule = message.get("schedule")
    if span and schedule is not None and ("phase" not in message or phase is not None):
        _schedule(schedule, span, known.zone, mistakes)


def _channels(message: Record, mistakes: Mistakes) -> None:
    listed: tuple[tuple[int, Channel], ...] = message.get("channels", ())
    seen: set[Channel] = set()
    for line, channel in listed:
        if channel in seen:
            mistakes.add(line, f'channel "{channel}" is listed twice; keep one')
        seen.add(channel)
    schedule = message.get("schedule")
    if Channel.LOUDSPEAKER in seen and schedule is not None and "before" in schedule:
        line = next(line for line, channel in listed if channel is Channel.LOUDSPEAKER)
        mistakes.add(line, "a reminder of a person's case cannot be read out; take loudspeaker from the channels")
    if "wait" in message and message.get("mode") is CascadeMode.ALL:
        mistakes.add(message.at("wait"), '"wait" has no meaning with mode all, which sends at once; remove one of them')
    elif "wait" in message and len(seen) == 1:
        mistakes.add(message.at("wait"), '"wait" has no meaning with one channel; remove it or add a second channel')


def _schedule(schedule: Record, span: Span, zone: ZoneInfo, mistakes: Mistakes) -> None:
    if "cron" not in schedule and "before" not in schedule:
        return _moments(schedule.get("at", ()), span, mistakes)
    for key in ("from", "until"):
        _within(span, key, schedule, mistakes)
    first, last = schedule.get("from", span.first), schedule.get("until", span.last)
    if first > last:
        if "from" in schedule and "until" in schedule:
            mistakes.add(schedule.at("until"), f'"until" {last} lies before "from" {first}')
    elif schedule.get("cron") is not None:
        _cron(schedule, Cron(schedule.get("cron"), first, last), zone, mistakes)
    return None


def _moments(moments: Iterable[tuple[int, Any]], span: Span, mistakes: Mistakes) -> None:
    seen: set[datetime] = set()
    for line, moment in moments:
        if not isinstance(moment, datetime):
            continue
        written = moment.isoformat(timespec="minutes")
        span.check("at", moment.date(), moment.date(), line, mistakes, written=written)
        if moment in seen:
            mistakes.add(line, f'"at" {written} is listed twice; keep one')
        seen.add(moment)


def _cron(schedule: Record, cron: Cron, zone: ZoneInfo, mistakes: Mistakes) -> None:
    start = datetime.combine(cron.first, time(), zone) - timedelta(days=2)
    end = datetime.combine(cron.last, time(), zone) + timedelta(days=2)
    between = f"between {cron.first} and {cron.last}"
    try:
        if not occurrences(cron, zone=zone, after=start, until=end):
            mistakes.add(schedule.at("cron"), f'cron "{cron.expression}" never falls {between}')
    except TooManyOccurrences:
        mistakes.add(schedule.at("cron"), f'cron "{cron.expression}" falls more than {LIMIT:,} times {between}')
