"""One set of provider moods, and for each adapter a real server on loopback that can have them."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import uvloop
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from zalo_server import PRIVATE as ZALO_PRIVATE
from zalo_server import consultation, template, zalo

from channels.contract import Adapter, Content, Lease, Outgoing, SendError
from channels.esms_sms import EsmsConfig, EsmsSms
from channels.smtp_email import SmtpConfig, SmtpEmail
from channels.station import Station, StationConfig
from channels.telegram_bot import TelegramBot, TelegramConfig
from channels.twilio_sms import TwilioConfig, TwilioSms

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
"""uvloop is what workers use."""
SID = "AC" + "1" * 32
TOKEN = "twilio-auth-token-7f3a"
PASSWORD = "mail-password-91bd"
NUMBER = "+84912345678"
MAILBOX = "nguyen.van.hung@thu.example"
BODY = "Nhắc hẹn: hồ sơ của ông Hùng sẽ đến hạn."
SUBJECT = "Giấy hẹn trả kết quả của ông Hùng"
BOT_TOKEN = "7000000001:AAbot-token-5c1e"
BOT_SECRET = "webhook-secret-20fd"
CHAT = "5550001234"
ESMS_KEY, ESMS_SECRET = "esms-api-key-77ab", "esms-secret-key-31de"
PRIVATE = (
    TOKEN, PASSWORD, NUMBER, NUMBER[1:], MAILBOX, BODY, SUBJECT, "Hùng", SID + ":",
    BOT_TOKEN, BOT_TOKEN.partition(":")[2], BOT_SECRET, CHAT, ESMS_KEY, ESMS_SECRET, *ZALO_PRIVATE,
)  # fmt: skip
TIMEOUT = 0.5
"""Of the adapters under test, in seconds: short, because some servers here never answer."""


class Mood(Enum):
    """How a provider can be."""

    WELL = auto()
    THROTTLING = auto()
    BROKEN = auto()
    SILENT_BEFORE = auto()
    SILENT_AFTER = auto()
    RESETS_AFTER = auto()
    AWAY = auto()
    GARBLED = auto()
    UNKNOWN_ACCOUNT = auto()
    REFUSING = auto()


@dataclass
class Provider:
    """A server and the adapter that speaks to it; `got` is what it took in, as it came."""

    adapter: Adapter
    outgoing: Callable[..., Outgoing]
    got: list[Any] = field(default_factory=list)


def run(work: Coroutine[Any, Any, T], loop_factory: LoopFactory = asyncio.new_event_loop) -> T:
    """Run one test's work in a fresh event loop; nothing here may take longer than 20 s."""

    async def bounded() -> T:
        async with asyncio.timeout(20):
            return await work

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(bounded())


def sms(key: str = "7.42.1", lease: Lease | None = None, **named: Any) -> Outgoing:
    content = named.pop("content", Content(body=BODY))
    return Outgoing(key, NUMBER, content, lease or Lease.lasting(30), **named)


def letter(key: str = "7.42.1", lease: Lease | None = None, **named: Any) -> Outgoing:
    content = named.pop("content", Content(body=BODY, subject=SUBJECT, html=f"<p>{BODY}</p>"))
    return Outgoing(key, named.pop("to", MAILBOX), content, lease or Lease.lasting(30), **named)


def twilio(port: int, scheme: str = "http", timeout: float = TIMEOUT, **settings: Any) -> TwilioSms:
    base = {"account_sid": SID, "auth_token": TOKEN, "from": "+15005550006"}
    config = TwilioConfig(**{**base, "base_url": f"{scheme}://127.0.0.1:{port}", **settings})
    return TwilioSms(config, timeout=timeout)


def smtp(port: int, timeout: float = TIMEOUT, **settings: Any) -> SmtpEmail:
    base = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "Cổng dịch vụ công <bao@tinh.example>"}
    login = {"username": "bao", "password": PASSWORD}
    return SmtpEmail(SmtpConfig(**{**base, **login, **settings}), timeout=timeout)


async def failing(provider: Provider, **named: Any) -> SendError:
    """Send, and return the error it must end with."""
    try:
        await provider.adapter.send(provider.outgoing(**named))
    except SendError as error:
        return error
    raise AssertionError("the send succeeded")


