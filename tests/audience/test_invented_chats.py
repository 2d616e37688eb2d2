"""Invented people's Zalo ids and Telegram chats: plausible shares, bound to one account, never anybody's."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, text

from outreach.audience.invented_chats import chats
from outreach.audience.invented_households import Invented
from outreach.audience.synthetic import synthesise
from outreach.domain.words import Channel
from outreach.local.sandbox.behaviour import MAGIC_CHAT, MAGIC_USER
from tests.world import World

TODAY = date(2026, 11, 23)
PEOPLE = 4000
LARGEST_ZALO_ID, LARGEST_CHAT_IN_USE, LARGEST_CHAT = 2**63 - 1, 10**11, 2**52
BOUND = {Channel.ZALO_OA: "zalo-main", Channel.TELEGRAM: "bot"}


def somebody(age: int, occupation: str | None = None, phone: str = "+84301234567") -> Invented:
    return Invented("Lan", "00004", birth_date=date(2026 - age, 1, 1), occupation=occupation, phone=phone)


def share(person: Invented, channel: Channel) -> float:
    return sum(channel in dict(chats(person, f"x:{n}", TODAY)) for n in range(PEOPLE)) / PEOPLE


@pytest.mark.parametrize(
    ("person", "zalo", "telegram"),
    [
        (somebody(30, "civil_servant"), 0.35, 0.45),
        (somebody(30, "worker"), 0.35, 0.005),
        (somebody(20, "student"), 0.35, 0.12),
        (somebody(65, "retired"), 0.20, 0.005),
        (somebody(10), 0.0, 0.0),
        (somebody(30, phone=""), 0.0, 0.0),
        (Invented("Công ty", "00004", kind="business", phone="+84301234567"), 0.3, 0.0),
    ],
)
def test_who_has_one_depends_on_age_and_work(person: Invented, zalo: float, telegram: float) -> None:
    assert share(person, Channel.ZALO_OA) == pytest.approx(zalo, abs=0.03)
    assert share(person, Channel.TELEGRAM) == pytest.approx(telegram, abs=0.03)


def test_they_are_always_the_same_and_nobodys() -> None:
    person = somebody(30, "civil_servant")
    found = [chats(person, f"x:{n}", TODAY) for n in range(PEOPLE)]
    assert found == [chats(person, f"x:{n}", TODAY) for n in range(PEOPLE)]
    ids = [value for some in found for channel, value in some if channel is Channel.ZALO_OA]
    numbers = [value for some in found for channel, value in some if channel is Channel.TELEGRAM]
    assert len(set(ids)) == len(ids)
    assert min(map(int, ids)) > LARGEST_ZALO_ID
    assert LARGEST_CHAT_IN_USE < min(map(int, numbers)) <= max(map(int, numbers)) < LARGEST_CHAT
    assert not any(one.startswith(MAGIC_USER) for one in ids)
    assert not any(one.startswith(MAGIC_CHAT) for one in numbers)


def test_a_population_has_them_bound_to_the_account_that_could_write_to_them(world: World) -> None:
    synthesise(world.engine, 300, seed=1, keys=world.keys, today=TODAY, bound=BOUND)
    bound = accounts(world.engine)
    assert bound[str(Channel.ZALO_OA)] == {"zalo-main"}
    assert bound[str(Channel.TELEGRAM)] == {"bot"}
    assert bound[str(Channel.SMS)] == bound[str(Channel.EMAIL)] == {""}


def test_without_such_an_account_nobody_has_them(world: World) -> None:
    synthesise(world.engine, 300, seed=1, keys=world.keys, today=TODAY)
    assert set(accounts(world.engine)) == {str(Channel.SMS), str(Channel.EMAIL)}


def accounts(engine: Engine) -> dict[str, set[str]]:
    """The accounts addresses are bound to, by channel."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT channel, array_agg(DISTINCT account) FROM addresses GROUP BY 1"))
        return {channel: set(names) for channel, names in rows}
