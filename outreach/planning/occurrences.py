"""Which runs have come due: schedules become runs, once each, whoever asks and however often."""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from outreach.domain.clock import Clock
from outreach.domain.dates import local_moment
from outreach.domain.definition.parts import Message
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.hours import earliest_send
from outreach.domain.lifecycle import CampaignState, RunState
from outreach.domain.schedule import AtLaunch, BeforeCase, TooManyOccurrences, occurrences
from outreach.domain.scope import EVERYTHING
from outreach.planning.planner import case_window, segment_today
from outreach.store import audiences, campaigns, runs, segments
from outreach.store.audiences import CaseWindow
from outreach.store.campaigns import Campaign
from outreach.store.runs import NewRun, Run
from outreach.store.versions import read_version

log = logging.getLogger(__name__)

_LONGEST_STOP = timedelta(days=366)
"""Reminders missed longer ago than this are not gone through any more."""


def schedule_due(engine: Engine, clock: Clock) -> list[int]:
    """Make the runs that have come due in every running campaign; returns the new ones.

    What is overdue already (beyond `not_after`) becomes an expired run: it is on the record and is not sent.
    """
    with engine.connect() as connection:
        slugs = [campaign.slug for campaign in campaigns.in_states(connection, CampaignState.RUNNING)]
    return [run for slug in slugs for run in _schedule_or_report(engine, slug, clock.now())]


def _schedule_or_report(engine: Engine, slug: str, now: datetime) -> list[int]:
    """A campaign whose occurrences cannot be reckoned is reported and tried again; it keeps no other one waiting."""
    try:
        return _schedule_campaign(engine, slug, now)
    except (OutreachError, SQLAlchemyError, ValueError) as error:
        log.error("scheduling failed: campaign=%s error=%s", slug, type(error).__name__)
        return []


def _schedule_campaign(engine: Engine, slug: str, now: datetime) -> list[int]:
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        if campaign.state is not CampaignState.RUNNING or campaign.approved_version is None:
            return []
        frozen = read_version(connection, slug, campaign.approved_version, campaign.shift_days)
        made: list[int] = []
        for message in frozen.definition.messages:
            if isinstance(message.schedule, BeforeCase):
                made += _missed_cases(connection, campaign, frozen, message, message.schedule, now)
                made += _schedule_cases(connection, campaign, frozen, message, message.schedule, now)
            else:
                made += _schedule_message(connection, campaign, frozen, message, now)
        campaigns.move_cursor(connection, slug, now)
    return made


def _schedule_message(
    connection: Connection, campaign: Campaign, frozen: Frozen, message: Message, now: datetime
) -> list[int]:
    made = []
    for moment in _since(connection, campaign, frozen, message, now):
        due = earliest_send(message.message_class, moment, frozen.definition.zone)
        late = due + message.not_after <= now
        state, reason = (RunState.EXPIRED, "late") if late else (RunState.SCHEDULED, "")
        run = runs.add(connection, _new_run(campaign, frozen, message, moment), state=state, reason=reason)
        if run is not None:
            made.append(run)
    return made


def _since(
    connection: Connection, campaign: Campaign, frozen: Frozen, message: Message, now: datetime
) -> list[datetime]:
    if isinstance(message.schedule, AtLaunch):
        # Once ever: with the launch, or with the approval of the version that brought the message.
        if (
            runs.exists(connection, campaign.slug, message.id, trial=frozen.definition.trial)
            or campaign.launched_at is None
        ):
            return []
        return [campaign.launched_at if campaign.occurrences_until is None else now]
    zone = frozen.definition.zone
    first_day = local_moment(datetime.combine(frozen.definition.starts, time()), zone)
    after = campaign.occurrences_until or min(first_day, campaign.launched_at or now) - timedelta(seconds=1)

    def between(start: datetime) -> list[datetime]:
        return occurrences(message.schedule, zone=zone, after=start, until=now, launched_at=campaign.launched_at)

    try:
        return between(after)
    except TooManyOccurrences:  # a schedule of every minute, launched months late: only what may still be sent
        return between(now - message.not_after - timedelta(days=1))


def _missed_cases(
    connection: Connection, campaign: Campaign, frozen: Frozen, message: Message, schedule: BeforeCase, now: datetime
) -> list[int]:
    """An expired run for each reminder whose moment came and went while nothing was scheduled (a stop, a pause)."""
    zone = frozen.definition.zone
    since = campaign.occurrences_until
    if since is None:
        return []

    def moment(day: date) -> datetime:
        return local_moment(datetime.combine(day, schedule.at), zone)

    first = max(schedule.first, since.astimezone(zone).date(), now.astimezone(zone).date() - _LONGEST_STOP)
    if moment(first) <= since:
        first += timedelta(days=1)
    last = min(schedule.last, now.astimezone(zone).date())
    while last >= first and moment(last) + message.not_after > now:
        last -= timedelta(days=1)
    if last < first:
        return []
    ahead = timedelta(days=schedule.days)
    contacts = segments.select_contacts(
        frozen.rule(message.segment), scope=EVERYTHING, today=segment_today(frozen, now)
    )
    window = CaseWindow(campaign.slug, message.id, first + ahead, last + ahead, frozen.definition.timezone, since)
    made = []
    for due in audiences.due_case_dates(connection, contacts, window):
        missed = _new_run(campaign, frozen, message, moment(due - ahead))
        made.append(runs.add(connection, missed, state=RunState.EXPIRED, reason="late"))
    return [run for run in made if run is not None]


def _schedule_cases(
    connection: Connection, campaign: Campaign, frozen: Frozen, message: Message, schedule: BeforeCase, now: datetime
) -> list[int]:
    """One run for the cases whose moment has come: at that moment, or now for those that came to us later."""
    definition = frozen.definition
    today = now.astimezone(definition.zone).date()
    if not schedule.first <= today <= schedule.last or runs.awaits_planning(connection, campaign.slug, message.id):
        return []
    probe = _as_run(_new_run(campaign, frozen, message, now))
    contacts = segments.select_contacts(
        frozen.rule(message.segment), scope=EVERYTHING, today=segment_today(frozen, now)
    )
    waiting = audiences.due_case_dates(connection, contacts, case_window(probe, frozen, schedule, now))
    if not waiting:
        return []
    on_time = local_moment(datetime.combine(waiting[-1] - timedelta(days=schedule.days), schedule.at), definition.zone)
    run = runs.add(connection, _new_run(campaign, frozen, message, on_time)) if len(waiting) == 1 else None
    if run is None:
        run = runs.add(connection, _new_run(campaign, frozen, message, now))
    return [] if run is None else [run]


def _new_run(campaign: Campaign, frozen: Frozen, message: Message, moment: datetime) -> NewRun:
    return NewRun(
        campaign=campaign.slug, message=message.id, scheduled_for=moment, version=campaign.approved_version or 0,
        lane=message.lane, message_class=message.message_class, steps=message.channels, mode=message.mode,
        wait=message.wait, not_after=message.not_after, trial=frozen.definition.trial,
    )  # fmt: skip


def _as_run(new: NewRun) -> Run:
    return Run(
        id=0, campaign=new.campaign, message=new.message, scheduled_for=new.scheduled_for, version=new.version,
        state=RunState.SCHEDULED, reason="", lane=new.lane, message_class=new.message_class, steps=new.steps,
        mode=new.mode, wait=new.wait, not_after=new.not_after, audience=None, cost=None,
    )  # fmt: skip
