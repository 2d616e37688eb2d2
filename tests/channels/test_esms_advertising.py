"""eSMS's advertising: a list under one id, receipts in sum, and nothing that could reach anybody twice."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from adapter_harness import (
    ESMS_KEY,
    ESMS_SECRET,
    PRIVATE,
    RECEIVED,
    Mood,
    esms,
    esms_answer,
    esms_in,
    everything_shown,
    run,
)
from aiohttp import web
from sms_gateway_servers import PLAIN, letters, listed

from channels.contract import (
    Accepted,
    ErrorKind,
    Event,
    Lease,
    Outgoing,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.esms_codes import CODES
from channels.esms_sms import EsmsSms

NUMBERS = [f"+849123456{place:02d}" for place in range(30)]
HOOK = "https://x.example/webhooks/sms-esms?d=7.1.0"


def advertising(numbers: list[str] | None = None, **named: Any) -> list[Outgoing]:
    return letters(numbers or NUMBERS, advertising=True, **named)


def answered(answer: web.Response) -> list[Accepted | SendError] | SendError:
    async def given(_: web.Request) -> web.StreamResponse:
        return answer

    return run(listed(esms, given, advertising()))


def sent(outgoings: list[Outgoing]) -> tuple[list[Any], list[Any]]:
    """What a list comes to at an eSMS that takes everything, and the requests it was."""

    async def story() -> tuple[list[Any], list[Any]]:
        async with esms_in(Mood.WELL) as provider:
            adapter = provider.adapter
            assert isinstance(adapter, EsmsSms)
            return list(await adapter.send_many(outgoings)), provider.got

    return run(story())


def test_a_list_is_one_request_for_advertising() -> None:
    results, [request] = sent(advertising())
    assert [one.provider_id for one in results] == [f"sms-1:{place}" for place in range(30)]
    assert {name: value for name, value in request.items() if name not in ("Phones", "RequestId")} == {
        "ApiKey": ESMS_KEY, "SecretKey": ESMS_SECRET, "Brandname": "UBNDxa", "Content": PLAIN, "SmsType": "1",
        "IsUnicode": "0", "Sandbox": "0",
    }  # fmt: skip
    assert request["Phones"] == [number[1:] for number in NUMBERS]
    assert len(request["RequestId"]) <= 50


def test_another_list_has_another_request_id() -> None:
    _, [first] = sent(advertising())
    _, [again] = sent(advertising())
    _, [other] = sent(advertising([*NUMBERS, "+84912345699"]))
    assert first["RequestId"] == again["RequestId"] != other["RequestId"]


def test_fewer_than_thirty_are_left_to_another_channel() -> None:
    async def story() -> tuple[list[SendError], list[Any]]:
        async with esms_in(Mood.WELL) as provider:
            adapter, errors = provider.adapter, []
            assert isinstance(adapter, EsmsSms)
            for attempt in (adapter.send_many(advertising(NUMBERS[:29])), adapter.send(advertising(NUMBERS[:1])[0])):
                try:
                    await attempt
                except SendError as error:
                    errors.append(error)
            return errors, provider.got

    errors, got = run(story())
    assert [(error.kind, error.code) for error in errors] == [(ErrorKind.WINDOW_CLOSED, "107")] * 2
    assert got == []


def test_a_notice_goes_alone_and_advertising_in_a_list() -> None:
    adapter = esms(1)
    [notice], [promotion] = letters(NUMBERS[:1]), advertising(NUMBERS[:1])
    assert (adapter.list_of(notice), adapter.list_of(promotion)) == (None, "advertising")


def test_what_may_have_left_in_a_list_is_not_sent_again() -> None:
    [lost] = advertising(NUMBERS[:1], may_have_left=True, repeated=True)
    assert esms(1).list_of(lost) is None

    async def story() -> tuple[SendError, list[Any]]:
        async with esms_in(Mood.WELL) as provider:
            try:
                await provider.adapter.send(lost)
            except SendError as error:
                return error, provider.got
            raise AssertionError

    error, got = run(story())
    assert (error.kind, got) == (ErrorKind.UNCERTAIN, [])


@pytest.mark.parametrize("code", CODES)
def test_every_code_holds_for_the_whole_list(code: str) -> None:
    error = answered(esms_answer(code))
    assert isinstance(error, SendError)
    assert (error.kind, error.code, error.may_have_left) == (CODES[code][0], code, False)
    assert [word for word in PRIVATE if word in everything_shown(error)] == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda: esms_answer("124"),
        lambda: web.Response(text="<html>"),
        lambda: web.Response(status=500),
        lambda: web.Response(status=503),
    ],
)
def test_what_cannot_be_told_is_uncertain_and_never_repeated(answer: Any) -> None:
    error = answered(answer())
    assert isinstance(error, SendError)
    assert (error.kind, error.may_have_left) == (ErrorKind.UNCERTAIN, False)


def test_a_list_without_an_answer_is_uncertain_as_a_whole() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    error = run(listed(esms, silent, advertising()))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


def test_past_the_lease_nothing_of_a_list_is_sent() -> None:
    heard = []

    async def given(request: web.Request) -> web.StreamResponse:
        heard.append(request)
        return esms_answer("100", SMSID="s1")

    error = run(listed(esms, given, advertising(lease=Lease.lasting(-1))))
    assert isinstance(error, SendError)
    assert (error.kind, heard) == (ErrorKind.NOT_SENT, [])


def told(status: str, succeeded: int, failed: int, *, url: str = "") -> WebhookRequest:
    """eSMS's callback for the list."""
    if not url:
        _, [request] = sent(advertising(callback_url=HOOK))
        url = request["CallbackUrl"]
    theirs = {
        "SMSID": "s1", "SendFailed": failed, "SendStatus": status, "SendSuccess": succeeded, "TotalPrice": "0.0",
        "TotalReceiver": 30, "TotalSent": 30, "RequestId": "", "TypeId": 1,
    }  # fmt: skip
    url = f"{url}&{urlencode(theirs)}"
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return WebhookRequest("GET", url, {}, query, b"", received_at=RECEIVED)


