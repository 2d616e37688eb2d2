"""What providers tell us: kept once, applied forward, waiting for its delivery where it came first."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha1
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from channels.contract import Receipt, ReceiptState, VerificationError, WebhookRequest
from channels.twilio_sms import TwilioSms
from outreach.domain.errors import NotFound
from outreach.domain.states import DeliveryState
from outreach.receipts import refusal
from outreach.receipts.receiver import Receiver
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import SMS, World

TOKEN = "a token"
URL = "https://tin.example.vn/webhooks/sms-main"

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""


@pytest.fixture
def receiver(world: World) -> Receiver:
    config = TwilioSms.Config.model_validate(
        {"account_sid": "AC" + "0" * 32, "auth_token": TOKEN, "from": "+15005550006"}
    )
    adapters = {"sms-main": TwilioSms(config, timeout=5)}
    return Receiver(world.engine, adapters, world.accounts, world.keys, world.clock)


def callback(form: Mapping[str, str], *, key: str = "", token: str = TOKEN) -> WebhookRequest:
    """A request as Twilio signs it."""
    url = f"{URL}?d={key}" if key else URL
    signed = url + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), sha1)).decode()
    return WebhookRequest(
        "POST", url, {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"},
        [("d", key)] if key else [], urlencode(form).encode(),
    )  # fmt: skip


def status(world: World, word: str, *, sid: str = "SM1", error: str = "") -> WebhookRequest:
    [row] = world.rows()
    form = {"MessageSid": sid, "MessageStatus": word, "AccountSid": "AC" + "0" * 32, "To": "+84912000001"}
    return callback(form | ({"ErrorCode": error} if error else {}), key=f"{row.run_id}.{row.id}.{row.generation}")


def sent(world: World) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    world.plan()
    [row] = world.rows()
    for state in (DeliveryState.SENDING, DeliveryState.ACCEPTED):
        with world.engine.begin() as connection:
            change = Change(row.run_id, row.id, state, provider_id="SM1" if state == "accepted" else None)
            deliveries.advance(connection, [change], now=world.clock.now())


def reached(world: World) -> int:
    with world.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM reached")).scalar_one())


def test_a_delivered_receipt_counts_as_reached(world: World, receiver: Receiver) -> None:
    sent(world)
    assert receiver.receive("sms-main", status(world, "delivered")) == 1
    assert [row.state for row in world.rows()] == ["delivered"]
    assert reached(world) == 1
    assert world.counts_agree()


def test_a_repeated_receipt_changes_nothing(world: World, receiver: Receiver) -> None:
    sent(world)
    receiver.receive("sms-main", status(world, "delivered"))
    assert receiver.receive("sms-main", status(world, "delivered")) == 0
    assert reached(world) == 1


def test_an_older_receipt_that_comes_last_changes_nothing(world: World, receiver: Receiver) -> None:
    sent(world)
    for word in ("delivered", "sent", "queued"):
        receiver.receive("sms-main", status(world, word))
    assert [row.state for row in world.rows()] == ["delivered"]


def test_a_receipt_may_come_before_the_record(world: World, receiver: Receiver) -> None:
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    world.plan()
    [row] = world.rows()
    with world.engine.begin() as connection:
        deliveries.advance(connection, [Change(row.run_id, row.id, DeliveryState.SENDING)], now=world.clock.now())
    receiver.receive("sms-main", status(world, "delivered"))
    with world.engine.begin() as connection:
        late_record = Change(row.run_id, row.id, DeliveryState.ACCEPTED, provider_id="SM1")
        deliveries.advance(connection, [late_record], now=world.clock.now())
    assert [row.state for row in world.rows()] == ["delivered"]
    assert reached(world) == 1


def test_a_failure_carries_its_code(world: World, receiver: Receiver) -> None:
    sent(world)
    receiver.receive("sms-main", status(world, "undelivered", error="30005"))
    assert [(row.state, row.code) for row in world.rows()] == [("failed", "30005")]


def test_bad_news_of_an_older_generation_says_nothing_of_the_newest(world: World, receiver: Receiver) -> None:
    sent(world)
    old = status(world, "undelivered", error="30005")
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET generation = 1"))
    receiver.receive("sms-main", old)
    assert [row.state for row in world.rows()] == ["accepted"]


def test_a_wrong_signature_is_refused_and_nothing_kept(world: World, receiver: Receiver) -> None:
    sent(world)
    with pytest.raises(VerificationError):
        receiver.receive("sms-main", callback({"MessageSid": "SM1", "MessageStatus": "delivered"}, token="another"))
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM raw_events")).scalar_one() == 0


def test_an_unknown_account_is_told(receiver: Receiver) -> None:
    with pytest.raises(NotFound, match="there is no account 'other'"):
        receiver.receive("other", callback({}))


@pytest.mark.parametrize("word", ["TC", "tc.", "Từ chối", "STOP", " stop!! ", "HỦY", "Dừng"])
def test_a_refusal_by_reply_bars_the_number_at_once(world: World, receiver: Receiver, word: str) -> None:
    sent(world)
    receiver.receive(
        "sms-main", callback({"MessageSid": "SM9", "From": "+84912000001", "To": "+15005550006", "Body": word})
    )
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT channel, reason FROM suppressions")).all() == [("sms", "opted_out")]


def test_another_reply_bars_nobody(world: World, receiver: Receiver) -> None:
    sent(world)
    receiver.receive(
        "sms-main",
        callback({"MessageSid": "SM9", "From": "+84912000001", "To": "+1", "Body": "Cảm ơn, mấy giờ mở cửa?"}),
    )
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 0


def test_what_is_kept_is_sealed(world: World, receiver: Receiver) -> None:
    sent(world)
    receiver.receive("sms-main", callback({"MessageSid": "SM9", "From": "+84912000001", "To": "+1", "Body": "Xin hỏi"}))
    with world.engine.connect() as connection:
        payload = bytes(connection.execute(text("SELECT payload FROM raw_events")).scalar_one())
    assert b"84912000001" not in payload
    assert b"Xin" not in payload


def test_an_event_without_our_key_waits_until_its_delivery_is_known(world: World, receiver: Receiver) -> None:
    """As with gateways that give back only their own id."""
    world.person("An", phone="+84912000001")
    world.launch(CAMPAIGN)
    world.plan()
    [row] = world.rows()
    early = Receipt("k1", datetime.now(UTC), provider_id="SM1", state=ReceiptState.DELIVERED)
    with world.engine.begin() as connection:
        receiver._take(connection, SMS, [early])
    assert receiver.replay() == 0
    for state in (DeliveryState.SENDING, DeliveryState.ACCEPTED):
        with world.engine.begin() as connection:
            change = Change(row.run_id, row.id, state, provider_id="SM1" if state == "accepted" else None)
            deliveries.advance(connection, [change], now=world.clock.now())
    assert receiver.replay() == 1
    assert [row.state for row in world.rows()] == ["delivered"]
    assert receiver.replay() == 0


def test_a_key_made_up_by_somebody_is_kept_and_harmless(world: World, receiver: Receiver) -> None:
    sent(world)
    for key in ("1.2", "x.y.z", "9999999.9999999.0", "1.1.1.1", "99999999999999999999.1.1"):
        form = {"MessageSid": f"SM{key}", "MessageStatus": "delivered"}
        receiver.receive("sms-main", callback(form, key=key))
    assert [row.state for row in world.rows()] == ["accepted"]


def test_a_receipt_for_a_delivery_of_another_account_is_harmless(world: World, receiver: Receiver) -> None:
    sent(world)
    forged = status(world, "delivered")
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET account = 'another'"))
    receiver.receive("sms-main", forged)
    assert [row.state for row in world.rows()] == ["accepted"]


def test_an_unsubscribe_link_shows_without_acting_and_acts_once_asked(world: World) -> None:
    sent(world)
    [row] = world.rows()
    token = world.keys.token(row.run_id, row.id)
    assert refusal.show(world.engine, world.keys, token) == refusal.Refusal("Thử", "sms")
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 0
    for _ in range(2):
        assert refusal.refuse(world.engine, world.keys, token) is not None
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 1
    assert refusal.refuse(world.engine, world.keys, token[:-2] + "xx") is None


def test_a_kept_receipt_that_cannot_be_applied_keeps_no_other_waiting(receiver: Receiver, world: World) -> None:
    """The code of one cannot be stored; the deliveries became known after their receipts had come."""
    for n in range(3):
        world.person(f"Người {n}", phone=f"+8491210{n:04}")
    world.launch(CAMPAIGN)
    world.plan()
    for n, code in enumerate(("30003", "30\x00", "30003")):
        told = Receipt(f"k{n}", world.clock.now(), provider_id=f"SM{n}", state=ReceiptState.FAILED, code=code)
        receiver.take("sms-main", [told])
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE deliveries d SET state = 'accepted', provider_id = 'SM' || right(c.full_name, 1)"
                " FROM contacts c WHERE c.id = d.recipient_id"
            )
        )
    assert [receiver.replay(), receiver.replay()] == [2, 0]
    assert [row.state for row in world.rows()] == ["failed", "accepted", "failed"]


def test_more_receipts_that_outran_their_records_than_one_round_takes_are_applied_in_one_call(
    receiver: Receiver, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.receipts.receiver._ROUND", 2)
    for n in range(5):
        world.person(f"Người {n}", phone=f"+8491210{n:04}")
    world.launch(CAMPAIGN)
    world.plan()
    for n in range(5):
        told = Receipt(f"k{n}", world.clock.now(), provider_id=f"SM{n}", state=ReceiptState.DELIVERED)
        receiver.take("sms-main", [told])
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE deliveries d SET state = 'accepted', provider_id = 'SM' || right(c.full_name, 1)"
                " FROM contacts c WHERE c.id = d.recipient_id"
            )
        )
    assert [receiver.replay(), receiver.replay()] == [5, 0]
    assert {row.state for row in world.rows()} == {"delivered"}


def test_a_name_too_long_to_be_looked_up_is_refused(receiver: Receiver, world: World) -> None:
    sent(world)
    with pytest.raises(ValueError, match="so long a name"):
        receiver.receive("sms-main", status(world, "delivered", sid="SM" + "7" * 600))
