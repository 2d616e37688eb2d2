"""People merged into a source, set-wise: staged by COPY, matched, updated where they differ, inserted where new."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntFlag, StrEnum

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from outreach.domain.errors import OutreachError
from outreach.domain.scope import Scope
from outreach.domain.words import Channel
from outreach.store import contact_import_sql as sql
from outreach.store.copying import copy_rows
from outreach.store.segments import bits_of, latest_birth

ADULT = 18
"""Years from which somebody can be a guardian, and needs none (Civil Code 2015, Art. 20)."""
_BITS = {channel.value: bits_of((channel,)) for channel in Channel if channel.to_people}


class Filled(IntFlag):
    """Which optional cells of a row said something; the others keep what is stored."""

    KIND = 1
    BIRTH_DATE = 2
    SEX = 4
    OCCUPATION = 8
    LANGUAGE = 16
    UNIT = 32
    TAGS = 64
    GUARDIAN = 128


class Refusal(StrEnum):
    """Why a valid row cannot be merged into what is stored."""

    OTHER_PERSON = "other_person"
    """Its external id was used in this file already, under another name."""
    AMBIGUOUS = "ambiguous"
    """It has no external id and fits several stored people."""
    FOREIGN = "foreign"
    """The person, stored or new, would be outside the caller's scope."""
    ERASED = "erased"
    """The person asked to be erased."""
    NO_GUARDIAN = "no_guardian"
    """Nobody in the source has the guardian's external id (yet)."""
    CIRCLE = "circle"
    """The guardian's guardian, or one further up, is the person (or is about to be another one)."""
    MINOR_GUARDIAN = "minor_guardian"
    """The guardian is under 18 (as far as is stored)."""

    @property
    def may_pass(self) -> bool:
        """Whether a row further down can change it: the row is tried again at the end."""
        return self in (Refusal.NO_GUARDIAN, Refusal.CIRCLE, Refusal.MINOR_GUARDIAN)


@dataclass(frozen=True, slots=True)
class StagedAddress:
    """An address that replaces the person's in its channel and account; no `value`: it is cleared.

    `older`: its fingerprints under older key versions.
    """

    channel: str
    account: str
    fingerprint: bytes = b""
    key_version: int = 0
    value: bytes | None = None
    older: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class StagedConsent:
    """A consent given on a date; blank texts keep what is stored for the same purpose and date."""

    purpose: str
    given_at: datetime
    channel: str = ""
    method: str = ""
    evidence: str = ""


@dataclass(slots=True)
class StagedPerson:
    """One valid row. `external_id` None: found again by name key, birth date, sex and unit. `attrs`: JSON object."""

    line: int
    full_name: str
    name_key: str
    search_key: str
    sort_key: str
    external_id: str | None = None
    filled: int = 0
    kind: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    occupation: str | None = None
    language: str | None = None
    unit_code: str | None = None
    tags: list[str] = field(default_factory=list)
    attrs: str = "{}"
    attrs_cleared: list[str] = field(default_factory=list)
    guardian: str | None = None
    addresses: list[StagedAddress] = field(default_factory=list)
    consent: StagedConsent | None = None


