"""People put straight into the tables, for tests that ask who is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count

from sqlalchemy import Connection, insert

from outreach.domain.segments import Person
from outreach.domain.words import Channel
from outreach.store.tables import addresses, cases, contacts

_NUMBERS = count(1)
_DUE = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Somebody:
    full_name: str = "Lê An"
    birth_date: date | None = None
    sex: str | None = None
    kind: str = "person"
    occupation: str | None = None
    language: str = "vi"
    unit_code: str | None = None
    tags: tuple[str, ...] = ()
    attrs: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    case_states: tuple[str, ...] = ()

    def person(self, paths: Mapping[str, str], urban: Mapping[str, bool]) -> Person:
        """What the rules of the domain know of them."""
        path = paths.get(self.unit_code or "", "")
        return Person(
            birth_date=self.birth_date,
            sex=self.sex,
            kind=self.kind,
            occupation=self.occupation,
            language=self.language,
            units=frozenset(filter(None, path.split("/"))),
            urban=None if self.unit_code is None else urban[self.unit_code],
            tags=frozenset(self.tags),
            has=frozenset(self.channels),
            attrs=self.attrs,
            case_states=frozenset(self.case_states),
        )


def put_people(connection: Connection, people: Sequence[Somebody]) -> list[int]:
    return [_put(connection, somebody) for somebody in people]


def _put(connection: Connection, somebody: Somebody) -> int:
    number = next(_NUMBERS)
    values = {
        name: getattr(somebody, name)
        for name in ("full_name", "birth_date", "sex", "kind", "occupation", "language", "unit_code", "attrs")
    }
    keys = {"source": "test", "external_id": str(number), "identity": b"", "search_key": "", "sort_key": ""}
    row = insert(contacts).values(**values, **keys, tags=list(somebody.tags)).returning(contacts.c.id)
    key = int(connection.execute(row).scalar_one())
    for channel in somebody.channels:
        sealed = {"fingerprint": str(number).encode(), "key_version": 1, "value": b""}
        connection.execute(insert(addresses).values(contact_id=key, channel=channel.value, **sealed))
    for state in somebody.case_states:
        case = {"source": "test", "external_id": f"{number}-{state}", "title": "", "due_at": _DUE, "state": state}
        connection.execute(insert(cases).values(contact_id=key, **case))
    return key
