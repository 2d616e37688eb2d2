"""What a run costs: the parts of its messages, counted on the very texts, times the price of each account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import fmean, stdev

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.composing import compose
from outreach.domain.context import LINKS_OF_LENGTH, LinksView
from outreach.domain.frozen import Frozen
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import RenderError
from outreach.domain.scope import EVERYTHING
from outreach.domain.sms_text import measure
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel, MessageClass
from outreach.store import recipients, tallies
from outreach.store.runs import Run

EXACT_UP_TO = 10_000
"""Up to this many SMS every text is rendered and counted; beyond it a sample of them."""
PLANNING_SAMPLE = 500
_CONFIDENCE = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """Parts and cost (VND) of a run. `low` and `high` bound the cost (95 %); equal where `exact`."""

    parts: int
    cost: int
    low: int
    high: int
    exact: bool


def estimate(
    connection: Connection,
    run: Run,
    frozen: Frozen,
    accounts: Mapping[str, Account],
    *,
    target: str,
    sample: int = PLANNING_SAMPLE,
) -> Estimate:
    """The parts and cost of the planned rows in `target`, SMS counted on up to `sample` rendered texts."""
    parts = cost = 0
    spread = 0.0
    exact = True
    sms: dict[str, tuple[float, float, bool]] | None = None
    counted = tallies.tally(connection, target, run.id)
    for channel, account, state, _, rows in counted:
        if state != DeliveryState.PLANNED or account not in accounts:
            continue
        price = accounts[account].price
        if channel != Channel.SMS:
            cost += rows * price
            continue
        if sms is None:
            planned = tallies.planned(counted, Channel.SMS)
            sms = _mean_parts(connection, run, frozen, accounts, target, sample, planned)
        mean, error, whole = sms.get(account, (1.0, 0.0, False))
        parts += round(mean * rows)
        cost += round(mean * rows) * price
        spread += error * rows * price
        exact = exact and whole
    low, high = (cost, cost) if exact else (max(0, round(cost - spread)), round(cost + spread))
    return Estimate(parts, cost, low, high, exact)


def _mean_parts(
    connection: Connection,
    run: Run,
    frozen: Frozen,
    accounts: Mapping[str, Account],
    target: str,
    sample: int,
    planned: int,
) -> dict[str, tuple[float, float, bool]]:
    """By account: mean parts of a text, its standard error × 1.96, and whether every text was counted."""
    drawn = recipients.planned_sample(
        connection, target, run.id, Channel.SMS, limit=sample, scope=EVERYTHING, total=planned
    )
    today = run.scheduled_for.astimezone(frozen.definition.zone).date()
    counted: dict[str, list[int]] = {}
    for account, who in drawn:
        if account in accounts:
            parts = _parts(frozen, run, who, accounts[account], today)
            counted.setdefault(account, []).append(parts)
    whole = len(drawn) < sample
    return {name: (fmean(found), 0.0 if whole else _error(found), whole) for name, found in counted.items()}


def _parts(frozen: Frozen, run: Run, who: Recipient, account: Account, today: date) -> int:
    """The parts of one text; none for somebody whose text cannot be made: nothing will be sent to them."""
    links = LinksView() if run.message_class is MessageClass.EMERGENCY else LINKS_OF_LENGTH
    form = account.text_form
    try:
        content = compose(frozen, run.message, Channel.SMS, who, today=today, text_form=form, links=links)
    except RenderError:
        return 0
    return measure(content.body).parts


def _error(found: list[int]) -> float:
    return _CONFIDENCE * stdev(found) / sqrt(len(found)) if len(found) > 1 else 0.0
