"""Receipts as eSMS sends them: unsigned GET requests to the address each message came with, at most five times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final
from urllib.parse import urlencode

from outreach.local.sandbox.behaviour import Fate, esms_fate
from outreach.local.sandbox.callbacks import Call, Step, doubling
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry

TRIES: Final = 5
_STATUSES: Final = {"queued": "2", "sent": "7", "delivered": "5", "undelivered": "5"}


class EsmsCaller:
    """SendStatus 2 waiting, 7 handed to the operator, 5 finished: then SendSuccess and SendFailed say how."""

    refusal_is_final: ClassVar[bool] = False

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config

    def fate(self, to: str) -> Fate:
        """What happens to messages to a number."""
        return esms_fate(to, self._config.fail_share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """The configured ones; a failing number ends undelivered."""
        return [*what[:-1], ("undelivered", "")] if self.fate(entry.to) is Fate.FAILED else what

    def waits(self) -> Iterator[float]:
        """After five tries in all it gives up."""
        return islice(doubling(), TRIES - 1)

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One receipt."""
        if isinstance(about, Deed):
            raise ValueError("nobody writes to us by eSMS here")
        price = about.parts * self._config.esms.price
        said = {
            "SMSID": about.provider_id,
            "SendFailed": int(step[0] == "undelivered"),
            "SendStatus": _STATUSES[step[0]],
            "SendSuccess": int(step[0] == "delivered"),
            "TotalPrice": f"{price:.4f}",
            "TotalReceiver": 1,
            "TotalSent": 1,
            "RequestId": about.key,
            "TypeId": 2,
            "telcoid": 1,
            "phonenumber": "0" + about.to.removeprefix("+84"),
            "partnerids": "",
        }
        joint = "&" if "?" in about.callback else "?"
        return Call(f"{about.callback}{joint}{urlencode(said)}", {}, method="GET")
