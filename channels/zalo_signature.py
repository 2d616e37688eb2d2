"""Whether a webhook comes from Zalo: a plain SHA-256 over id, raw body, timestamp and the OA's secret.

Zalo's pages name `app_id` and the body's `timestamp`; `oa_id` and the header X-ZEvent-Timestamp are reported too. All
four count, and the log says once which of them it was.
"""

from __future__ import annotations

import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from channels.contract import VerificationError, WebhookRequest

OLDEST: Final = timedelta(hours=3)
"""Zalo repeats an event for almost two hours, with the timestamp of the first time."""
NEWEST: Final = timedelta(minutes=10)
"""How far Zalo's clock may be ahead of ours."""
log = logging.getLogger(__name__)


class Signature:
    """Checks the signatures of one OA."""

    def __init__(self, app_id: str, oa_id: str, oa_secret: str) -> None:
        self._ids = {"app_id": app_id, "oa_id": oa_id}
        self._secret = oa_secret
        self._told: set[tuple[str, str]] = set()

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Raise VerificationError unless one variant holds and the signed timestamp is about `now` (aware)."""
        given = request.headers.get("x-zevent-signature", "").strip().removeprefix("mac=").lower()
        if request.method != "POST" or not given:
            raise VerificationError("Zalo's events are signed POST requests")
        stamps = {"body": _body_stamp(request.body), "header": request.headers.get("x-zevent-timestamp", "").strip()}
        held = None
        for stamp_name, stamp in stamps.items():
            for id_name, number in self._ids.items():
                signed = number.encode() + request.body + f"{stamp}{self._secret}".encode()
                if hmac.compare_digest(sha256(signed).hexdigest().encode(), given.encode()) and stamp and held is None:
                    held = (id_name, stamp_name)
        if held is None:
            raise VerificationError("the signature does not hold; check app_id, oa_id and oa_secret")
        self._check_age(stamps[held[1]], now)
        if held not in self._told:
            self._told.add(held)
            log.info("Zalo signs with %s and the timestamp of the %s", *held)

    def _check_age(self, stamp: str, now: datetime) -> None:
        at = moment(stamp)
        if at is None or not now - OLDEST <= at <= now + NEWEST:
            raise VerificationError("the event is older than Zalo repeats one, or from the future; check the clock")


def moment(stamp: object) -> datetime | None:
    """The moment of a timestamp, a number or its digits; None for anything else.

    Zalo writes milliseconds since the epoch; ten digits are taken for seconds.
    """
    digits = str(stamp)
    if not (digits.isascii() and digits.isdigit() and 10 <= len(digits) <= 14):
        return None
    return datetime.fromtimestamp(int(digits) / (1 if len(digits) == 10 else 1000), UTC)


def _body_stamp(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    stamp = found.get("timestamp", "") if isinstance(found, dict) else ""
    return str(stamp) if isinstance(stamp, str | int) else ""
