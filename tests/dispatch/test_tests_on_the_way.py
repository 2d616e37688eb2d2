"""A test on the way all deliveries take: found again after a crash, refused by its link, judged by the claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from channels.contract import Lease
from outreach.dispatch.accounts_file import Accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import Composer, Ready, letter_of
from outreach.dispatch.recovery import Recovered, Recovery
from outreach.domain.context import CampaignView
from outreach.domain.errors import OutreachError
from outreach.domain.sample_recipient import sample_recipient
from outreach.domain.states import Reason
from outreach.domain.template_source import inline_template
from outreach.domain.words import Channel, Lane, RecipientKind
from outreach.planning.trying import MARK, Sent, Test, alone, send_test
from outreach.receipts import refusal
from outreach.store import claims, suppressions, test_sends, trial
from outreach.store.versions import read_version
from tests.dispatch.test_recovery import a_dead_process
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

PUBLIC = "http://127.0.0.1:9"
PHONE = "+84912100071"
TEXT = "Kinh chao {{ contact.full_name }} {{ links.join }} Tu choi: {{ links.unsubscribe }}"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--fail-share", "0") as running:
        yield running


@pytest.fixture
def loop(accounts: Accounts) -> Iterator[SendingLoop]:
    loop = SendingLoop(accounts.makers)
    yield loop
    loop.close()


@pytest.fixture
def dispatcher(world: World, accounts: Accounts, loop: SendingLoop, redis_url: str) -> Dispatcher:
    return child_of(world, accounts.known, loop, redis_url, owner=a_dead_process())


def planned_test(world: World, accounts: Accounts, address: str = PHONE, *, trial: bool = False) -> Sent:
    source = inline_template("thu", {"sms": TEXT})
    account = accounts.known["sms-main"]
    test = Test(
        account=replace(account, trial=trial), channel=Channel.SMS, address=address,
        definition=alone("thu", Channel.SMS, CampaignView("Thử", "UBND xã"), world.clock.now().date()), message="thu",
        source=source, who=sample_recipient(source), what="thu", mark=MARK,
    )  # fmt: skip
    return send_test(world.engine, world.keys, world.clock, test, who="an@x.vn", per_hour=20)


def standing(world: World, sent: Sent) -> tuple[str, str | None]:
    with world.engine.connect() as connection:
        found = test_sends.standing(connection, sent.run, sent.delivery)
    return found.state, found.reason


def lost_claim(world: World, dispatcher: Dispatcher) -> tuple[claims.Claimed, claims.OpenRun]:
    now = world.clock.now()
    with world.engine.begin() as connection:
        [run] = claims.open_runs(connection, account="sms-main", lane=Lane.REPLY, now=now)
        [claimed], _ = claims.claim(
            connection, account="sms-main", lane=Lane.REPLY, run_ids=[run.id], limit=1, child=dispatcher.child,
            lease_s=60.0, now=now, trial=False,
        )  # fmt: skip
        connection.execute(text("UPDATE deliveries SET lease_until = lease_until - interval '61 s'"))
    return claimed, run


def test_it_leaves_marked_and_invites_nobody(
    world: World, accounts: Accounts, dispatcher: Dispatcher, box: Sandbox
) -> None:
    world.person("An", phone="+84912100099")
    sent = planned_test(world, accounts)
    assert dispatcher.drain("sms-main", Lane.REPLY).sent == 1
    assert standing(world, sent) == ("accepted", None)
    body = box.accepted()[-1].body
    assert "[TH" in body[:4]
    token = body.split("/j/")[1].split()[0]
    invitation = world.keys.read_invitation(token)
    assert invitation is not None
    assert invitation.contact == 0
    assert world.counts_agree()


def test_what_the_provider_has_of_a_lost_test_is_accepted(
    world: World, accounts: Accounts, dispatcher: Dispatcher, loop: SendingLoop, box: Sandbox
) -> None:
    sent = planned_test(world, accounts, "+84912100072")
    claimed, run = lost_claim(world, dispatcher)
    assert (claimed.recipient_kind, claimed.mark) == (RecipientKind.TEST, MARK)
    send_as_the_lost_one_did(world, dispatcher, claimed, run)
    recovery = Recovery(world.engine, loop, accounts.known, world.keys, world.clock, lease_s=60.0, public_url=PUBLIC)
    assert recovery.settle_lost() == Recovered(accepted=1)
    assert standing(world, sent)[0] == "accepted"
    assert [entry.to for entry in box.accepted()].count("+84912100072") == 1


def send_as_the_lost_one_did(
    world: World, dispatcher: Dispatcher, claimed: claims.Claimed, run: claims.OpenRun
) -> None:
    adapter = dispatcher.loop.submit(dispatcher.loop.adapter("sms-main")).result(10)
    with world.engine.connect() as connection:
        frozen = read_version(connection, run.campaign, run.version, run.shift_days)
    composer = Composer(dispatcher.accounts["sms-main"], world.keys, PUBLIC)
    letter = letter_of(frozen, run.message, run.message_class, claimed.channel, world.clock.now())
    made = composer.make(claimed, letter, adapter, Lease.lasting(30))
    assert isinstance(made, Ready)
    dispatcher.loop.submit(adapter.send(made.outgoing)).result(10)


def test_a_lost_test_that_never_left_is_sent_again(
    world: World, accounts: Accounts, dispatcher: Dispatcher, loop: SendingLoop, box: Sandbox
) -> None:
    sent = planned_test(world, accounts, "+84912100073")
    lost_claim(world, dispatcher)
    recovery = Recovery(world.engine, loop, accounts.known, world.keys, world.clock, lease_s=60.0, public_url=PUBLIC)
    assert recovery.settle_lost() == Recovered(planned=1)
    assert dispatcher.drain("sms-main", Lane.REPLY).sent == 1
    assert standing(world, sent)[0] == "accepted"
    assert [entry.to for entry in box.accepted()].count("+84912100073") == 1


def test_refusing_by_the_link_of_a_test_bars_the_testers_own_address(
    world: World, accounts: Accounts, dispatcher: Dispatcher
) -> None:
    world.person("An", phone="+84912100098")
    sent = planned_test(world, accounts, "+84912100074")
    dispatcher.drain("sms-main", Lane.REPLY)
    seen = refusal.refuse(world.engine, world.keys, world.keys.token(sent.run, sent.delivery))
    assert seen is not None
    assert seen.campaign_title == test_sends.TITLE
    with pytest.raises(OutreachError, match="barred on sms"):
        planned_test(world, accounts, "+84912100074")
    planned_test(world, accounts, "+84912100098")


def test_a_refusal_that_comes_after_the_planning_is_kept_at_the_claim(
    world: World, accounts: Accounts, dispatcher: Dispatcher, box: Sandbox
) -> None:
    first, second = (planned_test(world, accounts, "+84912100075") for _ in range(2))
    with world.engine.begin() as connection:
        suppressions.suppress(
            connection, world.keys.fingerprints("+84912100075"), channel="sms", reason=Reason.OPTED_OUT, source="t"
        )
    assert dispatcher.drain("sms-main", Lane.REPLY).refused == 2
    assert [standing(world, one) for one in (first, second)] == [("suppressed", "opted_out")] * 2
    assert [entry for entry in box.accepted() if entry.to == "+84912100075"] == []


def test_a_test_nobody_sent_in_time_expires(world: World, accounts: Accounts, dispatcher: Dispatcher) -> None:
    sent = planned_test(world, accounts)
    world.later(minutes=11)
    assert dispatcher.drain("sms-main", Lane.REPLY).sent == 0
    assert standing(world, sent) == ("expired", "late")
    assert world.counts_agree()


def test_an_account_in_trial_mode_is_tried_with_its_list_alone(world: World, accounts: Accounts) -> None:
    with pytest.raises(OutreachError, match="trial mode"):
        planned_test(world, accounts, trial=True)
    with world.engine.begin() as connection:
        trial.add(
            connection, world.keys.fingerprints(PHONE), channel="sms", value=world.keys.seal(PHONE), label="", who="t",
            at=world.clock.now(),
        )  # fmt: skip
    planned_test(world, accounts, trial=True)
