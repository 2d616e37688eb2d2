"""The SMS that the bare sender and the load generator post: as long as the engine's own, to the same address."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "benchmark"
SENDER = "+15005550006"
BRANDNAME = "BENCHMARK"
USER = "9500000000000000001"
TO = "+84901234567"
BODY = "UBND thanh pho thong bao toi ba Hoa: ho so da co ket qua, moi den bo phan mot cua de nhan."
CALLBACK = "http://127.0.0.1:8000/webhooks/sms-main?d=12.3456789.0"


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider is posted to, and what its answer to a message it took looks like.

    `fields`: what is posted, as a form or as JSON; `identity`: the answer's key that holds the message's id, or what it
    stands in. `settings`: its account in `accounts.toml`, less what all have in common.
    """

    path: str
    fields: Mapping[str, object]
    as_json: bool
    authorization: str
    status: int
    identity: str
    settings: str
    authorized_by: str = "Authorization"

    def body(self) -> bytes:
        """The message as it is posted, made anew each time as any client would."""
        return json.dumps(self.fields).encode() if self.as_json else urlencode(self.fields).encode()

    def headers(self) -> dict[str, str]:
        """What goes with it."""
        kind = "application/json" if self.as_json else "application/x-www-form-urlencoded"
        return {"Content-Type": kind, **({self.authorized_by: self.authorization} if self.authorization else {})}


PROVIDERS: Mapping[str, Provider] = {
    "twilio": Provider(
        path=f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
        fields={"To": TO, "From": SENDER, "Body": BODY, "StatusCallback": CALLBACK},
        as_json=False,
        authorization="Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode(),
        status=201,
        identity="sid",
        settings=f'account_sid = "{ACCOUNT}"\nauth_token = "{TOKEN}"\nfrom = "{SENDER}"',
    ),
    "esms": Provider(
        path="/MainService.svc/json/SendMultipleMessage_V4_post_json/",
        fields={
            "ApiKey": TOKEN, "SecretKey": TOKEN, "Brandname": BRANDNAME, "Phone": TO[1:], "Content": BODY,
            "SmsType": "2", "IsUnicode": "0", "Sandbox": "0", "RequestId": "12.3456789.0",
            "CallbackUrl": f"{CALLBACK}&t={32 * '0'}",
        },
        as_json=True,
        authorization="",
        status=200,
        identity="SMSID",
        settings=f'api_key = "{TOKEN}"\nsecret_key = "{TOKEN}"\nbrandname = "{BRANDNAME}"',
    ),
    "zalo": Provider(
        path="/v3.0/oa/message/cs",
        fields={"recipient": {"user_id": USER}, "message": {"text": BODY}},
        as_json=True,
        authorization=TOKEN,
        status=200,
        identity="data",
        settings=f'app_id = "1"\napp_secret = "{TOKEN}"\noa_id = "2"\noa_secret = "{TOKEN}"\nrefresh_token = "{TOKEN}"',
        authorized_by="access_token",
    ),
}  # fmt: skip


def raw_request(provider: Provider, port: int) -> bytes:
    """The same post as bytes on the wire."""
    body = provider.body()
    named = "".join(f"{name}: {value}\r\n" for name, value in provider.headers().items())
    head = (
        f"POST {provider.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\nUser-Agent: load\r\n"
        f"{named}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
