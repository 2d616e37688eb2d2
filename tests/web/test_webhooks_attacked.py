"""Hostile callbacks: whatever a body holds, no answer is our own failure, and what was taken is not lost."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha1, sha256
from pathlib import Path
from urllib.parse import quote_plus, unquote_plus

import pytest
from sqlalchemy import text
from web_site import PUBLIC_URL, Site

from benchmarks import callbacks
from outreach.dispatch.accounts_file import load_accounts
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime
from outreach.settings import Settings
from tests.world import World

SECRET = callbacks.SECRET
ACCOUNTS = f"""{callbacks.ACCOUNTS}
[accounts.speedsms]
channel = "sms"
provider = "speedsms"
token = "{SECRET}"
sender = "UBND"
callback_token = "a-token-of-16-signs"

[accounts.gateway]
channel = "sms"
provider = "http"
url = "https://gateway.example/send"
body = {{to = "{{to}}", text = "{{text}}"}}
error_path = "error"
errors = {{"14" = {{kind = "opted_out"}}}}

[accounts.gateway.callback]
hmac = {{header = "X-Signature", secret = "{SECRET}"}}
id_path = "id"
key_path = "ref"
status_path = "state"
error_path = "error"
statuses = {{ok = "delivered", no = "failed"}}
sender_path = "from"
text_path = "text"
"""


@dataclass
class Attacked:
    """A site with an account of each provider that calls back; bodies are signed as each of them does it."""

    site: Site
    world: World

    def post(self, account: str, body: bytes, **headers: str) -> int:
        path, signed = _SIGNING[account](body)
        return self.site.ask("POST", path, body, {**signed, **headers}).status

    def stored(self) -> list[tuple[str, bool]]:
        """(account, whether it had its effect) of what is kept."""
        with self.world.engine.connect() as connection:
            rows = connection.execute(text("SELECT account, applied_at IS NOT NULL AS done FROM raw_events"))
            return [(row.account, row.done) for row in rows]


def _twilio(body: bytes) -> tuple[str, Mapping[str, str]]:
    pairs = [part.split("=", 1) for part in body.decode("latin-1").split("&")]
    named: dict[str, set[str]] = {}
    for name, value in (pair if len(pair) == 2 else (pair[0], "") for pair in pairs):
        named.setdefault(unquote_plus(name), set()).add(unquote_plus(value))
    path = "/webhooks/twilio?d=1.2.0"
    told = "".join(name + value for name in sorted(named) for value in sorted(named[name]))
    mac = base64.b64encode(hmac.digest(SECRET.encode(), (PUBLIC_URL + path + told).encode(), sha1)).decode()
    return path, {"X-Twilio-Signature": mac}


def _zalo(body: bytes) -> tuple[str, Mapping[str, str]]:
    found = re.search(rb'"timestamp": ?"?(\d+)', body)
    stamp = found[1].decode() if found else "1"
    mac = sha256(b"1" + body + f"{stamp}secret".encode()).hexdigest()
    return "/webhooks/zalo", {"X-ZEvent-Signature": f"mac={mac}", "X-ZEvent-Timestamp": stamp}


def _gateway(body: bytes) -> tuple[str, Mapping[str, str]]:
    return "/webhooks/gateway", {"X-Signature": hmac.new(SECRET.encode(), body, sha256).hexdigest()}


_SIGNING: Mapping[str, Callable[[bytes], tuple[str, Mapping[str, str]]]] = {
    "twilio": _twilio,
    "zalo": _zalo,
    "gateway": _gateway,
    "telegram": lambda body: ("/webhooks/telegram", {"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"}),
    "speedsms": lambda body: ("/webhooks/speedsms?t=a-token-of-16-signs", {}),
    "esms": lambda body: ("/webhooks/esms?" + body.decode("latin-1"), {}),
}


@pytest.fixture
def attacked(serve: Callable[[Runtime], Site], runtime: Runtime, tmp_path: Path, world: World) -> Iterator[Attacked]:
    file = tmp_path / "all.toml"
    file.write_text(ACCOUNTS)
    accounts = load_accounts(file, timeout=2.0)
    adapters = {name: make() for name, make in accounts.makers.items()}
    receiver = Receiver(runtime.engine, adapters, accounts.known, runtime.keys, runtime.clock)
    settings = Settings(public_url=PUBLIC_URL)
    yield Attacked(serve(replace(runtime, settings=settings, receiver=lambda: receiver)), world)


NOW = "1796000000000"
DEEP = b'{"a":' * 40_000
HOSTILE: Mapping[str, bytes] = {
    "nothing": b"",
    "spaces": b" " * 1000,
    "one byte": b"\xff",
    "NULs": b"\0" * 1000,
    "an empty object": b"{}",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "infinity": b'{"update_id": Infinity, "type": Infinity, "event_name": NaN, "id": NaN, "state": Infinity}',
    "deep": DEEP,
    "deep lists": b"[" * 200_000,
    "a huge integer": b'{"update_id": ' + b"9" * 100_000 + b"}",
    "a large integer": b'{"update_id": ' + b"9" * 4000 + b', "type": 1, "event_name": 2, "id": ' + b"9" * 4000 + b"}",
    "wrong kinds": b'{"update_id": true, "message": 7, "type": [], "event_name": {}, "state": {}, "text": 1}',
    "half a sign": b'{"update_id": 7, "message": {"text": "\xc3"}, "type": "report", "event_name": "follow"',
    "gzip": gzip.compress(b"0" * 1_000_000),
    "percent signs": b"%%%=%ff&%00=%00&&&;=",
    "a form of NULs": b"MessageSid=%00&MessageStatus=delivered&From=%00&Body=%00",
    "a thousand fields": b"&".join(b"MessageSid=%d" % number for number in range(10_000)),
}


@pytest.mark.parametrize("account", _SIGNING)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_body_is_refused_or_taken_and_never_our_failure(
    attacked: Attacked, account: str, body: bytes
) -> None:
    if account == "esms":
        body = quote_plus(body[:1000]).encode()
    for kind in ("application/json", "text/plain; charset=utf-7", "multipart/form-data"):
        assert attacked.post(account, body, **{"Content-Type": kind, "Content-Encoding": "gzip"}) in (200, 400, 403)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_another_method_is_not_allowed(attacked: Attacked, method: str) -> None:
    assert attacked.site.ask(method, "/webhooks/twilio").status == 405


SIGNS = ["\u0000", "\ud800", "a\u0000b", "\ud83d từ", "\u202e", "x" * 50_000, "\ufffe\uffff", "\U0010ffff"]


def _bodies(account: str, sign: str) -> Iterator[tuple[str, object]]:
    """(what it is about, the body): a text of a citizen, and the ways in which people make themselves known."""
    if account == "telegram":
        chat = {"id": 5, "type": "private"}
        yield "a text", {"update_id": 1, "message": {"chat": chat, "from": {"id": 5}, "text": f"hỏi {sign}"}}
        contact = {"user_id": 5, "phone_number": f"84912345678{sign}", "first_name": sign, "last_name": sign}
        yield "a contact", {"update_id": 2, "message": {"chat": chat, "from": {"id": 5}, "contact": contact}}
    if account == "zalo":
        base = {"timestamp": NOW, "oa_id": "2", "sender": {"id": "7"}}
        yield "a text", {**base, "event_name": "user_send_text", "message": {"msg_id": "m", "text": f"hỏi {sign}"}}
        yield "a form", {**base, "event_name": "user_submit_info", "info": {"name": sign, "phone": sign}}
        yield "an id", {**base, "event_name": "follow", "follower": {"id": f"9{sign}"}}
    if account == "speedsms":
        yield "a text", {"type": "sms", "phone": "84912345678", "content": f"hỏi {sign}"}
    if account == "gateway":
        yield "a text", {"id": "m", "from": "+84912345678", "text": f"hỏi {sign}"}
        yield "a sender", {"id": "n", "from": f"+84912345678{sign}", "text": "hỏi"}
        yield "an id", {"id": f"o{sign}", "from": "+84912345678", "text": "hỏi"}


@pytest.mark.parametrize("account", ["telegram", "zalo", "speedsms", "gateway"])
@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: ascii(sign[:5]))
def test_what_citizens_write_has_its_effect_whatever_signs_it_has(
    attacked: Attacked, account: str, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.zalo_signature.OLDEST", timedelta(days=36500))
    monkeypatch.setattr("channels.zalo_signature.NEWEST", timedelta(days=36500))
    for what, body in _bodies(account, sign):
        before = len(attacked.stored())
        status = attacked.post(account, json.dumps(body).encode())
        assert (status, len(attacked.stored()) - before) in ((200, 1), (400, 0)), what
    assert all(done for _, done in attacked.stored())


@pytest.mark.parametrize("written", ["+84912345678", "84912345678", "0912345678", "+84 912 345 678", "0912.345.678"])
def test_a_refusal_by_a_gateway_bars_the_number_however_the_gateway_writes_it(
    attacked: Attacked, world: World, written: str
) -> None:
    assert attacked.post("gateway", json.dumps({"id": "m", "from": written, "text": "TỪ CHỐI"}).encode()) == 200
    (barred,) = world.barred()
    assert barred.fingerprint == world.keys.fingerprint("+84912345678")


def test_the_same_receipt_a_thousand_times_at_once_is_kept_once(attacked: Attacked) -> None:
    body = json.dumps({"id": "m", "ref": "1.2.0", "state": "ok"}).encode()
    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(lambda _: attacked.post("gateway", body), range(1000)))
    assert answers == {200}
    assert len(attacked.stored()) == 1
