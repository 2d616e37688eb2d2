"""Telegram and eSMS on the whole way: claimed, sent through the true adapters, recovered, called back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from channels.contract import Content, Inbound, Lease, Outgoing
from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.confirming import Confirming
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.recovery import Recovered, Recovery
from outreach.domain.accounts import Account
from outreach.domain.confirmation import TEXTS
from outreach.domain.words import Channel, Lane
from outreach.local.sandbox import Entry
from outreach.receipts.receiver import Receiver
from outreach.receipts.webhook import Callback, Verdict, take
from outreach.store import accounts as account_store
from outreach.store import claims
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

PUBLIC = "https://tin.example.vn"
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {telegram: "Kính chào", sms: "Kinh chao"}
        channels: [telegram, sms]
        mode: all
        schedule: {at: launch}
"""
PHONE, CHAT = "+84912345678", "5550001234"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of each test's own: every database here begins with the same keys."""
    with sandbox(tmp_path / "sandbox", "--fail-share", "0") as running:
        yield running


@pytest.fixture
def accounts(box: Sandbox, tmp_path: Path) -> Accounts:
    file = tmp_path / "accounts.toml"
    file.write_text(f"""
[accounts.bot]
channel = "telegram"
provider = "telegram"
token = "1000000001:sandbox-telegram-bot-token-0000000000"
base_url = "{box.http}/telegram"

[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{box.http}/esms"
""")
    return load_accounts(file, timeout=2.0)


@pytest.fixture
def loop(accounts: Accounts) -> Iterator[SendingLoop]:
    loop = SendingLoop(accounts.makers)
    yield loop
    loop.close()


@pytest.fixture
def dispatcher(world: World, accounts: Accounts, loop: SendingLoop, redis_url: str) -> Dispatcher:
    return child_of(world, accounts.known, loop, redis_url, public_url=PUBLIC)


@pytest.fixture
def recovery(world: World, accounts: Accounts, loop: SendingLoop) -> Recovery:
    known = {name: at_any_hour(account) for name, account in accounts.known.items()}
    return Recovery(world.engine, loop, known, world.keys, world.clock, lease_s=60.0, public_url=PUBLIC)


def at_any_hour(account: Account) -> Account:
    """The account as it is on a day that does not end while the test runs."""
    return replace(account, deduplicates_within_day_of="")


def somebody(world: World, *, phone: str | None = None, chat: str | None = None) -> None:
    contact = world.person("An", phone=phone)
    if chat is not None:
        with world.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)"
                    " VALUES (:contact, 'telegram', 'bot', :fingerprint, 1, :value)"
                ),
                {
                    "contact": contact, "fingerprint": world.keys.fingerprint(chat), "value": world.keys.seal(chat),
                },
            )  # fmt: skip
    world.launch(CAMPAIGN)
    world.plan()


def told(box: Sandbox, to: str) -> list[Entry]:
    return [entry for entry in box.accepted() if entry.to == to]


def state(world: World, channel: str) -> tuple[str, str | None]:
    [row] = world.rows(f"d.channel = '{channel}'")
    return row.state, row.reason


def test_a_chat_is_written_to_once_and_counts_as_reached(world: World, dispatcher: Dispatcher, box: Sandbox) -> None:
    somebody(world, chat=CHAT)
    assert dispatcher.drain("bot", Lane.BULK).sent == 1
    assert dispatcher.drain("bot", Lane.BULK).sent == 0
    assert [entry.body for entry in told(box, CHAT)] == ["Kính chào"]
    assert state(world, "telegram") == ("accepted", None)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT channel FROM reached")).scalars().all() == ["telegram"]


def test_who_has_blocked_the_bot_is_not_written_to_again(world: World, dispatcher: Dispatcher) -> None:
    somebody(world, chat="999999999902")
    dispatcher.drain("bot", Lane.BULK)
    assert state(world, "telegram") == ("failed", "opted_out")
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT channel, reason FROM suppressions")).all() == [("telegram", "opted_out")]


def test_an_account_without_money_pauses_and_loses_nothing(world: World, dispatcher: Dispatcher) -> None:
    somebody(world, phone="+84999999918")
    dispatcher.drain("sms-esms", Lane.BULK)
    assert state(world, "sms") == ("planned", "misconfigured")
    assert world.rows("d.channel = 'sms'")[0].attempt == 0
    with world.engine.connect() as connection:
        assert "sms-esms" in account_store.paused(connection)


@pytest.mark.parametrize("taken", [True, False], ids=["which-esms-has", "which-never-left"])
def test_after_a_crash_an_sms_is_sent_again_and_arrives_once(
    world: World, dispatcher: Dispatcher, recovery: Recovery, box: Sandbox, taken: bool
) -> None:
    phone = f"+8491234567{taken:d}"
    somebody(world, phone=phone)
    claimed = lost_claim(world, dispatcher)
    if taken:
        send_as_the_lost_one_did(dispatcher, claimed, phone)
    assert recovery.settle_lost() == Recovered(planned=1)
    assert dispatcher.drain("sms-esms", Lane.BULK).sent == 1
    assert state(world, "sms") == ("accepted", None)
    assert len(told(box, phone)) == 1
    assert world.counts_agree()


