"""The forecast says what planning then does: it is made by the same SQL."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from outreach.planning.forecast import Forecast, forecast
from outreach.store.versions import read_version
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {any: [{kind: person}, {kind: business}]}
        text:
          sms: "Kính chào {{ contact | salute }}, mời ông/bà đến nhận kết quả."
          email: {subject: "Chào", body: "Kính chào"}
        channels: [sms, email]
        wait: 4h
        schedule: {at: [2026-11-23T09:00, 2026-11-30T09:00]}
"""


@pytest.fixture
def foreseen(world: World) -> Forecast:
    world.person("Nguyễn Văn An", phone="+84912000001", email="an@example.vn")
    world.person("Lê Bình", phone="+84912000001")
    world.person("Chi", email="chi@example.vn")
    world.person("Dũng")
    world.person("Con", born=date(2015, 1, 1), phone="+84912000005")
    world.launch(CAMPAIGN)
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    return forecast(world.engine, frozen, world.accounts, world.clock.now())


def test_it_counts_as_planning_will(world: World, foreseen: Forecast) -> None:
    [message] = foreseen.messages
    world.plan()
    planned = [row for row in world.rows() if row.state == "planned"]
    assert message.audience == 5
    assert message.by_channel == {"sms": 1, "email": 1}
    assert sum(message.by_channel.values()) == len(planned) == foreseen.recipients
    assert message.left_out == {"no_address": 1, "under_age": 1}
    assert message.shared == 1


def test_parts_and_cost_are_those_of_the_rendered_texts(world: World, foreseen: Forecast) -> None:
    [message] = foreseen.messages
    assert (message.parts, message.exact) == (1, True)  # unaccented it fits one part
    assert message.cost == message.cost_low == message.cost_high == 350 + 10
    assert foreseen.cost == 2 * 360  # two dates
    world.plan()
    assert world.runs()[0].cost == 360


def test_links_of_their_own_are_counted_before_there_are_any(world: World) -> None:
    """A link to refuse and one to join are longer than what is left of one SMS."""
    world.person("Nguyễn Văn An", phone="+84912000001")
    said = "Mời ông/bà đến nhận kết quả {{ links.join }} {{ links.unsubscribe }}"
    world.launch(CAMPAIGN.replace("Kính chào {{ contact | salute }}, mời ông/bà đến nhận kết quả.", said))
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    [message] = forecast(world.engine, frozen, world.accounts, world.clock.now()).messages
    assert message.parts == 2


def test_it_keeps_nothing(world: World, foreseen: Forecast) -> None:
    assert foreseen.messages
    with world.engine.connect() as connection:
        for table in ("deliveries", "contact_ledger", "run_counts", "case_reminders", "broadcasts"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_a_channel_without_an_account_is_warned_of(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.load(CAMPAIGN)
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    only_sms = {"sms-main": world.accounts["sms-main"]}
    told = forecast(world.engine, frozen, only_sms, world.clock.now())
    assert told.warnings == ("no account serves channel email: nothing would be sent on it",)


def test_dates_that_are_past_are_not_paid_for(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.load(CAMPAIGN.replace("[2026-11-23T09:00", "[2026-10-05T09:00, 2026-11-23T09:00"))
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    assert forecast(world.engine, frozen, world.accounts, world.clock.now()).messages[0].occurrences == 2
