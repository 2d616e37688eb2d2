"""Telegram's pace and its moved groups, and wrong logins, against the sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapter_harness import run
from sandbox_harness import message, sandbox

from channels.contract import (
    Accepted,
    Adapter,
    ErrorKind,
    SendError,
)
from channels.esms_sms import EsmsConfig, EsmsSms
from channels.telegram_bot import TelegramBot, TelegramConfig
from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.credentials import EsmsAccount
from outreach.local.sandbox.credentials import TelegramBot as SandboxBot

CHAT = "5550001234"
BOT, ESMS = SandboxBot(), EsmsAccount()
UNLIMITED = replace(BOT, per_s=0, per_chat_s=0)


def bot_of(port: int, **changes: Any) -> TelegramBot:
    base = {"token": BOT.token, "webhook_secret": BOT.webhook_secret, "chat_interval": 0}
    return TelegramBot(
        TelegramConfig(**{**base, "base_url": f"http://127.0.0.1:{port}/telegram", **changes}), timeout=1
    )


def esms_of(port: int, **changes: Any) -> EsmsSms:
    base = {"api_key": ESMS.api_key, "secret_key": ESMS.secret_key, "brandname": ESMS.brandname}
    return EsmsSms(EsmsConfig(**{**base, "base_url": f"http://127.0.0.1:{port}/esms", **changes}), timeout=1)


async def sent(adapter: Adapter, to: str, key: str = "1.1.1", **named: Any) -> Accepted | SendError:
    try:
        return await adapter.send(message(to, key, **named))
    except SendError as error:
        return error


def test_a_chat_that_moved_is_followed(tmp_path: Path) -> None:
    async def story() -> Accepted | SendError:
        async with sandbox(tmp_path, telegram=UNLIMITED) as ports:
            adapter = bot_of(ports.http_port)
            answer = await sent(adapter, "999999999919")
            await adapter.aclose()
            return answer

    assert isinstance(run(story()), Accepted)
    assert [entry.to for entry in read_log(tmp_path) if entry.outcome is Outcome.ACCEPTED] == ["-100999999999919"]


def test_messages_to_one_chat_keep_telegrams_second(tmp_path: Path) -> None:
    async def story() -> list[Accepted | SendError]:
        async with sandbox(tmp_path) as ports:
            adapter = bot_of(ports.http_port, chat_interval=1.05)
            answers = await asyncio.gather(*(sent(adapter, CHAT, f"1.{n}.1") for n in (1, 2)))
            await adapter.aclose()
            return answers

    assert [type(answer) for answer in run(story())] == [Accepted, Accepted]


def test_without_the_distance_telegram_throttles_and_nothing_fails(tmp_path: Path) -> None:
    async def story() -> list[Accepted | SendError]:
        async with sandbox(tmp_path) as ports:
            adapter = bot_of(ports.http_port)
            answers = await asyncio.gather(*(sent(adapter, CHAT, f"1.{n}.1") for n in (1, 2)))
            await adapter.aclose()
            return answers

    [first, second] = sorted(run(story()), key=lambda answer: isinstance(answer, SendError))
    assert isinstance(first, Accepted)
    assert isinstance(second, SendError)
    assert (second.kind, second.retry_after) == (ErrorKind.THROTTLED, 1)


def test_a_wrong_login_is_for_a_person_to_mend(tmp_path: Path) -> None:
    async def story() -> list[Accepted | SendError]:
        async with sandbox(tmp_path) as ports:
            adapters = (esms_of(ports.http_port, secret_key="wrong"), bot_of(ports.http_port, token="1:wrong"))
            answers = [await sent(adapter, "1") for adapter in adapters]
            for adapter in adapters:
                await adapter.aclose()
            return answers

    assert [answer.kind for answer in run(story()) if isinstance(answer, SendError)] == [ErrorKind.MISCONFIGURED] * 2
