"""The sandbox as one process: HTTP, SMTP and IMAP on loopback, one event loop."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from aiohttp import web

from outreach.domain.errors import OutreachError
from outreach.local.sandbox.answers import Desk
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.callbacks import Callbacks, Caller
from outreach.local.sandbox.citizens import Citizens
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.esms_api import EsmsApi
from outreach.local.sandbox.esms_callbacks import EsmsCaller
from outreach.local.sandbox.fault_log import FaultLog
from outreach.local.sandbox.fault_page import FaultPage
from outreach.local.sandbox.imap import listen_imap
from outreach.local.sandbox.lots import Lots
from outreach.local.sandbox.mischief import Mischief
from outreach.local.sandbox.pages import Pages
from outreach.local.sandbox.returns import Returns
from outreach.local.sandbox.smtp import Mailbox
from outreach.local.sandbox.speedsms_api import SpeedSmsApi
from outreach.local.sandbox.speedsms_callbacks import SpeedSmsCaller
from outreach.local.sandbox.telegram_api import TelegramApi
from outreach.local.sandbox.telegram_updates import TelegramCaller, TelegramHook
from outreach.local.sandbox.twilio_api import TwilioApi
from outreach.local.sandbox.twilio_callbacks import TwilioCaller
from outreach.local.sandbox.vnpt_api import VnptApi
from outreach.local.sandbox.zalo_api import ZaloApi
from outreach.local.sandbox.zalo_business import ZaloBusiness
from outreach.local.sandbox.zalo_desk import ZaloDesk
from outreach.local.sandbox.zalo_events import ZaloCaller
from outreach.local.sandbox.zalo_tokens import ZaloTokens
from outreach.local.sandbox.zns_templates import read_templates

PORTS = "sandbox.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running sandbox listens."""

    http_port: int
    smtp_port: int
    pid: int
    imap_port: int = 0


def read_ports(data: Path) -> Ports | None:
    """Where the sandbox of this folder said it listens; None before it was ready. It may have died since."""
    try:
        return Ports(**json.loads((data / PORTS).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def run(config: SandboxConfig) -> None:
    """Serve until SIGINT or SIGTERM; raises OutreachError where a port or the folder is taken."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config))


async def serve(config: SandboxConfig, stop: asyncio.Event | None = None) -> None:
    """Serve until `stop` is set or, without it, until SIGINT or SIGTERM; `sandbox.json` appears when it is ready."""
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with started(config):
        await stop.wait()


@asynccontextmanager
async def started(config: SandboxConfig) -> AsyncIterator[Ports]:
    """A sandbox running in this event loop for the time of the block."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's own log names senders
    with _alone(config.data):
        book = Book(config.data)
        hook = TelegramHook(config)
        lots = Lots(config.faults, book, FaultLog(config.data))
        callbacks = Callbacks(config, book, _callers(config, book, hook), lots)
        runner = web.AppRunner(
            _app(config, book, callbacks, hook, lots), access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await runner.setup()
        mail: asyncio.Server | None = None
        returned: asyncio.Server | None = None
        try:
            http_port = await _listen_http(runner, config)
            returns = Returns(book)
            mail = await _listen_smtp(config, book, returns, lots)
            with _taken(config.host, config.imap_port):
                returned = await listen_imap(config.host, config.imap_port, returns)
            ports = Ports(
                http_port, mail.sockets[0].getsockname()[1], os.getpid(), returned.sockets[0].getsockname()[1]
            )
            await callbacks.start()
            _write_ports(config.data, ports)
            yield ports
        finally:
            (config.data / PORTS).unlink(missing_ok=True)
            for server in (mail, returned):
                if server is not None:
                    server.close()
            await runner.cleanup()
            await callbacks.stop()
            book.close()
            lots.record.close()


def _callers(config: SandboxConfig, book: Book, hook: TelegramHook) -> dict[str, Caller]:
    return {
        "twilio": TwilioCaller(config),
        "zalo": ZaloCaller(config),
        "telegram": TelegramCaller(config, hook),
        "esms": EsmsCaller(config, book),
        "speedsms": SpeedSmsCaller(config),
    }


def _app(config: SandboxConfig, book: Book, callbacks: Callbacks, hook: TelegramHook, lots: Lots) -> web.Application:
    """One server; paths keep the providers apart: /zalo, /telegram, /esms, /speedsms, /vnpt; Twilio's at the top."""
    mischief = Mischief(lots, book)
    app = web.Application(client_max_size=1024 * 1024, middlewares=[mischief.middleware()])
    tokens, templates = ZaloTokens(config.zalo, config.data), read_templates(config.zns_templates)
    zalo = ZaloDesk(Desk(config, book, callbacks, lots), tokens)
    for provider in (
        TwilioApi(Desk(config, book, callbacks, lots)),
        tokens,
        ZaloApi(zalo, templates),
        ZaloBusiness(zalo, templates),
        TelegramApi(Desk(config, book, callbacks, lots), hook),
        EsmsApi(Desk(config, book, callbacks, lots)),
        SpeedSmsApi(Desk(config, book, callbacks, lots)),
        VnptApi(Desk(config, book, callbacks, lots)),
        Citizens(config, book, callbacks, hook),
        Pages(book, lots),
        FaultPage(lots),
    ):
        app.add_routes(provider.routes())
    return app


async def _listen_http(runner: web.AppRunner, config: SandboxConfig) -> int:
    site = web.TCPSite(runner, config.host, config.http_port, backlog=1024)
    with _taken(config.host, config.http_port):
        await site.start()
    return int(runner.addresses[0][1])


async def _listen_smtp(config: SandboxConfig, book: Book, returns: Returns, lots: Lots) -> asyncio.Server:
    mailbox = Mailbox(config, book, returns, lots)
    with _taken(config.host, config.smtp_port):
        return await asyncio.get_running_loop().create_server(mailbox.server, config.host, config.smtp_port)


@contextmanager
def _taken(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutreachError(
            f"the sandbox cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from None


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the folder: two sandboxes in one would answer from different books."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "sandbox.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutreachError(f"another sandbox runs in {data}; stop it or choose another folder") from None
        (data / PORTS).unlink(missing_ok=True)  # of one that was killed
        yield


def _write_ports(data: Path, ports: Ports) -> None:
    draft = data / f"{PORTS}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(ports)))
    draft.replace(data / PORTS)
