"""Invented populations stored by COPY: people, addresses and cases in bulk, straight into their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from operator import attrgetter

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.store.contact_import_sql import identity_of
from outreach.store.copying import copy_rows
from outreach.store.scoping import in_scope
from outreach.store.segments import bits_of
from outreach.store.tables import cases, contacts


@dataclass(frozen=True, slots=True)
class InventedAddress:
    """A sealed address; `account`: whose it is alone ("" for any)."""

    channel: str
    fingerprint: bytes
    key_version: int
    value: bytes
    account: str = ""


@dataclass(frozen=True, slots=True)
class InventedPerson:
    """A complete new contact."""

    external_id: str
    full_name: str
    name_key: str
    search_key: str
    sort_key: str
    kind: str
    birth_date: date | None
    sex: str | None
    occupation: str | None
    language: str
    unit_code: str
    tags: Sequence[str]
    addresses: Sequence[InventedAddress]


@dataclass(frozen=True, slots=True)
class InventedCase:
    """An open case of a contact."""

    external_id: str
    contact_id: int
    unit_code: str | None
    title: str
    due_at: datetime


_FIELDS = (
    *("external_id", "full_name", "name_key", "search_key", "sort_key", "kind", "birth_date", "sex", "occupation"),
    *("language", "unit_code", "tags"),
)
_STAGING = """
    CREATE TEMP TABLE invented_people (
        id bigint, external_id text, full_name text, name_key text, search_key text, sort_key text, kind text,
        birth_date date, sex text, occupation text, language text, unit_code text, tags text[], addressed integer
    ) ON COMMIT DROP
"""
_IDS = "SELECT nextval(pg_get_serial_sequence('contacts', 'id')) FROM generate_series(1, :n)"
_KEPT = ", ".join(name for name in ("id", *_FIELDS, "addressed") if name != "name_key")
_INSERT = f"""
    INSERT INTO contacts (source, identity, {_KEPT})
    SELECT :source, {identity_of("name_key", "birth_date", "sex", "unit_code")}, {_KEPT} FROM invented_people
"""


def count(connection: Connection, source: str, *, scope: Scope) -> int:
    """How many people of an invented population are stored."""
    seen = in_scope(contacts.c.unit_code, scope)
    query = select(func.count()).select_from(contacts).where(contacts.c.source == source, seen)
    return connection.execute(query).scalar_one()


def put_people(connection: Connection, source: str, people: Sequence[InventedPerson]) -> None:
    """Store new people with their addresses; none of them may be stored already."""
    if not people:
        return
    ids = connection.execute(text(_IDS), {"n": len(people)}).scalars().all()
    connection.execute(text(_STAGING))
    values = attrgetter(*_FIELDS[:-1])
    rows = ((key, *values(one), list(one.tags), _addressed(one)) for key, one in zip(ids, people, strict=True))
    copy_rows(connection, "invented_people", ("id", *_FIELDS, "addressed"), rows)
    connection.execute(text(_INSERT), {"source": source})
    connection.execute(text("DROP TABLE invented_people"))
    copy_rows(
        connection,
        "addresses",
        ("contact_id", "channel", "account", "fingerprint", "key_version", "value"),
        (
            (key, address.channel, address.account, address.fingerprint, address.key_version, address.value)
            for key, one in zip(ids, people, strict=True)
            for address in one.addresses
        ),
    )


def _addressed(one: InventedPerson) -> int:
    """Said with the person, so that the triggers have nothing to add and write no row a second time."""
    return bits_of(Channel(address.channel) for address in one.addresses)


def adults(
    connection: Connection, source: str, *, born_until: date, limit: int, scope: Scope
) -> list[tuple[int, str | None]]:
    """(id, unit) of the first `limit` people of an invented population born on or before a day."""
    wanted = (contacts.c.source == source, contacts.c.birth_date <= born_until, in_scope(contacts.c.unit_code, scope))
    query = select(contacts.c.id, contacts.c.unit_code).where(*wanted).order_by(contacts.c.external_id).limit(limit)
    return [(row.id, row.unit_code) for row in connection.execute(query)]


def put_cases(connection: Connection, source: str, given: Sequence[InventedCase]) -> int:
    """Store the open cases that are not stored yet; returns how many."""
    if not given:
        return 0
    rows = [{"source": source, **asdict(case)} for case in given]
    added = connection.execute(insert(cases).on_conflict_do_nothing().returning(cases.c.id), rows)
    return len(added.all())
