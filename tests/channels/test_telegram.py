"""What is particular to Telegram: the Bot API's refusals, groups that move, pacing, updates."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from adapter_harness import (
    BODY,
    BOT_SECRET,
    BOT_TOKEN,
    CHAT,
    PRIVATE,
    RECEIVED,
    Mood,
    chat_message,
    everything_shown,
    http_server,
    run,
    telegram,
    telegram_error,
    telegram_in,
    telegram_message,
)
from aiohttp import web
from pydantic import ValidationError

from channels.contract import (
    AddressChanged,
    Content,
    ErrorKind,
    Event,
    Inbound,
    Joined,
    Lease,
    OptOut,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.telegram_bot import TelegramConfig

Answering = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]
GROUP, SUPERGROUP = "-4001", "-1004001"


def refusal_of(answer: web.Response | Answering, **settings: Any) -> SendError:
    """The error of a send that Telegram answers like this."""

    async def given(request: web.Request) -> web.StreamResponse:
        return await answer(request) if callable(answer) else answer

    async def story() -> SendError:
        async with http_server(given) as port:
            adapter = telegram(port, **settings)
            try:
                await adapter.send(chat_message())
            except SendError as error:
                return error
            finally:
                await adapter.aclose()
        raise AssertionError("the send succeeded")

    return run(story())


def test_a_message_goes_as_plain_text_to_its_chat_without_a_preview_of_its_links() -> None:
    async def story() -> Any:
        async with telegram_in(Mood.WELL) as provider:
            accepted = await provider.adapter.send(provider.outgoing())
            assert accepted.provider_id == "1"
            return provider.got

    [(path, form)] = run(story())
    assert path == f"/bot{BOT_TOKEN}/sendMessage"
    assert form["chat_id"] == [CHAT]
    assert form["text"] == [BODY]
    assert json.loads(form["link_preview_options"][0]) == {"is_disabled": True}
    assert "parse_mode" not in form


@pytest.mark.parametrize(
    ("status", "description", "kind", "code"),
    [
        (403, "Forbidden: bot was blocked by the user", ErrorKind.OPTED_OUT, "blocked"),
        (403, "Forbidden: bot was kicked from the group chat", ErrorKind.OPTED_OUT, "kicked"),
        (403, "Forbidden: user is deactivated", ErrorKind.REJECTED, "deactivated"),
        (403, "Forbidden: bot can't initiate conversation with a user", ErrorKind.REJECTED, "forbidden"),
        (400, "Bad Request: chat not found", ErrorKind.REJECTED, "chat_not_found"),
        (400, "Bad Request: message is too long", ErrorKind.REJECTED, "text"),
        (400, "Bad Request: not enough rights to send text messages to the chat", ErrorKind.REJECTED, "no_rights"),
        (400, "Bad Request: something new", ErrorKind.REJECTED, "400"),
        (401, "Unauthorized", ErrorKind.MISCONFIGURED, "401"),
        (404, "Not Found", ErrorKind.MISCONFIGURED, "404"),
        (409, "Conflict: terminated by other getUpdates request", ErrorKind.TRANSIENT, "409"),
        (500, "Internal Server Error", ErrorKind.TRANSIENT, "500"),
    ],
)
def test_what_telegram_says_decides_what_follows(status: int, description: str, kind: ErrorKind, code: str) -> None:
    error = refusal_of(telegram_error(status, description))
    assert (error.kind, error.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (502, ErrorKind.UNCERTAIN),
        (504, ErrorKind.UNCERTAIN),
        (503, ErrorKind.TRANSIENT),
        (403, ErrorKind.MISCONFIGURED),
        (302, ErrorKind.MISCONFIGURED),
        (429, ErrorKind.THROTTLED),
    ],
)
def test_a_gateways_page_is_judged_by_its_status(status: int, kind: ErrorKind) -> None:
    headers = {"Retry-After": "9"} if status == 429 else {}
    error = refusal_of(web.Response(status=status, text="<html>proxy</html>", headers=headers))
    assert error.kind is kind
    assert error.retry_after == (9 if status == 429 else None)


@pytest.mark.parametrize(
    "answer", ['{"ok": true}', '{"ok": true, "result": {}}', "[]", "7", '{"ok": true, "result": 5}']
)
def test_an_answer_without_a_message_leaves_it_uncertain(answer: str) -> None:
    assert refusal_of(web.Response(text=answer, content_type="application/json")).kind is ErrorKind.UNCERTAIN


@pytest.mark.parametrize("asked", ["1e400", "1" + "0" * 400])
def test_a_wait_no_float_can_hold_still_throttles(asked: str) -> None:
    text = f'{{"ok": false, "error_code": 429, "description": "x", "parameters": {{"retry_after": {asked}}}}}'
    error = refusal_of(web.Response(status=429, text=text, content_type="application/json"))
    assert (error.kind, error.retry_after) == (ErrorKind.THROTTLED, 86_400)


def moving(*, again: bool = False) -> tuple[Answering, list[str]]:
    """A Telegram where a group has become a supergroup (and `again`: that one, too)."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        chat = (await request.post())["chat_id"]
        asked.append(str(chat))
        if chat == GROUP or again:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            return telegram_error(400, description, migrate_to_chat_id=int(SUPERGROUP))
        return telegram_message(3, str(chat))

    return answer, asked


