"""Home visits: the list of whom nothing reached, and visits recorded, corrected and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlalchemy import Connection, Engine

from outreach.domain.clock import Clock
from outreach.domain.dates import local_moment
from outreach.domain.definition import Definition
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.mistakes import unknown
from outreach.domain.phones import group_digits
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.segments import Rule, Segment
from outreach.domain.vietnamese import search_key
from outreach.domain.words import Channel
from outreach.reach.explanations import explain
from outreach.store import campaigns, contacts, units, visit_lists, visits
from outreach.store.versions import read_version
from outreach.store.visit_lists import Unreached

GROUPS: Final = ("elderly", "vulnerable")
"""The segments a list is of where none is asked for."""
MOST_GUIDED: Final = 100
"""People one visit can have guided; more is a slip of the keyboard."""
LONGEST_NOTE: Final = 500
ONLY_HEARD: Final = {"vi": "Chỉ nghe loa", "en": "Loudspeaker only"}
_CALLED: Final[Mapping[Channel, str]] = {
    Channel.SMS: "SMS", Channel.ZALO_OA: "Zalo", Channel.ZALO_ZNS: "Zalo ZNS", Channel.EMAIL: "Thư điện tử",
    Channel.TELEGRAM: "Telegram", Channel.LOUDSPEAKER: "Loa",
}  # fmt: skip
_PLACE: Final = ("dia_chi", "so_nha", "thon", "xom", "ap", "to_dan_pho", "khu_pho")
"""Columns `attr.…` of a list that say where in the unit somebody lives, in the order they are written."""


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody to visit. `phone` is written out (`0912 345 678`), "" where none is known."""

    person: Unreached
    groups: tuple[str, ...]
    phone: str

    @property
    def born(self) -> int | None:
        """The year of birth."""
        return None if self.person.birth_date is None else self.person.birth_date.year

    @property
    def place(self) -> str:
        """Where in the unit they live, as far as the list they came from says."""
        return ", ".join(str(self.person.attrs[name]) for name in _PLACE if self.person.attrs.get(name))

    def why(self, language: str = "vi") -> str:
        """What was tried on each channel and what became of it."""
        said = []
        for one in self.person.tried:
            words = explain(one.state, one.reason, one.channel)
            said.append(f"{_CALLED[one.channel]}: {words.vi.what if language == 'vi' else words.en.what}")
        return " ".join(said)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the phone number and the place: those stand in the files alone."""
        person = self.person
        return {
            "contact": person.contact_id,
            "name": person.name,
            "born": self.born,
            "unit": person.unit_code,
            "unit_name": person.unit,
            "groups": list(person.groups),
            "has_phone": bool(self.phone),
            "only_heard": person.heard,
            "why": {"vi": self.why("vi"), "en": self.why("en")},
            "last_visit": None if person.visited is None else person.visited.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class VisitList:
    """A list with its lines, to be taken once. `waiting`: people left out while a message is on its way to them."""

    campaign: str
    title: str
    issuer: str
    day: date
    groups: Mapping[str, str]
    waiting: int
    lines: Iterator[Line]


@contextmanager
def to_visit(
    engine: Engine,
    slug: str,
    *,
    keys: KeyRing,
    clock: Clock,
    scope: Scope,
    known: Mapping[str, Segment],
    unit: str = "",
    segment: str = "",
) -> Iterator[VisitList]:
    """The people of a segment (of `GROUPS`, if none is named) whom nothing of a campaign has reached, by unit and name.

    Reached means a proof: whoever has only been in earshot of a confirmed loudspeaker is listed, marked, after the
    others of the unit. Segments mean what they meant to the campaign, else what `known` says. Raises NotFound for a
    campaign, unit or segment that is not there or out of scope.
    """
    with engine.connect() as connection, connection.begin():
        campaign = campaigns.get(connection, slug)
        narrowed = narrow(connection, unit, scope)
        frozen = read_version(connection, slug, campaign.approved_version or campaign.version, campaign.shift_days)
        chosen = _segments({**known, **frozen.segments}, segment)
        today = clock.now().astimezone(frozen.definition.zone).date()
        rules: dict[str, Rule] = {name: one.where for name, one in chosen.items()}
        waiting = visit_lists.gather(connection, slug, rules, today, clock.now(), scope=narrowed)
        titles = {name: one.title for name, one in chosen.items()}
        yield VisitList(
            slug, frozen.definition.title, frozen.definition.issuer, today, titles, waiting,
            (_line(person, keys, titles) for person in visit_lists.unreached(connection, scope=narrowed)),
        )  # fmt: skip


def narrow(connection: Connection, unit: str, scope: Scope) -> Scope:
    """The scope within a unit; raises NotFound for one outside."""
    if not unit:
        return scope
    path = units.path_of(connection, unit)
    if not path.startswith(scope.path):
        raise NotFound(f'there is no unit "{unit}" among those you may see')
    return Scope(path, scope.who)


def _segments(known: Mapping[str, Segment], segment: str) -> dict[str, Segment]:
    if segment and segment not in known:
        raise NotFound(unknown("segment", segment, known))
    chosen = {name: known[name] for name in ((segment,) if segment else GROUPS) if name in known}
    if not chosen:
        raise NotFound(f"neither {' nor '.join(GROUPS)} is a segment here: name one with --segment")
    return chosen


def _line(person: Unreached, keys: KeyRing, titles: Mapping[str, str]) -> Line:
    sealed = person.sealed is not None and person.key_version is not None
    phone = group_digits(keys.open(person.sealed, person.key_version)) if sealed else ""  # type: ignore[arg-type]
    return Line(person, tuple(titles[name] for name in person.groups), phone)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of recording a visit. `again`: it was recorded so already; `corrected`: what it said before."""

    contact_id: int
    day: date
    guided: int
    again: bool = False
    corrected: int | None = None