def parsed(status: str, succeeded: int, failed: int) -> list[Event]:
    callback = told(status, succeeded, failed)
    esms(1).verify(callback)
    return esms(1).parse(callback)


@pytest.mark.parametrize(
    ("status", "succeeded", "failed", "state"),
    [
        ("2", 0, 0, ReceiptState.ACCEPTED),
        ("7", 0, 0, ReceiptState.ACCEPTED),
        ("5", 30, 0, ReceiptState.DELIVERED),
        ("5", 0, 30, ReceiptState.FAILED),
        ("4", 0, 0, ReceiptState.FAILED),
    ],
)
def test_what_holds_for_the_whole_list_is_a_receipt_for_each(
    status: str, succeeded: int, failed: int, state: ReceiptState
) -> None:
    receipts = parsed(status, succeeded, failed)
    assert [one.provider_id for one in receipts] == [f"s1:{place}" for place in range(30)]
    assert {one.state for one in receipts if isinstance(one, Receipt)} == {state}
    assert {one.key for one in receipts} == {""}
    assert len({one.event_key for one in receipts}) == 30


@pytest.mark.parametrize(("succeeded", "failed"), [(29, 1), (1, 29), (25, 0), (0, 0)])
def test_who_of_a_list_was_missed_nobody_says(succeeded: int, failed: int) -> None:
    assert parsed("5", succeeded, failed) == []


@pytest.mark.parametrize(("old", "new"), [("n=30", "n=31"), ("&n=30", ""), ("d=7.1.0", "d=7.2.0")])
def test_a_callback_for_another_list_is_refused(old: str, new: str) -> None:
    _, [request] = sent(advertising(callback_url=HOOK))
    url = request["CallbackUrl"]
    assert old in url
    with pytest.raises(VerificationError):
        esms(1).verify(told("5", 30, 0, url=url.replace(old, new)))
