"""People who share an address with one who falls out before the claim."""

from __future__ import annotations

from sqlalchemy import text

from outreach.domain.states import DeliveryState
from outreach.domain.words import Lane
from outreach.planning.cascade import cascade_due
from outreach.receipts.refusal import refuse
from outreach.store import claims, deliveries
from outreach.store.deliveries import Change
from tests.world import World

SMS_ONLY = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        class: CLASS
        text: {sms: "Kinh chao", email: {subject: "Chào", body: "Chào"}}
        channels: [sms, email]
        schedule: {at: launch}
"""


def claim(world: World) -> list[claims.Claimed]:
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=1.0)
        runs = [r.id for r in claims.open_runs(connection, account="sms-main", lane=Lane.BULK, now=world.clock.now())]
        return claims.claim(
            connection,
            account="sms-main",
            lane=Lane.BULK,
            run_ids=runs,
            limit=50,
            child=child,
            lease_s=60.0,
            now=world.clock.now(),
            trial=False,
        )[0]


def numbers(world: World, claimed: list[claims.Claimed]) -> list[str]:
    return sorted(world.keys.open(one.sealed or b"", one.key_version or 0) for one in claimed)


def execute(world: World, sql: str, **values: object) -> None:
    with world.engine.begin() as connection:
        connection.execute(text(sql), values)


def move_phone(world: World, name: str, phone: str) -> None:
    """What an import does with a changed number: the address row stays and is overwritten."""
    execute(
        world,
        "UPDATE addresses SET fingerprint = :f, value = :v WHERE contact_id = :c AND channel = 'sms'",
        f=world.keys.fingerprint(phone),
        v=world.keys.seal(phone),
        c=world.people[name],
    )


def a_family(world: World, message_class: str = "service_notice") -> None:
    world.person("An", phone="+84912000001")
    world.person("Bình", phone="+84912000001")
    if message_class == "advertising":
        for name in ("An", "Bình"):
            execute(
                world,
                "INSERT INTO consents (contact_id, purpose, given_at, legal_basis) VALUES"
                " (:c, 'advertising', now(), 'consent')",
                c=world.people[name],
            )
    world.launch(SMS_ONLY.replace("CLASS", message_class))
    world.plan()


def settle(world: World) -> list[str]:
    """Everything that is sent to the shared number by claims and cascades of the next day."""
    sent = numbers(world, claim(world))
    cascade_due(world.engine, world.accounts, world.clock)
    return sent + numbers(world, claim(world))


def test_the_shared_number_gets_its_message_when_the_first_of_them_is_erased(world: World) -> None:
    a_family(world)
    execute(world, "UPDATE contacts SET erased_at = now() WHERE id = :c", c=world.people["An"])
    assert settle(world) == ["+84912000001"]


def test_the_shared_number_gets_its_message_when_the_first_of_them_withdraws_consent(world: World) -> None:
    a_family(world, "advertising")
    execute(world, "UPDATE consents SET withdrawn_at = now() WHERE contact_id = :c", c=world.people["An"])
    assert settle(world) == ["+84912000001"]


def test_the_shared_number_gets_its_message_when_the_first_of_them_loses_the_number(world: World) -> None:
    a_family(world)
    execute(world, "DELETE FROM addresses WHERE contact_id = :c", c=world.people["An"])
    assert settle(world) == ["+84912000001"]


def test_the_shared_number_gets_its_message_when_the_first_of_them_changes_number(world: World) -> None:
    a_family(world)
    move_phone(world, "An", "+84912000009")
    assert "+84912000001" in settle(world)


def test_nobody_counts_as_reached_through_a_number_that_is_not_theirs(world: World) -> None:
    a_family(world)
    move_phone(world, "An", "+84912000009")
    [sent] = claim(world)
    for state in (DeliveryState.ACCEPTED, DeliveryState.DELIVERED):
        with world.engine.begin() as connection:
            deliveries.advance(
                connection,
                [Change(sent.run, sent.delivery, state, proves=state is DeliveryState.DELIVERED)],
                now=world.clock.now(),
            )
    with world.engine.connect() as connection:
        reached = connection.execute(text("SELECT contact_id FROM reached ORDER BY 1")).scalars().all()
    assert reached == [world.people["An"]]


def test_an_unsubscribe_link_bars_the_number_it_was_sent_to(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(SMS_ONLY.replace("CLASS", "service_notice"))
    world.plan()
    [sent] = claim(world)
    move_phone(world, "An", "+84912000009")  # the first was a stranger's, who now clicks
    refuse(world.engine, world.keys, world.keys.token(sent.run, sent.delivery))
    with world.engine.connect() as connection:
        barred = connection.execute(text("SELECT fingerprint FROM suppressions")).scalars().all()
    assert [bytes(one) for one in barred] == [world.keys.fingerprint("+84912000001")]


def test_an_unsubscribe_link_bars_its_number_though_the_person_lost_it(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(SMS_ONLY.replace("CLASS", "service_notice"))
    world.plan()
    [sent] = claim(world)
    execute(world, "DELETE FROM addresses WHERE contact_id = :c", c=world.people["An"])
    told = refuse(world.engine, world.keys, world.keys.token(sent.run, sent.delivery))
    with world.engine.connect() as connection:
        barred = connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one()
    assert told is None or barred == 1  # saying "done" and storing nothing is the one thing it must not do


def test_a_child_is_written_to_at_its_guardian_of_today(world: World) -> None:
    from datetime import date

    world.person("Cha", phone="+84912000001", born=date(1980, 1, 1), kind="business")
    world.person("Mẹ", phone="+84912000002", kind="business")
    world.person("Con", born=date(2015, 1, 1), guardian="Cha")
    world.launch(SMS_ONLY.replace("CLASS", "service_notice"))
    world.plan()
    execute(world, "UPDATE contacts SET guardian_id = :g WHERE id = :c", g=world.people["Mẹ"], c=world.people["Con"])
    assert "+84912000001" not in numbers(world, claim(world))


def test_a_young_business_is_written_to_at_its_own_number(world: World) -> None:
    from datetime import date

    world.person("Công ty", phone="+84912000001", kind="business", born=date(2020, 1, 1))
    world.launch(SMS_ONLY.replace("CLASS", "service_notice").replace("{kind: person}", "{kind: business}"))
    world.plan()
    assert world.states()[0][2:] == ("planned", None)
