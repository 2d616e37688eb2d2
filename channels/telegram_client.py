"""The way to Telegram's Bot API: python-telegram-bot over our HTTP session; what its refusals mean for a message.

Imported by the first send: the library takes a while to load.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any, Final

from aiohttp import ClientSession
from telegram import Bot, LinkPreviewOptions
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, TelegramError
from telegram.request import BaseRequest, RequestData

from channels import http, telegram_codes, telegram_updates
from channels.contract import Accepted, ErrorKind, Lease, SendError

_LONGEST_WAIT: Final = 86_400
"""Seconds; a number can be larger than a float can hold."""
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
"""A preview would have Telegram open each citizen's own links."""

logging.getLogger("telegram.Bot").setLevel(logging.WARNING)  # below that it writes down addresses, texts and the token


class TelegramClient:
    """One bot, over a session that it closes in the end."""

    def __init__(self, token: str, base_url: str, session: ClientSession, timeout: float) -> None:
        self._session = session
        transport = _Transport(session, timeout)
        self._bot = Bot(token, base_url=f"{base_url}/bot", request=transport, get_updates_request=transport)

    async def say(self, chat: str, text: str, lease: Lease) -> Accepted | str:
        """Send a text once; gives the id of the new chat where it was refused for an old one. Raises SendError."""
        exchange = _Exchange(lease)
        _exchange.set(exchange)
        try:
            message = await self._bot.send_message(chat, text, link_preview_options=_NO_PREVIEW)
            return Accepted(str(message.message_id))
        except ChatMigrated as moved:
            return str(moved.new_chat_id)
        except TelegramError as error:
            failure = _meaning(error, exchange)
        except (ValueError, TypeError, KeyError, AttributeError):
            failure = _unreadable()
        raise failure  # outside the handler: the cause could show the chat, the text or the token

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.close()


class _Exchange:
    """One request: the lease it may be written under, and the HTTP status it was answered with (0: none yet)."""

    __slots__ = ("lease", "status")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.status = 0


_exchange: ContextVar[_Exchange] = ContextVar("request of the message being sent")


class _UnreadableError(TelegramError):
    """An answer that is not the Bot API's; says nothing of what it was."""


class _Transport(BaseRequest):
    """The library's way out: our session, which checks the lease in the step that writes; no retry, no log."""

    def __init__(self, session: ClientSession, timeout: float) -> None:
        self._session = session
        self._seconds = timeout

    @property
    def read_timeout(self) -> float:
        """Seconds for the whole request."""
        return self._seconds

    async def initialize(self) -> None:
        """Nothing: the session is open."""

    async def shutdown(self) -> None:
        """Close the session."""
        await self._session.close()

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        """One request; raises SendError, which the library wraps, for everything that is not an answer."""
        exchange = _exchange.get()
        body = "" if request_data is None else request_data.url_encoded_parameters()
        answer = await http.post(self._session, url, body.encode(), {}, exchange.lease)
        exchange.status = answer.status
        if answer.status == 429:
            raise telegram_codes.of("429", _wait(answer))
        return answer.status, answer.text.encode()

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """What Telegram answered; the library's own would write down what it cannot read."""
        try:
            found = telegram_updates.document(payload)
        except ValueError:
            found = None
        if found is None:
            raise _UnreadableError("")
        return found


def _meaning(error: TelegramError, exchange: _Exchange) -> SendError:
    """What a failure of the library means; its own texts are not repeated."""
    cause = error.__cause__
    if isinstance(cause, SendError):  # the transport's own word: no answer, or not now
        return SendError(cause.kind, cause.code, cause.reason, cause.retry_after)
    if exchange.status == 0 or exchange.status < 300:
        return _unreadable()
    if isinstance(error, InvalidToken):
        return SendError(ErrorKind.MISCONFIGURED, str(exchange.status), "the bot's token is wrong, or base_url is")
    if isinstance(cause, _UnreadableError):
        return telegram_codes.by_status(exchange.status)
    if isinstance(error, Forbidden):
        return telegram_codes.forbidden(error.message.lower())
    if isinstance(error, BadRequest):
        return telegram_codes.refused(error.message.lower())
    return telegram_codes.by_status(exchange.status, told=True)


def _wait(answer: http.Answer) -> float | None:
    """Seconds Telegram asks us to wait, from its own words or a gateway's header."""
    try:
        parameters = (telegram_updates.document(answer.text.encode()) or {}).get("parameters")
    except ValueError:
        parameters = None
    told = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(min(told, _LONGEST_WAIT)) if isinstance(told, int | float) and told >= 0 else answer.retry_after


def _unreadable() -> SendError:
    return SendError(ErrorKind.UNCERTAIN, "", "Telegram's answer cannot be read; it may have taken the message")