def test_an_installation_whose_keys_another_one_has_used_today_loses_nothing(
    world: World, dispatcher: Dispatcher, box: Sandbox
) -> None:
    somebody(world, phone="+84912345672")
    [row] = world.rows("d.channel = 'sms'")
    key = Outgoing(f"{row.run_id}.{row.id}.0", "+84912345679", Content(body="Kinh chao"), Lease.lasting(30))
    send_before(dispatcher, key)
    dispatcher.drain("sms-esms", Lane.BULK)
    assert state(world, "sms") == ("unknown", "uncertain")
    assert told(box, "+84912345672") == []


def lost_claim(world: World, dispatcher: Dispatcher) -> claims.Claimed:
    """The one SMS, claimed by a worker that was never heard of again."""
    now = world.clock.now()
    with world.engine.begin() as connection:
        runs = [run.id for run in claims.open_runs(connection, account="sms-esms", lane=Lane.BULK, now=now)]
        [claimed], _ = claims.claim(
            connection, account="sms-esms", lane=Lane.BULK, run_ids=runs, limit=1, child=dispatcher.child,
            lease_s=60.0, now=now, trial=False,
        )  # fmt: skip
        connection.execute(text("UPDATE deliveries SET lease_until = lease_until - interval '61 s'"))
    return claimed


def send_as_the_lost_one_did(dispatcher: Dispatcher, claimed: claims.Claimed, phone: str) -> None:
    key = f"{claimed.run}.{claimed.delivery}.{claimed.generation}"
    send_before(dispatcher, Outgoing(key, phone, Content(channel="sms", body="Kinh chao"), Lease.lasting(30)))


def send_before(dispatcher: Dispatcher, outgoing: Outgoing) -> None:
    """Somebody sends this straight through the account's adapter."""

    async def send() -> None:
        await (await dispatcher.loop.adapter("sms-esms")).send(outgoing)

    dispatcher.loop.submit(send()).result(10)


def test_the_callback_esms_was_given_leads_to_its_delivery(
    world: World, dispatcher: Dispatcher, accounts: Accounts, box: Sandbox
) -> None:
    phone = "+84912345670"
    somebody(world, phone=phone)
    dispatcher.drain("sms-esms", Lane.BULK)
    adapters = {name: make() for name, make in accounts.makers.items()}
    receiver = Receiver(world.engine, adapters, accounts.known, world.keys, world.clock)
    given = told(box, phone)[-1].callback
    assert given.startswith(f"{PUBLIC}/webhooks/sms-esms?d=")

    def called(url: str) -> Verdict:
        return take(receiver, "sms-esms", Callback("GET", url, {}, urlsplit(url).query, b""))

    told_us = f"{given}&SMSID=s1&SendStatus=5&SendSuccess=1&SendFailed=0&RequestId=&phonenumber=0912345670"
    assert called(told_us.replace("&t=", "&t=0")) is Verdict.FORBIDDEN
    assert state(world, "sms") == ("accepted", None)
    assert called(told_us) is Verdict.TAKEN
    assert called(told_us) is Verdict.TAKEN
    assert state(world, "sms") == ("delivered", None)
    assert world.counts_agree()


def test_a_refusal_in_a_chat_is_confirmed_there_and_nothing_else_is_sent(
    world: World, dispatcher: Dispatcher, accounts: Accounts, box: Sandbox
) -> None:
    somebody(world, chat=CHAT)
    receiver = Receiver(world.engine, {}, accounts.known, world.keys, world.clock)
    for n in range(2):
        receiver.take("bot", [Inbound(f"update:{n}", world.clock.now(), sender=CHAT, text="Từ chối ạ")])
    confirming = Confirming(
        world.engine, dispatcher.buckets, dispatcher.loop, accounts.known, world.keys, world.clock, dispatcher.child,
        60.0,
    )  # fmt: skip
    assert [confirming.work(), confirming.work()] == [1, 0]
    dispatcher.drain("bot", Lane.BULK)
    assert [entry.body for entry in told(box, CHAT)] == [TEXTS[Channel.TELEGRAM]]
    assert state(world, "telegram") == ("suppressed", "opted_out")


def test_an_account_knows_how_long_its_provider_drops_repetitions(accounts: Accounts) -> None:
    account = accounts.known["sms-esms"]
    assert (account.deduplicates_for, account.deduplicates_within_day_of) == (86_400, "Asia/Ho_Chi_Minh")


def test_a_bot_without_a_rate_of_its_own_stays_below_telegrams(accounts: Accounts) -> None:
    assert accounts.known["bot"].rate <= 30
