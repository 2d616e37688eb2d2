"""Asking accounts that call nobody: mailboxes of bounces; events and cursor are kept in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from channels.abilities import MailReading, Polling
from channels.contract import SendError
from outreach.domain.errors import NotFound
from outreach.receipts.receiver import Receiver
from outreach.store import polls
from outreach.store.polls import Poll

log = logging.getLogger(__name__)

_LONGEST = 20.0
"""Seconds after which a child turns to other work; what is left waits for the next call."""
_SOONEST = timedelta(minutes=1)
_LATEST = timedelta(minutes=15)
"""Pauses after a failure: as long as it has lasted, within these."""


@dataclass(frozen=True, slots=True)
class Poller:
    """Asks the accounts of a receiver, each in its turn."""

    receiver: Receiver

    def poll_all(self) -> int:
        """Ask every account that must be asked; one that cannot be is taken down and keeps nobody waiting.

        Returns how many events were new.
        """
        ends = time.monotonic() + _LONGEST
        names = [name for name, adapter in self.receiver.adapters.items() if isinstance(adapter, Polling)]
        with self.receiver.engine.connect() as connection:
            known = polls.read(connection, names)
        new = 0
        for name in sorted(names, key=lambda name: _last(known.get(name))):
            if time.monotonic() >= ends:
                log.warning("not all accounts could be asked: they answer slowly")
                break
            new += self._one(name, known.get(name) or Poll(name), ends)
        return new

    def _one(self, name: str, poll: Poll, ends: float) -> int:
        if poll.next_at is not None and self.receiver.clock.now() < poll.next_at:
            return 0
        try:
            return self._caught_up(name, poll.cursor, ends)
        except SendError as error:
            trouble = error.reason
        except Exception as error:  # one account's trouble is not the others'
            trouble = f"asking it failed ({type(error).__name__})"
        log.warning("an account could not be asked: account=%s reason=%s", name, trouble)
        now = self.receiver.clock.now()
        lasted = now - (poll.failing_since or now)
        with self.receiver.engine.begin() as connection:
            pause = min(max(lasted, _SOONEST), _LATEST)
            polls.fail(connection, name, trouble=trouble, now=now, next_at=now + pause)
        return 0

    def _caught_up(self, name: str, cursor: str, ends: float) -> int:
        """Ask until nothing is new, or time is up."""
        adapter = self.receiver.adapters[name]
        assert isinstance(adapter, Polling)
        new = 0
        while True:
            polled = asyncio.run(adapter.poll(cursor))
            if not polled.cursor and not polled.events:
                return new  # its settings give it nothing to ask
            new += self.receiver.take_polled(name, polled.events, before=cursor, after=polled.cursor)
            if polled.cursor == cursor or time.monotonic() >= ends:
                return new
            cursor = polled.cursor


def _last(poll: Poll | None) -> float:
    """When an account was last asked: those that waited longest come first."""
    moments = [] if poll is None else [at for at in (poll.polled_at, poll.next_at) if at is not None]
    return max((at.timestamp() for at in moments), default=0.0)


def take_mail(receiver: Receiver, account: str, raw: bytes) -> int:
    """Take a mail that a mail server hands over; returns how many events were new, 0 for a mail that says nothing.

    Raises NotFound for an account that is not there or reads no mail; errors of the database pass through.
    """
    adapter = receiver.adapters.get(account)
    if not isinstance(adapter, MailReading):
        raise NotFound(f"there is no e-mail account {account!r} in the accounts file")
    return receiver.take(account, adapter.read_mail(raw, receiver.clock.now()))
