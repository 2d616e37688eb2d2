"""Runs that never end, recovery that one row stops, what recovery forgets."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from channels.contract import Accepted, Content, Lease, Outgoing, Receipt, ReceiptState, WebhookRequest
from outreach.dispatch.accounts_file import Accounts
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.recovery import Recovery
from outreach.domain.states import DeliveryState, Reason
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.receipts.receiver import Receiver
from outreach.store import deliveries, suppressions
from outreach.store.clock import DatabaseClock
from outreach.store.deliveries import Change
from tests.dispatch import test_recovery as tr
from tests.dispatch.conftest import accounts, box  # noqa: F401
from tests.dispatch.test_recovery import recovery  # noqa: F401
from tests.faults.test_runs_stuck import campaign, claim, execute
from tests.faults.test_shared_addresses_changed import SMS_ONLY
from tests.processes import Sandbox
from tests.world import SMS, World


def test_a_run_of_one_channel_ends_though_somebody_opted_out_before_the_claim(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    with world.engine.begin() as connection:
        suppressions.suppress(
            connection, world.keys.fingerprints("+84912000001"), channel="sms", reason=Reason.OPTED_OUT, source="test"
        )
    claim(world)
    assert world.states() == [("An", "sms", "suppressed", "opted_out")]
    world.later(days=10)
    cascade_due(world.engine, world.accounts, world.clock)
    actions.finish_ended(world.engine, world.clock)
    assert world.runs()[0].state == "done"


class Failing:
    async def ask(self, outgoing: Outgoing) -> Accepted | None:
        raise RuntimeError("a bug of an adapter")

    async def aclose(self) -> None: ...


def test_an_adapter_that_fails_when_asked_does_not_stop_the_recovery_of_other_accounts(world: World) -> None:
    world.accounts = {"sms-main": replace(SMS, can_ask=True), "mail": replace(world.accounts["mail"])}
    world.person("An", phone="+84912000001")
    world.person("Bình", email="b@example.vn")
    world.launch(SMS_ONLY.replace("CLASS", "service_notice"))
    world.plan()
    claim(world)
    claim(world, "mail")
    loop = SendingLoop({"sms-main": Failing, "mail": Failing})  # type: ignore[dict-item]
    recovery = Recovery(world.engine, loop, world.accounts, world.keys, world.clock, lease_s=0.0, public_url="http://x")
    with contextlib.suppress(RuntimeError):
        recovery.settle_lost()
    loop.close()
    assert ("Bình", "email", "unknown", "lease_lost") in world.states()


def test_what_was_sent_is_not_sent_again_because_the_name_was_corrected_since(
    world: World,
    recovery: Recovery,
    accounts: Accounts,
    box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tr, "CAMPAIGN", tr.CAMPAIGN.replace("Kinh chao.", "Kinh chao {{ contact.full_name }}."))
    world.person("An", phone="+84912000077")
    claimed = tr.strand(world, tr.a_dead_process())
    links = world.keys.token(claimed.run, claimed.delivery)
    body = f"Kinh chao An. Tu choi: {tr.PUBLIC}/u/{links}"

    async def send() -> Accepted:
        adapter = await recovery.loop.adapter("sms-main")
        return await adapter.send(
            Outgoing(f"{claimed.run}.{claimed.delivery}.0", "+84912000077", Content(body=body), Lease.lasting(30))
        )

    recovery.loop.submit(send()).result()
    execute(world, "UPDATE contacts SET full_name = 'Lan'")
    recovery.settle_lost()
    assert world.rows("d.channel = 'sms'")[0].state != "planned"


class Told:
    """An adapter whose provider does not give our key back."""

    events: ClassVar[list[Any]] = []

    def verify(self, request: WebhookRequest) -> None: ...

    def parse(self, request: WebhookRequest) -> list[Any]:
        return self.events


def test_a_refusal_told_before_the_record_still_bars_the_address(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(campaign("thu"))
    world.plan()
    [sent] = claim(world)
    adapter = Told()
    adapter.events = [Receipt("e1", world.clock.now(), provider_id="P1", state=ReceiptState.FAILED, opted_out=True)]
    receiver = Receiver(world.engine, {"sms-main": adapter}, world.accounts, world.keys, world.clock)  # type: ignore
    receiver.receive("sms-main", None)  # type: ignore[arg-type]
    with world.engine.begin() as connection:
        deliveries.advance(
            connection,
            [Change(sent.run, sent.delivery, DeliveryState.ACCEPTED, provider_id="P1")],
            now=world.clock.now(),
        )
    assert receiver.replay() == 1
    with world.engine.connect() as connection:
        assert suppressions.is_suppressed(
            connection, world.keys.fingerprints("+84912000001"), channel="sms", message_class="service_notice"
        )


def test_after_a_suspended_night_the_clock_tells_the_morning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from outreach.store import clock as module

    ticking = DatabaseClock(world.engine)
    before = ticking.now()
    # The machine sleeps: CLOCK_MONOTONIC stands still, the database's host goes on by eight hours.
    monkeypatch.setattr(DatabaseClock, "_ask", lambda self: setattr(self, "_base", before + timedelta(hours=8)))
    boot = __import__("time").clock_gettime(__import__("time").CLOCK_BOOTTIME)
    monkeypatch.setattr(module.time, "clock_gettime", lambda which: boot + 8 * 3600, raising=False)
    assert ticking.now() - before > timedelta(hours=7)


def test_everyone_whose_sms_fails_gets_the_email_whatever_the_order_of_commits(world: World) -> None:
    people = 1500
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO contacts (source, external_id, identity, full_name, search_key, sort_key,"
                " birth_date, sex, unit_code, kind) SELECT 'main', g::text, decode(md5(g::text), 'hex'), g::text, 'n',"
                " 'n', '1980-01-01', 'male', '00454', 'person' FROM generate_series(1, :n) g"
            ),
            {"n": people},
        )
        for channel in ("sms", "email"):
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                    " SELECT id, CAST(:c AS text), decode(md5(CAST(:c AS text) || id), 'hex'), 1, '\\x00' FROM contacts"
                ),
                {"c": channel},
            )
    world.launch(SMS_ONLY.replace("CLASS", "service_notice"))
    world.plan()
    ids = [(row.run_id, row.id) for row in world.rows("d.channel = 'sms'")]
    clock = DatabaseClock(world.engine, shift=timedelta(days=3))
    clock.now()

    def fail(mine: list[tuple[int, int]]) -> None:
        for n in range(0, len(mine), 10):
            for state in (DeliveryState.SENDING, DeliveryState.FAILED):
                with world.engine.begin() as connection:
                    deliveries.advance(connection, [Change(*one, state) for one in mine[n : n + 10]], now=clock.now())
                    connection.execute(text("SELECT pg_sleep(0.01)"))  # a commit that waits for its disk or its network

    threads = [threading.Thread(target=fail, args=(ids[k::3],)) for k in range(3)]
    for one in threads:
        one.start()
    while any(one.is_alive() for one in threads):
        with world.engine.connect() as c:
            f = c.execute(text("select count(*), count(cascade_at) from deliveries where state='failed'")).one()
        print(tuple(f), cascade_due(world.engine, world.accounts, clock), flush=True)
    cascade_due(world.engine, world.accounts, clock)
    cascade_due(world.engine, world.accounts, clock)
    with world.engine.connect() as connection:
        handed = connection.execute(text("SELECT count(*) FROM deliveries WHERE channel = 'email'")).scalar_one()
    print(handed)
    assert handed == people
