"""A refusal is confirmed once: at once, over the same channel, never twice, whatever happens on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import redis
from sqlalchemy import text

from channels.abilities import Advice
from channels.contract import Accepted, Capabilities, Event, Inbound, OptOut, Outgoing, ReceiptState, SendError
from channels.contract import ErrorKind as Kind
from outreach.dispatch.bucket import Buckets
from outreach.dispatch.confirming import Confirming
from outreach.dispatch.loop import SendingLoop
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.receipts.receiver import Receiver
from outreach.store import accounts as account_store
from outreach.store import claims, confirmations
from tests.world import SMS, World, account

OA = account("oa", Channel.ZALO_OA, provider="zalo", channels=(Channel.ZALO_OA, Channel.ZALO_ZNS))
BOT = account("bot", Channel.TELEGRAM, DeliveryState.ACCEPTED, provider="telegram")
MAIL = account("mail", Channel.EMAIL, DeliveryState.ACCEPTED, provider="smtp")
ACCOUNTS = {one.name: one for one in (SMS, OA, BOT, MAIL)}
PHONE = "+84912000001"


@dataclass
class Provider:
    """A provider on the other side of the contract: takes what is sent, or answers as it is told to."""

    sent: list[Outgoing] = field(default_factory=list)
    answer: Callable[[Outgoing], Accepted] = field(default=lambda outgoing: Accepted("id"))
    capabilities = Capabilities(inbound=True)
    proof = ReceiptState.ACCEPTED

    async def send(self, outgoing: Outgoing) -> Accepted:
        outgoing.lease.check()
        self.sent.append(outgoing)
        return self.answer(outgoing)

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        return None

    async def aclose(self) -> None:
        await asyncio.sleep(0)


@dataclass
class Town:
    """A receiver, a worker child, and what citizens write."""

    world: World
    receiver: Receiver
    confirming: Confirming
    provider: Provider
    numbers: Any = field(default_factory=lambda: count(1))

    def write(self, words: str, *, sender: str = PHONE, to: str = "sms-main", ago: float = 0, key: str = "") -> None:
        self.tell(Inbound(*self.event(ago, key), sender=sender, text=words), to)

    def event(self, ago: float = 0, key: str = "") -> tuple[str, Any]:
        return key or f"event {next(self.numbers)}", self.world.clock.now() - timedelta(seconds=ago)

    def tell(self, event: Event, to: str) -> None:
        self.receiver.take(to, [event])

    def states(self) -> list[str]:
        with self.world.engine.connect() as connection:
            return [row.state for row in connection.execute(text("SELECT state FROM confirmations ORDER BY id"))]

    def sql(self, statement: str) -> None:
        with self.world.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def town(world: World, redis_url: str) -> Iterator[Town]:
    provider = Provider()
    loop = SendingLoop(dict.fromkeys(ACCOUNTS, lambda: provider))  # type: ignore[arg-type]
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="here", boot="now", pid=1, started=1.0)
    buckets = Buckets(redis.Redis.from_url(redis_url))
    for one in ACCOUNTS.values():
        buckets.settle(one, one.burst)
    receiver = Receiver(world.engine, {}, ACCOUNTS, world.keys, world.clock)
    confirming = Confirming(world.engine, buckets, loop, ACCOUNTS, world.keys, world.clock, child, 60.0)
    yield Town(world, receiver, confirming, provider)
    loop.close()


def refusing(kind: Kind, code: str = "", **more: Any) -> Callable[[Outgoing], Accepted]:
    def answer(outgoing: Outgoing) -> Accepted:
        raise SendError(kind, code, "a reason", **more)

    return answer


def test_a_refusal_by_sms_is_confirmed_to_the_number_it_came_from(town: Town) -> None:
    town.write("Từ chối ạ")
    assert town.confirming.work() == 1
    (sent,) = town.provider.sent
    assert (sent.to, sent.content.channel, sent.callback_url) == (PHONE, "sms", "")
    assert sent.content.body.startswith("Da ghi nhan")
    assert town.states() == ["accepted"]


@pytest.mark.parametrize(("to", "channel"), [("oa", "zalo_oa"), ("bot", "telegram")])
def test_a_refusal_in_a_chat_is_confirmed_in_that_chat(town: Town, to: str, channel: str) -> None:
    town.write("TC", sender="a chat", to=to)
    town.confirming.work()
    (sent,) = town.provider.sent
    assert (sent.to, sent.content.channel) == ("a chat", channel)
    assert sent.content.body.startswith("Chúng tôi đã ghi nhận")


def test_a_suppressed_address_gets_its_confirmation_all_the_same_and_nothing_else(town: Town) -> None:
    town.write("TC")
    with town.world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 1
    assert [town.confirming.work() for _ in range(3)] == [1, 0, 0]


def test_a_refusal_told_again_is_confirmed_once(town: Town) -> None:
    for _ in range(3):
        town.write("TC", key="one and the same")
        town.confirming.work()
    assert len(town.provider.sent) == 1


def test_who_refuses_again_within_a_day_is_not_written_to_again(town: Town) -> None:
    for words in ("TC", "stop!!!", "Dừng lại đi"):
        town.write(words)
        town.confirming.work()
        town.world.later(hours=7)
    assert len(town.provider.sent) == 1
    town.world.later(hours=24)
    town.write("TC")
    town.confirming.work()
    assert len(town.provider.sent) == 2


def test_refusals_that_come_at_once_are_confirmed_once(town: Town) -> None:
    threads = [threading.Thread(target=town.write, args=("TC",)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    town.confirming.work()
    assert len(town.provider.sent) == 1


def test_several_workers_send_each_confirmation_once(town: Town) -> None:
    for n in range(20):
        town.write("TC", sender=f"+8491200{n:04}")
    children = [replace(town.confirming, child=n) for n in range(1, 5)]
    threads = [threading.Thread(target=child.work) for child in children]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.to for one in town.provider.sent) == sorted(f"+8491200{n:04}" for n in range(20))
    assert set(town.states()) == {"accepted"}


def test_what_the_provider_has_confirmed_itself_is_not_confirmed_by_us(town: Town) -> None:
    town.tell(OptOut(*town.event(), sender=PHONE, confirmed=True), "sms-main")
    town.tell(OptOut(*town.event(), sender="a chat"), "bot")
    town.confirming.work()
    assert [one.to for one in town.provider.sent] == ["a chat"]


def test_an_account_that_cannot_be_answered_confirms_nothing(town: Town) -> None:
    town.write("TC", sender="an@example.vn", to="mail")
    assert town.states() == []


def test_a_refusal_that_was_taken_back_meanwhile_is_not_confirmed(town: Town) -> None:
    town.write("TC")
    town.world.later(seconds=5)
    town.write("START")
    assert town.confirming.work() == 0
    assert town.states() == ["cancelled"]


def test_a_refusal_that_had_been_taken_back_when_it_came_is_not_confirmed(town: Town) -> None:
    town.write("START", sender="a chat", to="oa")
    town.write("TC", sender="a chat", to="oa", ago=60)
    assert town.states() == []


def test_a_day_late_nothing_is_confirmed(town: Town) -> None:
    town.write("TC", ago=90_000)
    assert town.states() == []
    town.write("TC")
    town.world.later(hours=25)
    assert town.confirming.work() == 0
    assert town.states() == ["expired"]


def test_a_sender_that_was_killed_leaves_one_unknown_that_is_never_sent_again(town: Town) -> None:
    for n in range(3):
        town.write("TC", sender=f"+8491200000{n}")
    killed = replace(town.confirming, lease_s=0.0)
    assert killed._claim() is not None  # the process ends here
    assert town.confirming.work() == 2
    assert sorted(town.states()) == ["accepted", "accepted", "unknown"]
    town.world.later(hours=2)
    assert town.confirming.work() == 0
    assert len(town.provider.sent) == 2


def test_an_acceptance_that_comes_after_it_was_called_unknown_counts(town: Town) -> None:
    town.write("TC")
    slow = replace(town.confirming, lease_s=0.0)
    claimed = slow._claim()
    assert claimed is not None
    town.confirming.work()
    assert town.states() == ["unknown"]
    slow._settle(claimed, confirmations.State.ACCEPTED)
    assert town.states() == ["accepted"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refusing(Kind.UNCERTAIN), "unknown"),
        (refusing(Kind.TRANSIENT, may_have_left=True), "unknown"),
        (refusing(Kind.TRANSIENT), "planned"),
        (refusing(Kind.THROTTLED, retry_after=30), "planned"),
        (refusing(Kind.POSTPONED, retry_after=30), "planned"),
        (refusing(Kind.MISCONFIGURED, "20003"), "planned"),
        (refusing(Kind.NOT_SENT), "planned"),
        (refusing(Kind.OPTED_OUT, "21610"), "failed"),
        (refusing(Kind.REJECTED), "failed"),
        (refusing(Kind.WINDOW_CLOSED, "-230"), "failed"),
        (lambda outgoing: 1 / 0, "unknown"),
    ],
)
def test_only_what_has_certainly_not_left_is_tried_again(
    town: Town, answer: Callable[[Outgoing], Accepted], state: str
) -> None:
    town.provider.answer = answer
    town.write("TC")
    assert town.confirming.work() == 0
    assert town.states() == [state]
    town.provider.answer = lambda outgoing: Accepted("id")
    town.world.later(hours=1)
    let_go(town)
    assert town.confirming.work() == (1 if state == "planned" else 0)


def let_go(town: Town) -> None:
    """What the provider asked for passes by another clock than the world's."""
    town.confirming.buckets._client.delete("outreach:hold:sms-main")


