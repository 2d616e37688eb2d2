"""Zalo's webhook: which signatures hold, and what its events say."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from zalo_server import APP_ID, OA_ID, PRIVATE, USER, event, signed, zalo

from channels.contract import (
    AddressChanged,
    Event,
    Inbound,
    Joined,
    Receipt,
    ReceiptState,
    Touched,
    VerificationError,
    WebhookRequest,
)

AT = datetime(2026, 11, 23, 3, 5, 7, tzinfo=UTC)
ADAPTER = zalo(1)
PAIR = {"sender": {"id": OA_ID}, "recipient": {"id": USER}}
FROM_USER = {"sender": {"id": USER}, "recipient": {"id": OA_ID}}


def told(name: str, at: datetime = AT, **fields: Any) -> list[Event]:
    return ADAPTER.parse(WebhookRequest("POST", "https://x.example/", {}, [], event(name, at, **fields)))


def now_ms(ago: timedelta = timedelta(0)) -> str:
    return str(int((datetime.now(UTC) - ago).timestamp() * 1000))


@pytest.mark.parametrize("number", [APP_ID, OA_ID], ids=["app_id", "oa_id"])
@pytest.mark.parametrize("header", [None, "its own"], ids=["body", "header"])
def test_each_reported_way_of_signing_holds_and_is_named_in_the_log_once(
    number: str, header: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    adapter = zalo(1)
    request = signed(event("follow"), number=number, header=header and now_ms(timedelta(seconds=3)))
    adapter.verify(request)
    adapter.verify(request)
    [record] = caplog.records
    assert ("app_id" if number == APP_ID else "oa_id") in record.getMessage()
    assert ("body" if header is None else "header") in record.getMessage()
    assert [word for word in PRIVATE if word in caplog.text] == []


def test_the_signature_may_come_without_its_prefix_and_in_capitals() -> None:
    request = signed(event("follow"))
    mac = request.headers["x-zevent-signature"].removeprefix("mac=").upper()
    ADAPTER.verify(WebhookRequest("POST", request.url, {"x-zevent-signature": mac}, [], request.body))


def test_one_changed_byte_breaks_the_signature() -> None:
    request = signed(event("user_send_text", message={"text": "co"}))
    changed = WebhookRequest("POST", request.url, request.headers, [], request.body.replace(b"co", b"CO"))
    with pytest.raises(VerificationError, match="does not hold"):
        ADAPTER.verify(changed)


@pytest.mark.parametrize(
    "request_",
    [
        signed(event("follow"), secret="another"),
        signed(event("follow"), number="1"),
        WebhookRequest("POST", "https://x.example/", {}, [], event("follow")),
        WebhookRequest("POST", "https://x.example/", {"x-zevent-signature": "mac=é"}, [], event("follow")),
        WebhookRequest("GET", "https://x.example/", dict(signed(event("follow")).headers), [], b""),
        WebhookRequest("POST", "https://x.example/", {"x-zevent-signature": "mac=00"}, [], b"[" * 200_000),
        signed(b'{"event_name": "follow"}', stamp=""),
        signed(b"no json at all", stamp=""),
    ],
    ids=["secret", "id", "unsigned", "not hex", "GET", "deep", "no timestamp", "no JSON"],
)
def test_what_is_not_zalos_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(VerificationError):
        ADAPTER.verify(request_)


@pytest.mark.parametrize(
    ("ago", "holds"),
    [
        (timedelta(hours=2), True),
        (timedelta(hours=4), False),
        (-timedelta(minutes=5), True),
        (-timedelta(hours=1), False),
    ],
)
def test_an_event_is_taken_as_long_as_zalo_repeats_it(ago: timedelta, holds: bool) -> None:
    request = signed(event("follow", datetime.now(UTC) - ago))
    if holds:
        ADAPTER.verify(request)
    else:
        with pytest.raises(VerificationError, match="older than Zalo repeats"):
            ADAPTER.verify(request)


def test_an_unsigned_header_does_not_make_an_old_event_young() -> None:
    request = signed(event("follow", datetime.now(UTC) - timedelta(days=2)))
    headers = {**request.headers, "x-zevent-timestamp": now_ms()}
    with pytest.raises(VerificationError):
        ADAPTER.verify(WebhookRequest("POST", request.url, headers, [], request.body))


def test_a_receipt_of_a_template_carries_our_key_and_its_time() -> None:
    delivered = AT + timedelta(seconds=9)
    message = {"delivery_time": str(int(delivered.timestamp() * 1000)), "msg_id": "m1", "tracking_id": "7.42.1"}
    assert told("user_received_message", sender={"id": OA_ID}, recipient={"id": "84912345678"}, message=message) == [
        Receipt("m1:delivered", delivered, key="7.42.1", provider_id="m1", state=ReceiptState.DELIVERED)
    ]


def test_a_receipt_of_a_consultation_message_has_zalos_id_alone() -> None:
    assert told("user_received_message", **PAIR, message={"msg_id": "m2"}) == [
        Receipt("m2:delivered", AT, provider_id="m2", state=ReceiptState.DELIVERED)
    ]


def test_a_tracking_id_that_is_not_ours_does_not_hide_the_message() -> None:
    [receipt] = told("user_received_message", **PAIR, message={"msg_id": "m3", "tracking_id": "order-17"})
    assert (receipt.key, receipt.provider_id) == ("", "m3")


def test_what_a_user_has_seen_is_read() -> None:
    assert told("user_seen_message", **PAIR, message={"msg_ids": ["m1", "m2"]}) == [
        Receipt("m1:read", AT, provider_id="m1", state=ReceiptState.READ),
        Receipt("m2:read", AT, provider_id="m2", state=ReceiptState.READ),
    ]
    [single] = told("user_seen_message", **PAIR, message={"msg_id": "m3"})
    assert single.provider_id == "m3"


def test_what_a_user_writes_is_inbound() -> None:
    assert told("user_send_text", **FROM_USER, message={"text": "TC", "msg_id": "i1"}) == [
        Inbound("i1:inbound", AT, provider_id="i1", sender=USER, text="TC")
    ]


@pytest.mark.parametrize("kind", ["image", "audio", "video", "sticker", "location", "file", "link"])
def test_what_is_not_text_is_marked_by_its_kind(kind: str) -> None:
    [inbound] = told(f"user_send_{kind}", **FROM_USER, message={"msg_id": "i2", "attachments": []})
    assert isinstance(inbound, Inbound)
    assert inbound.text == f"[{kind}]"


def test_who_follows_has_joined() -> None:
    [joined] = told("follow", oa_id=OA_ID, follower={"id": USER}, source="testing_click")
    assert isinstance(joined, Joined)
    assert (joined.sender, joined.at, joined.phone) == (USER, AT, "")


def test_who_unfollows_is_gone() -> None:
    [gone] = told("unfollow", oa_id=OA_ID, follower={"id": USER})
    assert isinstance(gone, AddressChanged)
    assert (gone.old, gone.new) == (USER, "")


@pytest.mark.parametrize(
    ("phone", "expected"),
    [("84912345678", "+84912345678"), (84912345678, "+84912345678"), ("0912345678", "0912345678")],
)
def test_who_shares_name_and_phone_has_joined_with_them(phone: str | int, expected: str) -> None:
    [joined] = told("user_submit_info", **FROM_USER, info={"name": "Nguyễn Văn Hùng", "phone": phone, "ward": "Xã"})
    assert isinstance(joined, Joined)
    assert (joined.sender, joined.phone, joined.name) == (USER, expected, "Nguyễn Văn Hùng")


def test_shared_details_without_details_are_still_a_user_who_came() -> None:
    [joined] = told("user_submit_info", **FROM_USER)
    assert isinstance(joined, Joined)
    assert (joined.sender, joined.phone, joined.name) == (USER, "", "")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("user_click_response_button", FROM_USER),
        ("user_click_chatnow", {"oa_id": OA_ID, "user_id": USER}),
        ("user_click_menu", FROM_USER),
        ("user_call_oa", {"oa_id": OA_ID, "user_id": USER, "talk_time": 41000}),
        ("user_call_oa", {**FROM_USER, "talk_time": "41000"}),
        ("oa_call_user", {**PAIR, "user_id": USER, "talk_time": "1"}),
        ("oa_call_user", {"oa_id": OA_ID, "user_id": USER, "talk_time": "1"}),
    ],
)
def test_a_click_and_a_call_that_was_taken_are_interactions(name: str, fields: dict[str, Any]) -> None:
    [touched] = told(name, **fields)
    assert isinstance(touched, Touched)
    assert (touched.sender, touched.at) == (USER, AT)
    assert USER not in touched.event_key


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("user_call_oa", {**FROM_USER, "talk_time": 0, "waiting_time": 12, "status_code": 3}),
        ("user_call_oa", {**FROM_USER, "talk_time": "0"}),
        ("user_call_oa", {**FROM_USER}),
        ("user_call_oa", {**FROM_USER, "talk_time": "-5"}),
        ("oa_call_user", {**PAIR, "user_id": USER, "talk_time": "000"}),
        ("oa_call_user", {**PAIR, "talk_time": "5"}),
        ("oa_call_user", {"phone": "84912345678", "talk_time": "5"}),
        ("oa_send_consent", {**PAIR, "request_type": "SENT"}),
        ("user_reply_consent", {"phone": "84912345678", "user_consent": "USER_BLOCKED"}),
        ("user_click_link", FROM_USER),
        ("user_click_menu", {"recipient": {"id": OA_ID}}),
        ("user_call_oa", {"oa_id": "42", "user_id": USER, "talk_time": 41000}),
    ],
)
def test_a_call_nobody_took_and_what_names_no_user_open_no_window(name: str, fields: dict[str, Any]) -> None:
    assert told(name, **fields) == []


ANOTHER_OA = "5554443332221110"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("follow", {"oa_id": ANOTHER_OA, "follower": {"id": USER}}),
        ("unfollow", {"oa_id": ANOTHER_OA, "follower": {"id": USER}}),
        ("user_send_text", {"sender": {"id": USER}, "recipient": {"id": ANOTHER_OA}, "message": {"text": "STOP"}}),
        ("user_submit_info", {"sender": {"id": USER}, "recipient": {"id": ANOTHER_OA}, "info": {"phone": "84912"}}),
    ],
)
def test_what_is_about_another_oa_of_the_same_app_says_nothing(
    name: str, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its user ids mean nobody here, or somebody else."""
    assert told(name, **fields) == []
    assert "another OA" in caplog.text
    assert [secret for secret in (*PRIVATE, ANOTHER_OA) if secret in caplog.text] == []


