"""Figures of targets that people enter: a row for every word given, so that a correction hides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from outreach.store.tables import target_values as table


@dataclass(frozen=True, slots=True)
class TargetValue:
    """A figure of a target for the day `day`; None takes that day's figure back.

    `answers`: how many people it is made of, where that is known. `holds`: no later word was given for that day.
    """

    target: str
    day: date
    value: float | None
    answers: int | None
    who: str
    at: datetime
    note: str
    holds: bool = True


def add(connection: Connection, campaign: str, given: TargetValue) -> None:
    """Write down a figure, or that a day's figure is taken back; what was there before stays in the history."""
    connection.execute(
        insert(table).values(
            campaign=campaign, target=given.target, day=given.day, value=given.value, answers=given.answers,
            who=given.who, at=given.at, note=given.note,
        )
    )  # fmt: skip


def history(connection: Connection, campaign: str, target: str = "") -> list[TargetValue]:
    """Every word given on a target ("" for all of the campaign's), in the order of days, each day's oldest first."""
    query = select(table).where(table.c.campaign == campaign)
    if target:
        query = query.where(table.c.target == target)
    rows = connection.execute(query.order_by(table.c.target, table.c.day, table.c.id)).all()
    newest = {(row.target, row.day): row.id for row in rows}
    return [_value(row, holds=newest[row.target, row.day] == row.id) for row in rows]


def holding(connection: Connection, campaign: str) -> dict[str, list[TargetValue]]:
    """The figures that hold, by target, oldest day first."""
    found: dict[str, list[TargetValue]] = {}
    for value in history(connection, campaign):
        if value.holds and value.value is not None:
            found.setdefault(value.target, []).append(value)
    return found


def _value(row: Any, *, holds: bool) -> TargetValue:
    return TargetValue(
        target=row.target, day=row.day, value=None if row.value is None else float(row.value), answers=row.answers,
        who=row.who, at=row.at, note=row.note, holds=holds,
    )  # fmt: skip
