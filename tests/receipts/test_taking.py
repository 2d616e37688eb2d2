"""What many callbacks say, taken in one transaction: repetitions, disorder, texts, and one that spoils it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha1
from hmac import digest
from typing import Any
from urllib.parse import urlencode

import pytest
from accepted_world import receipt
from joining_world import BOT, OA, Citizens
from sqlalchemy import text
from sqlalchemy.exc import DataError

from channels.contract import (
    AddressChanged,
    Event,
    Inbound,
    Joined,
    OptOut,
    Receipt,
    ReceiptState,
    Touched,
    WebhookRequest,
)
from channels.twilio_sms import TwilioSms
from outreach.domain.accounts import Account
from outreach.domain.scope import EVERYTHING
from outreach.receipts import inbox
from outreach.receipts.taking import Told, marked
from outreach.receipts.webhook import Arrived, Callback, Verdict, take_all
from outreach.store.engine import connect
from tests.world import SMS, World, account

OTHER = account("sms-other")


def written(world: World, key: str, words: str, sender: str = "z1") -> Inbound:
    return Inbound(key, world.clock.now(), sender=sender, text=words)


def together(citizens: Citizens, *told: tuple[Account, Event]) -> list[int | Exception]:
    return citizens.receiver.take_all([marked(Told(of, [event])) for of, event in told])


def states(world: World, places: Sequence[tuple[int, int]]) -> list[str]:
    found = {row.id: row.state for row in world.rows()}
    return [found[delivery] for _, delivery in places]


def kept(citizens: Citizens) -> list[Any]:
    return citizens.select("SELECT event_key, applied_at IS NOT NULL AS done, retry_at FROM raw_events ORDER BY 1")


def test_the_same_event_twice_in_one_batch_is_kept_once_and_the_first_has_brought_it(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    one = receipt(world, places[0], "k")
    assert together(citizens, (SMS, one), (SMS, one)) == [1, 0]
    assert [(row.event_key, row.done) for row in kept(citizens)] == [("k", True)]
    assert len(citizens.select("SELECT 1 FROM reached")) == 1
    assert world.counts_agree()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_receipts_of_one_delivery_in_one_batch_end_in_the_higher_rank_whatever_their_order(
    citizens: Citizens, world: World, places: list[tuple[int, int]], order: tuple[int, int]
) -> None:
    said = [
        (SMS, receipt(world, places[0], "delivered")),
        (SMS, receipt(world, places[0], "read", ReceiptState.READ)),
    ]
    assert together(citizens, *(said[at] for at in order)) == [1, 1]
    assert states(world, places[:1]) == ["read"]
    assert len(citizens.select("SELECT 1 FROM reached")) == 1
    assert world.counts_agree()


def test_accounts_share_a_batch_and_each_tells_of_its_own_deliveries_alone(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    asked = written(world, "asked", "Xin hỏi")
    same_key = receipt(world, places[1], "k")
    assert together(citizens, (SMS, receipt(world, places[0], "k")), (OTHER, same_key), (OA, asked)) == [1, 1, 1]
    assert states(world, places[:2]) == ["delivered", "accepted"]
    assert len(citizens.select("SELECT 1 FROM raw_events WHERE account = 'sms-other' AND applied_at IS NULL")) == 1
    assert len(citizens.select("SELECT 1 FROM inbound")) == 1
    assert world.counts_agree()


def test_one_that_cannot_be_stored_fails_none_of_many_neighbours(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    said = [(SMS, receipt(world, place, f"k{n}")) for n, place in enumerate(places)]
    said.insert(4, (SMS, receipt(world, places[0], "bad\x00")))
    said.append((OA, written(world, "asked", "Xin hỏi")))
    answers = together(citizens, *said)
    assert isinstance(answers.pop(4), DataError)
    assert answers == [1] * (len(places) + 1)
    assert set(states(world, places)) == {"delivered"}
    assert world.counts_agree()


def test_texts_that_cannot_have_their_effect_are_kept_and_the_receipts_beside_them_count(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("ALTER TABLE inbound RENAME TO inbound_away"))
    texts = [(OA, written(world, f"t{n}", "Xin hỏi")) for n in range(3)]
    assert together(citizens, *texts, (SMS, receipt(world, places[0], "k"))) == [1, 1, 1, 1]
    assert [(row.event_key, row.done, row.retry_at is None) for row in kept(citizens)] == [
        ("k", True, True), ("t0", False, False), ("t1", False, False), ("t2", False, False),
    ]  # fmt: skip
    assert states(world, places[:1]) == ["delivered"]
    with world.engine.begin() as connection:
        connection.execute(text("ALTER TABLE inbound_away RENAME TO inbound"))
    world.later(minutes=2)
    assert citizens.receiver.replay() == 3
    assert len(citizens.select("SELECT 1 FROM inbound")) == 3


def test_texts_of_one_batch_are_kept_in_the_order_they_came_each_with_whom_it_is_from_and_what_it_answers(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    senders = ["+84912100003", "+84912100001", "+84912100003", "+84999999999"]
    texts = [(SMS, written(world, f"k{9 - n}", f"Câu {n}", sender)) for n, sender in enumerate(senders)]
    assert together(citizens, *texts) == [1, 1, 1, 1]
    lines = list(inbox.lines(world.engine, world.keys, scope=EVERYTHING))[::-1]
    assert [line.text for line in lines] == ["Câu 0", "Câu 1", "Câu 2", "Câu 3"]
    assert [line.of.names for line in lines] == [("Người 3",), ("Người 1",), ("Người 3",), ()]
    sent = {row.recipient_id: f"{row.run_id}.{row.id}" for row in world.rows("d.sent_at IS NOT NULL")}
    assert [line.answers for line in lines] == [sent.get(next(iter(line.of.contacts), 0)) for line in lines]
    assert sum(line.answers is not None for line in lines) == 3


def test_a_text_told_twice_in_one_batch_and_once_before_is_kept_once(citizens: Citizens, world: World) -> None:
    asked = written(world, "k", "Xin hỏi")
    assert together(citizens, (OA, asked)) == [1]
    assert together(citizens, (OA, asked), (OA, asked)) == [0, 0]
    assert len(citizens.select("SELECT 1 FROM inbound")) == 1


def test_a_connection_that_was_cut_a_moment_ago_is_replaced_and_nothing_is_taken_twice(
    citizens: Citizens, world: World, places: list[tuple[int, int]], database_url: str
) -> None:
    receiver = replace(citizens.receiver, steady=connect(database_url, name="steady test", steady=True))
    told = [Told(SMS, [receipt(world, place, f"k{n}")]) for n, place in enumerate(places[:3])]
    assert receiver.take_all(told[:1]) == [1]
    ended = citizens.select(
        "SELECT pg_terminate_backend(pid, 5000) AS gone FROM pg_stat_activity"
        " WHERE application_name = 'steady test' AND datname = current_database()"
    )
    assert [row.gone for row in ended] == [True]
    assert receiver.take_all(told) == [0, 1, 1]
    receiver.close()
    assert states(world, places[:3]) == ["delivered"] * 3
    assert world.counts_agree()


class Broken(TwilioSms):
    """An adapter that has a fault where a body is longer than most."""

    def verify(self, request: WebhookRequest) -> None:
        if len(request.body) > 1000:
            raise RuntimeError("a fault of ours")
        super().verify(request)


def test_a_fault_of_an_adapter_is_the_one_callbacks_it_befell(
    citizens: Citizens, world: World, places: list[tuple[int, int]]
) -> None:
    config = TwilioSms.Config(account_sid="AC" + "0" * 32, auth_token="secret", **{"from": "+15005550006"})
    receiver = replace(citizens.receiver, adapters={"sms-main": Broken(config, timeout=1.0)})
    url = "https://tin.example/webhooks/sms-main?d={}.{}.0"

    def arrived(place: tuple[int, int], **more: str) -> Arrived:
        form = {"MessageSid": "SM1", "MessageStatus": "delivered", **more}
        told = url.format(*place) + "".join(name + form[name] for name in sorted(form))
        signature = b64encode(digest(b"secret", told.encode(), sha1)).decode()
        query = url.format(*place).partition("?")[2]
        sent = {"x-twilio-signature": signature}
        return Arrived("sms-main", Callback("POST", url.format(*place), sent, query, urlencode(form).encode()))

    forged = replace(arrived(places[3]), callback=replace(arrived(places[3]).callback, headers={}))
    given = [arrived(places[0]), arrived(places[1], Body="x" * 2000), forged, arrived(places[2], MessageSid="SM2")]
    good, faulty, refused, other = take_all(receiver, given)
    assert (good, refused, other) == (Verdict.TAKEN, Verdict.FORBIDDEN, Verdict.TAKEN)
    assert isinstance(faulty, RuntimeError)
    assert states(world, places[:4]) == ["delivered", "accepted", "delivered", "accepted"]


@pytest.mark.parametrize("words", ["STOP", "từ chối ạ", "START", "đăng ký"])
def test_a_refusal_or_its_taking_back_shares_no_transaction_with_others(
    citizens: Citizens, world: World, words: str
) -> None:
    assert not marked(Told(OA, [written(world, "k", words)])).shares


def test_only_receipts_and_texts_for_people_share_a_transaction(citizens: Citizens, world: World) -> None:
    now = world.clock.now()
    token = citizens.token("Nguyễn Văn Hùng")
    apart: list[Event] = [
        Joined("k", now, sender="z1"), OptOut("k", now, sender="z1"), AddressChanged("k", now, old="z1"),
        Touched("k", now, sender="z1"), written(world, "k", f"Tôi là An {token}"),
    ]  # fmt: skip
    assert [marked(Told(BOT, [event])).shares for event in apart] == [False] * 5
    shared = [written(world, "k", "Không hủy lịch hẹn của tôi"), Receipt("k", now), written(world, "k", "")]
    assert [marked(Told(BOT, [event])).shares for event in shared] == [True] * 3
    assert not marked(Told(BOT, [shared[0], apart[1]])).shares