@pytest.mark.parametrize(
    "name", ["user_feedback", "change_template_status", "change_oa_daily_quota", "oa_send_text", "tomorrows_event"]
)
def test_other_events_say_nothing(name: str) -> None:
    assert told(name, **PAIR) == []


@pytest.mark.parametrize("name", ["follow", "unfollow", "user_submit_info"])
def test_a_repeated_event_has_the_same_key_a_later_one_another_and_no_key_tells_who(name: str) -> None:
    fields: dict[str, Any] = {"follower": {"id": USER}, "sender": {"id": USER}}
    [first], [again], [later] = told(name, **fields), told(name, **fields), told(name, AT + timedelta(days=1), **fields)
    [other] = told(name, follower={"id": "5"}, sender={"id": "5"})
    assert first.event_key == again.event_key
    assert len({first.event_key, later.event_key, other.event_key}) == 3
    assert USER not in first.event_key


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"event_name": 7}', b"\xff", b"[" * 200_000, event("follow"), event("user_send_text"),
        event("user_received_message"), event("user_received_message", message="?"),
    ],
    ids=["empty", "list", "nothing", "number", "no text", "deep", "nobody", "says nothing", "no receipt", "no message"],
)  # fmt: skip
def test_a_body_that_is_not_zalos_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        ADAPTER.parse(WebhookRequest("POST", "https://x.example/", {}, [], body))


def test_an_event_without_a_time_has_that_of_its_coming() -> None:
    body = json.dumps({"event_name": "follow", "follower": {"id": USER}}).encode()
    [joined] = ADAPTER.parse(WebhookRequest("POST", "https://x.example/", {}, [], body, received_at=AT))
    assert joined.at == AT
