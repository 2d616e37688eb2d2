"""The SMS that the bare sender and the load generator post: as long as the engine's own, to the same address."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "benchmark"
SENDER = "+15005550006"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
AUTHORIZATION = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
FORM = {
    "To": "+84901234567",
    "From": SENDER,
    "Body": "UBND thanh pho thong bao toi ba Hoa: ho so da co ket qua, moi den bo phan mot cua de nhan.",
    "StatusCallback": "http://127.0.0.1:8000/webhooks/sms-main?d=12.3456789.0",
}


def raw_request(port: int) -> bytes:
    """The same post as bytes on the wire."""
    body = urlencode(FORM).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\nUser-Agent: load\r\n"
        f"Authorization: {AUTHORIZATION}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
