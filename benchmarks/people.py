"""An audience file of invented people: households that share phones, communes of the whole country, every segment."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from outreach.audience.invented_households import Invented, Place, household
from outreach.store import units

WARMING = 400
"""The first of them with a phone get the message before the clock starts; `attr.warm` marks them."""
_COLUMNS = (
    "external_id", "full_name", "birth_date", "sex", "kind", "occupation", "language", "unit_code", "phone", "email",
    "tags", "attr.warm",
)  # fmt: skip


def places(connection: Connection) -> list[Place]:
    """Every commune of the country."""
    return [Place(one.code, one.path.split("/", 1)[0], one.urban) for one in units.communes(connection, "")]


def write_people(path: Path, people: int, where: Sequence[Place], today: date, seed: int = 1) -> None:
    """Write `people` rows; the same seed, the same people."""
    warm = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        for number, person in enumerate(islice(_everyone(Random(seed), where, today), people)):
            marked = warm < WARMING and bool(person.phone)
            warm += marked
            writer.writerow(_row(number, person, "1" if marked else ""))


def _everyone(random: Random, where: Sequence[Place], today: date) -> Iterator[Invented]:
    while True:
        yield from household(random, random.choice(where), today)


def _row(number: int, person: Invented, warm: str) -> tuple[object, ...]:
    # An invented number begins with no operator's prefix, which an import would refuse; these meet only the stub.
    phone = person.phone and f"09{person.phone[4:]}"
    email = person.email.format(number=number)
    return (
        f"{number:08}", person.full_name, person.birth_date or "", person.sex or "", person.kind,
        person.occupation or "", person.language, person.unit_code, phone, email, ",".join(person.tags), warm,
    )  # fmt: skip