def test_a_provider_that_asks_for_patience_is_left_alone_by_everybody(town: Town) -> None:
    town.provider.answer = refusing(Kind.THROTTLED, retry_after=30)
    town.write("TC")
    town.confirming.work()
    grant = town.confirming.buckets.take(SMS, 1)
    assert grant.tokens == 0
    assert timedelta(seconds=29) < grant.wait


def test_tries_are_bounded(town: Town) -> None:
    town.provider.answer = refusing(Kind.TRANSIENT)
    town.write("TC")
    for _ in range(20):
        town.confirming.work()
        town.world.later(hours=1)
    assert town.states() == ["failed"]
    assert len(town.provider.sent) == 6


def test_a_paused_account_and_an_empty_bucket_wait(town: Town) -> None:
    with town.world.engine.begin() as connection:
        account_store.pause(connection, "sms-main", code="20003", reason="wrong token")
    town.write("TC")
    assert (town.confirming.work(), town.states()) == (0, ["planned"])
    with town.world.engine.begin() as connection:
        account_store.resume(connection, "sms-main")
    town.confirming.buckets.hold(SMS, timedelta(seconds=30))
    assert (town.confirming.work(), town.states()) == (0, ["planned"])
    assert town.provider.sent == []


def test_the_address_is_forgotten_once_it_is_settled(town: Town) -> None:
    town.write("TC")
    town.confirming.work()
    with town.world.engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM confirmations")).scalar_one() is None


def test_the_database_away_at_the_wrong_moment_means_unknown_and_not_twice(town: Town) -> None:
    """The message has left, and nobody could write it down."""
    town.write("TC")

    def gone(outgoing: Outgoing) -> Accepted:
        town.sql("ALTER TABLE confirmations RENAME TO hidden")
        return Accepted("id")

    town.provider.answer = gone
    with pytest.raises(Exception, match="confirmations"):
        town.confirming.work()
    town.sql("ALTER TABLE hidden RENAME TO confirmations")
    town.sql("UPDATE confirmations SET lease_until = now() - interval '1 second'")
    assert town.confirming.work() == 0
    assert (town.states(), len(town.provider.sent)) == (["unknown"], 1)
