"""Receipts and answers of citizens as Twilio sends them.

Signature: base64 of HMAC-SHA1 by the auth token over the callback's address and the sorted form.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from outreach.local.sandbox.behaviour import Fate, fate
from outreach.local.sandbox.callbacks import Call, Step, doubling
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry


def sign(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """The value of X-Twilio-Signature."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()


class TwilioCaller:
    """Signed forms, repeated until they are taken or refused."""

    refusal_is_final: ClassVar[bool] = True

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config

    def fate(self, to: str) -> Fate:
        """What happens to messages to a number."""
        return fate(to, self._config.fail_share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """The configured ones; a failing number ends undelivered, and so does who drew a 30xxx."""
        drawn = next((one.partition(":")[2] for one in entry.faults if one.startswith("fail:")), "")
        if drawn:
            return [*what[:-1], ("undelivered", drawn)]
        return [*what[:-1], ("undelivered", "30003")] if self.fate(entry.to) is Fate.FAILED else what

    def waits(self) -> Iterator[float]:
        """Without an end."""
        return doubling()

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One receipt, or what a citizen wrote."""
        if isinstance(about, Deed):
            form = dict(parse_qsl(about.body, keep_blank_values=True))
        else:
            form = self._form(about, *step)
        headers = {
            "X-Twilio-Signature": sign(self._config.auth_token, about.callback, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return Call(about.callback, headers, urlencode(form).encode())

    def _form(self, entry: Entry, status: str, code: str) -> dict[str, str]:
        form = {
            "AccountSid": self._config.account_sid,
            "ApiVersion": "2010-04-01",
            "From": entry.sender,
            "MessageSid": entry.provider_id,
            "MessageStatus": status,
            "SmsSid": entry.provider_id,
            "SmsStatus": status,
            "To": entry.to,
        }
        return {**form, "ErrorCode": code} if code else form