def everything_shown(error: BaseException) -> str:
    """All that a log, a page or a crash report could show of an error."""
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format(chain=True))
    seen: BaseException | None = error
    while seen is not None:
        text += f"{seen!s} {seen!r} {seen.args!r}"
        seen = seen.__cause__ or seen.__context__
    return text


@asynccontextmanager
async def listening(connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A raw server on a free port."""
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def mute_server() -> AsyncIterator[tuple[int, bytearray]]:
    """A server that takes connections and bytes and never says a word."""
    got = bytearray()
    open_writers = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        while piece := await reader.read(65536):
            got.extend(piece)
        writer.close()

    async with listening(connected) as port:
        yield port, got
        for writer in open_writers:
            writer.transport.abort()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def message_resource(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A message as Twilio shows it."""
    return {
        "sid": f"SM{number:032d}",
        "account_sid": SID,
        "status": "queued",
        "num_segments": "2",
        "error_code": None,
        "error_message": None,
        "price": None,
        "date_created": "Sat, 21 Nov 2026 03:04:05 +0000",
        "date_sent": None,
        "to": NUMBER,
        "from": "+15005550006",
        "body": BODY,
        "uri": f"/2010-04-01/Accounts/{SID}/Messages/SM{number:032d}.json",
        **changes,
    }


def twilio_error(status: int, code: int, **headers: str) -> web.Response:
    text = f"The number {NUMBER} with the text {BODY} is not liked"
    document = {"code": code, "message": text, "more_info": "https://www.twilio.com/docs", "status": status}
    return web.json_response(document, status=status, headers=headers)


@asynccontextmanager
async def http_server(answer: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]) -> AsyncIterator[int]:
    """An HTTP server on a free port that answers everything with `answer`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def twilio_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """Twilio in a mood."""
    got: list[dict[str, list[str]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(parse_qs((await request.read()).decode(), keep_blank_values=True))
        match mood:
            case Mood.THROTTLING:
                return twilio_error(429, 20429, **{"Retry-After": "7"})
            case Mood.BROKEN:
                return twilio_error(503, 20503)
            case Mood.UNKNOWN_ACCOUNT:
                return twilio_error(401, 20003)
            case Mood.REFUSING:
                return twilio_error(400, 21211)
            case Mood.GARBLED:
                return web.Response(status=201, text=f"<html>{BODY}</html>", content_type="text/html")
            case Mood.SILENT_AFTER:
                await asyncio.Event().wait()
            case Mood.RESETS_AFTER:
                assert request.transport is not None
                request.transport.abort()
        return web.json_response(message_resource(len(got)), status=201)

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        adapter = twilio(port, **settings)
        if mood is Mood.SILENT_BEFORE:
            adapter = twilio(mute_port, scheme="https", **settings)  # the TLS greeting is never answered
        if mood is Mood.AWAY:
            adapter = twilio(unused_port(), **settings)
        yield Provider(adapter, sms, got)
        await adapter.aclose()


class MailHandler:
    """What aiosmtpd asks for: answers by the mood, or by `replies` ({"MAIL" | "RCPT" | "DATA": reply})."""

    def __init__(self, mood: Mood = Mood.WELL, replies: dict[str, str] | None = None) -> None:
        self.mood = mood
        self.replies = replies or {}
        self.got: list[Envelope] = []
        self.sessions: set[int] = set()

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.mood is Mood.BROKEN:
            return "451 4.3.0 out of order"
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.mood is Mood.REFUSING:
            return f"550 5.1.1 <{address}> is not known here"
        reply = self.replies.get("RCPT", "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.got.append(envelope)
        self.sessions.add(id(session))
        transport: Any = server.transport  # uvloop's over TLS is no asyncio.Transport
        if self.mood is Mood.SILENT_AFTER:
            await asyncio.Event().wait()
        if self.mood is Mood.RESETS_AFTER:
            transport.abort()
        if self.mood is Mood.GARBLED:
            transport.write(f"what is {BODY}?\r\n".encode())
        return self.replies.get("DATA", "250 OK")


def mail_protocol(handler: MailHandler, *, password: str | None = PASSWORD, **options: Any) -> SMTP:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == (password or "").encode(), handled=False)

    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the server under test is not ours to judge
    settings = {"auth_require_tls": False, "authenticator": check, "enable_SMTPUTF8": True, **options}
    return SMTP(handler, hostname="mail.localhost", loop=asyncio.get_running_loop(), **settings)


@asynccontextmanager
async def mail_server(handler: MailHandler, **options: Any) -> AsyncIterator[int]:
    """A mail server on a free port."""
    context = options.pop("ssl", None)
    protocols: list[SMTP] = []

    def one() -> SMTP:
        protocols.append(mail_protocol(handler, **options))
        return protocols[-1]

    server = await asyncio.get_running_loop().create_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def smtp_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """A mail server in a mood."""
    handler = MailHandler(mood)
    password = "another" if mood is Mood.UNKNOWN_ACCOUNT else PASSWORD
    async with mail_server(handler, password=password) as port, mute_server() as (mute_port, _):
        if mood is Mood.SILENT_BEFORE:
            port = mute_port
        if mood is Mood.AWAY:
            port = unused_port()
        adapter = smtp(port, **settings)
        yield Provider(adapter, letter, handler.got)
        await adapter.aclose()


@asynccontextmanager
async def station_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """Loudspeakers have one mood."""
    adapter = Station(StationConfig(**settings), timeout=TIMEOUT)
    yield Provider(adapter, sms)


def chat_message(key: str = "7.42.1", lease: Lease | None = None, **named: Any) -> Outgoing:
    content = named.pop("content", Content(channel="telegram", body=BODY))
    return Outgoing(key, named.pop("to", CHAT), content, lease or Lease.lasting(30), **named)


def telegram(port: int, scheme: str = "http", timeout: float = TIMEOUT, **settings: Any) -> TelegramBot:
    base = {"token": BOT_TOKEN, "webhook_secret": BOT_SECRET, "chat_interval": 0}
    config = TelegramConfig(**{**base, "base_url": f"{scheme}://127.0.0.1:{port}", **settings})
    return TelegramBot(config, timeout=timeout)


def telegram_error(status: int, description: str, **parameters: Any) -> web.Response:
    document = {"ok": False, "error_code": status, "description": description}
    return web.json_response({**document, **({"parameters": parameters} if parameters else {})}, status=status)


def telegram_message(number: int, chat: str) -> web.Response:
    """A message as the Bot API shows it to its sender."""
    written = {"message_id": number, "date": 1_790_000_000, "chat": {"id": int(chat), "type": "private"}, "text": BODY}
    return web.json_response({"ok": True, "result": written})


@asynccontextmanager
async def telegram_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """Telegram in a mood."""
    got: list[tuple[str, dict[str, list[str]]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        form = parse_qs((await request.read()).decode(), keep_blank_values=True)
        got.append((request.path, form))
        match mood:
            case Mood.THROTTLING:
                return telegram_error(429, "Too Many Requests: retry after 7", retry_after=7)
            case Mood.BROKEN:
                return telegram_error(500, f"Internal Server Error: cannot send {BODY}")
            case Mood.UNKNOWN_ACCOUNT:
                return telegram_error(401, "Unauthorized")
            case Mood.REFUSING:
                return telegram_error(400, f"Bad Request: chat not found: {CHAT}")
            case Mood.GARBLED:
                return web.Response(text=f"<html>{BODY}</html>", content_type="text/html")
            case Mood.SILENT_AFTER:
                await asyncio.Event().wait()
            case Mood.RESETS_AFTER:
                assert request.transport is not None
                request.transport.abort()
        return telegram_message(len(got), form["chat_id"][0])

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        adapter = telegram(port, **settings)
        if mood is Mood.SILENT_BEFORE:
            adapter = telegram(mute_port, scheme="https", **settings)
        if mood is Mood.AWAY:
            adapter = telegram(unused_port(), **settings)
        yield Provider(adapter, chat_message, got)
        await adapter.aclose()


def esms(port: int, scheme: str = "http", timeout: float = TIMEOUT, **settings: Any) -> EsmsSms:
    base = {"api_key": ESMS_KEY, "secret_key": ESMS_SECRET, "brandname": "UBNDxa"}
    config = EsmsConfig(**{**base, "base_url": f"{scheme}://127.0.0.1:{port}", **settings})
    return EsmsSms(config, timeout=timeout)


def esms_answer(code: str, **more: Any) -> web.Response:
    return web.json_response({"CodeResult": code, "CountRegenerate": 0, **more})


@asynccontextmanager
async def esms_in(mood: Mood, **settings: Any) -> AsyncIterator[Provider]:
    """eSMS in a mood."""
    got: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(await request.json())
        match mood:
            case Mood.THROTTLING:
                return web.Response(status=429, headers={"Retry-After": "7"})
            case Mood.BROKEN:
                return web.Response(status=500, text=f"could not send {BODY}")
            case Mood.UNKNOWN_ACCOUNT:
                return esms_answer("101", ErrorMessage=f"Authorize Failed {ESMS_KEY}")
            case Mood.REFUSING:
                return esms_answer("108", ErrorMessage=f"not a phone: {NUMBER}")
            case Mood.GARBLED:
                return web.Response(text=f"<html>{BODY}</html>", content_type="text/html")
            case Mood.SILENT_AFTER:
                await asyncio.Event().wait()
            case Mood.RESETS_AFTER:
                assert request.transport is not None
                request.transport.abort()
        return esms_answer("100", SMSID=f"sms-{len(got)}")

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        adapter = esms(port, **settings)
        if mood is Mood.SILENT_BEFORE:
            adapter = esms(mute_port, scheme="https", **settings)
        if mood is Mood.AWAY:
            adapter = esms(unused_port(), **settings)
        yield Provider(adapter, sms, got)
        await adapter.aclose()


@asynccontextmanager
async def zalo_in(mood: Mood, outgoing: Callable[..., Outgoing], **settings: Any) -> AsyncIterator[Provider]:
    """Zalo in a mood, asked for what `outgoing` makes."""
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(await request.json())
        match mood:
            case Mood.THROTTLING:
                return web.json_response({"error": -32, "message": f"app limit, to {NUMBER}"})
            case Mood.BROKEN:
                return web.Response(status=500, text=f"could not send {BODY}")
            case Mood.UNKNOWN_ACCOUNT:
                return web.json_response({"error": -105, "message": "Application not link to any OA"})
            case Mood.REFUSING:
                return web.json_response({"error": -118, "message": f"{NUMBER} has no Zalo"})
            case Mood.GARBLED:
                return web.Response(text=f"<html>{BODY}</html>", content_type="text/html")
            case Mood.SILENT_AFTER:
                await asyncio.Event().wait()
            case Mood.RESETS_AFTER:
                assert request.transport is not None
                request.transport.abort()
        return web.json_response({"error": 0, "data": {"msg_id": f"m{len(got)}", "message_id": f"m{len(got)}"}})

    async with http_server(answer) as port, mute_server() as (mute_port, _):
        adapter = zalo(port, timeout=TIMEOUT, **settings)
        if mood is Mood.SILENT_BEFORE:
            adapter = zalo(mute_port, scheme="https", timeout=TIMEOUT, **settings)
        if mood is Mood.AWAY:
            adapter = zalo(unused_port(), timeout=TIMEOUT, **settings)
        yield Provider(adapter, outgoing, got)
        await adapter.aclose()


def zalo_oa_in(mood: Mood, **settings: Any) -> AbstractAsyncContextManager[Provider]:
    """Consultation messages."""
    return zalo_in(mood, consultation, **settings)


def zalo_zns_in(mood: Mood, **settings: Any) -> AbstractAsyncContextManager[Provider]:
    """Templates by phone number."""
    return zalo_in(mood, template, **settings)


Opener = Callable[..., AbstractAsyncContextManager[Provider]]
ADAPTERS: dict[str, Opener] = {
    "twilio": twilio_in, "smtp": smtp_in, "station": station_in, "telegram": telegram_in, "esms": esms_in,
    "zalo_oa": zalo_oa_in, "zalo_zns": zalo_zns_in,
}  # fmt: skip
RECEIVED = datetime(2026, 11, 21, 3, 5, tzinfo=UTC)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate of its own making, and that certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    alternative: x509.GeneralName = x509.DNSName(name)
    if name[0].isdigit():
        alternative = x509.IPAddress(ip_address(name))
    builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    made = builder.sign(key, hashes.SHA256())
    file = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole = folder / f"{name}-key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    whole.write_bytes(secret + file.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    return context, file