@dataclass(slots=True)
class Merged:
    """What a merge did; every staged row is counted once. `refused`: line and why, in the order of lines."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: list[tuple[int, Refusal]] = field(default_factory=list)


def prepare(connection: Connection, source: str, *, wait_ms: int = 10_000) -> None:
    """Make this session's staging tables and wait for another import into `source` to end.

    The lock and the tables last until the session ends, so the caller detaches and closes its connection. Raises
    OutreachError when the other import does not end within `wait_ms` (a killed one ends when the server sees it gone).
    """
    connection.execute(text(f"SET LOCAL lock_timeout = {wait_ms:d}"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), {"name": f"import {source}"})
    except OperationalError as error:
        raise OutreachError(f'another import into "{source}" is running: wait for its end, then try again') from error
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    for statement in sql.STAGING:
        connection.execute(text(statement))


def merge(
    connection: Connection, source: str, people: Collection[StagedPerson], *, scope: Scope, today: date
) -> Merged:
    """Merge valid rows into `source`, in the caller's transaction, after `prepare`; `today` tells who is of age.

    Rows with an external id are merged before those without, rows without a guardian before those with one; of rows
    that mean one person the first counts, across all calls since `prepare`.
    """
    total = Merged()
    for setting in sql.BY_INDEX:
        connection.execute(text(setting))
    for wants_guardian in (False, True):
        for has_id in (True, False):
            batch = [
                person
                for person in people
                if (person.guardian is not None) is wants_guardian and (person.external_id is not None) is has_id
            ]
            if batch:
                given = {"source": source, "path": scope.path, "adult_from": latest_birth(ADULT, today)}
                _merge_batch(connection, batch, total, given)
    total.refused.sort()
    return total


def _merge_batch(
    connection: Connection, batch: Sequence[StagedPerson], total: Merged, given: Mapping[str, object]
) -> None:
    _stage(connection, batch)
    for statement in _statements(batch):
        connection.execute(text(statement), given)
    row = connection.execute(text(sql.COUNTS)).one()
    total.added += row.added
    total.updated += row.updated
    total.unchanged += row.unchanged
    total.duplicates += row.duplicates
    total.refused += [(line, Refusal(verdict)) for line, verdict in connection.execute(text(sql.REFUSED))]


def _stage(connection: Connection, batch: Sequence[StagedPerson]) -> None:
    connection.execute(text(sql.EMPTY_STAGING))
    copy_rows(connection, "import_people", sql.PEOPLE_COLUMNS, map(_person_row, batch))
    copy_rows(connection, "import_addresses", sql.ADDRESS_COLUMNS, _address_rows(batch))
    if any(person.consent for person in batch):
        copy_rows(connection, "import_consents", sql.CONSENT_COLUMNS, _consent_rows(batch))
    connection.execute(text("ANALYZE import_people"))


def _statements(batch: Sequence[StagedPerson]) -> Iterator[str]:
    with_id = batch[0].external_id is not None
    if not with_id:
        yield sql.IDENTIFY
    yield sql.FIRST_OF_ITS_KIND
    yield sql.MATCH_BY_ID if with_id else sql.MATCH_BY_IDENTITY
    yield sql.JUDGE
    if batch[0].guardian is not None:
        yield sql.FIND_GUARDIANS
    yield sql.UPDATE_PEOPLE
    yield sql.NUMBER_PEOPLE
    yield sql.INSERT_PEOPLE
    yield sql.TOUCH
    if any(person.filled & Filled.GUARDIAN for person in batch):
        yield sql.SET_GUARDIANS
    if any(person.addresses for person in batch):
        yield from sql.ADDRESSES
    if any(address.older for person in batch for address in person.addresses):
        yield sql.CARRY_SUPPRESSIONS
    if any(person.consent for person in batch):
        yield from sql.CONSENTS


def _person_row(person: StagedPerson) -> Sequence[object]:
    return (
        person.line,
        person.external_id,
        person.full_name,
        person.name_key,
        person.search_key,
        person.sort_key,
        int(person.filled),
        person.kind,
        person.birth_date,
        person.sex,
        person.occupation,
        person.language,
        person.unit_code,
        person.tags,
        person.attrs,
        person.attrs_cleared,
        person.guardian,
        sum({_BITS[address.channel] for address in person.addresses if address.value is not None}),
    )


def _address_rows(batch: Sequence[StagedPerson]) -> Iterator[Sequence[object]]:
    for person in batch:
        for a in person.addresses:
            yield person.line, a.channel, a.account, a.fingerprint, list(a.older), a.key_version, a.value


def _consent_rows(batch: Sequence[StagedPerson]) -> Iterator[Sequence[object]]:
    for person in batch:
        if c := person.consent:
            yield person.line, c.purpose, c.given_at, c.channel, c.method, c.evidence
