"""The generic gateway under a hostile server and careless settings: nothing fills the memory, nothing is sent wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from adapter_harness import NUMBER, http_server, run, sms
from aiohttp import web
from http_gateway_server import SETTINGS, gateway
from pydantic import ValidationError

from channels.contract import Accepted, ErrorKind, Receipt, SendError, WebhookRequest
from channels.http_gateway_config import GatewayConfig

TAKEN = b'{"status": "ok", "data": [{"id": "7"}]}'


def result(serve: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Accepted | SendError:
    async def story() -> Accepted | SendError:
        async with http_server(serve) as port:
            adapter = gateway(f"http://127.0.0.1:{port}/send")
            try:
                return await adapter.send(sms())
            except SendError as error:
                return error
            finally:
                await adapter.aclose()

    return run(story())


def answering(**said: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(**said)

    return serve


def test_an_answer_that_never_ends_is_not_kept_in_memory() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while True:
                await response.write(b"x" * 1_000_000)
        return response

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = result(serve)
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("charset", ["hex", "idna", "rot13", "base64", "no-such-thing", '"'])
def test_an_odd_charset_does_not_hide_that_the_message_was_taken(charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    assert result(answering(body=TAKEN, headers=headers)) == Accepted("7")


@pytest.mark.parametrize("parts", ["9" * 5000, "-1", "²", "1.5", "0", "١" * 3])
def test_an_odd_count_of_parts_is_left_out(parts: str) -> None:
    said = json.dumps({"status": "ok", "data": [{"id": "7", "parts": parts}]})
    assert result(answering(text=said)) == Accepted("7")


@pytest.mark.parametrize("said", [NUMBER[1:], f"no such number {NUMBER}", "khong-co-so-0912345678", "x" * 41])
def test_a_code_that_the_settings_do_not_name_never_carries_a_number(said: str) -> None:
    error = result(answering(status=400, text=json.dumps({"error": {"code": said}})))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.REJECTED, "")
    body = json.dumps({"id": "g", "ref": "1.2.0", "state": "UNDELIV", "why": said}).encode()
    request = WebhookRequest("POST", "https://tin.example.vn/webhooks/a", {}, [], body, datetime.now(UTC))
    (receipt,) = gateway("https://gateway.example").parse(request)
    assert isinstance(receipt, Receipt)
    assert receipt.code == "status-UNDELIV"


def test_receipts_of_a_very_long_id_are_told_apart_by_their_status() -> None:
    keys = set()
    for state in ("ENROUTE", "DELIVRD"):
        body = json.dumps({"id": "g" * 300, "state": state}).encode()
        request = WebhookRequest("POST", "https://tin.example.vn/webhooks/a", {}, [], body, datetime.now(UTC))
        keys |= {event.event_key for event in gateway("https://gateway.example").parse(request)}
    assert len(keys) == 2


BODY = {"to": "{to}", "text": "{text}"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"headers": {"Idempotency-Key": "{key}"}}, "placeholders are filled in the body alone"),
        ({"headers": {"X-Key": "abc\r\nX-Evil: 1"}}, "line break"),
        ({"headers": {"X-Key": "abc\n"}}, "line break"),
        ({"headers": {"X Key:": "abc"}}, "a header's name"),
        ({"url": "https://gateway.example/send?to={to}"}, "not in url"),
        ({"body": {**BODY, "{to}": "x"}}, "not in url or names"),
        ({"body": {**BODY, "ref": "{ key }"}}, "{ key } would be sent as it stands"),
        ({"body": {**BODY, "ref": "{key!r:>10}"}}, "would be sent as it stands"),
        ({"body": {**BODY, "ref": "{{key}}"}}, "would be sent as it stands"),
    ],
)
def test_settings_that_would_send_something_wrong_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=r".") as found:
        GatewayConfig.model_validate({"url": "https://gateway.example", **SETTINGS, **settings})
    assert says in str(found.value)
    assert "abc" not in str(found.value)


def test_json_within_a_text_of_the_body_is_left_as_it_is() -> None:
    body = {**BODY, "extra": '{"to": 1, "list": {"key": 2}}'}
    assert GatewayConfig.model_validate({"url": "https://gateway.example", **SETTINGS, "body": body}).body == body


@pytest.mark.parametrize("host", ["sms..tinh.invalid", "x" * 300 + ".invalid"])
def test_a_host_that_cannot_be_one_pauses_the_account_and_leaves_nobody_in_doubt(host: str) -> None:
    async def story() -> SendError:
        adapter = gateway(f"https://{host}/send")
        with pytest.raises(SendError) as caught:
            await adapter.send(sms())
        await adapter.aclose()
        return caught.value

    assert run(story()).kind is ErrorKind.MISCONFIGURED


def test_the_same_words_on_another_day_are_not_taken_for_a_repetition() -> None:
    """Who refused, came back and refuses again, by a gateway that gives its texts no id."""

    def key(at: datetime) -> str:
        body = json.dumps({"from": NUMBER, "text": "TU CHOI"}).encode()
        request = WebhookRequest("POST", "https://tin.example.vn/webhooks/a", {}, [], body, at)
        (event,) = gateway("https://gateway.example").parse(request)
        return event.event_key

    first = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert key(first) == key(first + timedelta(minutes=5))
    assert key(first) != key(first + timedelta(days=1))
