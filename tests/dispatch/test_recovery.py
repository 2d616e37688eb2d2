"""What becomes of deliveries whose sender fell silent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import psutil
import pytest
from sqlalchemy import text

from channels.contract import Content, Lease, Outgoing
from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.child import Child, myself, proven_dead
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.recovery import Recovered, Recovery
from outreach.domain.retries import MOST_ATTEMPTS
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Lane
from outreach.store import claims, deliveries
from outreach.store.deliveries import Change
from tests.processes import Sandbox, accounts_toml
from tests.world import World

PUBLIC = "http://127.0.0.1:9"
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text:
          sms: "Kinh chao {{ links.join }} Tu choi: {{ links.unsubscribe }}"
          email: {subject: "Chào", body: "Kính chào"}
        channels: [sms, email]
        mode: all
        schedule: {at: launch}
"""


@pytest.fixture
def recovery(world: World, accounts: Accounts) -> Iterator[Recovery]:
    loop = SendingLoop(accounts.makers)
    world.accounts = dict(accounts.known)
    yield Recovery(world.engine, loop, accounts.known, world.keys, world.clock, lease_s=60.0, public_url=PUBLIC)
    loop.close()


def a_dead_process() -> Child:
    """Somebody who lived on this host and does not any more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    return Child(myself().host, myself().boot, process.pid, round(started, 2))


def strand(world: World, owner: Child, account: str = "sms-main") -> claims.Claimed:
    """A delivery claimed by `owner`, whose lease has run out."""
    world.launch(CAMPAIGN)
    world.plan()
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host=owner.host, boot=owner.boot, pid=owner.pid, started=owner.started)
        runs = [run.id for run in claims.open_runs(connection, account=account, lane=Lane.BULK, now=world.clock.now())]
        [claimed], _ = claims.claim(
            connection, account=account, lane=Lane.BULK, run_ids=runs, limit=1, child=child, lease_s=60.0,
            now=world.clock.now(), trial=False,
        )  # fmt: skip
        connection.execute(
            text("UPDATE deliveries SET lease_until = lease_until - interval '61 s' WHERE state = 'sending'")
        )
    return claimed


def send_as_the_lost_one_did(recovery: Recovery, claimed: claims.Claimed, to: str) -> None:
    token = recovery.keys.token(claimed.run, claimed.delivery)
    day = recovery.clock.now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date()
    join = recovery.keys.invitation(claimed.recipient_id, day)
    body = f"Kinh chao {PUBLIC}/j/{join} Tu choi: {PUBLIC}/u/{token}"
    outgoing = Outgoing(
        key=f"{claimed.run}.{claimed.delivery}.{claimed.generation}", to=to, content=Content(body=body),
        lease=Lease.lasting(30), callback_url="http://127.0.0.1:9/webhooks/sms-main?d=1.1.0",
    )  # fmt: skip

    async def send() -> None:
        await (await recovery.loop.adapter("sms-main")).send(outgoing)

    recovery.loop.submit(send()).result(10)


def sms_state(world: World) -> tuple[str, str | None]:
    [row] = world.rows("d.channel = 'sms'")
    return row.state, row.reason


def test_what_the_provider_has_is_accepted(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100001")
    claimed = strand(world, a_dead_process())
    send_as_the_lost_one_did(recovery, claimed, "+84912100001")
    assert recovery.settle_lost() == Recovered(accepted=1)
    assert sms_state(world)[0] == "accepted"
    assert world.counts_agree()


def test_what_the_provider_never_saw_of_a_dead_sender_is_sent_again(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100002")
    strand(world, a_dead_process())
    assert recovery.settle_lost() == Recovered(planned=1)
    assert sms_state(world) == ("planned", "lease_lost")


def test_while_the_sender_may_still_live_it_is_unknown(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100003")
    strand(world, myself())
    assert recovery.settle_lost() == Recovered(unknown=1)
    assert sms_state(world) == ("unknown", "lease_lost")


def test_a_sender_on_another_host_is_never_proven_dead(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100004")
    strand(world, replace(a_dead_process(), host="elsewhere", boot="another"))
    assert recovery.settle_lost() == Recovered(unknown=1)


def said(world: World, claimed: claims.Claimed, state: DeliveryState, reason: Reason | None = None) -> None:
    """The word of the delivery's own sender."""
    with world.engine.begin() as connection:
        child = connection.execute(text("SELECT max(id) FROM children")).scalar_one()
        word = Change(
            claimed.run, claimed.delivery, state, reason=str(reason or ""), child=child, attempt=claimed.attempt
        )
        deliveries.advance(connection, [word], now=world.clock.now())


