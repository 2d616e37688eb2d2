"""Draining, through the true adapter, to the sandbox over real HTTP and SMTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, event, text

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.domain.words import Lane
from outreach.planning import actions
from tests.processes import Sandbox, accounts_toml
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {any: [{kind: person}, {kind: business}]}
        text: {sms: "Kinh chao ong/ba", email: {subject: "Chào", body: "Kính chào"}}
        channels: [sms, email]
        wait: 4h
        schedule: {at: launch}
"""


def bodies(box: Sandbox, to: str) -> list[str]:
    return [entry.body for entry in box.accepted() if entry.to == to]


def test_what_is_due_reaches_the_phone_once(world: World, dispatcher: Dispatcher, box: Sandbox) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    world.plan()
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 1
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    assert world.states() == [("An", "sms", "accepted", None)]
    assert bodies(box, "+84912000001") == ["Kinh chao ong/ba"]
    assert world.rows()[0].cascade_at == world.clock.now() + timedelta(hours=4)
    assert world.counts_agree()


@pytest.mark.parametrize(
    ("ending", "state", "reason", "code"),
    [
        ("01", "failed", "rejected", "21211"),
        ("02", "failed", "opted_out", "21610"),
        ("04", "planned", "transient", None),
        ("05", "unknown", "uncertain", None),
        ("06", "unknown", "uncertain", None),
        ("07", "planned", "throttled", "20429"),
        ("08", "unknown", "uncertain", None),
        ("09", "unknown", "uncertain", None),
    ],
)
def test_what_a_provider_answers_decides_what_follows(
    world: World, dispatcher: Dispatcher, ending: str, state: str, reason: str, code: str | None
) -> None:
    world.person("An", phone=f"+849999999{ending}")
    world.launch(CAMPAIGN)
    world.plan()
    dispatcher.drain("sms-main", Lane.BULK)
    [row] = world.rows()
    assert (row.state, row.reason) == (state, reason)
    assert code is None or row.code == code
    assert row.attempt == (0 if reason == "throttled" else 1)
    assert world.counts_agree()


def test_who_refuses_at_the_provider_is_suppressed(world: World, dispatcher: Dispatcher) -> None:
    world.person("An", phone="+84999999902")
    world.launch(CAMPAIGN)
    world.plan()
    dispatcher.drain("sms-main", Lane.BULK)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT channel, reason FROM suppressions")).all() == [("sms", "opted_out")]


def test_nothing_leaves_while_a_campaign_is_paused_and_all_of_it_afterwards(
    world: World, dispatcher: Dispatcher
) -> None:
    world.person("An", phone="+84912000002")
    slug = world.launch(CAMPAIGN)
    world.plan()
    actions.pause(world.engine, slug, who="staff@demo.vn")
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    actions.resume(world.engine, slug, who="staff@demo.vn")
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 1


def test_a_cancelled_campaign_leaves_nothing_planned(world: World, dispatcher: Dispatcher) -> None:
    world.person("An", phone="+84912000003")
    slug = world.launch(CAMPAIGN)
    world.plan()
    actions.cancel(world.engine, slug, world.clock, who="staff@demo.vn")
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    assert world.states() == [("An", "sms", "cancelled", "campaign_cancelled")]
    assert world.counts_agree()


def test_late_is_not_sent(world: World, dispatcher: Dispatcher) -> None:
    world.person("An", phone="+84912000004")
    world.launch(CAMPAIGN)
    world.plan()
    world.later(hours=25)
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    assert world.states() == [("An", "sms", "expired", "late")]


def test_nothing_leaves_at_night(world: World, dispatcher: Dispatcher) -> None:
    world.person("An", phone="+84912000005")
    world.launch(CAMPAIGN)
    world.plan()
    world.later(hours=14)  # 23:00 in Hà Nội
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    world.later(hours=9)
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 1


