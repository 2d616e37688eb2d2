"""What is particular to eSMS: its request, its codes, the key it drops repetitions of, its unsigned GET callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from adapter_harness import (
    BODY,
    ESMS_KEY,
    ESMS_SECRET,
    NUMBER,
    PRIVATE,
    RECEIVED,
    Mood,
    esms,
    esms_answer,
    esms_in,
    everything_shown,
    http_server,
    run,
    sms,
)
from aiohttp import web
from pydantic import ValidationError

from channels.contract import (
    Accepted,
    Content,
    ErrorKind,
    Event,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.esms_codes import CODES, LONGEST_PLAIN, LONGEST_UNICODE
from channels.esms_sms import EsmsConfig, EsmsSms

CALLBACK = "https://x.example/webhooks/sms-esms?d=7.42.1"
PLAIN = "Nhac hen: ho so cua ong Hung se den han."


def answered(answer: web.Response, **named: Any) -> Accepted | SendError:
    """What a send comes to that eSMS answers like this."""

    async def given(_: web.Request) -> web.StreamResponse:
        return answer

    async def story() -> Accepted | SendError:
        async with http_server(given) as port:
            adapter = esms(port)
            try:
                return await adapter.send(sms(**named))
            except SendError as error:
                return error
            finally:
                await adapter.aclose()

    return run(story())


def sent(body: str = BODY, **settings: Any) -> Mapping[str, str]:
    """The request a message becomes."""

    async def story() -> Mapping[str, str]:
        async with esms_in(Mood.WELL, **settings) as provider:
            outgoing = provider.outgoing(content=Content(body=body), callback_url=CALLBACK)
            assert await provider.adapter.send(outgoing) == Accepted("sms-1")
            [request] = provider.got
            assert isinstance(request, dict)
            return request

    return run(story())


def callback_url() -> str:
    """The address a message tells eSMS to call."""
    return sent()["CallbackUrl"]


def test_a_message_is_a_customer_care_message_under_our_key() -> None:
    request = sent()
    assert {name: value for name, value in request.items() if name != "CallbackUrl"} == {
        "ApiKey": ESMS_KEY, "SecretKey": ESMS_SECRET, "Brandname": "UBNDxa", "Phone": NUMBER[1:], "Content": BODY,
        "SmsType": "2", "IsUnicode": "1", "Sandbox": "0", "RequestId": "7.42.1",
    }  # fmt: skip


@pytest.mark.parametrize(("body", "unicode"), [(PLAIN, "0"), (BODY, "1"), ("a`b", "1"), ("Xin chào", "1")])
def test_only_a_text_that_needs_it_is_marked_as_unicode(body: str, unicode: str) -> None:
    assert sent(body)["IsUnicode"] == unicode


def test_without_receipts_no_callback_is_asked_for() -> None:
    async def story() -> Any:
        async with esms_in(Mood.WELL) as provider:
            await provider.adapter.send(provider.outgoing())
            return provider.got

    assert "CallbackUrl" not in run(story())[0]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_kind_and_plain_words(code: str) -> None:
    error = answered(esms_answer(code, ErrorMessage=f"{NUMBER} {BODY}", SMSID="s1"))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (CODES[code][0], code)
    assert [word for word in PRIVATE if word in everything_shown(error)] == []


def test_an_unknown_code_is_tried_again() -> None:
    error = answered(esms_answer("987"))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, "987")


def test_a_code_may_be_a_number() -> None:
    assert answered(web.json_response({"CodeResult": 100, "SMSID": "s1"})) == Accepted("s1")


@pytest.mark.parametrize("status", ["", "1", "2", "5", "7"])
def test_a_key_it_has_already_is_accepted(status: str) -> None:
    more = {"SendStatus": status} if status else {}
    assert answered(esms_answer("124", ErrorMessage="Request exist 1", **more), repeated=True) == Accepted("")


def test_a_key_it_had_rejected_stays_rejected() -> None:
    error = answered(esms_answer("124", SendStatus="4"), repeated=True)
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.REJECTED, "124")


def test_a_key_that_was_never_sent_and_yet_is_known_proves_nothing() -> None:
    error = answered(esms_answer("124", SendStatus="5"))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.UNCERTAIN, "124")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ErrorKind.MISCONFIGURED),
        (400, ErrorKind.REJECTED),
        (403, ErrorKind.MISCONFIGURED),
        (404, ErrorKind.MISCONFIGURED),
        (502, ErrorKind.UNCERTAIN),
        (503, ErrorKind.TRANSIENT),
        (504, ErrorKind.UNCERTAIN),
    ],
)
def test_a_gateways_page_is_judged_by_its_status(status: int, kind: ErrorKind) -> None:
    error = answered(web.Response(status=status, text="<html>"))
    assert isinstance(error, SendError)
    assert error.kind is kind


@pytest.mark.parametrize(("status", "left"), [(500, True), (503, True), (408, True), (429, False), (400, False)])
def test_a_server_that_failed_may_have_taken_it_before(status: int, left: bool) -> None:
    error = answered(web.Response(status=status, text="<html>"))
    assert isinstance(error, SendError)
    assert error.may_have_left is left


def test_a_refusal_in_its_own_words_has_not_left() -> None:
    error = answered(esms_answer("999"))
    assert isinstance(error, SendError)
    assert (error.kind, error.may_have_left) == (ErrorKind.TRANSIENT, False)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", "{}", '{"error": "Invalid request"}', ""])
def test_an_answer_without_a_code_leaves_it_uncertain(text: str) -> None:
    error = answered(web.Response(text=text, content_type="application/json"))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("", ["empty"]),
        (" ", ["empty"]),
        ("a" * LONGEST_PLAIN, []),
        ("a" * (LONGEST_PLAIN + 1), ["too_long"]),
        ("ă" * LONGEST_UNICODE, []),
        ("ă" * (LONGEST_UNICODE + 1), ["too_long"]),
        ("ă" + "😀" * (LONGEST_UNICODE // 2), ["too_long"]),
    ],
)
def test_a_text_that_cannot_go_is_found_before(body: str, codes: list[str]) -> None:
    assert [problem.code for problem in esms(1).check(Content(body=body))] == codes


def request(url: str, method: str = "GET") -> WebhookRequest:
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return WebhookRequest(method, url, {}, query, b"", received_at=RECEIVED)


def told(joint: str = "&", **changes: str) -> WebhookRequest:
    """eSMS's callback for the message, its part of the query joined to ours."""
    theirs = {
        "SMSID": "s1", "SendFailed": "0", "SendStatus": "5", "SendSuccess": "1", "TotalPrice": "350.0000",
        "TotalReceiver": "1", "TotalSent": "1", "RequestId": "", "TypeId": "2", "telcoid": "1",
        "phonenumber": "0912345678",
    }  # fmt: skip
    return request(callback_url() + joint + urlencode({**theirs, **changes}))


