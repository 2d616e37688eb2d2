"""What is particular to SpeedSMS: its request, its codes, lists, its unsigned callback."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from adapter_harness import NUMBER, PRIVATE, RECEIVED, TOKEN, Mood, everything_shown, http_server, run, sms
from aiohttp import web
from pydantic import ValidationError
from sms_gateway_servers import (
    CALLBACK_TOKEN,
    PLAIN,
    letters,
    listed,
    speedsms,
    speedsms_error,
    speedsms_in,
    speedsms_taken,
)

from channels.contract import (
    Accepted,
    Content,
    ErrorKind,
    Event,
    Inbound,
    Lease,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.sms_gateway import LONGEST_PLAIN, LONGEST_UNICODE
from channels.speedsms_codes import ADVICE, CODES
from channels.speedsms_sms import SpeedSms, SpeedSmsConfig

HOOK = f"https://x.example/webhooks/sms-speed?t={CALLBACK_TOKEN}"
NUMBERS = ["+84912345671", "+84912345672", "+84912345673"]


def answered(answer: web.Response) -> Accepted | SendError:
    """What a single send comes to that SpeedSMS answers like this."""

    async def given(_: web.Request) -> web.StreamResponse:
        return answer

    async def story() -> Accepted | SendError:
        async with http_server(given) as port:
            adapter = speedsms(port)
            try:
                return await adapter.send(sms())
            except SendError as error:
                return error
            finally:
                await adapter.aclose()

    return run(story())


def many(answer: web.Response, numbers: list[str] | None = None) -> list[Accepted | SendError] | SendError:
    async def given(_: web.Request) -> web.StreamResponse:
        return answer

    return run(listed(speedsms, given, letters(numbers or NUMBERS)))


def kinds(results: list[Accepted | SendError] | SendError) -> list[ErrorKind | None]:
    assert isinstance(results, list)
    return [one.kind if isinstance(one, SendError) else None for one in results]


def test_a_message_goes_under_the_brandname_with_the_token_as_user() -> None:
    heard: list[Any] = []

    async def given(request: web.Request) -> web.StreamResponse:
        heard.extend([request.path, request.headers["Authorization"], await request.json()])
        return speedsms_taken()

    async def story() -> None:
        async with http_server(given) as port:
            adapter = speedsms(port)
            await adapter.send(sms(content=Content(body=PLAIN)))
            await adapter.aclose()

    run(story())
    path, login, said = heard
    assert path == "/index.php/sms/send"
    assert base64.b64decode(login.removeprefix("Basic ")).decode() == f"{TOKEN}:x"
    assert said == {"to": [NUMBER[1:]], "content": PLAIN, "sms_type": 3, "sender": "UBNDxa"}


def test_what_is_taken_has_the_transactions_id_and_no_number() -> None:
    accepted = answered(speedsms_taken(5))
    assert isinstance(accepted, Accepted)
    transaction, _, mark = accepted.provider_id.partition(":")
    assert (transaction, len(mark)) == ("5", 16)
    assert NUMBER[3:] not in accepted.provider_id


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_kind_and_plain_words(code: str) -> None:
    error = answered(speedsms_error(code))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (CODES[code][0], code)
    assert [word for word in PRIVATE if word in everything_shown(error)] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_to_do_in_two_languages(code: str) -> None:
    advice = SpeedSms.advice(code)
    assert advice is ADVICE[code]
    assert all((advice.vi, advice.vi_do, advice.en, advice.en_do))


def test_a_report_of_failure_is_explained_and_a_stranger_is_not() -> None:
    assert SpeedSms.advice("status-64") is not None
    assert SpeedSms.advice("987") is None


def test_an_unknown_error_took_nothing_and_is_tried_again() -> None:
    error = answered(speedsms_error("987"))
    assert isinstance(error, SendError)
    assert (error.kind, error.may_have_left) == (ErrorKind.TRANSIENT, False)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ErrorKind.MISCONFIGURED),
        (400, ErrorKind.REJECTED),
        (403, ErrorKind.MISCONFIGURED),
        (404, ErrorKind.MISCONFIGURED),
        (408, ErrorKind.UNCERTAIN),
        (502, ErrorKind.UNCERTAIN),
    ],
)
def test_a_page_is_judged_by_its_status(status: int, kind: ErrorKind) -> None:
    error = answered(web.Response(status=status, text="<html>"))
    assert isinstance(error, SendError)
    assert error.kind is kind


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", "{}", '{"status": "error"}', '{"status": "perhaps"}', ""])
def test_an_answer_that_says_nothing_leaves_it_uncertain(text: str) -> None:
    error = answered(web.Response(text=text, content_type="application/json"))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


def test_a_list_goes_in_one_request() -> None:
    async def story() -> tuple[list[Any], list[Any]]:
        async with speedsms_in(Mood.WELL) as provider:
            adapter = provider.adapter
            assert isinstance(adapter, SpeedSms)
            return list(await adapter.send_many(letters(NUMBERS))), provider.got

    results, got = run(story())
    assert [request["to"] for request in got] == [["84912345671", "84912345672", "84912345673"]]
    assert len({one.provider_id for one in results}) == 3


def test_in_a_list_only_the_numbers_called_invalid_are_rejected() -> None:
    results = many(speedsms_taken(5, invalid=["0912345672"]))
    assert kinds(results) == [None, ErrorKind.REJECTED, None]


def test_a_list_refused_for_a_number_is_sent_to_the_others_later() -> None:
    results = many(speedsms_error("105", invalidPhone=["84912345673"]))
    assert kinds(results) == [ErrorKind.TRANSIENT, ErrorKind.TRANSIENT, ErrorKind.REJECTED]


def test_a_list_refused_for_its_text_is_refused_as_a_whole() -> None:
    error = many(speedsms_error("113"))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.REJECTED, "113")


def test_a_list_without_an_answer_is_uncertain_as_a_whole() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    error = run(listed(speedsms, silent, letters(NUMBERS)))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


def test_past_the_lease_of_one_of_them_nothing_of_a_list_is_sent() -> None:
    heard = []

    async def given(request: web.Request) -> web.StreamResponse:
        heard.append(request)
        return speedsms_taken()

    late = letters(NUMBERS[:1], lease=Lease.lasting(-1))
    error = run(listed(speedsms, given, letters(NUMBERS[1:]) + late))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.NOT_SENT
    assert heard == []


def hooked(**settings: Any) -> SpeedSms:
    return speedsms(1, callback_token=CALLBACK_TOKEN, **settings)


def callback(body: Any, url: str = HOOK, method: str = "POST") -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    query = [tuple(pair.split("=")) for pair in url.partition("?")[2].split("&") if pair]
    return WebhookRequest(method, url, {}, [(name, value) for name, value in query], raw, received_at=RECEIVED)


def report(status: Any = 0, **changes: Any) -> WebhookRequest:
    return callback({"type": "report", "tranId": 5, "phone": NUMBER[1:], "status": status, **changes})


def parsed(request: WebhookRequest) -> list[Event]:
    return hooked().parse(request)


@pytest.mark.parametrize("phone", ["84912345678", "0912345678", "+84912345678"])
def test_a_report_leads_to_the_one_message_of_its_request_that_went_to_the_number(phone: str) -> None:
    async def given(_: web.Request) -> web.StreamResponse:
        return speedsms_taken(5)

    def made(port: int) -> SpeedSms:
        return speedsms(port, callback_token=CALLBACK_TOKEN)

    results = run(listed(made, given, letters([*NUMBERS, NUMBER])))
    assert isinstance(results, list)
    [receipt] = parsed(report(phone=phone, tranId="5"))
    assert [isinstance(one, Accepted) and one.provider_id == receipt.provider_id for one in results] == [
        False, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (0, ReceiptState.DELIVERED, ""),
        ("0", ReceiptState.DELIVERED, ""),
        (1, ReceiptState.ACCEPTED, ""),
        (63, ReceiptState.ACCEPTED, ""),
        (64, ReceiptState.FAILED, "status-64"),
        (255, ReceiptState.FAILED, "status-255"),
    ],
)
def test_a_report_says_how_far_the_message_has_come(status: Any, state: ReceiptState, code: str) -> None:
    [receipt] = parsed(report(status))
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.code, receipt.at) == (state, code, RECEIVED)
    assert NUMBER[3:] not in receipt.event_key + receipt.provider_id


def test_a_repetition_has_the_same_key_and_another_number_another() -> None:
    first, again, other = parsed(report()), parsed(report()), parsed(report(phone="84912345679"))
    assert first[0].event_key == again[0].event_key != other[0].event_key


@pytest.mark.parametrize("status", ["", "-1", "soon", None, 10**9])
def test_a_status_unknown_today_says_nothing(status: Any) -> None:
    assert parsed(report(status)) == []


def test_what_a_citizen_writes_is_heard_once_a_day() -> None:
    said = {"type": "sms", "phone": "0912345678", "content": "TC"}
    [first], [again] = parsed(callback(said)), parsed(callback(said))
    assert isinstance(first, Inbound)
    assert (first.sender, first.text) == (NUMBER, "TC")
    assert first.event_key == again.event_key
    tomorrow = callback(said)
    later = WebhookRequest(
        tomorrow.method, tomorrow.url, {}, tomorrow.query, tomorrow.body, RECEIVED + timedelta(days=1)
    )
    assert parsed(later)[0].event_key != first.event_key


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b"{}", b'{"type": "report"}', b'{"type": "report", "tranId": 5, "status": 0}',
             b'{"type": "sms", "content": "TC"}'],
)  # fmt: skip
def test_a_callback_that_is_not_speedsmss_is_a_mistake(body: bytes) -> None:
    with pytest.raises(ValueError, match="SpeedSMS"):
        parsed(callback(body))


def test_another_kind_of_callback_says_nothing() -> None:
    assert parsed(callback({"type": "balance"})) == []


def test_a_callback_to_the_address_we_told_is_accepted() -> None:
    hooked().verify(report())


@pytest.mark.parametrize(
    "request_",
    [
        callback({}, HOOK + "0"),
        callback({}, "https://x.example/webhooks/sms-speed"),
        callback({}, "https://x.example/webhooks/sms-speed?t="),
        callback({}, method="GET"),
    ],
)
def test_any_other_callback_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(VerificationError):
        hooked().verify(request_)


def test_without_a_callback_token_no_callback_is_accepted_and_none_is_waited_for() -> None:
    for url in (HOOK, "https://x.example/webhooks/sms-speed?t="):
        with pytest.raises(VerificationError):
            speedsms(1).verify(callback({}, url))
    assert SpeedSms.proof_on("sms", speedsms(1)._config) is ReceiptState.ACCEPTED
    assert SpeedSms.proof_on("sms", hooked()._config) is ReceiptState.DELIVERED


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (" ", ["empty"]),
        ("a" * LONGEST_PLAIN, []),
        ("a" * (LONGEST_PLAIN + 1), ["too_long"]),
        ("ă" * LONGEST_UNICODE, []),
        ("ă" * (LONGEST_UNICODE + 1), ["too_long"]),
    ],
)
def test_a_text_that_cannot_go_is_found_before(body: str, codes: list[str]) -> None:
    assert [problem.code for problem in speedsms(1).check(Content(body=body))] == codes


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"sender": ""}, "sender is missing"),
        ({"sender": "UBND tinh Thanh Hoa"}, "11 characters"),
        ({"base_url": "http://api.speedsms.vn"}, "https://"),
        ({"callback_token": "short"}, "16"),
        ({"sms_type": 1}, "sms_type"),
    ],
)
def test_wrong_settings_say_what_would_be_right(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SpeedSmsConfig(**{"token": TOKEN, "sender": "UBNDxa", **settings})
    assert what in str(caught.value)


def test_without_a_brandname_of_ours_no_sender_is_needed() -> None:
    assert SpeedSmsConfig(token=TOKEN, sms_type=4).sender == ""
