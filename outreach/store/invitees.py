"""People to invite to a channel on paper: those of a rule who have no address on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, exists, func, not_, or_, select

from outreach.domain.scope import Scope
from outreach.domain.segments import Rule
from outreach.domain.words import Channel
from outreach.store.segments import latest_birth, select_contacts
from outreach.store.tables import addresses, contacts, joins, units


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody to invite. `path`: of their unit, "" for none; `used_on`: the newest day whose token they used."""

    id: int
    full_name: str
    unit_name: str
    path: str
    used_on: date | None


def invitees(
    connection: Connection, rule: Rule, *, channels: Sequence[Channel], scope: Scope, today: date, unit: str = "",
    contact: int | None = None, after: int = 0, limit: int = 1000,
) -> list[Invitee]:  # fmt: skip
    """The rule's grown-ups and businesses without an address on any of the channels: `limit` past the id `after`.

    `unit` narrows it to a unit's path, `contact` to one person. Children are invited through their guardians.
    """
    c = contacts.c
    used = select(func.max(joins.c.made_on)).where(joins.c.contact_id == c.id).scalar_subquery()
    has = exists().where(addresses.c.contact_id == c.id, addresses.c.channel.in_([str(one) for one in channels]))
    grown = or_(c.kind != "person", c.birth_date.is_(None), c.birth_date <= latest_birth(18, today))
    wanted = and_(grown, not_(has), c.id > after)
    query = (
        select(
            c.id, c.full_name, func.coalesce(units.c.name, "").label("unit_name"),
            func.coalesce(units.c.path, "").label("path"), used.label("used_on"),
        )
        .select_from(contacts.outerjoin(units, units.c.code == c.unit_code))
        .where(c.id.in_(select_contacts(rule, scope=scope, today=today, unit=unit)), wanted)
        .order_by(c.id)
        .limit(limit)
    )  # fmt: skip
    if contact is not None:
        query = query.where(c.id == contact)
    return [Invitee(**row._mapping) for row in connection.execute(query)]
