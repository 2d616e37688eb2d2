"""What Zalo tells an app: signed events for receipts and for what people do.

Signature: `mac=` and the SHA-256 of app id, body, timestamp and the Official Account's secret, put one after another.
An event that is not answered with 200 is repeated on a fixed schedule, with the number of the try in `num_retry`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from outreach.local.sandbox.behaviour import Fate, chance, user_fate, zns_fate
from outreach.local.sandbox.book import message_name
from outreach.local.sandbox.callbacks import Call, Step
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.credentials import ZaloApp
from outreach.local.sandbox.log import Deed, Entry

RECEIVED, SEEN = "user_received_message", "user_seen_message"


def sign(app: ZaloApp, body: str, timestamp: str) -> str:
    """The value of X-ZEvent-Signature."""
    text = f"{app.app_id}{body}{timestamp}{app.oa_secret}"
    return f"mac={hashlib.sha256(text.encode()).hexdigest()}"


def body_of(app: ZaloApp, user: str, event: Mapping[str, Any]) -> str:
    """An event as it travels; `user` is the citizen it is about."""
    by_app = hashlib.blake2b(f"{app.app_id}:{user}".encode(), digest_size=7).digest()
    whole = {"app_id": app.app_id, "user_id_by_app": str(int.from_bytes(by_app)), **event}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


class ZaloCaller:
    """Events to the app's one address."""

    refusal_is_final: ClassVar[bool] = False

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._app = config.zalo

    def fate(self, to: str) -> Fate:
        """What happens to messages to a number or a user id."""
        decide = zns_fate if to.startswith("+") else user_fate
        return decide(to, self._config.fail_share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """Received; and seen, for the configured share of messages by user id."""
        seen = entry.channel == "zalo_oa" and chance("seen", message_name(entry)) < self._config.seen_share
        return [("delivered", ""), ("read", "")] if seen else [("delivered", "")]

    def waits(self) -> Iterator[float]:
        """The app's schedule, which ends."""
        return iter(self._app.retries)

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One event, the same every time it is repeated."""
        body = about.body if isinstance(about, Deed) else self._receipt(about, step[0])
        timestamp = json.loads(body)["timestamp"]
        headers = {
            "Content-Type": "application/json",
            "X-ZEvent-Signature": sign(self._app, body, timestamp),
            "X-ZEvent-Timestamp": timestamp,
        }
        if repeated:
            headers["num_retry"] = str(repeated)
        return Call(about.callback, headers, body.encode())

    def _receipt(self, entry: Entry, status: str) -> str:
        steps = 2 if status == "read" else 1
        at = str(int((entry.moment + steps * timedelta(milliseconds=self._config.receipt_ms)).timestamp() * 1000))
        if entry.channel == "zalo_zns":
            recipient = entry.to.removeprefix("+")
            message: dict[str, Any] = {
                "delivery_time": at,
                "msg_id": entry.provider_id,
                "tracking_id": entry.key,
            }
        else:
            recipient = entry.to
            seen = {"msg_ids": [entry.provider_id]}
            message = seen if status == "read" else {"msg_id": entry.provider_id}
        event = {
            "event_name": SEEN if status == "read" else RECEIVED,
            "sender": {"id": self._app.oa_id},
            "recipient": {"id": recipient},
            "message": message,
            "timestamp": at,
        }
        return body_of(self._app, recipient, event)
