"""Every adapter against the sandbox over real HTTP and SMTP: what is taken, every known failure, every receipt.

The two sides were written from the providers' pages, not from one another: here they meet. The accounts are those
`outreach up --sandbox` writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import http_server, run
from aiohttp import ClientSession, web
from sandbox_client import DATA, TEMPLATE
from sandbox_harness import sandbox
from sms_gateway_servers import CALLBACK_TOKEN, sandbox_gateways

from channels.abilities import TokenHolder, Tokens
from channels.contract import (
    Accepted,
    Adapter,
    AddressChanged,
    Content,
    ErrorKind,
    Event,
    Inbound,
    Joined,
    Lease,
    Outgoing,
    Receipt,
    SendError,
    WebhookRequest,
)
from channels.registry import ADAPTERS
from outreach.dispatch.accounts_file import load_accounts
from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import (
    CHATS,
    ESMS_NUMBERS,
    NUMBERS,
    SPEEDSMS_NUMBERS,
    USERS,
    VNPT_NUMBERS,
    ZNS_NUMBERS,
    Fate,
)
from outreach.local.sandbox.credentials import TelegramBot, ZaloApp
from outreach.local.up import TELEGRAM, ZALO, SandboxPart, sandbox_accounts

KEY = "4.2.1"


@dataclass(frozen=True)
class Way:
    """One channel of one account; `good` is an ordinary recipient, `fates` are the known ones."""

    account: str
    channel: str
    good: str
    fates: dict[str, Fate] = field(default_factory=dict)


WAYS = {
    "twilio": Way("sms-sandbox", "sms", "+84912345678", dict(NUMBERS)),
    "esms": Way("sms-esms-sandbox", "sms", "+84912345678", dict(ESMS_NUMBERS)),
    "speedsms": Way("sms-speedsms-sandbox", "sms", "+84912345678", dict(SPEEDSMS_NUMBERS)),
    "vnpt": Way("sms-vnpt-sandbox", "sms", "+84912345678", dict(VNPT_NUMBERS)),
    "zalo_oa": Way(ZALO, "zalo_oa", "9500000000000000001", dict(USERS)),
    "zalo_zns": Way(ZALO, "zalo_zns", "+84912345678", dict(ZNS_NUMBERS)),
    "telegram": Way(TELEGRAM, "telegram", "4000000000000001", dict(CHATS)),
    "smtp": Way("email-sandbox", "email", "dan@thu.example"),
}


@dataclass
class Vault:
    """The tokens of one account, in memory."""

    tokens: Tokens

    async def current(self) -> Tokens:
        return self.tokens

    async def rotate(self, stale: Tokens, refresh: Callable[[Tokens], Awaitable[Tokens]]) -> Tokens:
        if self.tokens == stale:
            self.tokens = await refresh(stale)
        return self.tokens


@asynccontextmanager
async def adapter_of(way: Way, data: Path, **changes: Any) -> AsyncIterator[tuple[Adapter, str]]:
    """The adapter of a way as the accounts file makes it, and where its sandbox is."""
    async with sandbox(data / "sandbox", **changes) as ports:
        part = SandboxPart(data / "sandbox", ports.http_port, ports.smtp_port, imap_port=ports.imap_port)
        file = data / "accounts.toml"
        file.write_text(sandbox_accounts(part, rate=1000) + sandbox_gateways(part.url), encoding="utf-8")
        adapter = load_accounts(file, timeout=0.5).makers[way.account]()
        if isinstance(adapter, TokenHolder):
            adapter.use_vault(Vault(Tokens("", adapter.first_refresh_token, datetime.now(UTC) - timedelta(days=1))))
        try:
            yield adapter, part.url
        finally:
            await adapter.aclose()


def outgoing(way: Way, to: str = "", callback: str = "") -> Outgoing:
    body = "Kinh bao ong Hung" if "vnpt" in way.account else "Kính báo ông Hùng"  # diacritics: VinaPhone's numbers only
    content = Content(channel=way.channel, body=body, subject="Giấy hẹn", html="<p>Kính báo</p>")
    if way.channel == "zalo_zns":
        content = replace(content, template_id=TEMPLATE, parameters=DATA)
    return Outgoing(KEY, to or way.good, content, Lease.lasting(30), callback_url=callback)


async def tried(adapter: Adapter, message: Outgoing) -> Accepted | ErrorKind:
    try:
        return await adapter.send(message)
    except SendError as error:
        return error.kind


def test_every_provider_of_the_registry_is_tried_here(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    known = sandbox_accounts(SandboxPart(tmp_path, 1, 2), rate=1) + sandbox_gateways("http://127.0.0.1:1")
    file.write_text(known, encoding="utf-8")
    accounts = load_accounts(file, timeout=1)
    providers = {accounts.known[way.account].provider for way in WAYS.values()}
    assert providers | {"station", "http"} == set(ADAPTERS), "http is no provider: test_http_gateway.py makes one up"
    ways = {(way.account, way.channel) for way in WAYS.values()}
    assert ways | {("loudspeaker", "loudspeaker")} == {
        (name, str(channel)) for name, account in accounts.known.items() for channel in account.channels
    }


@pytest.mark.parametrize("name", WAYS)
def test_what_is_taken_is_in_the_log_under_the_adapters_id(tmp_path: Path, name: str) -> None:
    way = WAYS[name]

    async def story() -> Accepted | ErrorKind:
        async with adapter_of(way, tmp_path) as (adapter, _):
            return await tried(adapter, outgoing(way, callback=f"http://127.0.0.1:9/hook?d={KEY}"))

    accepted = run(story())
    (entry,) = read_log(tmp_path / "sandbox")
    assert isinstance(accepted, Accepted)
    assert (entry.channel, entry.to, entry.outcome) == (way.channel, way.good, Outcome.ACCEPTED)
    if name == "speedsms":  # its own id is that of the request; the adapter marks the number of each message
        assert entry.provider_id.partition(":")[0] == accepted.provider_id.partition(":")[0]
    elif name != "smtp":  # a mail server gives no id
        assert entry.provider_id == accepted.provider_id


TAKEN, REJECTED, TRANSIENT = None, ErrorKind.REJECTED, ErrorKind.TRANSIENT
UNCERTAIN, THROTTLED, MISCONFIGURED = ErrorKind.UNCERTAIN, ErrorKind.THROTTLED, ErrorKind.MISCONFIGURED
EVERYWHERE: dict[Fate, ErrorKind | None] = {
    Fate.INVALID: REJECTED, Fate.OPTED_OUT: REJECTED, Fate.FAILED: REJECTED, Fate.CONTENT: REJECTED,
    Fate.BROKEN: TRANSIENT, Fate.FLAKY: TRANSIENT, Fate.THROTTLED: THROTTLED, Fate.SILENT: UNCERTAIN,
    Fate.RESET: UNCERTAIN, Fate.GARBLED: UNCERTAIN, Fate.DROPPED: UNCERTAIN, Fate.NO_RECEIPT: TAKEN, Fate.TWICE: TAKEN,
    Fate.WINDOW: ErrorKind.WINDOW_CLOSED, Fate.QUOTA: ErrorKind.POSTPONED, Fate.NIGHT: ErrorKind.POSTPONED,
    Fate.TOKEN: MISCONFIGURED, Fate.BALANCE: MISCONFIGURED, Fate.MIGRATED: TAKEN,
}  # fmt: skip
"""What a fate means for a delivery, unless the provider says it otherwise."""
OTHERWISE: dict[str, dict[Fate, ErrorKind | None]] = {
    "twilio": {Fate.FAILED: TAKEN, Fate.OPTED_OUT: ErrorKind.OPTED_OUT},
    "esms": {Fate.FAILED: TAKEN},
    "speedsms": {Fate.FAILED: TAKEN},
    "vnpt": {Fate.FAILED: TAKEN, Fate.BROKEN: UNCERTAIN, Fate.FLAKY: UNCERTAIN},
    "telegram": {Fate.OPTED_OUT: ErrorKind.OPTED_OUT},
    "zalo_oa": {Fate.BROKEN: UNCERTAIN},  # Zalo refuses with HTTP 200: what a 500 means nobody knows
    "zalo_zns": {Fate.BROKEN: UNCERTAIN},
}
CASES = [(name, what) for name, way in WAYS.items() for what in way.fates.values()]


@pytest.mark.parametrize(("name", "what"), CASES)
def test_a_known_fate_has_its_meaning(tmp_path: Path, name: str, what: Fate) -> None:
    way = WAYS[name]
    to = next(one for one, fate in way.fates.items() if fate is what)

    async def story() -> Accepted | ErrorKind:
        async with adapter_of(way, tmp_path, telegram=TelegramBot(per_s=0, per_chat_s=0)) as (adapter, _):
            return await tried(adapter, outgoing(way, to, "http://127.0.0.1:9/hook?d=" + KEY))

    result = run(story())
    expected = OTHERWISE.get(name, {}).get(what, EVERYWHERE[what])
    assert (None if isinstance(result, Accepted) else result) is expected


@pytest.mark.parametrize("name", ["zalo_oa", "zalo_zns"])
def test_a_token_that_has_ended_is_renewed_on_the_way(tmp_path: Path, name: str) -> None:
    way = WAYS[name]

    async def story() -> list[Accepted | ErrorKind]:
        async with adapter_of(way, tmp_path) as (adapter, _):
            first = await tried(adapter, outgoing(way))
            assert isinstance(adapter, TokenHolder)
            adapter.use_vault(replace_access(adapter))
            return [first, await tried(adapter, outgoing(way))]

    assert all(isinstance(one, Accepted) for one in run(story()))


def replace_access(adapter: Any) -> Vault:
    """The adapter's own vault with an access token that Zalo does not know, said to be good for an hour."""
    vault: Vault = adapter._vault
    vault.tokens = Tokens("unknown", vault.tokens.refresh, datetime.now(UTC) + timedelta(hours=1))
    return vault


