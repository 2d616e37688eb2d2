"""An invented population, the same for the same seed: for demonstrations and measurements, never to be written to.

Phone numbers begin with 030 or 031, which no operator has been given, e-mail addresses end in reserved domains, and
Zalo ids and Telegram chats are larger than any that exist, so that a slip of configuration reaches nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from outreach.audience.invented_chats import chats
from outreach.audience.invented_households import Invented, Place, household
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING
from outreach.domain.vietnamese import name_key, search_key, sort_key
from outreach.domain.words import Channel
from outreach.store import invented, units
from outreach.store.invented import InventedAddress, InventedCase, InventedPerson

BLOCK = 5000
"""People made from one stream of random numbers, and stored in one transaction."""
URBAN_WEIGHT = 2.2
"""How many people a ward has for each of a rural commune: nearly four in ten then live in wards."""
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class _Population:
    """One invented population: the same name, the same people."""

    seed: int
    unit: str
    today: date
    places: tuple[Place, ...]
    weights: tuple[float, ...]

    @property
    def source(self) -> str:
        return f"synthetic:{self.unit or 'all'}:{self.seed}"

    def block(self, number: int) -> Iterator[Invented]:
        """The `BLOCK` people of a block, in order."""
        random = Random(f"{self.source}:{number}")  # noqa: S311 - nothing secret is drawn
        made = 0
        while made < BLOCK:
            place = random.choices(self.places, cum_weights=self.weights)[0]
            for person in household(random, place, self.today)[: BLOCK - made]:
                made += 1
                yield person


def synthesise(
    engine: Engine, n: int, *, unit: str | None = None, seed: int = 0, keys: KeyRing, today: date,
    bound: Mapping[Channel, str] | None = None, told: Callable[[int, int], None] = lambda done, wanted: None,
) -> int:  # fmt: skip
    """Bring the population of this unit and seed to `n` people and return how many were added.

    `unit` is a code (none: the whole country). `bound`: the account whose Zalo ids and Telegram chats people are given
    (none: they get no such addresses). `told` hears how many of how many are stored. Asked again, or after an
    interruption, only what is missing is added.
    Raises OutreachError when `n` is negative or there are no communes, NotFound for an unknown unit.
    """
    if n < 0:
        raise OutreachError(f"a population cannot have {n} people: give a number from 0")
    places = _places(engine, unit)
    weights = accumulate(URBAN_WEIGHT if place.urban else 1.0 for place in places)
    population = _Population(seed, unit or "", today, places, tuple(weights))
    with engine.connect() as connection:
        present = invented.count(connection, population.source, scope=EVERYTHING)
    stored = present
    told(stored, max(stored, n))
    with ThreadPoolExecutor(1, "invented") as writer:
        before: Future[int] | None = None
        for number in range(present // BLOCK, -(-n // BLOCK)):
            rows = _block_rows(population, number, range(present, n), keys, bound or {})
            stored += before.result() if before else 0
            told(stored, n)
            before = writer.submit(_store, engine, population.source, rows)
        stored += before.result() if before else 0
        told(stored, max(stored, n))
    return stored - present


def _block_rows(
    population: _Population, number: int, missing: range, keys: KeyRing, bound: Mapping[Channel, str]
) -> list[InventedPerson]:
    """The people of a block whose numbers are in `missing`."""
    first = number * BLOCK
    people = enumerate(population.block(number), first)
    return [_row(person, at, population, keys, bound) for at, person in people if at in missing]


def _store(engine: Engine, source: str, rows: Sequence[InventedPerson]) -> int:
    """Store a block, in order, while the next one is made: the database has a processor of its own."""
    with engine.begin() as connection:
        invented.put_people(connection, source, rows)
    return len(rows)


def synthesise_cases(
    engine: Engine, n: int, *, unit: str | None = None, seed: int = 0, today: date, days: int = 30
) -> int:
    """Bring the open cases of an invented population to `n`, due within `days` from `today`; returns how many are new.

    Every adult with a case has one; there are at most as many cases as adults.
    """
    source = f"synthetic:{unit or 'all'}:{seed}"
    with engine.begin() as connection:
        grown_up = today - timedelta(days=round(18 * 365.25))
        adults = invented.adults(connection, source, born_until=grown_up, limit=n, scope=EVERYTHING)
        random = Random(f"{source}:cases")  # noqa: S311 - nothing secret is drawn
        given = [
            InventedCase(f"{place:08}", contact, where, _title(random), _due(random, today, days))
            for place, (contact, where) in enumerate(adults)
        ]
        return invented.put_cases(connection, source, given)


_TITLES = (
    "Cấp đổi giấy phép lái xe",
    "Đăng ký khai sinh",
    "Cấp giấy chứng nhận quyền sử dụng đất",
    "Đăng ký hộ kinh doanh",
    "Cấp phiếu lý lịch tư pháp",
    "Đăng ký thường trú",
    "Cấp giấy phép xây dựng nhà ở riêng lẻ",
    "Hưởng trợ cấp xã hội hằng tháng",
)


def _title(random: Random) -> str:
    return random.choice(_TITLES)


def _due(random: Random, today: date, days: int) -> datetime:
    day = today + timedelta(days=random.randint(1, max(days, 1)))
    return datetime(day.year, day.month, day.day, 17, tzinfo=HANOI)


def _places(engine: Engine, unit: str | None) -> tuple[Place, ...]:
    with engine.connect() as connection:
        listed = units.communes(connection, units.path_of(connection, unit) if unit else "")
    if not listed:
        raise OutreachError("there are no communes to live in: load the units first (outreach units load)")
    return tuple(Place(commune.code, commune.path.split("/", 1)[0], commune.urban) for commune in listed)


def _row(
    person: Invented, number: int, population: _Population, keys: KeyRing, bound: Mapping[Channel, str]
) -> InventedPerson:
    addresses = []
    if person.phone:
        addresses.append(_address(keys, Channel.SMS, person.phone))
    if person.email:
        addresses.append(_address(keys, Channel.EMAIL, person.email.format(number=number)))
    if bound:
        for channel, value in chats(person, f"{population.source}:{number}", population.today):
            if channel in bound:
                addresses.append(_address(keys, channel, value, bound[channel]))
    name = person.full_name
    return InventedPerson(
        f"{number:08}", name, name_key(name), search_key(name), sort_key(name), person.kind, person.birth_date,
        person.sex, person.occupation, person.language, person.unit_code, person.tags, tuple(addresses),
    )  # fmt: skip


def _address(keys: KeyRing, channel: Channel, value: str, account: str = "") -> InventedAddress:
    return InventedAddress(channel.value, keys.fingerprint(value), keys.version, keys.seal(value), account)
