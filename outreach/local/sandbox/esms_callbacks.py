"""Receipts as eSMS sends them: unsigned GET requests to the address each message came with, at most five times.

Of a list of advertising there is one, with how many got it; not who.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final
from urllib.parse import urlencode

from outreach.local.sandbox.behaviour import Fate, esms_fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.callbacks import Call, Step, doubling
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry

TRIES: Final = 5
_STATUSES: Final = {"queued": "2", "sent": "7", "delivered": "5", "undelivered": "5"}

MISSED: Final = frozenset({Fate.FAILED, Fate.INVALID, Fate.OPTED_OUT})
"""Numbers of a list that get nothing."""


class EsmsCaller:
    """SendStatus 2 waiting, 7 handed to the operator, 5 finished: then SendSuccess and SendFailed say how."""

    refusal_is_final: ClassVar[bool] = False

    def __init__(self, config: SandboxConfig, book: Book) -> None:
        self._config = config
        self._book = book

    def fate(self, to: str) -> Fate:
        """What happens to messages to a number."""
        return esms_fate(to, self._config.fail_share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """The configured ones; a failing number ends undelivered, a list finished."""
        if ":" in entry.provider_id:
            return what
        return [*what[:-1], ("undelivered", "")] if self.fate(entry.to) is Fate.FAILED else what

    def waits(self) -> Iterator[float]:
        """After five tries in all it gives up."""
        return islice(doubling(), TRIES - 1)

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One receipt."""
        if isinstance(about, Deed):
            raise ValueError("nobody writes to us by eSMS here")
        said = self._of_list(about, step) if ":" in about.provider_id else self._of_one(about, step)
        joint = "&" if "?" in about.callback else "?"
        return Call(f"{about.callback}{joint}{urlencode(said)}", {}, method="GET")

    def _of_one(self, entry: Entry, step: Step) -> dict[str, object]:
        return {
            "SMSID": entry.provider_id,
            "SendFailed": int(step[0] == "undelivered"),
            "SendStatus": _STATUSES[step[0]],
            "SendSuccess": int(step[0] == "delivered"),
            "TotalPrice": f"{entry.parts * self._config.esms.price:.4f}",
            "TotalReceiver": 1,
            "TotalSent": 1,
            "RequestId": entry.key,
            "TypeId": 2,
            "telcoid": 1,
            "phonenumber": "0" + entry.to.removeprefix("+84"),
            "partnerids": "",
        }

    def _of_list(self, first: Entry, step: Step) -> dict[str, object]:
        name = first.provider_id.partition(":")[0]
        entries = self._book.of_list(name)
        finished = step[0] == "delivered"
        missed = sum(self.fate(one.to) in MISSED for one in entries)
        return {
            "SMSID": name,
            "SendFailed": missed if finished else 0,
            "SendStatus": _STATUSES[step[0]],
            "SendSuccess": len(entries) - missed if finished else 0,
            "TotalPrice": f"{sum(one.parts for one in entries) * self._config.esms.price:.4f}",
            "TotalReceiver": len(entries),
            "TotalSent": len(entries),
            "RequestId": first.key,
            "TypeId": 1,
        }
