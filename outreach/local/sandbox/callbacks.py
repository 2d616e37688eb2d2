"""Receipts: the sandbox calls back as Twilio does, signed, in order, again and again until they are taken.

Signature: base64 of HMAC-SHA1 by the auth token over the callback's address and the sorted form.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from outreach.local.sandbox.behaviour import Fate, chance, fate
from outreach.local.sandbox.book import Book
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Entry

_log = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 15.0
"""Seconds before a receipt that was not taken is offered again, doubling."""
_TIMEOUT = 15.0


def sign(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """The value of X-Twilio-Signature."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()


@dataclass(slots=True)
class _Job:
    """The receipts still to come for one message; `wait`: before the next try, in seconds."""

    entry: Entry
    steps: list[tuple[str, str]]
    wait: float = _FIRST_WAIT


class Callbacks:
    """Calls back for accepted messages, a bounded number at a time; lives in one event loop."""

    def __init__(self, config: SandboxConfig, book: Book) -> None:
        self._config = config
        self._book = book
        self._due: asyncio.Queue[_Job] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Begin, first with what an earlier process left undone."""
        self._session = ClientSession(
            connector=TCPConnector(limit=self._config.callbacks_at_once),
            timeout=ClientTimeout(total=_TIMEOUT),
            cookie_jar=DummyCookieJar(),
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._config.callbacks_at_once)]
        for entry in self._book.without_receipt():
            self.expect(entry)

    async def stop(self) -> None:
        """Stop; what was not taken is offered again by the next process."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def expect(self, entry: Entry) -> None:
        """Put the receipts of a message on their way."""
        steps = self._steps(entry)
        if steps:
            self._later(_Job(entry, steps), self._config.receipt_ms / 1000)

    def _steps(self, entry: Entry) -> list[tuple[str, str]]:
        what = fate(entry.to, self._config.fail_share)
        if what is Fate.NO_RECEIPT or chance("lost", entry.provider_id) < self._config.lost_receipts:
            return []
        steps = [(status, "") for status in self._config.statuses]
        if what is Fate.FAILED:
            return [*steps[:-1], ("undelivered", "30003")]
        return [step for step in reversed(steps) for _ in range(2)] if what is Fate.TWICE else steps

    def _later(self, job: _Job, seconds: float) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._due.put_nowait, job)
        else:
            self._due.put_nowait(job)

    async def _work(self) -> None:
        while True:
            job = await self._due.get()
            taken = await self._call(job.entry, *job.steps[0])
            if not taken:
                self._later(job, job.wait)
                job.wait = min(job.wait * 2, _LONGEST_WAIT)
                continue
            job.wait = _FIRST_WAIT
            self._book.set_status(job.entry.provider_id, *job.steps.pop(0))
            if job.steps:
                self._later(job, self._config.receipt_ms / 1000)
            else:
                self._book.receipt_arrived(job.entry.provider_id)

    async def _call(self, entry: Entry, status: str, code: str) -> bool:
        """Offer one receipt; whether it is done with (a refusal is final, as an error of the one called)."""
        form = self._form(entry, status, code)
        headers = {
            "X-Twilio-Signature": sign(self._config.auth_token, entry.callback, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self._session is None:
            return False
        try:
            url = URL(entry.callback, encoded=True)
            async with self._session.post(url, data=urlencode(form), headers=headers, allow_redirects=False) as answer:
                if 400 <= answer.status < 500 and answer.status not in (408, 425, 429):
                    _log.warning("the callback for %s was refused with HTTP %d", entry.provider_id, answer.status)
                    return True
                return 200 <= answer.status < 300
        except (ClientError, OSError):
            return False
        except ValueError:
            _log.warning("the callback for %s has no usable address", entry.provider_id)
            return True

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
