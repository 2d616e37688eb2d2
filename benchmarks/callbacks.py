"""Callbacks as providers sign and send them, ready as bytes: receipts of Twilio, eSMS, Zalo, and texts by Telegram."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from hashlib import sha1, sha256
from urllib.parse import urlencode

SECRET = "a secret of this benchmark"
ACCOUNTS = f"""
[accounts.twilio]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "{SECRET}"
from = "+15005550006"

[accounts.esms]
channel = "sms"
provider = "esms"
api_key = "{SECRET}"
secret_key = "{SECRET}"
brandname = "BENCHMARK"

[accounts.zalo]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "1"
app_secret = "secret"
oa_id = "2"
oa_secret = "secret"
refresh_token = "secret"

[accounts.telegram]
channel = "telegram"
provider = "telegram"
token = "1:secret"
webhook_secret = "webhook-secret"
"""
RECEIPTS: Mapping[str, str] = {"twilio": "sms", "esms": "sms", "zalo": "zalo_zns"}
"""The accounts that get receipts, and the channel of their deliveries."""
REPEATED = 10
"""Every so many-th callback comes twice, as with a provider that did not see our answer."""


def requests(port: int, deliveries: Mapping[str, Sequence[tuple[int, int]]], wanted: int) -> tuple[list[bytes], int]:
    """(requests on the wire, how many events they are): accounts in turn, a delivery (run, id) once each."""
    made: list[bytes] = []
    left = {account: iter(places) for account, places in deliveries.items()}
    turn = 0
    while len(made) < wanted:
        account = (*RECEIPTS, "telegram")[turn % 4]
        key = "" if account == "telegram" else "{}.{}.0".format(*next(left[account]))
        request = _MAKERS[account](port, key, turn)
        made += [request] * (2 if turn % REPEATED == 0 else 1)
        turn += 1
    return made[:wanted], turn


def _request(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{named}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _twilio(port: int, key: str, number: int) -> bytes:
    path = f"/webhooks/twilio?d={key}"
    form = {
        "AccountSid": "AC" + "0" * 32, "From": "+15005550006", "MessageSid": f"SM{number:032}",
        "MessageStatus": "delivered", "To": "+84901234567",
    }  # fmt: skip
    signed = f"http://127.0.0.1:{port}{path}" + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.digest(SECRET.encode(), signed.encode(), sha1)).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    return _request(port, "POST", path, headers, urlencode(form).encode())


def _esms(port: int, key: str, number: int) -> bytes:
    secret = sha256(b"esms callback " + SECRET.encode()).digest()
    query = {
        "d": key, "t": hmac.new(secret, key.encode(), sha256).hexdigest()[:32], "SMSID": f"esms-{number}",
        "SendStatus": "5", "SendSuccess": "1", "SendFailed": "0", "TotalReceiver": "1", "phonenumber": "84901234567",
    }  # fmt: skip
    return _request(port, "GET", f"/webhooks/esms?{urlencode(query)}", {})


def _zalo(port: int, key: str, number: int) -> bytes:
    stamp = str(int(time.time() * 1000))
    event = {
        "event_name": "user_received_message", "app_id": "1", "sender": {"id": "2"},
        "recipient": {"id": "84901234567"}, "timestamp": stamp,
        "message": {"delivery_time": stamp, "msg_id": f"zalo-{number}", "tracking_id": key},
    }  # fmt: skip
    body = json.dumps(event).encode()
    mac = sha256(b"1" + body + f"{stamp}secret".encode()).hexdigest()
    headers = {"Content-Type": "application/json", "X-ZEvent-Signature": f"mac={mac}"}
    return _request(port, "POST", "/webhooks/zalo", headers, body)


def _telegram(port: int, key: str, number: int) -> bytes:
    update = {
        "update_id": number,
        "message": {
            "message_id": number, "date": int(time.time()), "text": "Cho tôi hỏi mấy giờ mở cửa?",
            "chat": {"id": 1_000_000 + number, "type": "private"}, "from": {"id": 1_000_000 + number, "is_bot": False},
        },
    }  # fmt: skip
    headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": "webhook-secret"}
    return _request(port, "POST", "/webhooks/telegram", headers, json.dumps(update).encode())


_MAKERS = {"twilio": _twilio, "esms": _esms, "zalo": _zalo, "telegram": _telegram}
