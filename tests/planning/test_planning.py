"""Who gets a row, on which channel, and why the others do not."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from tests.world import World

SMS_THEN_EMAIL = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {any: [{kind: person}, {kind: business}]}
        text: {sms: "Kinh chao {{ contact | salute }}", email: {subject: "Chào", body: "Kính chào"}}
        channels: [sms, email]
        wait: 4h
        schedule: {at: launch}
"""


def test_everyone_gets_a_row_and_those_left_out_the_next_channel(world: World) -> None:
    world.person("An", phone="+84912345678", email="an@example.vn")
    world.person("Bình", email="binh@example.vn")
    world.person("Chi")
    world.launch(SMS_THEN_EMAIL)
    world.plan()
    assert world.states() == [
        ("An", "sms", "planned", None),
        ("Bình", "sms", "suppressed", "no_address"),
        ("Bình", "email", "planned", None),
        ("Chi", "sms", "suppressed", "no_address"),
        ("Chi", "email", "suppressed", "no_address"),
    ]
    assert world.counts_agree()


def test_a_household_that_shares_a_phone_gets_one_message(world: World) -> None:
    first = world.person("An", phone="+84912345678")
    world.person("Bình", phone="+84912345678", email="binh@example.vn")
    world.launch(SMS_THEN_EMAIL)
    world.plan()
    assert world.states() == [("An", "sms", "planned", None), ("Bình", "sms", "suppressed", "shared_address")]
    assert world.rows("d.reason = 'shared_address'")[0].shared_with == first


def test_who_refused_sms_is_written_to_by_email(world: World) -> None:
    world.person("An", phone="+84912345678", email="an@example.vn")
    with world.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO suppressions VALUES (:f, 'sms', '*', 1, 'opted_out', 'test')"),
            {"f": world.keys.fingerprint("+84912345678")},
        )
    world.launch(SMS_THEN_EMAIL)
    world.plan()
    assert world.states() == [("An", "sms", "suppressed", "opted_out"), ("An", "email", "planned", None)]


def test_the_under_age_are_reached_through_their_guardian(world: World) -> None:
    world.person("Mẹ", phone="+84912345678")
    world.person("Con", born=date(2015, 1, 1), guardian="Mẹ", phone="+84999999999")
    world.person("Một mình", born=date(2015, 1, 1), phone="+84988888888")
    world.launch(SMS_THEN_EMAIL)
    world.plan()
    assert world.states("d.channel = 'sms'") == [
        ("Con", "sms", "suppressed", "shared_address"),
        ("Mẹ", "sms", "planned", None),
        ("Một mình", "sms", "suppressed", "under_age"),
    ]


def test_planning_twice_changes_nothing(world: World) -> None:
    world.person("An", phone="+84912345678")
    world.launch(SMS_THEN_EMAIL)
    world.plan()
    before = world.rows()
    world.plan()
    assert world.rows() == before