def test_what_recovery_called_unknown_is_planned_when_its_sender_wakes_and_says_that_it_sent_nothing(
    world: World, recovery: Recovery
) -> None:
    world.person("An", phone="+84912100011")
    claimed = strand(world, myself())
    recovery.settle_lost()
    said(world, claimed, DeliveryState.PLANNED, Reason.LEASE_LOST)
    assert sms_state(world) == ("planned", "lease_lost")
    assert world.counts_agree()


def test_the_word_of_another_attempt_leaves_it_unknown(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100012")
    claimed = strand(world, myself())
    recovery.settle_lost()
    said(world, claimed._replace(attempt=claimed.attempt + 1), DeliveryState.PLANNED)
    assert sms_state(world) == ("unknown", "lease_lost")


def test_what_got_no_answer_and_never_came_is_sent_again_by_the_provider_s_word(
    world: World, recovery: Recovery
) -> None:
    world.person("An", phone="+84912100013")
    claimed = strand(world, replace(myself(), host="elsewhere", boot="another"))
    said(world, claimed, DeliveryState.UNKNOWN, Reason.UNCERTAIN)
    assert recovery.ask_unknown() == Recovered(planned=1)
    assert sms_state(world)[0] == "planned"
    assert world.counts_agree()


def test_what_got_no_answer_is_not_sent_again_before_its_lease_is_over(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100014")
    claimed = strand(world, myself())
    said(world, claimed, DeliveryState.UNKNOWN, Reason.UNCERTAIN)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET lease_until = now() + interval '5 s' WHERE state = 'unknown'"))
    assert recovery.ask_unknown() == Recovered()


def test_what_is_tried_often_enough_stays_unknown(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100015")
    claimed = strand(world, myself())
    said(world, claimed, DeliveryState.UNKNOWN, Reason.UNCERTAIN)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET attempt = :n WHERE state = 'unknown'"), {"n": MOST_ATTEMPTS})
    assert recovery.ask_unknown() == Recovered()


def test_an_unknown_one_is_sent_again_once_its_sender_is_proven_dead(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100016")
    strand(world, myself())
    recovery.settle_lost()
    dead = a_dead_process()
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE children SET pid = :pid, started = :started"), {"pid": dead.pid, "started": dead.started}
        )
    assert recovery.ask_unknown() == Recovered(planned=1)


def test_an_unknown_one_is_settled_when_the_provider_turns_out_to_have_it(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100005")
    claimed = strand(world, myself())
    recovery.settle_lost()
    send_as_the_lost_one_did(recovery, claimed, "+84912100005")
    assert recovery.ask_unknown() == Recovered(accepted=1)


def test_an_email_of_a_lost_sender_is_unknown_since_no_mail_server_can_be_asked(
    world: World, recovery: Recovery
) -> None:
    world.person("An", email="an@example.vn")
    strand(world, a_dead_process(), account="mail")
    assert recovery.settle_lost() == Recovered(unknown=1)


def test_a_provider_that_cannot_be_asked_now_is_asked_later(world: World, recovery: Recovery, box: Sandbox) -> None:
    world.person("An", phone="+84912100006")
    strand(world, a_dead_process())
    nowhere = accounts_toml(box).replace(box.http, "http://127.0.0.1:9")
    file = box.data / "nowhere.toml"
    file.write_text(nowhere)
    loop = SendingLoop(load_accounts(file, timeout=1.0).makers)
    assert replace(recovery, loop=loop).settle_lost() == Recovered()
    loop.close()
    assert sms_state(world)[0] == "sending"


def test_a_lease_that_still_runs_is_left_alone(world: World, recovery: Recovery) -> None:
    world.person("An", phone="+84912100007")
    strand(world, a_dead_process())
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET lease_until = now() + interval '1 h' WHERE state = 'sending'"))
    assert recovery.settle_lost() == Recovered()


def test_this_process_is_not_dead_and_a_reused_pid_is_another_process() -> None:
    assert not proven_dead(myself())
    assert proven_dead(replace(myself(), started=myself().started - 100))


def test_another_run_of_this_very_machine_proves_it() -> None:
    told_apart = all(myself().host.split("/"))
    assert proven_dead(replace(myself(), boot="another boot")) is told_apart


def test_a_machine_of_the_same_name_proves_nothing() -> None:
    name = myself().host.split("/")[0]
    for host in (f"{name}//", f"{name}/{'0' * 12}/", f"{name}/{'0' * 12}/02:00:00:00:00:01"):
        assert not proven_dead(Child(host, "another boot", 1, 0.0))


def test_another_container_of_this_run_proves_nothing() -> None:
    boot = myself().boot.split("/")[0]
    assert not proven_dead(replace(myself(), boot=f"{boot}/pid:[1]", pid=999_999))


def test_a_dead_process_is_proven_dead_whatever_its_host_was_called() -> None:
    assert proven_dead(replace(a_dead_process(), host="renamed//"))
