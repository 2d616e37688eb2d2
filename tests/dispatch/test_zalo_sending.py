"""Zalo from the planned delivery to the receipt, through the true adapter and vault, with the sandbox as Zalo."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from channels.contract import Content, Lease, Outgoing, Receipt, ReceiptState, WebhookRequest
from channels.zalo import Zalo
from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import Vaults
from outreach.domain.definition import read_definition
from outreach.domain.template_source import TemplateSource
from outreach.domain.words import Lane
from outreach.local.sandbox import read_log
from outreach.local.sandbox.credentials import ZaloApp
from outreach.planning import actions
from outreach.store import accounts as accounts_store
from tests.channels.zalo_server import serving
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

APP = ZaloApp()
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {zalo_oa: "Kính chào ông/bà", sms: "Kinh chao ong/ba"}
        channels: [zalo_oa, sms]
        not_after: 3d
        schedule: {at: launch}
"""


@dataclass
class Listener:
    """Where Zalo's events arrive."""

    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    called: threading.Event = field(default_factory=threading.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, await request.read()))
        self.called.set()
        return web.Response()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def box(tmp_path: Path, listener: Listener) -> Iterator[Sandbox]:
    with (
        serving(listener) as port,
        sandbox(tmp_path / "sandbox", "--webhook", f"zalo=http://127.0.0.1:{port}/webhooks/zalo") as running,
    ):
        yield running


@pytest.fixture
def accounts(box: Sandbox, tmp_path: Path) -> Accounts:
    file = tmp_path / "accounts.toml"
    here = f"{box.http}/zalo"
    file.write_text(
        f"""
        [accounts.zalo]
        channel = ["zalo_oa", "zalo_zns"]
        provider = "zalo"
        app_id = "{APP.app_id}"
        app_secret = "{APP.app_secret}"
        oa_id = "{APP.oa_id}"
        oa_secret = "{APP.oa_secret}"
        refresh_token = "{APP.refresh_token}"
        base_url = "{here}"
        business_url = "{here}"
        oauth_url = "{here}"
        rate = "1000/s"
        """
    )
    return load_accounts(file, timeout=2.0)


@pytest.fixture
def dispatcher(world: World, accounts: Accounts, redis_url: str) -> Iterator[Dispatcher]:
    loop = SendingLoop(accounts.makers, Vaults(world.engine, world.keys).open)
    others = world.accounts
    child = child_of(world, accounts.known, loop, redis_url)
    world.accounts = {**others, **accounts.known}
    yield child
    loop.close()


def user(world: World, name: str, number: str) -> None:
    """Somebody with a user id at the OA, and a phone."""
    contact = world.person(name, phone=f"+8491200{len(world.people):04d}")
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)"
                " VALUES (:contact, 'zalo_oa', 'zalo', :fingerprint, 1, :value)"
            ),
            {
                "contact": contact, "fingerprint": world.keys.fingerprint(number), "value": world.keys.seal(number),
            },
        )  # fmt: skip


def sent_by(dispatcher: Dispatcher, outgoing: Outgoing) -> str:
    adapter = dispatcher.loop.submit(dispatcher.loop.adapter("zalo")).result(10)
    return dispatcher.loop.submit(adapter.send(outgoing)).result(20).provider_id


def heard(accounts: Accounts, listener: Listener) -> list[Any]:
    """What the account's adapter makes of the first callback; it must be signed."""
    assert listener.called.wait(20)
    headers, body = listener.calls[0]
    adapter = accounts.makers["zalo"]()
    request = WebhookRequest("POST", "https://x.example/webhooks/zalo", headers, [], body)
    adapter.verify(request)
    return list(adapter.parse(request))


def test_what_is_due_reaches_the_user_and_the_receipt_comes_back(
    world: World, dispatcher: Dispatcher, box: Sandbox, accounts: Accounts, listener: Listener
) -> None:
    user(world, "An", "7766554433221100")
    world.launch(CAMPAIGN)
    world.plan()
    assert dispatcher.drain("zalo", Lane.BULK).sent == 1
    assert world.states() == [("An", "zalo_oa", "accepted", None)]
    assert [entry.body for entry in box.accepted()] == ["Kính chào ông/bà"]
    [row] = world.rows()
    [receipt] = heard(accounts, listener)
    assert isinstance(receipt, Receipt)
    assert (receipt.provider_id, receipt.state) == (row.provider_id, ReceiptState.DELIVERED)


