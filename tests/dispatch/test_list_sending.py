"""Lists on the whole way: claimed, sent as one request to the sandbox, recorded, called back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.recovery import Recovered, Recovery
from outreach.domain.scope import EVERYTHING
from outreach.domain.words import Lane
from outreach.local.sandbox import Entry
from outreach.reach.listing import list_deliveries
from outreach.receipts.receiver import Receiver
from outreach.receipts.webhook import Callback, Verdict, take
from outreach.store import claims
from outreach.store.explorer import Wanted
from outreach.wiring import meanings
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    class: {kind}
    messages:
      - id: chao
        segment: {{kind: person}}
        text: {{sms: "{body}"}}
        channels: [sms]
        schedule: {{at: launch}}
"""
TOKEN = "callback-token-of-ours"
SPEEDSMS = """
[accounts.sms]
channel = "sms"
provider = "speedsms"
token = "sandbox-speedsms-token"
sender = "HANHCHINH"
callback_token = "{token}"
base_url = "{url}/speedsms"
rate = "1000/s"
"""
ESMS = """
[accounts.sms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{url}/esms"
rate = "1000/s"
"""
VNPT = """
[accounts.sms]
channel = "sms"
provider = "vnpt"
agent_id = "100"
api_user = "sandbox-vnpt-user"
api_password = "sandbox-vnpt-password"
username = "sandbox_cs"
label_id = "1001"
contract_id = "2001"
template_id = "3001"
base_url = "{url}/vnpt"
rate = "1000/s"
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path / "sandbox", "--fail-share", "0", "--speedsms-per-minute", "0") as running:
        yield running


class Ground:
    """An account of the sandbox, and what sends and hears through it."""

    def __init__(self, world: World, box: Sandbox, accounts: Accounts, redis_url: str) -> None:
        self.world, self.box, self.accounts = world, box, accounts
        self.loop = SendingLoop(accounts.makers)
        self.dispatcher = child_of(world, accounts.known, self.loop, redis_url, public_url="https://tin.example.vn")
        self.child, self.buckets = self.dispatcher.child, self.dispatcher.buckets

    def drain(self) -> int:
        return self.dispatcher.drain("sms", Lane.BULK, longest=30).sent

    def requests(self) -> list[list[Entry]]:
        """What the gateway took, by request."""
        found: dict[str, list[Entry]] = {}
        for entry in self.box.accepted():
            found.setdefault(entry.provider_id.partition(":")[0], []).append(entry)
        return list(found.values())

    def receiver(self) -> Receiver:
        adapters = {name: make() for name, make in self.accounts.makers.items()}
        return Receiver(self.world.engine, adapters, self.accounts.known, self.world.keys, self.world.clock)

    def states(self) -> dict[tuple[str, str | None], int]:
        found: dict[tuple[str, str | None], int] = {}
        for row in self.world.rows():
            found[row.state, row.reason] = found.get((row.state, row.reason), 0) + 1
        return found


@pytest.fixture
def ground(
    request: pytest.FixtureRequest, world: World, box: Sandbox, tmp_path: Path, redis_url: str
) -> Iterator[Ground]:
    file = tmp_path / "accounts.toml"
    file.write_text(request.param.format(url=box.http, token=TOKEN))
    ground = Ground(world, box, load_accounts(file, timeout=2.0), redis_url)
    yield ground
    ground.loop.close()


def launched(world: World, numbers: list[str], body: str = "Kinh chao ong ba", kind: str = "service_notice") -> None:
    for place, number in enumerate(numbers):
        world.person(f"P{place:04d}", phone=number)
    if kind == "advertising":
        with world.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO consents (contact_id, purpose, given_at, legal_basis, text_version, channel, method,"
                    " evidence) SELECT id, 'advertising', now() - interval '1 day', 'consent', '1', 'sms', 'paper', ''"
                    " FROM contacts"
                )
            )
    world.launch(CAMPAIGN.format(body=body, kind=kind))
    world.plan()


def phones(count: int, first: int = 0) -> list[str]:
    return [f"+84912{place:06d}" for place in range(first, first + count)]


@pytest.mark.parametrize("ground", [SPEEDSMS, VNPT], indirect=True, ids=["speedsms", "vnpt"])
def test_two_hundred_and_fifty_of_one_text_arrive_once_each_in_three_requests(ground: Ground) -> None:
    numbers = phones(250)
    launched(ground.world, numbers)
    assert ground.drain() == 250
    assert sorted(entry.to for entry in ground.box.accepted()) == numbers
    assert [len(one) for one in ground.requests()] == [100, 100, 50]
    assert ground.states() == {("accepted", None): 250}
    assert len({row.provider_id for row in ground.world.rows()}) == 250
    assert ground.world.counts_agree()


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_two_campaigns_whose_messages_go_in_lists_take_turns(ground: Ground) -> None:
    launched(ground.world, phones(400))
    ground.world.launch(CAMPAIGN.format(body="Moi ong ba", kind="service_notice").replace("thu", "hai", 1))
    ground.world.plan()
    assert ground.drain() == 800
    texts = [one[0].body for one in ground.requests()]
    assert len(texts) == 8
    assert all({first, second} == set(texts) for first, second in zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_texts_that_name_the_person_go_one_by_one(ground: Ground) -> None:
    launched(ground.world, phones(3), body="Kinh chao {{ contact.full_name }}")
    assert ground.drain() == 3
    assert [len(one) for one in ground.requests()] == [1, 1, 1]


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_of_a_list_only_the_invalid_number_fails(ground: Ground) -> None:
    launched(ground.world, [*phones(3), "+84999999901"])
    ground.drain()
    assert ground.states() == {("accepted", None): 3, ("failed", "rejected"): 1}
    assert ground.world.counts_agree()


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_a_list_without_an_answer_is_unknown_and_not_sent_again(ground: Ground) -> None:
    launched(ground.world, [*phones(3), "+84999999906"])
    ground.drain()
    assert ground.states() == {("unknown", "uncertain"): 4}
    ground.world.later(minutes=10)
    assert ground.drain() == 0
    assert len(ground.box.accepted()) == 4


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_a_report_settles_the_one_delivery_of_its_list_that_went_to_the_number(ground: Ground) -> None:
    launched(ground.world, phones(3))
    ground.drain()
    [[first, second, _]] = ground.requests()
    transaction = first.provider_id.partition(":")[0]
    receiver = ground.receiver()

    def called(number: str, status: int, token: str = TOKEN) -> Verdict:
        body = f'{{"type": "report", "tranId": "{transaction}", "phone": "{number[1:]}", "status": {status}}}'
        url = f"https://tin.example.vn/webhooks/sms?t={token}"
        return take(receiver, "sms", Callback("POST", url, {}, f"t={token}", body.encode()))

    assert called(first.to, 0, token="guessed") is Verdict.FORBIDDEN
    assert called(first.to, 0) is Verdict.TAKEN
    assert called(first.to, 0) is Verdict.TAKEN
    assert called(second.to, 64) is Verdict.TAKEN
    assert called("+84912999999", 0) is Verdict.TAKEN
    assert ground.states() == {("delivered", None): 1, ("failed", "rejected"): 1, ("accepted", None): 1}
    assert ground.world.counts_agree()


@pytest.mark.parametrize("ground", [SPEEDSMS], indirect=True)
def test_no_number_is_stored_with_what_the_gateway_calls_a_message(ground: Ground) -> None:
    numbers = phones(3, first=345_678)
    launched(ground.world, numbers)
    ground.drain()
    ids = " ".join(row.provider_id for row in ground.world.rows())
    assert [number for number in numbers if number[3:] in ids] == []


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_notices_by_esms_go_one_by_one_under_their_keys(ground: Ground) -> None:
    launched(ground.world, phones(40))
    assert ground.drain() == 40
    assert len({entry.key for entry in ground.box.accepted()}) == 40


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_advertising_by_esms_goes_in_lists_and_the_rest_waits_for_company_then_fails(ground: Ground) -> None:
    launched(ground.world, phones(120), body="[QC] Kinh moi", kind="advertising")
    assert ground.drain() == 100
    assert ground.states() == {("accepted", None): 100, ("planned", "throttled"): 20}
    assert ground.drain() == 0
    for _ in range(5):
        ground.world.later(minutes=1)
        ground.drain()
    assert ground.states() == {("accepted", None): 100, ("failed", "window_closed"): 20}
    assert {row.code for row in ground.world.rows("d.state = 'failed'")} == {"107"}
    assert [len(one) for one in ground.requests()] == [100]
    assert ground.world.counts_agree()


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_two_campaigns_at_once_do_not_make_each_others_lists_too_short(ground: Ground) -> None:
    launched(ground.world, phones(40), body="[QC] Kinh moi", kind="advertising")
    ground.world.launch(CAMPAIGN.format(body="[QC] Moi khac", kind="advertising").replace("thu", "hai", 1))
    ground.world.plan()
    ground.drain()
    assert sorted(len(one) for one in ground.requests()) == [40, 40]


@pytest.mark.parametrize("ground", [ESMS.replace("1000/s", "2000/s")], indirect=True)
def test_advertising_of_two_parts_goes_in_whole_lists(ground: Ground) -> None:
    launched(ground.world, phones(150), body="[QC] " + "Kinh moi " * 20, kind="advertising")
    assert ground.drain() == 150
    assert [len(one) for one in ground.requests()] == [100, 50]


@pytest.mark.parametrize("ground", [SPEEDSMS.replace('rate = "1000/s"', 'rate = "60/s"\nburst = 60')], indirect=True)
def test_a_slow_account_waits_for_whole_lists(ground: Ground) -> None:
    launched(ground.world, phones(120))
    ends = time.monotonic() + 20
    while len(ground.box.accepted()) < 120:
        assert time.monotonic() < ends
        ground.drain()
    assert [len(one) for one in ground.requests()] == [60, 60]


@pytest.mark.parametrize("ground", [ESMS.replace('rate = "1000/s"', 'rate = "1/s"\nburst = 55')], indirect=True)
def test_a_list_cut_short_for_want_of_tokens_waits_without_counting_it(ground: Ground) -> None:
    launched(ground.world, phones(50), body="[QC] " + "Kinh moi " * 20, kind="advertising")
    assert ground.drain() == 0
    assert ground.states() == {("planned", None): 50}
    assert {row.attempt for row in ground.world.rows()} == {0}
    account = ground.accounts.known["sms"]
    assert ground.buckets.take(account, 55, least=50).tokens >= 50


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_advertising_a_killed_worker_may_have_sent_is_not_sent_in_another_list(ground: Ground) -> None:
    launched(ground.world, phones(40), body="[QC] Kinh moi", kind="advertising")
    world, now = ground.world, ground.world.clock.now()
    with world.engine.begin() as connection:
        runs = [run.id for run in claims.open_runs(connection, account="sms", lane=Lane.BULK, now=now)]
        lost, _ = claims.claim(
            connection,
            account="sms",
            lane=Lane.BULK,
            run_ids=runs,
            limit=10,
            child=ground.child,
            lease_s=60.0,
            now=now,
            trial=False,
        )
        connection.execute(
            text("UPDATE deliveries SET lease_until = lease_until - interval '61 s' WHERE state = 'sending'")
        )
    assert len(lost) == 10
    recovery = Recovery(
        world.engine, ground.loop, ground.accounts.known, world.keys, world.clock, lease_s=60.0,
        public_url="https://tin.example.vn",
    )  # fmt: skip
    settled = recovery.settle_lost()
    assert settled in (Recovered(planned=10), Recovered(unknown=10))  # the latter in the last minutes of eSMS's day
    ground.drain()
    assert ground.states() == {
        ("accepted", None): 30,
        ("unknown", "uncertain" if settled.planned else "lease_lost"): 10,
    }
    assert {entry.to for entry in ground.box.accepted()}.isdisjoint(number_of(world, one) for one in lost)


def number_of(world: World, claimed: claims.Claimed) -> str:
    assert claimed.sealed is not None
    return world.keys.open(claimed.sealed, claimed.key_version or 0)


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_a_list_of_which_only_totals_are_told_says_so_of_each(ground: Ground) -> None:
    launched(ground.world, phones(40), body="[QC] Kinh moi", kind="advertising")
    ground.drain()
    [entries] = ground.requests()
    name = entries[0].provider_id.partition(":")[0]
    url = f"{entries[0].callback}&SMSID={name}&SendStatus=5&SendSuccess=37&SendFailed=3&TotalReceiver=40&TypeId=1"
    assert take(ground.receiver(), "sms", Callback("GET", url, {}, url.partition("?")[2], b"")) is Verdict.TAKEN
    assert ground.states() == {("accepted", None): 40}
    with ground.world.engine.connect() as connection:
        lines = list_deliveries(
            connection, "thu", Wanted(), keys=ground.world.keys, scope=EVERYTHING,
            meaning=meanings(ground.accounts.advisers),
        )  # fmt: skip
    assert len(lines) == 40
    assert {line.advice and line.advice.vi.what for line in lines} == {
        "Tin đi trong một danh sách: eSMS chỉ báo bao nhiêu máy nhận được, không báo từng máy."
    }


@pytest.mark.parametrize("ground", [ESMS], indirect=True)
def test_a_callback_for_a_list_settles_all_of_it(ground: Ground) -> None:
    launched(ground.world, phones(40), body="[QC] Kinh moi", kind="advertising")
    ground.drain()
    [entries] = ground.requests()
    name = entries[0].provider_id.partition(":")[0]
    url = f"{entries[0].callback}&SMSID={name}&SendStatus=5&SendSuccess=40&SendFailed=0&TotalReceiver=40&TypeId=1"
    told = Callback("GET", url, {}, url.partition("?")[2], b"")
    assert take(ground.receiver(), "sms", told) is Verdict.TAKEN
    assert ground.states() == {("delivered", None): 40}
    assert ground.world.counts_agree()
