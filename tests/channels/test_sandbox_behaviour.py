"""What holds for every provider of the sandbox: chance by hash, limits, lost receipts, one log for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import run
from aiohttp import encode_basic_auth
from sandbox_client import CHAT, PHONE, USER, Client, Listener, client, first_phone, listened

from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import (
    MAGIC_CHAT,
    MAGIC_PREFIX,
    MAGIC_USER,
    Fate,
    chat_fate,
    esms_fate,
    fate,
    user_fate,
    zns_fate,
)
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.credentials import TelegramBot
from outreach.local.sandbox.faults import Faults

PEOPLE = 20_000
BY_PHONE = [f"+8491{n:07d}" for n in range(PEOPLE)]


@pytest.mark.parametrize(
    ("decide", "failing", "addresses"),
    [
        (fate, Fate.FAILED, BY_PHONE),
        (esms_fate, Fate.FAILED, BY_PHONE),
        (zns_fate, Fate.FAILED, BY_PHONE),
        (user_fate, Fate.WINDOW, [str(int(USER) + n) for n in range(PEOPLE)]),
        (chat_fate, Fate.OPTED_OUT, [str(int(CHAT) + n) for n in range(PEOPLE)]),
    ],
)
def test_the_share_of_failures_is_kept_in_each_providers_way(
    decide: Callable[[str, float], Fate], failing: Fate, addresses: list[str]
) -> None:
    found = [decide(address, 0.1) for address in addresses]
    assert 0.09 < found.count(failing) / PEOPLE < 0.11
    assert found.count(failing) + found.count(Fate.DELIVERED) == PEOPLE
    assert found == [decide(address, 0.1) for address in addresses]


def test_a_number_fails_with_both_gateways_but_who_has_no_zalo_may_have_sms() -> None:
    sms = {one for one in BY_PHONE if fate(one, 0.1) is Fate.FAILED}
    assert sms == {one for one in BY_PHONE if esms_fate(one, 0.1) is Fate.FAILED}
    zns = {one for one in BY_PHONE if zns_fate(one, 0.1) is Fate.FAILED}
    assert len(zns & sms) < len(zns) / 5


@pytest.mark.parametrize(
    ("decide", "magic"),
    [(fate, MAGIC_PREFIX), (esms_fate, MAGIC_PREFIX), (zns_fate, MAGIC_PREFIX), (user_fate, MAGIC_USER),
     (chat_fate, MAGIC_CHAT)],
)  # fmt: skip
def test_a_test_address_that_is_not_listed_never_fails(decide: Callable[[str, float], Fate], magic: str) -> None:
    assert decide(magic + "99", 1.0) is Fate.DELIVERED


async def everything(one: Client) -> list[tuple[str, Any]]:
    """A message by each HTTP provider: what it answered, in its own words."""
    form = {"To": f"+{PHONE}", "From": "+1", "Body": "Chào"}
    token = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    async with one.session.post(one.base + token, data=form, headers=TWILIO) as answer:
        twilio = answer.status
    return [
        ("twilio", twilio),
        ("zalo_oa", (await one.consult())["error"]),
        ("zalo_zns", (await one.notify())["error"]),
        ("telegram", (await one.bot("sendMessage", chat_id=CHAT, text="Chào"))[0]),
        ("esms", (await one.sms()).get("CodeResult", 429)),
    ]


TWILIO = {"Authorization": encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
TAKEN = [("twilio", 201), ("zalo_oa", 0), ("zalo_zns", 0), ("telegram", 200), ("esms", "100")]


def test_one_log_has_the_messages_of_all_with_their_channel_and_provider(tmp_path: Path) -> None:
    async def story() -> tuple[list[tuple[str, Any]], dict[str, Any]]:
        async with client(tmp_path) as one:
            await one.renew()
            return await everything(one), json.loads(await one.page("/healthz"))

    answers, health = run(story())
    assert answers == TAKEN
    assert [(entry.provider, entry.channel) for entry in read_log(tmp_path)] == [
        ("twilio", "sms"), ("zalo", "zalo_oa"), ("zalo", "zalo_zns"), ("telegram", "telegram"), ("esms", "sms"),
    ]  # fmt: skip
    assert health["by_channel"] == {"sms": 2, "zalo_oa": 1, "zalo_zns": 1, "telegram": 1}


def test_a_limit_of_messages_holds_for_each_provider_by_itself(tmp_path: Path) -> None:
    unlimited = TelegramBot(per_s=0, per_chat_s=0)

    async def story() -> list[list[tuple[str, Any]]]:
        async with client(tmp_path, throttle_per_s=1, telegram=unlimited) as one:
            await one.renew()
            return [await everything(one) for _ in range(8)]

    rounds = run(story())
    refused = {"twilio": 429, "zalo_oa": -32, "zalo_zns": -32, "telegram": 429}
    for name, answer in refused.items():
        assert (name, answer) in [pair for answers in rounds for pair in answers]
    assert {entry.provider for entry in read_log(tmp_path) if entry.outcome is Outcome.THROTTLED} >= {
        "twilio", "zalo", "telegram",
    }  # fmt: skip


def test_a_lost_receipt_never_comes(tmp_path: Path) -> None:
    async def story() -> list[str]:
        listener = Listener()
        async with listened(tmp_path, listener, "zalo", faults=Faults(lost_receipts=1)) as one:
            await one.renew()
            await one.notify()
            await one.consult()
            await one.post("/citizen/zalo", {"user_id": USER, "event": "follow"})
            return [told.document["event_name"] for told in await listener.until(1)]

    assert run(story()) == ["follow"]


def test_the_first_page_can_show_one_channel_alone(tmp_path: Path) -> None:
    async def story() -> tuple[str, str]:
        async with client(tmp_path) as one:
            await one.renew()
            await everything(one)
            return await one.page("/"), await one.page("/?channel=telegram")

    everybody, telegram = run(story())
    assert "SMS: 2" in everybody
    assert all(address in everybody for address in (USER, CHAT, f"+{PHONE}"))
    assert CHAT in telegram
    assert USER not in telegram


def test_a_phone_shows_what_came_by_sms_and_by_zalo_to_one_number(tmp_path: Path) -> None:
    async def story() -> str:
        async with client(tmp_path) as one:
            await one.renew()
            await one.sms()
            await one.notify()
            listed = await one.page("/")
            assert listed.count('href="/phone/') == 1
            return await one.page(first_phone(listed))

    phone = run(story())
    assert "SMS · từ HANHCHINH" in phone
    assert "Zalo ZNS" in phone
    assert "H26.18-251120-0042" in phone
