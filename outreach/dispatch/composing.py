"""Composing: a claimed chunk becomes messages; what cannot be made is no trouble of its neighbours."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from channels.contract import Adapter
from outreach.dispatch.fitting import fitting
from outreach.dispatch.flights import Taken
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import Composer, Letter, Ready, Unready, letter_of
from outreach.dispatch.outcome import returned, unrenderable
from outreach.domain.clock import Clock
from outreach.domain.frozen import Frozen
from outreach.domain.words import Channel
from outreach.store.claims import OpenRun
from outreach.store.deliveries import Change
from outreach.store.versions import kept_version, read_version

log = logging.getLogger(__name__)

AFTER_A_BUG = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Composing:
    """Composes the chunks of one worker child."""

    engine: Engine
    loop: SendingLoop
    clock: Clock
    child: int

    def compose(self, taken: Taken, adapter: Adapter, composer: Composer) -> tuple[list[Ready], list[Change]]:
        """What is ready to leave, and what becomes of that which cannot be made."""
        ready: list[Ready] = []
        changes: list[Change] = []
        now = self.clock.now()
        frozen = self._versions({claim.run: taken.runs[claim.run] for claim in taken.claimed})
        letters: dict[tuple[int, Channel], Letter] = {}
        for claim in taken.claimed:
            place = (claim.run, claim.channel)
            try:
                letter = letters.get(place)
                if letter is None:
                    run = taken.runs[claim.run]
                    letter = letter_of(frozen[claim.run], run.message, run.message_class, claim.channel, now)
                    letters[place] = letter
                made = composer.make(claim, letter, adapter, taken.lease)
            except Exception as error:  # a missing key, a bug: this one waits, its neighbours leave
                log.error("composing failed: run=%s delivery=%s error=%s", claim.run, claim.delivery, _kind(error))
                changes.append(returned(claim, self.child, delay=AFTER_A_BUG))
                continue
            if isinstance(made, Unready):
                changes.append(unrenderable(claim, self.child, made.code))
            else:
                ready.append(made)
        ready, misfits = fitting(self.loop, adapter, ready)
        return ready, [*changes, *(unrenderable(one.claimed, self.child, one.code) for one in misfits)]

    def _versions(self, runs: Mapping[int, OpenRun]) -> dict[int, Frozen]:
        return {number: kept_version(run.digest, run.shift_days) or self._read(run) for number, run in runs.items()}

    def _read(self, run: OpenRun) -> Frozen:
        # Committed, although only read: psycopg forgets its prepared statements at every rollback.
        with self.engine.begin() as connection:
            return read_version(connection, run.campaign, run.version, run.shift_days)


def _kind(error: BaseException) -> str:
    return type(error).__name__
