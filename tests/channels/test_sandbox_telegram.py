"""The sandbox speaks Telegram's Bot API: texts and their limits, the webhook with its secret, citizens who write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from adapter_harness import http_server, run
from sandbox_client import BOT, CHAT, Listener, Told, client, first_phone, listened

from outreach.local.sandbox import Outcome, read_deeds, read_log
from outreach.local.sandbox.behaviour import CHATS, MAGIC_CHAT, Fate
from outreach.local.sandbox.credentials import TelegramBot

UNLIMITED = TelegramBot(per_s=0, per_chat_s=0)


def test_a_text_is_taken_written_down_and_answered_as_telegram_does(tmp_path: Path) -> None:
    async def story() -> tuple[tuple[int, dict[str, Any]], tuple[int, dict[str, Any]]]:
        async with client(tmp_path) as bot:
            return await bot.bot("sendMessage", chat_id=CHAT, text="Chào bạn"), await bot.bot("getMe")

    (status, sent), (_, me) = run(story())
    (entry,) = read_log(tmp_path)
    result = sent["result"]
    assert (status, sent["ok"]) == (200, True)
    assert (str(result["message_id"]), result["chat"]["id"], result["text"]) == (
        entry.provider_id, int(CHAT), "Chào bạn",
    )  # fmt: skip
    assert (entry.channel, entry.to, entry.body, entry.outcome) == ("telegram", CHAT, "Chào bạn", Outcome.ACCEPTED)
    assert me["result"]["is_bot"] is True


ERRORS = {
    Fate.INVALID: (400, "chat not found"), Fate.OPTED_OUT: (403, "blocked by the user"),
    Fate.FAILED: (403, "deactivated"), Fate.BROKEN: (502, "Bad Gateway"), Fate.FLAKY: (502, "Bad Gateway"),
    Fate.CONTENT: (400, "can't parse"), Fate.THROTTLED: (429, "retry after 1"), Fate.MIGRATED: (400, "upgraded"),
}  # fmt: skip
NO_JSON = {Fate.SILENT, Fate.RESET, Fate.GARBLED, Fate.DROPPED}
"""Tried with the adapter in test_wire_pairs."""


def test_every_magic_chat_is_tried() -> None:
    assert set(ERRORS) | NO_JSON == set(CHATS.values())


@pytest.mark.parametrize("what", ERRORS)
def test_a_magic_chat_has_its_error(tmp_path: Path, what: Fate) -> None:
    chat = next(one for one, fate in CHATS.items() if fate is what)

    async def story() -> tuple[int, dict[str, Any]]:
        async with client(tmp_path, telegram=UNLIMITED) as bot:
            return await bot.bot("sendMessage", chat_id=chat, text="Chào")

    status, answer = run(story())
    assert (status, answer["ok"], answer["error_code"]) == (ERRORS[what][0], False, status)
    assert ERRORS[what][1] in answer["description"]
    extra = {Fate.THROTTLED: {"retry_after": 1}, Fate.MIGRATED: {"migrate_to_chat_id": int(f"-100{chat}")}}
    assert answer.get("parameters") == extra.get(what)


@pytest.mark.parametrize(
    ("said", "status"),
    [({"chat_id": CHAT, "text": ""}, 400), ({"text": "a"}, 400), ({"chat_id": CHAT, "text": "a" * 4097}, 400)],
)
def test_a_request_without_sense_is_refused(tmp_path: Path, said: dict[str, str], status: int) -> None:
    async def story() -> int:
        async with client(tmp_path) as bot:
            return (await bot.bot("sendMessage", **said))[0]

    assert run(story()) == status
    assert [one.outcome for one in read_log(tmp_path)] == [Outcome.REFUSED]


def test_a_stranger_is_refused_and_noted(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path) as bot:
            sent = await bot.bot("sendMessage", token="1:wrong", chat_id=CHAT, text="a")
            asked = await bot.bot("getMe", token="1:wrong")
            return [sent[0], asked[0]]

    assert run(story()) == [401, 401]
    assert [one.outcome for one in read_log(tmp_path)] == [Outcome.UNAUTHORISED]


@pytest.mark.parametrize(
    ("bot", "chats"),
    [
        (TelegramBot(per_s=0, per_chat_s=1), [CHAT] * 4),
        (TelegramBot(per_s=2, per_chat_s=0), [str(int(CHAT) + n) for n in range(8)]),
    ],
)
def test_a_bot_and_a_chat_have_their_limits(tmp_path: Path, bot: TelegramBot, chats: list[str]) -> None:
    async def story() -> list[tuple[int, dict[str, Any]]]:
        async with client(tmp_path, telegram=bot) as one:
            return [await one.bot("sendMessage", chat_id=chat, text="Chào") for chat in chats]

    answers = run(story())
    refused = [answer for status, answer in answers if status == 429]
    assert len(chats) / 4 <= len(refused) < len(chats)  # the second may turn in between
    assert all(answer["parameters"] == {"retry_after": 1} for answer in refused)


def test_what_citizens_write_comes_as_updates_with_the_secret(tmp_path: Path) -> None:
    async def story() -> list[Told]:
        listener = Listener()
        async with listened(tmp_path, listener, "telegram") as bot:
            for number, deed in enumerate(({"text": "/start ma-mot-lan"}, {"event": "blocked"}), 1):
                answer = await bot.post("/citizen/telegram", {"chat_id": CHAT, **deed})
                assert answer["told"] is True
                await listener.until(number)
            return listener.told

    started, blocked = run(story())
    assert started.headers["x-telegram-bot-api-secret-token"] == BOT.webhook_secret
    message = started.document["message"]
    assert (message["chat"]["id"], message["chat"]["type"], message["text"]) == (
        int(CHAT), "private", "/start ma-mot-lan",
    )  # fmt: skip
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert blocked.document["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    assert blocked.document["update_id"] > started.document["update_id"]
    assert [deed.what for deed in read_deeds(tmp_path)] == ["message", "blocked"]


def test_who_has_blocked_the_bot_gets_nothing_until_they_take_it_back(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path, telegram=UNLIMITED) as bot:
            statuses = []
            for event in ("blocked", "unblocked"):
                await bot.post("/citizen/telegram", {"chat_id": CHAT, "event": event})
                statuses.append((await bot.bot("sendMessage", chat_id=CHAT, text="Chào"))[0])
            return statuses

    assert run(story()) == [403, 200]


def test_the_webhook_can_be_set_and_survives_a_restart(tmp_path: Path) -> None:
    async def story() -> Told:
        listener = Listener()
        async with http_server(listener.answer) as port:
            url = f"http://127.0.0.1:{port}/webhooks/bot"
            async with client(tmp_path) as bot:
                assert (await bot.bot("setWebhook", url=url, secret_token="a secret"))[0] == 400
                assert (await bot.bot("setWebhook", url=url, secret_token="another-secret"))[0] == 200
            async with client(tmp_path) as bot:
                assert (await bot.bot("getWebhookInfo"))[1]["result"]["url"] == url
                await bot.post("/citizen/telegram", {"chat_id": CHAT, "text": "Tôi hỏi"})
                (update,) = await listener.until(1)
                return update

    assert run(story()).headers["x-telegram-bot-api-secret-token"] == "another-secret"


def test_a_phone_shows_both_sides_and_lets_its_owner_answer(tmp_path: Path) -> None:
    async def story() -> tuple[str, int, str]:
        async with client(tmp_path) as bot:
            await bot.bot("sendMessage", chat_id=CHAT, text="Chào bạn")
            listed = await bot.page("/")
            phone = first_phone(listed)
            form = {"from_page": "1", "chat_id": CHAT, "event": "message", "text": "Cảm ơn <b>"}
            address = f"{bot.base}/citizen/telegram"
            async with bot.session.post(address, data=form, allow_redirects=False) as answer:
                assert answer.headers["Location"] == phone
                return listed, answer.status, await bot.page(phone)

    listed, status, phone = run(story())
    assert (status, CHAT in phone, "Telegram" in listed) == (303, True, True)
    assert "Chào bạn" in phone
    assert "Cảm ơn &lt;b&gt;" in phone
    assert 'action="/citizen/telegram"' in phone


@pytest.mark.parametrize("wrong", [{"chat_id": "abc"}, {"chat_id": MAGIC_CHAT, "event": "explodes"}])
def test_a_deed_without_sense_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as bot:
            return await bot.post("/citizen/telegram", wrong)

    assert run(story())["ok"] is False
    assert list(read_deeds(tmp_path)) == []