def test_who_refused_since_planning_is_left_out(world: World, dispatcher: Dispatcher, box: Sandbox) -> None:
    world.person("An", phone="+84912000006")
    world.launch(CAMPAIGN)
    world.plan()
    with world.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO suppressions VALUES (:f, 'sms', '*', 1, 'opted_out', 'test')"),
            {"f": world.keys.fingerprint("+84912000006")},
        )
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0
    assert world.states() == [("An", "sms", "suppressed", "opted_out")]
    assert bodies(box, "+84912000006") == []


def test_a_thousand_people_are_sent_to_in_chunks(world: World, dispatcher: Dispatcher, box: Sandbox) -> None:
    with world.engine.begin() as connection:
        for number in range(300):
            phone = f"+8491300{number:04d}"
            contact = connection.execute(
                text(
                    "INSERT INTO contacts (source, external_id, identity, full_name, search_key, sort_key, unit_code)"
                    " VALUES ('x', :n, :i, :n, :n, :n, '00454') RETURNING id"
                ),
                {"n": f"P{number}", "i": f"P{number}".encode()},
            ).scalar_one()
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                    " VALUES (:c, 'sms', :f, 1, :v)"
                ),
                {"c": contact, "f": world.keys.fingerprint(phone), "v": world.keys.seal(phone)},
            )
    world.launch(CAMPAIGN)
    world.plan()
    assert dispatcher.drain("sms-main", Lane.BULK, longest=20).sent == 300
    keys = [entry.key for entry in box.accepted() if entry.to.startswith("+8491300")]
    assert len(keys) == len(set(keys)) == 300
    assert world.counts_agree()


def test_without_valkey_nothing_is_sent(world: World, dispatcher: Dispatcher) -> None:
    world.person("An", phone="+84912000007")
    world.launch(CAMPAIGN)
    world.plan()
    away = Buckets(redis.Redis(unix_socket_path="/nonexistent/valkey.sock"))
    assert replace(dispatcher, buckets=away).drain("sms-main", Lane.BULK).sent == 0
    assert world.states() == [("An", "sms", "planned", None)]


def test_a_wiped_valkey_allows_no_burst(world: World, dispatcher: Dispatcher, redis_url: str) -> None:
    world.person("An", phone="+84912000008")
    world.launch(CAMPAIGN)
    world.plan()
    redis.Redis.from_url(redis_url).flushall()
    slow = {"sms-main": replace(dispatcher.accounts["sms-main"], rate=0.1, burst=5)}
    assert replace(dispatcher, accounts=slow).drain("sms-main", Lane.BULK).sent == 0


def test_a_misconfigured_account_pauses_itself_and_keeps_its_deliveries(
    world: World, dispatcher: Dispatcher, box: Sandbox, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(accounts_toml(box).replace("sandbox-auth-token", "not the token"))
    loop = SendingLoop(load_accounts(wrong, timeout=2.0).makers)
    world.person("An", phone="+84912000009")
    world.launch(CAMPAIGN)
    world.plan()
    replace(dispatcher, loop=loop).drain("sms-main", Lane.BULK)
    loop.close()
    assert world.states() == [("An", "sms", "planned", "misconfigured")]
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT name, paused FROM account_states")).all() == [("sms-main", True)]
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 0


def test_what_was_sent_is_recorded_although_the_database_went_away_for_a_moment(
    world: World, dispatcher: Dispatcher, box: Sandbox
) -> None:
    world.person("An", phone="+84912000010")
    world.launch(CAMPAIGN)
    world.plan()
    cut = []

    def cut_every_connection(*_: object) -> None:
        """As a restart of PostgreSQL does, just when the record is to be written."""
        if not cut and bodies(box, "+84912000010"):
            cut.append(True)
            with world.engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

    sender = create_engine(world.engine.url)
    event.listen(sender, "before_cursor_execute", cut_every_connection)
    dispatched = replace(dispatcher, engine=sender, pause=lambda seconds: None).drain("sms-main", Lane.BULK)
    sender.dispose()
    assert cut
    assert dispatched.sent == 1
    assert world.states() == [("An", "sms", "accepted", None)]
    assert len(bodies(box, "+84912000010")) == 1
