"""Twilio: what we ask of it, what its answers mean, which callbacks are its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from adapter_harness import (
    BODY,
    NUMBER,
    RECEIVED,
    SID,
    TOKEN,
    Mood,
    failing,
    http_server,
    message_resource,
    run,
    sms,
    twilio,
    twilio_error,
    twilio_in,
)
from aiohttp import web

from channels.contract import (
    Accepted,
    Content,
    ErrorKind,
    Inbound,
    OptOut,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.twilio_sms import TwilioConfig, TwilioSms

CALLBACK = "https://truyenthong.tinh.example/webhooks/sms-main?d=7.42.1"
CLAIMED = datetime(2026, 11, 21, 3, 4, 8, tzinfo=UTC)


def test_the_request_carries_recipient_sender_text_and_callback() -> None:
    async def story() -> dict[str, list[str]]:
        async with twilio_in(Mood.WELL) as provider:
            accepted = await provider.adapter.send(provider.outgoing(callback_url=CALLBACK))
            assert accepted == Accepted("SM" + "1".zfill(32), parts=2)
            return dict(provider.got[0])

    assert run(story()) == {"To": [NUMBER], "From": ["+15005550006"], "Body": [BODY], "StatusCallback": [CALLBACK]}


def test_a_messaging_service_takes_the_senders_place() -> None:
    async def story() -> dict[str, list[str]]:
        async with twilio_in(Mood.WELL, **{"from": None, "messaging_service_sid": "MG" + "2" * 32}) as provider:
            await provider.adapter.send(provider.outgoing())
            return dict(provider.got[0])

    assert run(story()) == {"To": [NUMBER], "MessagingServiceSid": ["MG" + "2" * 32], "Body": [BODY]}


def test_it_authenticates_by_sid_and_token_at_the_address_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TWILIO_REGION": "ie1", "TWILIO_EDGE": "dublin", "HTTP_PROXY": "http://10.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)

    async def story() -> tuple[str, str]:
        seen: list[web.Request] = []

        async def answer(request: web.Request) -> web.Response:
            seen.append(request)
            return web.json_response(message_resource(), status=201)

        async with http_server(answer) as port:
            adapter = twilio(port)
            await adapter.send(sms())
            await adapter.aclose()
            return seen[0].path, seen[0].headers["Authorization"]

    path, authorization = run(story())
    assert path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{SID}:{TOKEN}"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21610, ErrorKind.OPTED_OUT),
        (400, 21211, ErrorKind.REJECTED),
        (400, 21408, ErrorKind.REJECTED),
        (400, 21614, ErrorKind.REJECTED),
        (400, 30007, ErrorKind.REJECTED),
        (400, 21606, ErrorKind.MISCONFIGURED),
        (404, 20404, ErrorKind.MISCONFIGURED),
        (403, 99999, ErrorKind.MISCONFIGURED),
        (400, 99999, ErrorKind.REJECTED),
        (400, 30001, ErrorKind.TRANSIENT),
        (429, 99999, ErrorKind.THROTTLED),
        (500, 20500, ErrorKind.TRANSIENT),
        (502, 99999, ErrorKind.TRANSIENT),
        (504, 99999, ErrorKind.UNCERTAIN),
    ],
)
def test_a_refusal_is_judged_by_its_code_then_by_its_status(status: int, code: int, kind: ErrorKind) -> None:
    async def story() -> SendError:
        async def answer(request: web.Request) -> web.Response:
            return twilio_error(status, code)

        async with http_server(answer) as port:
            adapter = twilio(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(sms())
            await adapter.aclose()
            return caught.value

    error = run(story())
    assert (error.kind, error.code) == (kind, str(code))
    assert error.reason


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"sid": 7}', '{"sid": null}', "{"])
def test_an_answer_that_names_no_message_leaves_us_uncertain(body: str) -> None:
    async def story() -> SendError:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=201, text=body, content_type="application/json")

        async with http_server(answer) as port:
            adapter = twilio(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(sms())
            await adapter.aclose()
            return caught.value

    assert run(story()).kind is ErrorKind.UNCERTAIN


@pytest.mark.parametrize("body", ["{", "[7]", "<html>", '{"code": "21610"}', '{"code": null}'])
def test_a_refusal_that_cannot_be_read_is_still_a_refusal(body: str) -> None:
    async def story() -> SendError:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=400, text=body)

        async with http_server(answer) as port:
            adapter = twilio(port)
            with pytest.raises(SendError) as caught:
                await adapter.send(sms())
            await adapter.aclose()
            return caught.value

    assert run(story()).kind is ErrorKind.REJECTED


async def asked(messages: list[dict[str, Any]], next_page: str | None = None, **settings: Any) -> Accepted | None:
    queries: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        queries.append(dict(request.query))
        return web.json_response({"messages": messages, "next_page_uri": next_page})

    async with http_server(answer) as port:
        adapter = twilio(port, **settings)
        try:
            return await adapter.ask(sms(sent_after=CLAIMED))
        finally:
            await adapter.aclose()
            assert {query.get("To") for query in queries} == {NUMBER}


def created(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S +0000")


def test_asked_it_finds_the_message_made_since_the_claim() -> None:
    mine = message_resource(5, date_created=created(CLAIMED - timedelta(seconds=4)))
    assert run(asked([mine])) == Accepted(mine["sid"], parts=2)


@pytest.mark.parametrize(
    "other",
    [
        message_resource(date_created=created(CLAIMED - timedelta(seconds=6))),
        message_resource(date_created=created(CLAIMED), **{"from": "+15005550099"}),
    ],
    ids=["older than the claim", "another sender"],
)
def test_asked_it_does_not_take_another_message_for_ours(other: dict[str, Any]) -> None:
    assert run(asked([other])) is None


def test_asked_it_does_not_guess_whether_another_text_is_ours() -> None:
    with pytest.raises(SendError) as told:
        run(asked([message_resource(date_created=created(CLAIMED), body="Một tin khác")]))
    assert told.value.kind is ErrorKind.UNCERTAIN


def test_asked_without_the_time_of_the_claim_it_does_not_guess() -> None:
    async def story() -> SendError:
        async with twilio_in(Mood.WELL) as provider:
            assert isinstance(provider.adapter, TwilioSms)
            with pytest.raises(SendError) as caught:
                await provider.adapter.ask(sms())
            return caught.value

    assert run(story()).kind is ErrorKind.UNCERTAIN


def test_asked_and_out_of_order_it_does_not_say_none() -> None:
    async def story() -> SendError:
        async with twilio_in(Mood.BROKEN) as provider:
            assert isinstance(provider.adapter, TwilioSms)
            with pytest.raises(SendError) as caught:
                await provider.adapter.ask(sms(sent_after=CLAIMED))
            return caught.value

    assert run(story()).kind is ErrorKind.TRANSIENT


def test_asked_it_never_follows_a_page_to_another_host() -> None:
    page = {"meta": {"key": "messages", "next_page_url": "http://10.1.2.3/next"}, "messages": [message_resource()]}

    async def story() -> SendError:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(page)

        async with http_server(answer) as port:
            adapter = twilio(port)
            with pytest.raises(SendError) as caught:
                await adapter.ask(sms(sent_after=CLAIMED))
            await adapter.aclose()
            return caught.value

    assert run(story()).kind is ErrorKind.MISCONFIGURED


def callback(url: str = CALLBACK, token: str = TOKEN, **form: str) -> WebhookRequest:
    """A callback signed by the rule Twilio publishes, computed here by hand."""
    text = url + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    query = [("d", url.partition("?d=")[2])] if "?d=" in url else []
    body = urlencode(form).encode()
    return WebhookRequest("POST", url, {"x-twilio-signature": signature}, query, body, RECEIVED)


def status(status: str, **more: str) -> WebhookRequest:
    return callback(MessageSid="SM9", MessageStatus=status, To=NUMBER, From="+1500", AccountSid=SID, **more)


def adapter() -> TwilioSms:
    return twilio(1)


def test_a_signed_callback_is_believed() -> None:
    adapter().verify(status("delivered"))


@pytest.mark.parametrize(
    "forged",
    [
        callback(token="another", MessageSid="SM9", MessageStatus="delivered"),
        replace(status("sent"), body=status("delivered").body),
        replace(status("sent"), url=CALLBACK.replace("7.42.1", "7.43.1")),
        replace(status("sent"), headers={}),
        replace(status("sent"), headers={"x-twilio-signature": "ổ khoá"}),
        replace(status("sent"), method="GET"),
        replace(status("sent"), body=b"\xff\xfe"),
        replace(status("sent"), body=b"no form at all"),
    ],
    ids=["token", "body", "address", "no signature", "odd signature", "method", "bytes", "no form"],
)
def test_a_callback_that_is_not_twilios_is_refused(forged: WebhookRequest) -> None:
    with pytest.raises(VerificationError) as caught:
        adapter().verify(forged)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("queued", ReceiptState.ACCEPTED),
        ("sent", ReceiptState.ACCEPTED),
        ("delivered", ReceiptState.DELIVERED),
        ("read", ReceiptState.READ),
        ("undelivered", ReceiptState.FAILED),
        ("failed", ReceiptState.FAILED),
        ("canceled", ReceiptState.FAILED),
    ],
)
def test_a_status_becomes_a_receipt_of_our_key(said: str, state: ReceiptState) -> None:
    assert adapter().parse(status(said)) == [
        Receipt(f"SM9:{said}", RECEIVED, key="7.42.1", provider_id="SM9", state=state)
    ]


def test_a_failure_says_why() -> None:
    (event,) = adapter().parse(status("undelivered", ErrorCode="30003"))
    assert isinstance(event, Receipt)
    assert (event.code, event.reason, event.opted_out) == ("30003", "the phone could not be reached", False)


def test_a_failure_for_refusal_is_told_apart() -> None:
    (event,) = adapter().parse(status("failed", ErrorCode="21610"))
    assert isinstance(event, Receipt)
    assert event.opted_out


def test_the_same_callback_twice_is_one_event_in_whatever_order() -> None:
    first = [adapter().parse(status(said))[0].event_key for said in ("sent", "delivered", "sent")]
    again = [adapter().parse(status(said))[0].event_key for said in ("delivered", "sent", "delivered")]
    assert set(first) == set(again)
    assert len(set(first)) == 2


def test_a_status_of_tomorrow_says_nothing() -> None:
    assert adapter().parse(status("teleported")) == []


def inbound(**form: str) -> WebhookRequest:
    return callback("https://x.example/webhooks/a", MessageSid="SM3", From=NUMBER, To="+1500", **form)


def test_an_answer_of_a_citizen_is_inbound() -> None:
    event = Inbound("SM3:inbound", RECEIVED, provider_id="SM3", sender=NUMBER, text="Cảm ơn")
    assert adapter().parse(inbound(Body="Cảm ơn", NumMedia="0")) == [event]


def test_an_opt_out_at_twilio_is_an_opt_out_with_us() -> None:
    event = OptOut("SM3:stop", RECEIVED, provider_id="SM3", sender=NUMBER, confirmed=True)
    assert adapter().parse(inbound(Body="STOP", OptOutType="STOP")) == [event]


def test_an_empty_answer_is_still_an_answer() -> None:
    (event,) = adapter().parse(inbound(Body=""))
    assert isinstance(event, Inbound)


@pytest.mark.parametrize("body", [b"", b"a=b", b"MessageSid=SM1", b"MessageSid=SM1&From=%2B84", b"{}", b"\xff"])
def test_a_body_that_is_not_twilios_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        adapter().parse(replace(status("sent"), body=body))


@pytest.mark.parametrize(
    ("body", "codes"), [("Xin chào", []), ("x" * 1600, []), ("x" * 1601, ["too_long"]), (" ", ["empty"])]
)
def test_a_text_is_checked_before_it_is_sent(body: str, codes: list[str]) -> None:
    assert [problem.code for problem in adapter().check(Content(body=body))] == codes


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"account_sid": "SK1"}, "account_sid"),
        ({"from": None}, "either from or messaging_service_sid"),
        ({"messaging_service_sid": "MG" + "2" * 32}, "either from or messaging_service_sid"),
        ({"base_url": "api.twilio.com"}, "https://api.twilio.com"),
        ({"base_url": "http://api.twilio.com"}, "unencrypted"),
        ({"base_url": "https://me:pw@api.twilio.com"}, "https://api.twilio.com"),
        ({"auth_token": None}, "auth_token"),
        ({"authtoken": "x"}, "authtoken"),
    ],
)
def test_wrong_settings_are_refused_with_what_would_be_right(settings: dict[str, Any], what: str) -> None:
    right = {"account_sid": SID, "auth_token": TOKEN, "from": "+1500"}
    with pytest.raises(ValueError, match=what) as caught:
        TwilioConfig(**{**right, **settings})
    assert TOKEN not in str(caught.value)


def test_one_adapter_sends_many_at_once_without_mixing_them() -> None:
    async def story() -> None:
        import asyncio

        async with twilio_in(Mood.WELL, connections=5) as provider:
            keys = [f"1.{n}.1" for n in range(40)]
            outgoing = [provider.outgoing(key=key, callback_url=f"https://x.example/?d={key}") for key in keys]
            sids = await asyncio.gather(*map(provider.adapter.send, outgoing))
            assert len({accepted.provider_id for accepted in sids}) == 40
            assert {form["StatusCallback"][0].partition("=")[2] for form in provider.got} == set(keys)

    run(story())


def test_a_throttled_account_without_a_wait_says_none() -> None:
    async def story() -> SendError:
        async with twilio_in(Mood.BROKEN) as provider:
            return await failing(provider)

    assert run(story()).retry_after is None