@pytest.mark.parametrize("joint", ["&", "?"])
def test_a_callback_to_the_address_we_gave_is_accepted_and_finds_its_delivery(joint: str) -> None:
    adapter, callback = esms(1), told(joint)
    adapter.verify(callback)
    assert adapter.parse(callback) == [
        Receipt("s1:5:1:0", RECEIVED, key="7.42.1", provider_id="s1", state=ReceiptState.DELIVERED)
    ]


@pytest.mark.parametrize(("old", "new"), [("d=7.42.1", "d=7.43.1"), ("t=", "t=0"), ("&t=", "&u="), ("d=7.42.1&", "")])
def test_a_callback_to_any_other_address_is_refused(old: str, new: str) -> None:
    with pytest.raises(VerificationError):
        esms(1).verify(request(told().url.replace(old, new)))


def test_a_second_key_in_the_query_does_not_count() -> None:
    callback = request(told().url + "&d=9.9.9&t=guess")
    esms(1).verify(callback)
    assert [event.key for event in esms(1).parse(callback)] == ["7.42.1"]


def test_a_posted_callback_is_refused() -> None:
    with pytest.raises(VerificationError):
        esms(1).verify(request(told().url, "POST"))


def test_another_accounts_callbacks_are_refused() -> None:
    with pytest.raises(VerificationError):
        esms(1, secret_key="another secret").verify(told())


def test_with_a_callback_token_of_its_own_the_secret_key_may_change() -> None:
    token = "callback-token-of-ours"
    url = sent(callback_token=token)["CallbackUrl"] + "&SMSID=s1&SendStatus=2"
    esms(1, callback_token=token, secret_key="renewed").verify(request(url))
    with pytest.raises(VerificationError):
        esms(1).verify(request(url))


@pytest.mark.parametrize(
    ("status", "succeeded", "failed", "state"),
    [
        ("1", "0", "0", ReceiptState.ACCEPTED),
        ("2", "0", "0", ReceiptState.ACCEPTED),
        ("7", "0", "0", ReceiptState.ACCEPTED),
        ("5", "1", "0", ReceiptState.DELIVERED),
        ("5", "0", "1", ReceiptState.FAILED),
        ("5", "0", "0", ReceiptState.ACCEPTED),
        ("5", "x", "-1", ReceiptState.ACCEPTED),
        ("4", "0", "0", ReceiptState.FAILED),
    ],
)
def test_a_callback_says_how_far_the_message_has_come(
    status: str, succeeded: str, failed: str, state: ReceiptState
) -> None:
    [receipt] = parsed(SendStatus=status, SendSuccess=succeeded, SendFailed=failed)
    assert isinstance(receipt, Receipt)
    assert receipt.state is state
    assert bool(receipt.reason) is bool(receipt.code) is (state is ReceiptState.FAILED)


def parsed(**changes: str) -> list[Event]:
    return esms(1).parse(told(**changes))


def test_a_status_unknown_today_says_nothing() -> None:
    assert parsed(SendStatus="9") == []


def test_a_repetition_has_the_same_key_and_another_status_another() -> None:
    first, again, other = parsed(), parsed(), parsed(SendStatus="7", SendSuccess="0")
    assert first[0].event_key == again[0].event_key != other[0].event_key


@pytest.mark.parametrize("missing", ["SMSID", "SendStatus"])
def test_a_callback_that_is_not_esmss_is_a_mistake(missing: str) -> None:
    with pytest.raises(ValueError, match="SMSID and SendStatus"):
        parsed(**{missing: ""})


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"brandname": "UBND tinh Thanh Hoa"}, "11 characters"),
        ({"base_url": "http://rest.esms.vn"}, "https://"),
        ({"base_url": "somewhere"}, "address like"),
        ({"callback_token": "short"}, "16"),
    ],
)
def test_wrong_settings_say_what_would_be_right(settings: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EsmsConfig(**{"api_key": ESMS_KEY, "secret_key": ESMS_SECRET, "brandname": "UBNDxa", **settings})
    assert what in str(caught.value)


def test_repetitions_are_dropped_on_the_same_day_in_vietnam_only() -> None:
    capabilities = EsmsSms.capabilities
    assert (capabilities.deduplicates_for, capabilities.deduplicates_within_day_of) == (86_400, "Asia/Ho_Chi_Minh")