def test_a_group_that_has_moved_gets_the_message_in_its_new_chat() -> None:
    answer, asked = moving()

    async def story() -> str:
        async with http_server(answer) as port:
            adapter = telegram(port)
            accepted = await adapter.send(chat_message(to=GROUP))
            await adapter.aclose()
            return accepted.provider_id

    assert run(story()) == "3"
    assert asked == [GROUP, SUPERGROUP]


def test_a_group_that_moves_on_and_on_is_followed_once() -> None:
    answer, asked = moving(again=True)
    error = refusal_of(answer)
    assert (error.kind, error.code) == (ErrorKind.REJECTED, "migrated")
    assert len(asked) == 2


def test_messages_to_one_chat_keep_their_distance_and_others_do_not_wait() -> None:
    arrived: list[tuple[str, float]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        chat = str((await request.post())["chat_id"])
        arrived.append((chat, Lease.clock()))
        return telegram_message(len(arrived), chat)

    async def story() -> None:
        async with http_server(answer) as port:
            adapter = telegram(port, chat_interval=0.3)
            await adapter.send(chat_message(to="1"))
            slow = adapter.send(chat_message(to="1"))
            await asyncio.gather(slow, adapter.send(chat_message(to="2")))
            await adapter.aclose()

    run(story())
    assert [chat for chat, _ in arrived] == ["1", "2", "1"]
    assert arrived[2][1] - arrived[0][1] >= 0.29


def test_a_chat_with_too_much_waiting_is_put_off_without_touching_the_others() -> None:
    async def story() -> None:
        async with telegram_in(Mood.WELL, chat_interval=60) as provider:
            await provider.adapter.send(provider.outgoing())
            with pytest.raises(SendError) as caught:
                await provider.adapter.send(provider.outgoing())
            assert caught.value.kind is ErrorKind.POSTPONED
            assert 50 < (caught.value.retry_after or 0) <= 60
            await provider.adapter.send(provider.outgoing(to="2"))
            assert len(provider.got) == 2

    run(story())


def test_the_token_shows_nowhere_even_when_everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("telegram", "httpx", "httpcore"):
        assert logging.getLogger(name).getEffectiveLevel() <= logging.DEBUG
    error = refusal_of(web.Response(status=404, text="no such path"))
    shown = caplog.text + everything_shown(error) + repr(telegram(1)._config)
    assert [word for word in PRIVATE if word in shown] == []


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"token": "not a token"}, "BotFather"),
        ({"token": "77:secret/../getMe"}, "BotFather"),
        ({"webhook_secret": "short"}, "8 to 256"),
        ({"webhook_secret": "with a space in it"}, "8 to 256"),
        ({"base_url": "http://api.telegram.org"}, "https://"),
        ({"base_url": "somewhere"}, "address like"),
    ],
)
def test_wrong_settings_say_what_would_be_right_without_repeating_them(settings: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramConfig(**{"token": BOT_TOKEN, **settings})
    assert what in str(caught.value)
    assert next(iter(settings.values())) not in str(caught.value)


def test_the_base_url_may_be_written_as_the_library_wants_it() -> None:
    assert TelegramConfig(token=BOT_TOKEN, base_url="http://127.0.0.1:8081/bot/").base_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize(("body", "code"), [("", "empty"), (" \n", "empty"), ("x" * 4097, "too_long")])
def test_a_text_that_cannot_go_is_found_before(body: str, code: str) -> None:
    assert [problem.code for problem in telegram(1).check(Content(body=body))] == [code]


def test_a_text_of_4096_characters_goes() -> None:
    assert telegram(1).check(Content(body="ă" * 4096)) == []


def request(body: Any, method: str = "POST", **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method, "https://x.example/webhooks/telegram", named, [], raw, received_at=RECEIVED)


def test_a_webhook_with_the_secret_is_accepted() -> None:
    telegram(1).verify(request({}, x_telegram_bot_api_secret_token=BOT_SECRET))


@pytest.mark.parametrize(
    ("headers", "method", "settings"),
    [
        ({}, "POST", {}),
        ({"x_telegram_bot_api_secret_token": BOT_SECRET + "x"}, "POST", {}),
        ({"x_telegram_bot_api_secret_token": "sécret"}, "POST", {}),
        ({"x_telegram_bot_api_secret_token": BOT_SECRET}, "GET", {}),
        ({"x_telegram_bot_api_secret_token": ""}, "POST", {"webhook_secret": None}),
    ],
)
def test_any_other_is_refused(headers: dict[str, str], method: str, settings: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        telegram(1, **settings).verify(request({}, method, **headers))


def told(**update: Any) -> list[Event]:
    return telegram(1).parse(request({"update_id": 10, **update}))


def message(**fields: Any) -> dict[str, Any]:
    base = {"message_id": 1, "date": 1_790_000_000, "chat": {"id": 77, "type": "private"}, "from": {"id": 77}}
    return {**base, **fields}


WRITTEN = datetime.fromtimestamp(1_790_000_000, UTC)


@pytest.mark.parametrize(
    ("text", "token"),
    [("/start abc-DEF_9", "abc-DEF_9"), ("/start@xa_bot t1", "t1"), ("/start", ""), ("/start  ", "")],
)
def test_start_brings_somebody_with_their_token(text: str, token: str) -> None:
    assert told(message=message(text=text)) == [Joined("update:10", WRITTEN, sender="77", token=token)]


def test_a_start_in_a_group_joins_nobody() -> None:
    group = {"id": -5, "type": "group"}
    assert told(message=message(text="/start t1", chat=group)) == [
        Inbound("update:10", WRITTEN, sender="-5", text="/start t1")
    ]


def test_somebodys_own_contact_card_tells_their_phone() -> None:
    card = {"phone_number": "84912345678", "first_name": "Hùng", "last_name": "Nguyễn Văn", "user_id": 77}
    assert told(message=message(contact=card)) == [
        Joined("update:10", WRITTEN, sender="77", phone="+84912345678", name="Nguyễn Văn Hùng")
    ]


def test_a_card_of_somebody_else_tells_nothing() -> None:
    card = {"phone_number": "84912345678", "first_name": "Hùng", "user_id": 78}
    assert told(message=message(contact=card)) == [Inbound("update:10", WRITTEN, sender="77", text="")]


def test_a_text_is_an_answer_and_stop_a_refusal() -> None:
    assert told(message=message(text="Cảm ơn")) == [Inbound("update:10", WRITTEN, sender="77", text="Cảm ơn")]
    assert told(message=message(text="/stop")) == [OptOut("update:10", WRITTEN, sender="77")]


def test_a_picture_is_an_answer_with_what_is_written_under_it() -> None:
    assert told(message=message(photo=[], caption="Hố ga")) == [
        Inbound("update:10", WRITTEN, sender="77", text="Hố ga")
    ]


def member(status: str) -> dict[str, Any]:
    return {"chat": {"id": 77, "type": "private"}, "date": 1_790_000_000, "new_chat_member": {"status": status}}


@pytest.mark.parametrize("status", ["kicked", "left"])
def test_who_blocks_the_bot_or_puts_it_out_has_no_address_any_more(status: str) -> None:
    assert told(my_chat_member=member(status)) == [AddressChanged("update:10", WRITTEN, old="77", new="")]


def test_who_lets_it_in_again_says_so_by_start() -> None:
    assert told(my_chat_member=member("member")) == []


def test_a_group_that_became_a_supergroup_has_a_new_address_told_once() -> None:
    old, new = {"id": -4001, "type": "group"}, {"id": -1004001, "type": "supergroup"}
    assert told(message=message(chat=old, migrate_to_chat_id=-1004001)) == [
        AddressChanged("update:10", WRITTEN, old=GROUP, new=SUPERGROUP)
    ]
    assert told(message=message(chat=new, migrate_from_chat_id=-4001)) == []


@pytest.mark.parametrize(
    "update",
    [
        {"edited_message": message(text="x")},
        {"callback_query": {"id": "1"}},
        {"message": message(text="x", **{"from": {"id": 1, "is_bot": True}})},
    ],
)
def test_what_is_not_for_us_says_nothing(update: dict[str, Any]) -> None:
    assert told(**update) == []


def test_a_repetition_has_the_same_key() -> None:
    assert told(message=message(text="x"))[0].event_key == told(message=message(text="x"))[0].event_key


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"update_id": "7"}', b'{"update_id": 7, "message": 5}',
             b'{"update_id": 7, "message": {"chat": {"id": "x"}}}', b"\xff\xfe", b"[" * 200_000],
)  # fmt: skip
def test_a_body_that_is_not_telegrams_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"Telegram|Expecting|too deep"):
        telegram(1).parse(request(body))
