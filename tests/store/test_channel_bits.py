"""Which channels somebody has an address for stands with the person, whoever writes addresses and however."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from outreach.domain.words import Channel
from outreach.store.segments import BITS, bits_of
from tests.world import World


def addressed(engine: Engine, contact: int) -> int:
    with engine.connect() as connection:
        return int(
            connection.execute(text("SELECT addressed FROM contacts WHERE id = :id"), {"id": contact}).scalar_one()
        )


def add(connection: Connection, contact: int, channel: str, mark: str = "x") -> None:
    connection.execute(
        text(
            "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
            " VALUES (:id, :channel, convert_to(:mark, 'UTF8'), 1, '')"
        ),
        {"id": contact, "channel": channel, "mark": mark},
    )


def test_program_and_database_mean_the_same_bits(engine: Engine) -> None:
    with engine.connect() as connection:
        for channel, bit in BITS.items():
            assert connection.execute(text("SELECT channel_bit(:c)"), {"c": channel.value}).scalar_one() == bit


def test_every_channel_to_people_has_a_bit_of_its_own() -> None:
    stored = {channel.addressed_by for channel in Channel if channel.to_people}
    assert stored == set(BITS)
    assert len(set(BITS.values())) == len(BITS)
    assert bits_of([Channel.ZALO_ZNS]) == bits_of([Channel.SMS])


def test_addresses_that_come_and_go_are_followed(world: World) -> None:
    an = world.person("An", phone="+84912345678")
    assert addressed(world.engine, an) == bits_of([Channel.SMS])
    with world.engine.begin() as connection:
        add(connection, an, "telegram")
        add(connection, an, "sms", "a second number")
    assert addressed(world.engine, an) == bits_of([Channel.SMS, Channel.TELEGRAM])
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM addresses WHERE value = '' AND channel = 'sms'"))
    assert addressed(world.engine, an) == bits_of([Channel.SMS, Channel.TELEGRAM])
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM addresses WHERE channel = 'sms'"))
    assert addressed(world.engine, an) == bits_of([Channel.TELEGRAM])


@pytest.mark.parametrize("changed", ["contact_id = :binh", "channel = 'email'"])
def test_an_address_that_is_changed_is_followed(world: World, changed: str) -> None:
    an, binh = world.person("An", phone="+84912345678"), world.person("Bình")
    with world.engine.begin() as connection:
        connection.execute(text(f"UPDATE addresses SET {changed}"), {"binh": binh} if ":binh" in changed else {})
    expected = {"contact_id = :binh": (0, 1), "channel = 'email'": (2, 0)}[changed]
    assert (addressed(world.engine, an), addressed(world.engine, binh)) == expected


def test_an_address_added_while_another_is_taken_away_is_not_forgotten(world: World) -> None:
    an = world.person("An", phone="+84912345678")
    adding, removing = world.engine.connect(), world.engine.connect()
    try:
        add(adding, an, "sms", "another number")
        removing.execute(text("SET lock_timeout = '200ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            removing.execute(text("DELETE FROM addresses WHERE value <> ''"))
        removing.rollback()
        adding.commit()
        removing.execute(text("DELETE FROM addresses WHERE value <> ''"))
        removing.commit()
    finally:
        adding.close()
        removing.close()
    assert addressed(world.engine, an) == bits_of([Channel.SMS])
