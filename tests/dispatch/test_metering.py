"""Quotas on their way from the provider to the people who plan: kept with their time, shown, and warned of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import text

from channels.abilities import Quota as Told
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.metering import Metering, keep
from outreach.dispatch.vault import Vaults
from outreach.domain.quotas import Quota
from outreach.domain.words import Channel, Lane
from outreach.planning.forecast import forecast
from outreach.store import accounts as account_store
from outreach.store import quotas
from outreach.store.versions import read_version
from tests.channels.zalo_server import ZaloServer, serving, zalo
from tests.sending import child_of
from tests.world import World, account

ZALO = account("zalo", channels=(Channel.ZALO_OA, Channel.ZALO_ZNS))
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {zalo_oa: "Kính chào ông/bà"}
        channels: [zalo_oa]
        not_after: 3d
        schedule: {at: launch}
"""


@pytest.fixture
def server() -> ZaloServer:
    return ZaloServer(quotas={"/message/quota": {"dailyQuota": "500", "remainingQuota": "499"}})


@pytest.fixture
def loop(server: ZaloServer, world: World) -> Iterator[SendingLoop]:
    with serving(server) as port:
        made = SendingLoop({"zalo": lambda: zalo(port)}, Vaults(world.engine, world.keys).open)
        yield made
        made.close()


@pytest.fixture
def metering(loop: SendingLoop, world: World) -> Metering:
    return Metering(world.engine, loop, {"zalo": ZALO}, world.clock)


def known(world: World) -> list[Quota]:
    with world.engine.connect() as connection:
        return quotas.read(connection, ["zalo"])


def test_what_is_left_is_kept_with_its_time(metering: Metering, world: World) -> None:
    assert metering.read() == 1
    assert known(world) == [Quota("zalo", Channel.ZALO_ZNS, 499, 500, True, world.clock.now())]


def test_a_provider_that_does_not_answer_leaves_what_is_known_and_pauses_nothing(
    metering: Metering, server: ZaloServer, world: World
) -> None:
    metering.read()
    before = known(world)
    server.answers.append(web.Response(status=500))
    assert metering.read() == 0
    assert known(world) == before
    with world.engine.connect() as connection:
        assert account_store.paused(connection) == {}


def test_a_paused_account_is_not_asked(metering: Metering, server: ZaloServer, world: World) -> None:
    with world.engine.begin() as connection:
        account_store.pause(connection, "zalo", code="-14014", reason="lost")
    assert metering.read() == 0
    assert (server.asked, server.renewals) == ([], [])


def test_an_older_word_does_not_replace_a_newer_one(metering: Metering, world: World) -> None:
    metering.read()
    with world.engine.begin() as connection:
        old = Quota("zalo", Channel.ZALO_ZNS, 1, 500, True, world.clock.now() - timedelta(seconds=1))
        quotas.keep(connection, [old])
    assert [one.remaining for one in known(world)] == [499]


def with_user(world: World, name: str, number: str) -> None:
    contact = world.person(name)
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)"
                " VALUES (:contact, 'zalo_oa', 'zalo', :fingerprint, 1, :value)"
            ),
            {"contact": contact, "fingerprint": world.keys.fingerprint(number), "value": world.keys.seal(number)},
        )


def test_the_answers_to_messages_are_kept_and_the_next_forecast_warns(
    loop: SendingLoop, server: ZaloServer, world: World, redis_url: str
) -> None:
    child = child_of(world, {"zalo": ZALO}, loop, redis_url)
    with_user(world, "An", "7766554433221100")
    with_user(world, "Bình", "7766554433221101")
    paid = {"quota_type": "sub_quota", "remain": "1", "total": "2000"}
    server.answers += [{"error": 0, "data": {"message_id": f"m{n}", "quota": paid}} for n in range(2)]
    world.launch(CAMPAIGN)
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    assert forecast(world.engine, frozen, world.accounts, world.clock.now()).warnings == ()
    world.plan()
    assert child.drain("zalo", Lane.BULK).sent == 2
    assert [(one.channel, one.remaining, one.daily) for one in known(world)] == [(Channel.ZALO_OA, 1, False)]
    [warning] = forecast(world.engine, frozen, world.accounts, world.clock.now()).warnings
    assert "2 messages are due on zalo_oa" in warning


def test_a_day_that_needs_more_than_is_left_is_warned_of(world: World) -> None:
    for number in range(3):
        world.person(f"Người {number}", phone=f"+8491200000{number}")
    keep(world.engine, "sms-main", [Told("sms", 2, 500)], world.clock.now())
    world.launch(CAMPAIGN.replace("zalo_oa", "sms"))
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    [warning] = forecast(world.engine, frozen, world.accounts, world.clock.now()).warnings
    assert "3 messages are due on sms" in warning
    assert "takes 2 that day" in warning


def test_of_a_calendar_that_is_past_the_days_are_taken_as_they_stand(world: World) -> None:
    """It would be launched shifted: the runs of many days are not one day's."""
    world.person("An", phone="+84912000001")
    keep(world.engine, "sms-main", [Told("sms", 1, 1)], world.clock.now())
    dated = CAMPAIGN.replace("zalo_oa", "sms").replace("{at: launch}", "{at: [2026-02-02T09:00, 2026-02-03T09:00]}")
    world.load(dated)
    with world.engine.connect() as connection:
        frozen = read_version(connection, "thu", 1, 0)
    assert forecast(world.engine, frozen, world.accounts, world.clock.now()).warnings == ()
