"""The parts of a campaign: phases, activities, targets, messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from outreach.domain.dates import PlanDate
from outreach.domain.definition.goals import Goal
from outreach.domain.schedule import BeforeCase, Schedule
from outreach.domain.segments import Rule
from outreach.domain.words import CascadeMode, Channel, Lane, MessageClass

DEFAULT_WAIT = timedelta(hours=4)
DEFAULT_NOT_AFTER = timedelta(hours=24)


class Measure(StrEnum):
    """Where the figure of a target comes from."""

    REACHED_SHARE = "reached_share"
    DELIVERED_SHARE = "delivered_share"
    GUIDED = "guided"
    SATISFACTION = "satisfaction"
    EXTERNAL = "external"

    @property
    def of_people(self) -> bool:
        """Whether its figure is a share of people or of what was sent to them, in percent."""
        return self in (Measure.REACHED_SHARE, Measure.DELIVERED_SHARE, Measure.SATISFACTION)

    @property
    def entered(self) -> bool:
        """Whether its figure is told to the engine; the others it measures itself."""
        return self in (Measure.SATISFACTION, Measure.EXTERNAL)


@dataclass(frozen=True, slots=True)
class Source:
    """The document a campaign puts into practice; `seed` names the file of its text."""

    document: str
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A dated part of the campaign; both days belong to it."""

    id: str
    title: str
    starts: date
    ends: date


@dataclass(frozen=True, slots=True)
class Activity:
    """A line of the plan's table, as far as the plan gives it. `together_with`: the coordinating agencies."""

    id: str
    title: str
    phase: str = ""
    lead: str = ""
    together_with: tuple[str, ...] = ()
    starts: PlanDate | None = None
    ends: PlanDate | None = None
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetScope:
    """Whose figure a target is: an agency's, a unit's (by code), or an agency's within a unit."""

    agency: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to reach by the end of the day `by`. `segment`: a name, a rule, or None for the whole audience."""

    id: str
    title: str
    measure: Measure
    goal: Goal
    by: date
    segment: str | Rule | None = None
    baseline: float | None = None
    suffix: str = ""
    scope: TargetScope | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one channel, written in place; `subject` is for e-mail."""

    channel: Channel
    body: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One planned communication: either `template` or `texts` is filled.

    `wait`: how long a step of a cascade may prove itself before the next; `not_after`: how late a step may leave.
    """

    id: str
    segment: str | Rule
    channels: tuple[Channel, ...]
    schedule: Schedule
    message_class: MessageClass
    title: str = ""
    phase: str = ""
    activity: str = ""
    template: str = ""
    texts: tuple[Text, ...] = ()
    mode: CascadeMode = CascadeMode.CASCADE
    wait: timedelta = DEFAULT_WAIT
    not_after: timedelta = DEFAULT_NOT_AFTER

    @property
    def lane(self) -> Lane:
        """A reminder of a case goes before mass runs."""
        return Lane.REMINDER if isinstance(self.schedule, BeforeCase) else Lane.BULK

    def text(self, channel: Channel) -> Text | None:
        """The text written in place for a channel."""
        return next((text for text in self.texts if text.channel is channel), None)