def test_what_zalo_answers_decides_what_follows(world: World, dispatcher: Dispatcher) -> None:
    answers = {
        "01": ("failed", "rejected", "-213"),
        "05": ("unknown", "uncertain", None),
        "12": ("planned", "transient", "-100"),
        "14": ("failed", "window_closed", "-230"),
        "16": ("planned", "throttled", "-234"),
    }
    for ending in answers:
        user(world, ending, f"99999999999999999{ending}")
    world.launch(CAMPAIGN)
    world.plan()
    dispatcher.drain("zalo", Lane.BULK)
    rows = {row.name: row for row in world.rows()}
    assert {name: (row.state, row.reason, row.code) for name, row in rows.items()} == answers
    assert rows["16"].attempt == 0
    assert rows["16"].next_attempt_at > world.clock.now()
    assert rows["14"].cascade_at == world.clock.now()
    assert world.counts_agree()


def test_a_template_by_phone_is_found_again_by_its_receipt(
    dispatcher: Dispatcher, accounts: Accounts, listener: Listener
) -> None:
    parameters = {
        "ten": "ông Hùng", "ma_ho_so": "H1", "thu_tuc": "Hộ tịch", "tinh_trang": "đã xong", "ngay_hen": "24/11/2026",
    }  # fmt: skip
    content = Content(channel="zalo_zns", template_id="250002", parameters=parameters)
    number = sent_by(dispatcher, Outgoing("7.42.1", "+84912345678", content, Lease.lasting(30)))
    [receipt] = heard(accounts, listener)
    assert (receipt.key, receipt.provider_id, receipt.state) == ("7.42.1", number, ReceiptState.DELIVERED)


ZNS_CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: nhac
        segment: {kind: person}
        template: nhac
        channels: [zalo_zns, sms]
        not_after: 3d
        schedule: {at: launch}
"""
ZNS_TEMPLATE = """
template_id: "250002"
parameters:
  ten: "{{ contact.full_name }}"
  ma_ho_so: H1
  thu_tuc: Hộ tịch
  tinh_trang: đã xong
  ngay_hen: 24/11/2026
"""


def launch_by_template(world: World) -> None:
    loaded = read_definition(dedent(ZNS_CAMPAIGN).encode(), "test.yaml", segments={})
    assert loaded.definition is not None, loaded.errors
    source = TemplateSource("nhac", "nhac", {}, {"zalo_zns": {"vi": ZNS_TEMPLATE}, "sms": {"vi": "Kinh chao"}})
    actions.load(
        world.engine, loaded.definition, templates={"nhac": source}, segments={}, source_text=ZNS_CAMPAIGN, who="a"
    )
    actions.submit(world.engine, "thu", who="staff@demo.vn")
    world.approve("thu")
    actions.launch(
        world.engine, actions.prepare_launch(world.engine, "thu", world.clock, starting=None), world.clock, who="a"
    )


def test_values_longer_than_the_template_takes_stop_one_recipient_before_the_wire(
    world: World, dispatcher: Dispatcher, box: Sandbox
) -> None:
    longest = "Nguyễn " * 14  # the template takes 80 characters
    world.person("An", phone="+84912000001")
    world.person(longest.strip(), phone="+84912000002")
    launch_by_template(world)
    world.plan()
    dispatcher.drain("zalo", Lane.BULK)
    rows = {row.name: (row.state, row.reason, row.code) for row in world.rows()}
    assert rows["An"] == ("accepted", None, None)
    assert rows[longest.strip()] == ("failed", "content", "param_too_long")
    assert len(list(read_log(box.data))) == 1
    with world.engine.connect() as connection:
        assert accounts_store.paused(connection) == {}
    assert world.counts_agree()


def test_two_children_share_one_chain_of_tokens(dispatcher: Dispatcher, accounts: Accounts) -> None:
    """A pair is good for both; the configured token alone would be refused the second time."""
    other = SendingLoop(accounts.makers, Vaults(dispatcher.engine, dispatcher.keys).open)
    for loop in (dispatcher.loop, other):
        adapter = loop.submit(loop.adapter("zalo")).result(10)
        assert isinstance(adapter, Zalo)
        content = Content(channel="zalo_oa", body="Kính chào")
        outgoing = Outgoing("7.42.1", "7766554433221100", content, Lease.lasting(30))
        assert loop.submit(adapter.send(outgoing)).result(20).provider_id
    other.close()
