"""Reports as SpeedSMS sends them: unsigned JSON to the one address its account has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final

from outreach.local.sandbox.behaviour import Fate, esms_fate
from outreach.local.sandbox.callbacks import Call, Step, doubling
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry

TRIES: Final = 5
_STATUSES: Final = {"queued": 1, "sent": 2, "delivered": 0, "undelivered": 64}
"""0 arrived, less than 64 not yet, from 64 on never."""


class SpeedSmsCaller:
    """One report a number, under the id of its request."""

    refusal_is_final: ClassVar[bool] = False

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config

    def fate(self, to: str) -> Fate:
        """What happens to messages to a number."""
        return esms_fate(to, self._config.fail_share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """Only how it ended; a failing number ends undelivered."""
        return [("undelivered", "")] if self.fate(entry.to) is Fate.FAILED else what[-1:]

    def waits(self) -> Iterator[float]:
        """After five tries in all it gives up."""
        return islice(doubling(), TRIES - 1)

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One report."""
        if isinstance(about, Deed):
            raise ValueError("nobody writes to us by SpeedSMS here")
        said = {
            "type": "report",
            "tranId": about.provider_id.partition(":")[0],
            "phone": about.to.removeprefix("+"),
            "status": _STATUSES[step[0]],
        }
        return Call(about.callback, {"Content-Type": "application/json"}, json.dumps(said).encode())
