"""Talking to a site as browsers and providers do."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha1
from hmac import digest
from http.client import HTTPConnection
from urllib.parse import urlencode

import uvicorn

from outreach.runtime import Runtime
from outreach.web.app import create

PUBLIC_URL = "https://tin.tinh.example"
TOKEN = "an auth token of Twilio, known to both"
ACCOUNTS = f"""
[accounts.sms-main]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "{TOKEN}"
from = "+15005550006"

[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
tls = "none"
from = "bao@tinh.example"
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Site:
    port: int

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Reply:
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.ask("POST", path, urlencode(form).encode(), sent)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, lower, answer.read().decode())
        finally:
            connection.close()

    def receipt(self, path: str, *, status: str, sid: str = "SM1", token: str = TOKEN) -> Reply:
        """A signed callback of Twilio, as it would come through our proxy."""
        form = {"MessageSid": sid, "MessageStatus": status, "AccountSid": "AC0", "To": "+84912345678"}
        return self.post(path, form, x_twilio_signature=signature(PUBLIC_URL + path, form, token))


def signature(url: str, form: Mapping[str, str], token: str) -> str:
    """X-Twilio-Signature, written from its definition."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(digest(token.encode(), signed.encode(), sha1)).decode()


@contextmanager
def serving() -> Iterator[Callable[[Runtime], Site]]:
    """Starts sites within the block."""
    with ExitStack() as running:
        yield lambda runtime: running.enter_context(_served(runtime))


@contextmanager
def _served(runtime: Runtime) -> Iterator[Site]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create(runtime), log_config=None, access_log=False, lifespan="on")
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert server.up.wait(20)
        yield Site(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive()


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()
