"""What a campaign would do, by planning's own SQL on tables that vanish: who, when, at what cost, who is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Engine

from outreach.domain.accounts import Account
from outreach.domain.definition import calendar
from outreach.domain.definition.parts import Message
from outreach.domain.frozen import Frozen
from outreach.domain.hours import earliest_send
from outreach.domain.lifecycle import RunState
from outreach.domain.quotas import shortages
from outreach.domain.schedule import BeforeCase
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import SERVED_BY_ANOTHER, DeliveryState
from outreach.domain.template_samples import sample_warnings
from outreach.domain.trial import accounts_in_trial
from outreach.domain.words import Channel
from outreach.planning.costs import EXACT_UP_TO, estimate
from outreach.planning.planner import gather, plan_steps, segment_today
from outreach.planning.samples import Sample, draw_samples
from outreach.store import audiences, quotas, segments, tallies
from outreach.store.runs import Run

_FAR = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One message: its audience, what each channel would carry, cost (VND) of one run with its bounds, and when.

    `left_out` counts people nothing would go to, by reason, as of the last channel tried for them; `shared` those
    served with another's message or by a loudspeaker. `leaves_at`: when the first run may leave, after open hours.
    `by_account`: as `by_channel`, by channel and the account it would go through.
    """

    message: str
    title: str
    audience: int
    by_channel: Mapping[str, int]
    left_out: Mapping[str, int]
    shared: int
    parts: int
    cost: int
    cost_low: int
    cost_high: int
    exact: bool
    occurrences: int
    first_at: datetime | None
    last_at: datetime | None
    leaves_at: datetime | None = None
    samples: tuple[Sample, ...] = field(default=(), repr=False)
    by_account: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A whole campaign; `cost` and `parts` count every dated run, reminders by cases once.

    `trial`: the campaign writes to listed test addresses only; `trial_accounts`: the accounts of its channels that do.
    """

    messages: tuple[Foreseen, ...]
    warnings: tuple[str, ...] = field(default=())
    trial: bool = False
    trial_accounts: tuple[str, ...] = ()

    @property
    def recipients(self) -> int:
        """Deliveries of one run of each message, summed."""
        return sum(sum(message.by_channel.values()) for message in self.messages)

    @property
    def parts(self) -> int:
        """SMS parts over every run."""
        return sum(message.parts * max(1, message.occurrences) for message in self.messages)

    @property
    def cost(self) -> int:
        """VND over every run."""
        return sum(message.cost * max(1, message.occurrences) for message in self.messages)

    @property
    def left_out(self) -> dict[str, int]:
        """People left out by reason, summed over the messages."""
        total: dict[str, int] = {}
        for message in self.messages:
            for reason, people in message.left_out.items():
                total[reason] = total.get(reason, 0) + people
        return total


def forecast(
    engine: Engine, frozen: Frozen, accounts: Mapping[str, Account], now: datetime, *, sample: int = EXACT_UP_TO
) -> Forecast:
    """Foresee every message as if it were planned at `now`; nothing is kept.

    Its dates are those still ahead; where all of a message are past, all of them (it would be launched shifted).
    """
    dates = _dates(frozen, now)
    missing = {channel for message in frozen.definition.messages for channel in message.channels} - {
        channel for account in accounts.values() for channel in account.channels
    }
    warnings = tuple(f"no account serves channel {channel}: nothing would be sent on it" for channel in sorted(missing))
    warnings += sample_warnings(frozen.definition, frozen.templates)
    foreseen = [
        _message(engine, frozen, message, accounts, now, dates.get(message.id, []), sample)
        for message in frozen.definition.messages
    ]
    with engine.connect() as connection:
        known = quotas.read(connection, list(accounts))
    warnings += shortages(known, _needs(frozen, foreseen, dates, now), frozen.definition.zone)
    trial_accounts = accounts_in_trial(frozen.definition, accounts)
    return Forecast(tuple(foreseen), warnings, frozen.definition.trial, trial_accounts)


def _needs(
    frozen: Frozen, foreseen: Sequence[Foreseen], dates: Mapping[str, list[datetime]], now: datetime
) -> dict[tuple[str, Channel, date], int]:
    """Messages by account, channel and the local day they may leave; reminders by cases are not foreseen by the day.

    Of a calendar that is past, and would be launched shifted, the days are taken as they stand.
    """
    zone = frozen.definition.zone
    needs: dict[tuple[str, Channel, date], int] = {}
    for one in foreseen:
        message = frozen.definition.message(one.message)
        moments = [max(at, now) if at + message.not_after > now else at for at in dates.get(one.message, [])]
        days = [earliest_send(message.message_class, at, zone).astimezone(zone).date() for at in moments]
        for channel, rows_by_account in one.by_account.items():
            for account, rows in rows_by_account.items():
                for day in days:
                    place = (account, Channel(channel), day)
                    needs[place] = needs.get(place, 0) + rows
    return needs


def _dates(frozen: Frozen, now: datetime) -> dict[str, list[datetime]]:
    dates: dict[str, list[datetime]] = {}
    for moment, message in calendar(frozen.definition, now):
        dates.setdefault(message, []).append(moment)
    late = {message.id: message.not_after for message in frozen.definition.messages}
    return {
        message: [moment for moment in moments if moment + late[message] > now] or moments
        for message, moments in dates.items()
    }


def _message(
    engine: Engine,
    frozen: Frozen,
    message: Message,
    accounts: Mapping[str, Account],
    now: datetime,
    dates: list[datetime],
    sample: int,
) -> Foreseen:
    run = _imagined(frozen, message, now)
    with engine.connect() as connection, connection.begin() as transaction:
        target = tallies.shadow_deliveries(connection)
        audience = _gather(connection, run, frozen, message, now)
        due = earliest_send(run.message_class, now, frozen.definition.zone)
        plan_steps(connection, run, frozen, due, first=0, now=now, accounts=accounts, target=target)
        tally = tallies.tally(connection, target, run.id)
        left_out = tallies.left_out(connection, target, run.id)
        figures = estimate(connection, run, frozen, accounts, target=target, sample=sample)
        samples = draw_samples(connection, run, frozen, accounts, target=target)
        transaction.rollback()
    by_channel: dict[str, int] = {}
    by_account: dict[str, dict[str, int]] = {}
    for channel, account, state, _, rows in tally:
        if state == DeliveryState.PLANNED:
            by_channel[channel] = by_channel.get(channel, 0) + rows
            through = by_account.setdefault(channel, {})
            through[account] = through.get(account, 0) + rows
    return Foreseen(
        message=message.id, title=message.title, audience=audience, by_channel=by_channel, left_out=left_out,
        shared=sum(rows for *_, reason, rows in tally if reason in SERVED_BY_ANOTHER),
        parts=figures.parts, cost=figures.cost, cost_low=figures.low, cost_high=figures.high, exact=figures.exact,
        occurrences=len(dates), first_at=dates[0] if dates else None, last_at=dates[-1] if dates else None,
        leaves_at=earliest_send(run.message_class, dates[0], frozen.definition.zone) if dates else None,
        samples=samples, by_account=by_account,
    )  # fmt: skip


def _gather(connection: Connection, run: Run, frozen: Frozen, message: Message, now: datetime) -> int:
    """Everyone of the segment; for case reminders every open case of theirs, whenever it is due."""
    if not isinstance(message.schedule, BeforeCase):
        return gather(connection, run, frozen, now, remember=False)
    contacts = segments.select_contacts(
        frozen.rule(message.segment), scope=EVERYTHING, today=segment_today(frozen, now)
    )
    today = now.date()
    window = audiences.CaseWindow(run.campaign, run.message, today, today + _FAR, frozen.definition.timezone, now)
    return audiences.gather_cases(connection, contacts, window, run=None)


def _imagined(frozen: Frozen, message: Message, now: datetime) -> Run:
    return Run(
        id=-1, campaign=frozen.definition.slug, message=message.id, scheduled_for=now, version=0,
        state=RunState.SCHEDULED, reason="", lane=message.lane, message_class=message.message_class,
        steps=message.channels, mode=message.mode, wait=message.wait, not_after=message.not_after, audience=None,
        cost=None,
    )  # fmt: skip