def test_telegrams_limit_is_understood_with_its_wait(tmp_path: Path) -> None:
    way = WAYS["telegram"]

    async def story() -> SendError:
        async with adapter_of(way, tmp_path, telegram=TelegramBot(per_s=1, per_chat_s=0)) as (adapter, _):
            for number in range(8):
                try:
                    await adapter.send(outgoing(way, str(int(way.good) + number)))
                except SendError as error:
                    return error
            raise AssertionError("it was never throttled")

    error = run(story())
    assert (error.kind, error.retry_after) == (ErrorKind.THROTTLED, 1)


def test_a_request_esms_has_already_is_accepted_and_sent_once(tmp_path: Path) -> None:
    way = WAYS["esms"]

    async def story() -> list[Accepted | ErrorKind]:
        async with adapter_of(way, tmp_path) as (adapter, _):
            return [await tried(adapter, replace(outgoing(way), repeated=again)) for again in (False, True)]

    assert all(isinstance(one, Accepted) for one in run(story()))
    assert sum(one.outcome is Outcome.ACCEPTED for one in read_log(tmp_path / "sandbox")) == 1


@dataclass
class Ours:
    """Our side of the webhook: the adapter verifies and reads; `failures`: so many answers are lost."""

    adapter: Adapter | None = None
    failures: int = 0
    events: list[Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        arrived = WebhookRequest(request.method, str(request.url), headers, list(request.query.items()), body)
        assert self.adapter is not None
        self.adapter.verify(arrived)
        self.events += self.adapter.parse(arrived)
        self.news.set()
        self.failures -= 1
        return web.Response(status=503 if self.failures >= 0 else 200)

    async def until(self, count: int) -> list[Event]:
        while len(self.events) < count:
            self.news.clear()
            await self.news.wait()
        return self.events


@asynccontextmanager
async def heard(name: str, data: Path, **changes: Any) -> AsyncIterator[tuple[Adapter, str, Ours, str]]:
    """An adapter, its sandbox, our side of the callbacks, and the address they come to."""
    ours = Ours()
    async with http_server(ours.answer) as port:
        hook = f"http://127.0.0.1:{port}/webhooks/{WAYS[name].account}"
        webhooks = {"zalo": hook, "telegram": hook, "speedsms": f"{hook}?t={CALLBACK_TOKEN}", "twilio": hook}
        async with adapter_of(WAYS[name], data, webhooks=webhooks, **changes) as (adapter, url):
            ours.adapter = adapter
            yield adapter, url, ours, hook


RECEIPTS = [
    ("twilio", "", ["accepted", "accepted", "delivered"]),
    ("twilio", "+84999999903", ["accepted", "accepted", "failed"]),
    ("esms", "", ["accepted", "accepted", "delivered"]),
    ("esms", "+84999999903", ["accepted", "accepted", "failed"]),
    ("speedsms", "", ["delivered"]),
    ("speedsms", "+84999999903", ["failed"]),
    ("speedsms", "+84999999911", ["delivered", "delivered"]),
    ("zalo_oa", "", ["delivered", "read"]),
    ("zalo_zns", "", ["delivered"]),
    ("zalo_zns", "+84999999911", ["delivered", "delivered"]),
]


@pytest.mark.parametrize(("name", "to", "states"), RECEIPTS)
def test_receipts_are_verified_and_lead_back_to_the_delivery(
    tmp_path: Path, name: str, to: str, states: list[str]
) -> None:
    way = WAYS[name]

    async def story() -> tuple[Accepted, list[Event]]:
        async with heard(name, tmp_path, seen_share=1) as (adapter, _, ours, hook):
            accepted = await adapter.send(outgoing(way, to, f"{hook}?d={KEY}"))
            return accepted, await ours.until(len(states))

    accepted, events = run(story())
    receipts = [event for event in events if isinstance(event, Receipt)]
    assert [str(receipt.state) for receipt in receipts] == states
    assert {receipt.provider_id for receipt in receipts} == {accepted.provider_id}
    assert {receipt.key for receipt in receipts} == ({""} if name in ("zalo_oa", "speedsms") else {KEY})
    repeated = Fate.TWICE is way.fates.get(to)
    assert len({receipt.event_key for receipt in receipts}) == (1 if repeated else len(states))


DEEDS = [
    ("zalo_oa", "zalo", {"user_id": "77", "event": "follow"}, Joined, {"sender": "77"}),
    ("zalo_oa", "zalo", {"user_id": "77", "event": "unfollow"}, AddressChanged, {"old": "77", "new": ""}),
    ("zalo_oa", "zalo", {"user_id": "77", "text": "Tôi hỏi"}, Inbound, {"sender": "77", "text": "Tôi hỏi"}),
    (
        "zalo_oa", "zalo", {"user_id": "77", "event": "user_submit_info", "name": "Hùng", "phone": "0912345678"},
        Joined, {"sender": "77", "name": "Hùng", "phone": "+84912345678"},
    ),
    ("telegram", "telegram", {"chat_id": "77", "text": "/start ma-1"}, Joined, {"sender": "77", "token": "ma-1"}),
    ("telegram", "telegram", {"chat_id": "77", "text": "Tôi hỏi"}, Inbound, {"sender": "77", "text": "Tôi hỏi"}),
    ("telegram", "telegram", {"chat_id": "77", "event": "blocked"}, AddressChanged, {"old": "77", "new": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "provider", "deed", "kind", "fields"), DEEDS)
def test_what_a_citizen_does_is_verified_and_understood(
    tmp_path: Path, name: str, provider: str, deed: dict[str, str], kind: type[Event], fields: dict[str, str]
) -> None:
    async def story() -> Event:
        async with heard(name, tmp_path) as (_, url, ours, _hook), ClientSession() as session:
            async with session.post(f"{url}/citizen/{provider}", json=deed) as answer:
                assert (await answer.json())["told"] is True
            (event,) = await ours.until(1)
            return event

    event = run(story())
    assert isinstance(event, kind)
    assert {name: getattr(event, name) for name in fields} == fields


def test_a_citizen_answers_an_sms_from_a_number_and_is_understood(tmp_path: Path) -> None:
    async def story() -> list[Event]:
        async with heard("twilio", tmp_path) as (adapter, url, ours, _hook), ClientSession() as session:
            await adapter.send(outgoing(WAYS["twilio"], "+84912345678", ""))
            async with session.post(f"{url}/citizen/sms", json={"phone": "0912345678", "text": "Từ chối!"}) as answer:
                assert (await answer.json())["told"] is True
            return await ours.until(1)

    (event,) = run(story())
    assert isinstance(event, Inbound)
    assert (event.sender, event.text) == ("+84912345678", "Từ chối!")


def test_nobody_answers_a_brand_name_or_what_they_never_got(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with heard("esms", tmp_path) as (adapter, url, _ours, hook), ClientSession() as session:
            await adapter.send(outgoing(WAYS["esms"], "+84912345678", hook))
            answers = []
            for deed in ({"phone": "0912345678", "text": "TC"}, {"phone": "0999999999", "text": "TC"}, {"text": "TC"}):
                async with session.post(f"{url}/citizen/sms", json=deed) as answer:
                    answers.append(answer.status)
            return answers

    assert run(story()) == [400, 400, 400]


def test_an_event_that_is_repeated_has_the_same_key(tmp_path: Path) -> None:
    async def story() -> list[Event]:
        changes = {"zalo": ZaloApp(retries=(0.01,))}
        async with heard("zalo_oa", tmp_path, **changes) as (_, url, ours, _hook), ClientSession() as session:
            ours.failures = 1
            await session.post(f"{url}/citizen/zalo", json={"user_id": "77", "event": "follow"})
            return await ours.until(2)

    first, second = run(story())
    assert first.event_key == second.event_key