def record(
    engine: Engine,
    slug: str,
    contact: int,
    *,
    day: date,
    guided: int,
    clock: Clock,
    scope: Scope,
    who: str,
    note: str = "",
    name: str = "",
) -> Recorded:
    """Record that somebody was visited on a day, and how many people were guided there; they count as reached.

    The same visit again changes nothing; another count for the same day corrects it. `name`, where it is given, must be
    theirs. Raises NotFound outside the scope, OutreachError for a day in the future or before the campaign, an
    impossible count, and for somebody the campaign does not address.
    """
    with engine.begin() as connection:
        definition = _running(connection, slug)
        _checked(definition, day, guided, clock)
        person = contacts.by_id(connection, contact, scope=scope)
        if name and search_key(name) != search_key(person.full_name):
            raise OutreachError(f"the name beside number {contact} is not that person's: check the row")
        if not visits.lock_deliveries(connection, slug, contact, scope=scope):
            raise OutreachError(f"campaign {slug} has nothing for person {contact}: only its own audience is visited")
        return _write(
            connection, slug, contact, definition, day, guided, note.strip()[:LONGEST_NOTE], clock, scope, who
        )


def _write(
    connection: Connection, slug: str, contact: int, definition: Definition, day: date, guided: int, note: str,
    clock: Clock, scope: Scope, who: str,
) -> Recorded:  # fmt: skip
    now = clock.now()
    before = visits.on_day(connection, slug, contact, day, scope=scope)
    if before is not None and (before.guided, before.note) == (guided, note or before.note):
        return Recorded(contact, day, guided, again=True)
    if before is not None:
        visits.take_back(connection, before.id, at=now, who=who)
    noon = local_moment(datetime.combine(day, time(12)), definition.zone)
    kept = note or (before.note if before else "")
    visits.add(connection, slug, contact, day=day, guided=guided, note=kept, at=now, who=who, met=min(noon, now))
    campaigns.note(
        connection, who=who, action="record visit", what=f"{slug}/{contact}",
        detail={"date": day.isoformat(), "guided": guided, "before": None if before is None else before.guided},
    )  # fmt: skip
    return Recorded(contact, day, guided, corrected=None if before is None else before.guided)


def undo(engine: Engine, slug: str, contact: int, *, day: date, clock: Clock, scope: Scope, who: str) -> None:
    """Take back a visit that was recorded wrongly; whom nothing else reached is not reached any more.

    Raises NotFound where there is no such visit in the scope.
    """
    with engine.begin() as connection:
        campaigns.get(connection, slug)
        visits.lock_deliveries(connection, slug, contact, scope=scope)
        visit = visits.on_day(connection, slug, contact, day, scope=scope)
        if visit is None:
            raise NotFound(
                f"no visit to person {contact} on {day} is recorded: `outreach visits recorded {slug}` lists them"
            )
        visits.take_back(connection, visit.id, at=clock.now(), who=who)
        visits.prove_otherwise(connection, slug, contact, now=clock.now())
        campaigns.note(
            connection, who=who, action="undo visit", what=f"{slug}/{contact}",
            detail={"date": day.isoformat(), "guided": visit.guided},
        )  # fmt: skip


def recorded(engine: Engine, slug: str, *, scope: Scope, unit: str = "", undone: bool = False) -> list[visits.Visit]:
    """The visits of a campaign by day; with `undone` also those taken back or corrected."""
    with engine.connect() as connection:
        campaigns.get(connection, slug)
        return visits.listed(connection, slug, scope=narrow(connection, unit, scope), undone=undone)


def _running(connection: Connection, slug: str) -> Definition:
    """The definition of a campaign that has been launched."""
    campaign = campaigns.get(connection, slug)
    if campaign.launched_at is None or campaign.approved_version is None:
        raise OutreachError(f"campaign {slug} has not been launched: there is nobody it could not reach yet")
    return read_version(connection, slug, campaign.approved_version, campaign.shift_days).definition


def _checked(definition: Definition, day: date, guided: int, clock: Clock) -> None:
    today = clock.now().astimezone(definition.zone).date()
    if day > today:
        raise OutreachError(f"{day} is in the future: a visit is recorded when it has been, until today, {today}")
    if day < definition.starts:
        raise OutreachError(f"{day} lies before the campaign, which started on {definition.starts}")
    if not 0 <= guided <= MOST_GUIDED:
        raise OutreachError(f"{guided} people guided on one visit cannot be: give a number from 0 to {MOST_GUIDED}")
