"""Contacts as people look them up: one by one, inside a scope, names and all; addresses stay sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, RowMapping, Select, func, select

from outreach.domain.errors import NotFound
from outreach.domain.scope import Scope
from outreach.domain.vietnamese import search_key
from outreach.store.scoping import in_scope
from outreach.store.tables import addresses, contacts


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or a business, as stored."""

    id: int
    source: str
    external_id: str
    kind: str
    full_name: str
    birth_date: date | None
    sex: str | None
    occupation: str | None
    language: str
    unit_code: str | None
    tags: tuple[str, ...]
    attrs: Mapping[str, str]
    guardian_id: int | None


@dataclass(frozen=True, slots=True)
class SealedAddress:
    """An address of a contact; `KeyRing.open(value, key_version)` reads it. `account` "": of any account."""

    id: int
    channel: str
    account: str
    fingerprint: bytes
    key_version: int
    value: bytes


_FIELDS = tuple(Contact.__dataclass_fields__)


def _query(scope: Scope) -> Select[tuple[object, ...]]:
    columns = [contacts.c[name] for name in _FIELDS]
    return select(*columns).where(contacts.c.erased_at.is_(None), in_scope(contacts.c.unit_code, scope))


def by_id(connection: Connection, contact_id: int, *, scope: Scope) -> Contact:
    """The contact; raises NotFound for one that is not there, is erased or outside the scope."""
    return _one(connection, _query(scope).where(contacts.c.id == contact_id))


def by_external_id(connection: Connection, source: str, external_id: str, *, scope: Scope) -> Contact:
    """The contact a list calls `external_id`; raises NotFound."""
    wanted = _query(scope).where(contacts.c.source == source, contacts.c.external_id == external_id)
    return _one(connection, wanted)


def _one(connection: Connection, query: Select[tuple[object, ...]]) -> Contact:
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such person among those you may see")
    return _contact(row)


def search(connection: Connection, words: str, *, scope: Scope, limit: int = 50) -> list[Contact]:
    """People whose name holds `words`, with or without diacritics, in Vietnamese order."""
    wanted = contacts.c.search_key.contains(search_key(words), autoescape=True)
    query = _query(scope).where(wanted).order_by(contacts.c.sort_key.collate("C"), contacts.c.id).limit(limit)
    return [_contact(row) for row in connection.execute(query).mappings()]


def count(connection: Connection, *, scope: Scope) -> int:
    """How many people the caller may see."""
    return connection.execute(select(func.count()).select_from(_query(scope).subquery())).scalar_one()


def addresses_of(connection: Connection, contact_id: int, *, scope: Scope) -> list[SealedAddress]:
    """The sealed addresses of a person; none for people outside the scope."""
    seen = _query(scope).where(contacts.c.id == contact_id).subquery()
    columns = [addresses.c[name] for name in SealedAddress.__dataclass_fields__]
    query = select(*columns).join(seen, seen.c.id == addresses.c.contact_id).order_by(addresses.c.id)
    return [SealedAddress(**row) for row in connection.execute(query).mappings()]


def _contact(row: RowMapping) -> Contact:
    return Contact(**{**row, "tags": tuple(row["tags"])})
